"""Many lines at once: rows of one shape share a template, and one formatting writes all of them.

A line for each event is what a loop in Python is slowest at. Events come in few shapes (which call, which fields are
there), so each block is sorted by shape, a template with ``%`` places is made once a shape, and columns fill it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

LINES_BLOCK = 1 << 15
"""Events that are formatted together: some 10 MiB of text."""

Template = tuple[str, Sequence[Callable[[npt.NDArray[np.int64]], Sequence[Any]]]]
"""A line without its newline, with ``%d``, ``%x`` and ``%s`` for columns; what gives each column for rows by number."""


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
        values, inverse = np.unique(shape, return_inverse=True)
        if len(values) > 1:
            number = np.unique(number * len(values) + inverse, return_inverse=True)[1]
    order = np.argsort(number, kind="stable")
    ends = [*(np.flatnonzero(np.diff(number[order])) + 1).tolist(), count]
    lines = np.empty(count, dtype=object)
    first = 0
    for end in ends:
        rows = order[first:end]
        lines[rows] = _formatted(template_of(int(rows[0])), rows)
        first = end
    return "\n".join([*lines.tolist(), ""])


def _formatted(template: Template, rows: npt.NDArray[np.int64]) -> list[str]:
    text, columns = template
    width, count = len(columns), len(rows)
    if not width:
        return [text % ()] * count
    flat: list[Any] = [None] * (width * count)
    for i, column in enumerate(columns):
        flat[i::width] = column(rows)
    return ((text + "\n") * count % tuple(flat)).split("\n")[:-1]


def numbers(column: npt.NDArray[np.integer[Any]]) -> Callable[[npt.NDArray[np.int64]], list[int]]:
    """A column for ``%d``."""
    return lambda rows: column[rows].tolist()


def addresses(column: npt.NDArray[np.integer[Any]]) -> Callable[[npt.NDArray[np.int64]], list[int]]:
    """A column for ``%x``: the 64 bits without a sign."""
    return lambda rows: column[rows].astype(np.int64).view(np.uint64).tolist()


def worded(
    column: npt.NDArray[np.integer[Any]], word: Callable[[int], str]
) -> Callable[[npt.NDArray[np.int64]], list[str]]:
    """A column for ``%s``; `word` is asked once for each value."""

    def given(rows: npt.NDArray[np.int64]) -> list[str]:
        values, inverse = np.unique(column[rows], return_inverse=True)
        words = np.empty(len(values), dtype=object)
        words[:] = [word(value) for value in values.tolist()]
        found: list[str] = words[inverse].tolist()
        return found

    return given
