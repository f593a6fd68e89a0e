"""Columns of results take memory only where their numbers differ, and say the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remaptrace.engine.run.columns import Columns

NAMES = ("ret", "outcome", "minor", "major", "map_count", "value", "flags", "why")
CHUNKS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=5), max_size=6)


class Chunk:
    """Results of events, each column the same."""

    def __init__(self, numbers: list[int]) -> None:
        self._numbers = np.array(numbers, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._numbers)

    def column(self, name: str) -> npt.NDArray[Any]:
        return self._numbers


@given(CHUNKS)
def test_columns_are_what_the_chunks_hold(chunks: list[list[int]]) -> None:
    every = [number for chunk in chunks for number in chunk]
    columns = Columns(len(every), counters=False)
    for chunk in chunks:
        columns.add(Chunk(chunk))  # type: ignore[arg-type]
    whole = columns.whole()
    assert set(whole) == set(NAMES)
    for column in whole.values():
        assert column.tolist() == every
    assert whole["minor"].dtype == np.int32
    assert whole["value"].dtype == np.int16


@pytest.mark.parametrize("number", [0, -1])
def test_a_column_of_one_number_takes_no_memory(number: int) -> None:
    columns = Columns(6, counters=False)
    for _ in range(3):
        columns.add(Chunk([number, number]))  # type: ignore[arg-type]
    value = columns.whole()["value"]
    assert value.tolist() == [number] * 6
    assert value.strides == (0,)


@given(CHUNKS, st.lists(st.integers(0, 2), min_size=40, max_size=40), st.integers(0, 6))
def test_answers_as_recorded_are_the_recorded_column(
    chunks: list[list[int]], noise: list[int], equal: int
) -> None:
    every = [number for chunk in chunks for number in chunk]
    begin = sum(map(len, chunks[:equal]))
    recorded = np.array((every[:begin] + noise)[: len(every)], dtype=np.int64)
    columns = Columns(len(every), counters=False, recorded=recorded)
    for chunk in chunks:
        columns.add(Chunk(chunk))  # type: ignore[arg-type]
    whole = columns.whole()["ret"]
    assert whole.tolist() == every
    assert whole.dtype == np.int64
    if every and recorded.tolist() == every:
        assert np.shares_memory(whole, recorded)
        assert not whole.flags.writeable
        assert recorded.flags.writeable


def test_a_narrower_recorded_column_is_not_taken() -> None:
    recorded = np.array([1, 2], dtype=np.int32)
    columns = Columns(2, counters=False, recorded=recorded)
    columns.add(Chunk([1, 2]))  # type: ignore[arg-type]
    assert columns.whole()["ret"].dtype == np.int64
