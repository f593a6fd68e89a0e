"""Many lines at once: rows of one shape share a template, and one formatting writes all of them.

A line for each event is what a loop in Python is slowest at. Events come in few shapes (which call, which fields are
there), so each block is sorted by shape, a template with ``%`` places is made once a shape, and columns fill it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...machinecode.folders import READERS
from ...machinecode.ready import WRITER, is_compiled
from ...patterns import pattern

LINES_BLOCK = 1 << 15
"""Events that are formatted together: some 10 MiB of text."""

_COMPILED_FROM = 2048
"""Rows from which loading the machine code that writes lines pays."""

Words = npt.NDArray[np.int64]


class Column:
    """What stands in a place of a template: a number of each row, or a word for it."""

    def __init__(
        self, numbers: npt.NDArray[np.integer[Any]], word: Callable[[int], str] | None = None
    ) -> None:
        """`word` is asked once for each number that occurs."""
        self.numbers, self.word = numbers, word

    def given(self, rows: Words, as_bits: bool) -> list[Any]:
        """The values for `rows`; numbers `as_bits`: 64 of them, without a sign."""
        mine = self.numbers[rows]
        if self.word is None:
            numbers: list[Any] = (mine.astype(np.int64).view(np.uint64) if as_bits else mine).tolist()
            return numbers
        words, which = self.words(mine)
        found = np.empty(len(words), dtype=object)
        found[:] = words
        values: list[Any] = found[which].tolist()
        return values

    def words(self, mine: npt.NDArray[np.integer[Any]]) -> tuple[list[str], Words]:
        """The words that numbers of `mine` stand for, and for each number which of them."""
        assert self.word is not None
        values, which = _that_occur(mine)
        return [self.word(value) for value in values.tolist()], which


def _that_occur(numbers: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Words]:
    """The values that occur, ascending, and for each number which of them: `np.unique`, unordered where possible."""
    if numbers.dtype == np.bool_:
        numbers = numbers.view(np.uint8)
    high = int(numbers.max())
    if int(numbers.min()) < 0 or high > 4 * len(numbers) + (1 << 12):
        return np.unique(numbers, return_inverse=True)
    there = np.zeros(high + 1, dtype=np.int64)
    there[numbers] = 1
    return np.flatnonzero(there), (np.cumsum(there) - 1)[numbers]


Template = tuple[str, Sequence[Column]]
"""A line without its newline, with ``%d``, ``%x`` and ``%s`` for columns; what stands in these places."""
_PARTS = pattern("(%[dxs%])")
"""Splits a template into ``%d``, ``%x``, ``%s``, ``%%`` and the texts between them."""


def literal(text: str) -> str:
    """`text` as a template has it."""
    return text.replace("%", "%%")


def shaped(shapes: Sequence[npt.NDArray[Any]], template_of: Callable[[int], Template]) -> str:
    """A line for each row. Rows that are equal in all `shapes` have the template of the first of them."""
    count = len(shapes[0])
    if not count:
        return ""
    number = np.zeros(count, dtype=np.int64)
    for shape in shapes:
        values, inverse = _that_occur(shape)
        if len(values) > 1:
            number = _that_occur(number * len(values) + inverse)[1]
    few = number.max() < 1 << 16
    order = np.argsort(
        number.astype(np.uint16) if few else number, kind="stable"
    )  # short ones without comparing
    ends = [*(np.flatnonzero(np.diff(number[order])) + 1).tolist(), count]
    groups = [order[first:end] for first, end in zip([0, *ends], ends, strict=False)]
    templates = [template_of(int(rows[0])) for rows in groups]
    if count >= _COMPILED_FROM and is_compiled(READERS, WRITER):
        return written(number, groups, templates)
    lines = np.empty(count, dtype=object)
    for rows, template in zip(groups, templates, strict=True):
        lines[rows] = _formatted(template, rows)
    return "\n".join([*lines.tolist(), ""])


def _formatted(template: Template, rows: Words) -> list[str]:
    text, columns = template
    width, count = len(columns), len(rows)
    if not width:
        return [text % ()] * count
    forms = [part for part in _PARTS.findall(text) if part != "%%"]
    flat: list[Any] = [None] * (width * count)
    for i, (form, column) in enumerate(zip(forms, columns, strict=True)):
        flat[i::width] = column.given(rows, form == "%x")
    return ((text + "\n") * count % tuple(flat)).split("\n")[:-1]


def written(number: Words, groups: Sequence[Words], templates: Sequence[Template]) -> str:
    """The same in machine code: rows of shape ``number[r]`` are ``groups[shape]``."""
    from ..compiled import writelines as w

    forms = {"d": w.DECIMAL, "x": w.HEX, "s": w.WORD}
    text, words = bytearray(), bytearray()
    steps: list[int] = []
    begins, ends = [0], [0]
    places = np.empty(len(number), dtype=np.int64)
    columns: list[npt.NDArray[np.integer[Any]]] = []
    filled = room = 0
    for rows, (template, mine) in zip(groups, templates, strict=True):
        places[rows] = np.arange(len(rows))
        waiting = iter(mine)
        longest = 0
        for part in _PARTS.split(template + "\n"):
            form = forms.get(part[1:]) if part[:1] == "%" else None
            if form is None:
                plain = ("%" if part[:1] == "%" else part).encode("utf-8", "surrogatepass")
                steps += (w.TEXT, len(text), len(text) + len(plain))
                text += plain
                longest += len(plain)
                continue
            column = next(waiting)
            values: npt.NDArray[np.integer[Any]] = column.numbers[rows]
            longest += w.MOST_DIGITS
            if form == w.WORD:
                found, which = column.words(values)
                values = which + (len(ends) - 1)
                told = [one.encode("utf-8", "surrogatepass") for one in found]
                for one in told:
                    words += one
                    ends.append(len(words))
                longest += max(map(len, told))
            steps += (form, filled, 0)
            filled += len(rows)
            columns.append(values)
        begins.append(len(steps) // w.STEP_WORDS)
        room += longest * len(rows)
    numbers = np.concatenate([*columns, np.zeros(1, dtype=np.int64)], dtype=np.int64, casting="unsafe")
    out = np.empty(room + w.SPARE, dtype=np.uint8)
    size = w.write_lines(
        np.frombuffer(bytes(text) + bytes(w.SPARE), dtype=np.uint8),
        np.array(steps, dtype=np.int64),
        np.array(begins, dtype=np.int64),
        number,
        places,
        numbers,
        np.frombuffer(bytes(words) + bytes(w.SPARE), dtype=np.uint8),
        np.array(ends, dtype=np.int64),
        out,
    )
    return str(out[:size].data, "utf-8", "surrogatepass")


def numbers(column: npt.NDArray[np.integer[Any]]) -> Column:
    """A column for ``%d``, or for ``%x``: the 64 bits without a sign."""
    return Column(column)


def worded(column: npt.NDArray[np.integer[Any]], word: Callable[[int], str]) -> Column:
    """A column for ``%s``; `word` is asked once for each value."""
    return Column(column, word)
