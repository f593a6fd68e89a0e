"""A sheet of text lines made of styled spans, with aligned columns: what reports are written on.

Only words here; `paint` puts colours on them. A style repeats what the words say.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..lateclasses import dataclass, field
from ..printable import printable

Span = tuple[str, str]
"""Text and the name of its style: "", "good", "bad", "warn", "dim", "head", "spark"."""

Cell = str | Span | Sequence[Span]
SPARKS = "▁▂▃▄▅▆▇█"


def spans(cell: Cell) -> list[Span]:
    """A cell as a list of spans."""
    if isinstance(cell, str):
        return [(_shown(cell), "")]
    if isinstance(cell, tuple) and len(cell) == 2 and isinstance(cell[0], str) and isinstance(cell[1], str):
        return [(_shown(cell[0]), cell[1])]
    return [(_shown(s[0]), s[1]) for s in cell if isinstance(s, tuple)]


def _shown(text: str) -> str:
    """Names of files and programs may hold what acts on a terminal or a page; everything on a sheet passes here."""
    return text if text.isprintable() else "\n".join(printable(line) for line in text.split("\n"))


def length(cell: Cell) -> int:
    """Columns that a cell takes. Names of files may have wide characters; numbers do not."""
    if isinstance(cell, str) and cell.isascii() and cell.isprintable():
        return len(cell)  # the most
    return sum(_columns(text) for text, _ in spans(cell))


_FIRST_COMBINING = "\u0300"
"""The first character that takes no column, or two."""


def _columns(text: str) -> int:
    if text.isascii() or max(text) < _FIRST_COMBINING:
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


_HANG = 2
"""Columns by which the further lines of a title stand in."""
_LABEL = 10
"""Columns of the labels of `Sheet.entry`."""


@dataclass
class Sheet:
    """Lines of spans, `width` columns wide."""

    width: int = 80
    lines: list[list[Span]] = field(default_factory=list)

    def line(self, *cells: Cell) -> None:
        """Add a line: the cells one after the other."""
        self.lines.append([span for cell in cells for span in spans(cell)])

    def sides(self, left: Cell, right: Cell) -> None:
        """Add a line with `right` at the right margin, or on a line of its own where it does not fit.

        A `left` that is too wide by itself is wrapped between its words.
        """
        gap = self.width - length(left) - length(right)
        if gap >= 2:
            self.line(left, " " * gap, right)
        else:
            words = [
                (word, style) for text, style in spans(left) for word in text.replace(" ", " \0").split("\0")
            ]
            for i, row in enumerate(
                _broken(words, self.width - _HANG) if length(left) > self.width else [left]
            ):
                self.line(" " * _HANG if i else "", row)
            self.line(right)

    def blank(self) -> None:
        """Add an empty line, unless the sheet is empty or ends in one."""
        if self.lines and self.lines[-1]:
            self.lines.append([])

    def paragraph(self, text: str, style: str = "", indent: int = 0, hang: int = 0) -> None:
        """Add a text wrapped to the width; `hang` indents the lines after the first further."""
        pad = " " * indent
        for row in _filled(text, self.width, pad, pad + " " * hang):
            self.line((row, style))

    def entry(self, label: str, cell: Cell, more: Cell = "") -> None:
        """Add a labelled entry: the label in a column of its own, `cell` behind it, wrapped below itself.

        `more` follows on the same line where it fits, else on the next.
        """
        lead: Span = (label.ljust(_LABEL), "head" if label else "")
        parts = spans(cell)
        if _LABEL + length(parts) > self.width:
            for i, row in enumerate(_broken(parts, self.width - _LABEL)):
                self.line(lead if i == 0 else (" " * _LABEL, ""), row)
        elif _LABEL + length(parts) + length(more) > self.width:
            self.line(lead, parts)
            self.line(" " * (_LABEL + 2), more)
        else:
            self.line(lead, parts, more)

    def table(
        self,
        rows: Sequence[Sequence[Cell]],
        align: str,
        gap: int = 3,
        flexible: int | None = None,
        wrap: bool = False,
    ) -> None:
        """Add rows with aligned columns. `align` has l or r a column; a missing last cell is empty.

        Where the rows would be wider than the sheet, column `flexible` is cut with an ellipsis, or, with
        `wrap`, goes on in further lines; then columns stand closer.
        """
        count = len(align)
        widths = [max((length(row[i]) for row in rows if i < len(row)), default=0) for i in range(count)]
        if flexible is not None:
            over = sum(widths) + gap * (count - 1) - self.width
            if over > 0:
                widths[flexible] = max(8, widths[flexible] - over)
                if wrap:
                    rows = [part for row in rows for part in _wrapped(row, flexible, widths[flexible])]
        while gap > 2 and sum(widths) + gap * (count - 1) > self.width:
            gap -= 1
        for row in rows:
            out: list[Span] = []
            for i, cell in enumerate(row):
                fitted = _cut(cell, widths[i]) if i == flexible else spans(cell)
                pad = " " * (widths[i] - length(fitted))
                last = i == len(row) - 1
                if align[i] == "r":
                    out += [(pad, ""), *fitted]
                else:
                    out += [*fitted, ("" if last else pad, "")]
                if not last:
                    out.append((" " * gap, ""))
            self.lines.append([s for s in out if s[0]])

    def text(self) -> str:
        """The sheet without styles, with a final newline."""
        return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in self.lines)


def _broken(parts: list[Span], width: int) -> list[list[Span]]:
    """Spans as lines of at most `width` columns, broken at spaces (before a ` · `, behind it)."""
    words: list[Span] = []
    for text, style in parts:
        pieces = text.replace(" · ", " ·\0").split("\0")
        for k, piece in enumerate(pieces):
            words += [(piece + (" " if k < len(pieces) - 1 else ""), style)]
    out: list[list[Span]] = [[]]
    used = 0
    for text, style in words:
        full = bool(used) and used + _columns(text.rstrip()) > width
        if full:
            out.append([])
            used = 0
        shown = text.lstrip() if full else text
        out[-1].append((shown, style))
        used += _columns(shown)
    return out


def _filled(text: str, width: int, first: str = "", later: str = "") -> list[str]:
    """The lines of a text, with these indents."""
    if text and text.isprintable() and text == text.strip() and len(first) + len(text) <= width:
        return [first + text]  # what `textwrap`, which takes a while to load, makes of it
    import textwrap

    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)


def _wrapped(row: Sequence[Cell], column: int, width: int) -> list[Sequence[Cell]]:
    """`row` as several rows, so that `column` fits; a cell of several spans is broken at its ` · `."""
    if column >= len(row) or length(row[column]) <= width:
        return [row]
    parts: list[Cell]
    own = spans(row[column])
    if len(own) == 1:
        parts = [(part, own[0][1]) for part in _filled(own[0][0], width)]
    else:
        parts = list(_broken(own, width))
    out: list[Sequence[Cell]] = [[*row[:column], parts[0], *row[column + 1 :]]]
    for part in parts[1:]:
        out.append([*[""] * column, part])
    return out


def _cut(cell: Cell, width: int) -> list[Span]:
    """A cell cut to `width` columns, with an ellipsis if something is lost."""
    if length(cell) <= width:
        return spans(cell)
    out: list[Span] = []
    left = width - 1
    for text, style in spans(cell):
        kept = text[:left]
        while _columns(kept) > left:
            kept = kept[:-1]
        out.append((kept, style))
        left -= _columns(kept)
        if kept != text:
            break
    return [*out, ("…", "dim")]


def sparkline(values: Sequence[int], highest: int) -> str:
    """One block a value, 0 (or no process) a blank, `highest` a full block."""
    out = []
    for value in values:
        if value <= 0 or highest <= 0:
            out.append(" ")
        else:
            level = (value * len(SPARKS) + highest - 1) // highest  # 1 to 8
            out.append(SPARKS[min(level, len(SPARKS)) - 1])
    return "".join(out)


def squeezed(values: Sequence[int], width: int) -> list[int]:
    """`values` in `width` buckets, each the highest of its part."""
    n = len(values)
    if n <= width:
        return list(values)
    return [max(values[i * n // width : max((i + 1) * n // width, i * n // width + 1)]) for i in range(width)]


def size(value: int) -> str:
    """Bytes in the largest unit that keeps two digits or more."""
    amount, unit = float(value), "bytes"
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    if unit == "bytes":
        return f"{value} bytes"
    return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:,.0f} {unit}"


def percent(after: int, before: int) -> str:
    """The change from `before` to `after` in per cent, with its sign; a dash where before is 0."""
    if before == 0:
        return "–"
    change = 100 * (after - before) / before
    if after and change < -99:
        return f"{max(change, -99.9):+.1f} %"  # not all of it
    if 0 < abs(change) < 1:
        return f"{change:+.1f} %"
    return f"{change:+.0f} %"
