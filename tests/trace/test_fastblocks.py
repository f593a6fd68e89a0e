"""Blocks narrowed by machine code are the columns that numpy makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.machinecode.folders import READERS
from remaptrace.machinecode.ready import is_compiled
from remaptrace.trace.compiled.fastblocks import FastBlocks
from remaptrace.trace.eventblocks import BLOCK, FIELDS, EventBlocks

pytestmark = pytest.mark.skipif(
    not is_compiled(READERS, "blockcolumns.append_block"), reason="needs machine code: remaptrace warm"
)

_EDGES = [
    sign * (1 << bits) + more
    for bits in (0, 7, 8, 15, 16, 31, 32, 62)
    for sign in (1, -1)
    for more in (-1, 0)
]
_WORDS = st.sampled_from([*_EDGES, (1 << 63) - 1, -(1 << 63)]) | st.integers(-(1 << 63), (1 << 63) - 1)


def _filled(blocks: EventBlocks, parts: list[tuple[int, list[int]]]) -> dict[str, np.ndarray]:
    """Blocks of so many events, each row beginning with a word of those that came with it."""
    for events, words in parts:
        blocks.block[:] = 0
        blocks.block[:, 0] = np.resize(np.array(words, dtype=np.int64), len(FIELDS))
        blocks.block[:, events - 1] = np.resize(np.array(words[::-1], dtype=np.int64), len(FIELDS))
        blocks.used = events
        blocks.flush()
    return blocks.finish()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, BLOCK), st.lists(_WORDS, min_size=1, max_size=14)), min_size=1, max_size=9
    )
)
def test_both_ways_make_the_same_columns(parts: list[tuple[int, list[int]]]) -> None:
    ours, theirs = _filled(FastBlocks(), parts), _filled(EventBlocks(), parts)
    assert ours.keys() == theirs.keys()
    for name, column in ours.items():
        assert column.dtype == theirs[name].dtype, name
        assert np.array_equal(column, theirs[name]), name


def test_blocks_can_be_filled_again_when_they_were_given_up() -> None:
    blocks = FastBlocks()
    for value in (1, 1 << 40):
        blocks.add(1, 2, (value,), line=3)
        assert blocks.finish()["a0"].tolist() == [value]
