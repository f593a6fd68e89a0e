"""What a short run asks of columns without numpy's library is what that library says."""

from __future__ import annotations

import numpy as np
import pytest

from remaptrace.trace.events import distinct, holds_somewhere, occurs, one_of, repeated, rows_where

_COLUMNS = [
    np.array([], dtype=np.int64),
    np.array([7], dtype=np.uint8),
    np.array([3, -1, 3, 250, -1, 0], dtype=np.int16),
    np.random.default_rng(1).integers(-(1 << 62), 1 << 62, 500).repeat(2),
    np.random.default_rng(2).integers(-300, 300, 200_000).astype(np.int16),
    np.random.default_rng(3).integers(0, 5, 200_000),
    np.random.default_rng(4).integers(-128, 128, 300_000).astype(np.int8),
    np.repeat(np.array([5, 3, -1], dtype=np.int8), (150_000, 1, 150_000)),
]


@pytest.mark.parametrize("values", _COLUMNS)
def test_the_distinct_values_are_those_of_numpy(values: np.ndarray) -> None:
    found = distinct(values)
    assert found.dtype == values.dtype
    assert np.array_equal(found, np.unique(values))


@pytest.mark.parametrize("values", _COLUMNS)
@pytest.mark.parametrize("wanted", [(), (3,), (-1, 250, 1 << 40), (0, 7, 7)])
def test_values_are_among_few_as_numpy_says(values: np.ndarray, wanted: tuple[int, ...]) -> None:
    found = one_of(values, wanted)
    assert found.dtype == np.bool_
    assert np.array_equal(found, np.isin(values, wanted))


@pytest.mark.parametrize("count", [0, 1, 10**7])
def test_a_repeated_value_takes_no_memory_and_cannot_be_written(count: int) -> None:
    column = repeated(np.array([5], dtype=np.int16), count)
    assert (column.shape, column.dtype, column.strides) == ((count,), np.int16, (0,))
    assert count * 5 == int(column.sum())
    with pytest.raises(ValueError, match="read-only"):
        column[:] = 1


@pytest.mark.parametrize("wanted", [(), (5,), (4, 5), (4,)])
def test_a_repeated_value_is_asked_once(wanted: tuple[int, ...]) -> None:
    found = one_of(repeated(np.array([5], dtype=np.int16), 10**7), wanted)
    assert (len(found), found.strides) == (10**7, (0,))
    assert bool(found.all()) == (5 in wanted) == bool(found.any())


@pytest.mark.parametrize("values", _COLUMNS)
@pytest.mark.parametrize("wanted", [(), (3,), (-1, 250, 1 << 40), (0, 7, 7)])
def test_rows_and_values_are_found_piece_by_piece(values: np.ndarray, wanted: tuple[int, ...]) -> None:
    mask = np.isin(values, wanted)
    assert occurs(values, wanted) == mask.any()
    rows = rows_where(lambda part, same: one_of(part, wanted) & (part == same), values, values.copy())
    assert rows.dtype == np.intp
    assert holds_somewhere(lambda part: one_of(part, wanted), values) == mask.any()
    assert np.array_equal(rows, np.flatnonzero(mask))
