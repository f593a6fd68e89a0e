"""Errors and skipped lines in words: what is wrong, where, the text itself, what was expected."""

from __future__ import annotations

from ..errors import RemapTraceError

_WIDEST = 100  # columns of a quoted source line


def error_text(error: RemapTraceError) -> str:
    """The message for one error, with a final newline.

    The first line has the code and the problem; the place and the offending line follow when known.
    Control characters are shown as escapes, so that a binary file cannot disturb a terminal.
    """
    lines = [f"error {error.code}: {printable(error.problem)}"]
    place = ":".join(str(p) for p in (printable(error.path), error.line, error.column) if p)
    if place:
        lines.append(f"  {place}")
    if error.text:
        lines += _quoted(error)
    elif error.found:
        lines.append(f"  found {printable(error.found)}")
    if error.expected:
        word = "" if error.expected.startswith(("see ", "did you mean ")) else "expected "
        lines.append(f"  {word}{printable(error.expected)}")
    return "\n".join(lines) + "\n"


def _quoted(error: RemapTraceError) -> list[str]:
    """The source line with a mark below the offending part."""
    text = error.text.rstrip("\r\n")
    column = max(error.column - 1, 0)
    first = max(0, min(column - _WIDEST // 2, len(text) - _WIDEST))
    shown = printable(text[first : first + _WIDEST])
    number = str(error.line) if error.line else ""
    bar = " " * len(number)
    lines = [f"  {number} | {shown}"]
    if error.column:
        before = len(printable(text[first:column]))
        width = max(1, min(len(error.found) or 1, _WIDEST - before))
        lines.append(f"  {bar} | {' ' * before}{'^' * width}")
    return lines


def printable(text: str) -> str:
    """`text` with control and undecodable characters as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
