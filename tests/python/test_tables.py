"""Columns leave the package through Arrow's C stream, and come out equal on the other side."""

from __future__ import annotations

import gc

import numpy as np
import pyarrow
import pytest

import remaptrace
from remaptrace import arrowstream
from remaptrace.arrowstream import ArrowTable


def table() -> ArrowTable:
    return ArrowTable(
        {
            "number": np.array([1, -2, 3], dtype=np.int64),
            "small": np.array([0, 255, 7], dtype=np.uint8),
            "word": (np.array([1, 0, 1], dtype=np.int32), ["mmap", "brk ü"]),
            "known": np.ma.MaskedArray(np.array([1 << 62, 0, -1], dtype=np.int64), mask=[0, 1, 0]),
        }
    )


def test_a_table_is_read_by_pyarrow() -> None:
    assert pyarrow.table(table()).to_pydict() == {
        "number": [1, -2, 3],
        "small": [0, 255, 7],
        "word": ["brk ü", "mmap", "brk ü"],
        "known": [1 << 62, None, -1],
    }


def test_an_empty_table_is_a_table() -> None:
    empty = ArrowTable({"a": np.zeros(0, dtype=np.int32), "w": (np.zeros(0, dtype=np.int32), [])})
    assert pyarrow.table(empty).num_rows == 0


@pytest.mark.parametrize("package", ["polars", "pandas"])
def test_a_table_is_read_by_others_where_they_are(package: str) -> None:
    pytest.importorskip(package)
    frame = getattr(table(), f"to_{package}")()
    assert list(frame["number"]) == [1, -2, 3]
    assert list(frame["word"]) == ["brk ü", "mmap", "brk ü"]


def test_nothing_is_kept_when_the_consumer_is_done() -> None:
    gc.collect()
    before = len(arrowstream._KEPT), len(arrowstream._streams)
    held = pyarrow.table(table())
    assert held.num_rows == 3
    del held
    unused = table().__arrow_c_stream__()
    del unused
    gc.collect()
    assert (len(arrowstream._KEPT), len(arrowstream._streams)) == before


def test_columns_of_different_lengths_are_no_table() -> None:
    with pytest.raises(ValueError, match="one length"):
        ArrowTable({"a": np.zeros(1), "b": np.zeros(2)})


def test_a_result_is_a_table_of_what_was_answered() -> None:
    trace = remaptrace.load("traces/ls")
    result = remaptrace.replay(trace)
    rows = pyarrow.table(result).to_pylist()
    events = list(trace.events())
    assert len(rows) == len(events) == len(trace)
    for row, event in zip(rows, events, strict=True):
        assert row["kind"] == event.kind
        assert (row["pid"], row["tid"], row["line"], row["time"]) == (
            event.pid,
            event.tid,
            event.line,
            event.time,
        )
        assert row["recorded"] == event.result
        assert row["result"] == int(result.columns["ret"][row["event"]])
        assert row["map_count"] == int(result.columns["map_count"][row["event"]])
    assert {row["outcome"] for row in rows} >= {"", "ok"}
    assert all(row["error"] == "" for row in rows)
