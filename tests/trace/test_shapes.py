"""Many lines at once: machine code and formatting write the same text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.trace.stored import shapes
from remaptrace.trace.stored.shapes import Template, literal, numbers, shaped, worded

_EDGES = [0, 1, -1, 9, 10, 99, 100, 255, 1 << 31, -(1 << 31), (1 << 63) - 1, -(1 << 63), 10**18, -(10**18)]
_words = st.text(st.characters(exclude_characters="\n"), max_size=6)


def both(shape: np.ndarray[Any, Any], template: Any) -> tuple[str, str]:
    """The text as it is formatted, and as machine code writes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes, "_COMPILED_FROM", 1 << 62)
        plain = shaped((shape,), template)
        patch.setattr(shapes, "_COMPILED_FROM", 0)
        patch.setattr(shapes, "is_compiled", lambda *_: True)
        return plain, shaped((shape,), template)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(_EDGES)), min_size=1, max_size=30), _words, _words
)
@settings(max_examples=60)
def test_machine_code_writes_what_formatting_writes(
    rows: list[tuple[int, int]], text: str, word: str
) -> None:
    shape = np.array([row[0] for row in rows])
    values = np.array([row[1] for row in rows], dtype=np.int64)

    def template(row: int) -> Template:
        if shape[row] == 0:
            return literal(text), ()
        if shape[row] == 1:
            return f"{literal(text)}%d%%%x", (numbers(values), numbers(values))
        return "%s, %s|%d", (
            worded(values, lambda value: f"{word}{value}"),
            worded(shape, str),
            numbers(shape.astype(np.uint8)),
        )

    plain, compiled = both(shape, template)
    assert compiled == plain
    assert plain.count("\n") == len(rows)


def test_lines_are_what_python_makes_of_each_row() -> None:
    values = np.array(_EDGES * 7, dtype=np.int64)
    shape = np.arange(len(values)) % 3 == 0
    wide = values.view(np.uint64)
    plain, compiled = both(
        shape, lambda row: ("%d %x %s", (numbers(values), numbers(wide), worded(wide, str)))
    )
    assert compiled == plain
    assert plain.splitlines() == [f"{v} {v % (1 << 64):x} {v % (1 << 64)}" for v in values.tolist()]
