"""Lines of kernel text that a mailer or a terminal broke: joined where the second piece completes the first."""

from __future__ import annotations

from ...abi.calls import CALLS
from ...patterns import pattern
from .prefix import is_kernel_line

_PERF_TRACE = pattern(rb" *(?:\d{1,12}\.\d+|\?) \( *(?:\d+\.\d+ ms)? *\): +(?:[^()=]*?/)?(?:\d{1,9} +)?\w+\(")
_WHOLE_PERF_TRACE = pattern(rb"\) +(?:= *\S|\.\.\.)")
_CALLED = pattern(rb": +sys_\w+\(")
_ENTERED = pattern(rb"\bsys_enter_(\w+): ")
_ARGUMENT = pattern(rb"\w: (?:0x)?[0-9a-f]+\b")
_MOST_PIECES = 4
_OTHER = pattern(rb"#|\s*\Z|\t *[0-9a-f]+ \S|CPU:\d+ \[LOST")
"""Beginnings of lines that complete no other: comments, frames of call chains, notices of lost events."""


def _lacks_end(line: bytes) -> bool:
    """True for a call of whose line some is missing: perf trace's result, arguments, a closing parenthesis."""
    line = line.rstrip()
    if _PERF_TRACE.match(line):
        return _WHOLE_PERF_TRACE.search(line) is None
    if _CALLED.search(line) is not None:
        return not line.endswith(b")")
    entered = _ENTERED.search(line)
    if entered is None:
        return False
    row = CALLS.get(entered[1].decode())
    least = len(row.parameters) if row is not None else 0
    return line.endswith((b",", b":")) or len(_ARGUMENT.findall(line, entered.end() - 2)) < least


def _goes_on(line: bytes) -> bool:
    """True for a line that may be the rest of another."""
    return _OTHER.match(line) is None and not _PERF_TRACE.match(line) and not is_kernel_line(line)


def is_wrapped(sample: list[bytes]) -> bool:
    """Whether some line of kernel text in the sample is completed by those behind it."""
    return any(_joined(sample, at) is not None for at, line in enumerate(sample) if is_kernel_line(line))


def _joined(lines: list[bytes], at: int) -> tuple[bytes, int] | None:
    """The whole line that begins at `at`, and behind which line it ends; None if nothing is to be joined."""
    line, behind = lines[at].rstrip(b"\r"), at + 1
    while behind < len(lines) and behind - at < _MOST_PIECES and _lacks_end(line) and _goes_on(lines[behind]):
        line = line.rstrip() + b" " + lines[behind].strip()
        behind += 1
    return None if behind == at + 1 or _lacks_end(line) else (line, behind)


def join_wrapped(lines: list[bytes]) -> int:
    """Join broken lines in place, leaving empty lines where their other pieces stood; how many were."""
    count = at = 0
    while at < len(lines):
        joined = _joined(lines, at) if _lacks_end(lines[at]) and is_kernel_line(lines[at]) else None
        if joined is None:
            at += 1
            continue
        line, behind = joined
        lines[at:behind] = [line, *[b""] * (behind - at - 1)]
        count += 1
        at = behind
    return count
