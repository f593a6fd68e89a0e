"""Events as rows, and results that need not be kept, told by machine code as numpy tells them."""

from __future__ import annotations

import random

import numpy as np
import pytest

from remaptrace.abi.rows import RS_WORDS
from remaptrace.engine.run import columns, eventrows
from remaptrace.engine.run.columns import Columns, Rows
from remaptrace.engine.run.eventrows import EventRows
from remaptrace.machinecode.folders import READERS
from remaptrace.machinecode.ready import is_compiled
from remaptrace.trace.events import COLUMNS, TASK_DTYPE, Trace

pytestmark = pytest.mark.skipif(
    not all(is_compiled(READERS, f"eventrows.{name}") for name in ("fill_rows", "differences")),
    reason="needs machine code: remaptrace warm",
)

_TYPES = (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32)


@pytest.mark.parametrize("seed", range(20))
def test_rows_are_those_of_the_trace(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventrows, "pays", lambda name, events: True)
    rng = np.random.default_rng(seed)
    made = {}
    for name in COLUMNS:
        kind = np.iinfo(_TYPES[rng.integers(len(_TYPES))])
        made[name] = rng.integers(kind.min, kind.max, 1000, dtype=kind.dtype, endpoint=True)
    trace = Trace(made, np.zeros(0, dtype=TASK_DTYPE))
    rows = EventRows(trace, 300)
    for first, last in ((0, 300), (0, 0), (700, 1000), (5, 134), (250, 251), (100, 900)):
        assert np.array_equal(rows.rows(first, last), trace.rows(first, last))
    assert rows.rows(0, 300).base is not None


def test_columns_that_lie_otherwise_are_rows_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventrows, "pays", lambda name, events: True)
    table = np.arange(1000 * len(COLUMNS), dtype=np.int64).reshape(-1, len(COLUMNS))
    trace = Trace(dict(zip(COLUMNS, table.T, strict=True)), np.zeros(0, dtype=TASK_DTYPE))
    assert np.array_equal(EventRows(trace, 300).rows(20, 300), table[20:300])


def _made(rng: random.Random, recorded: np.ndarray, sizes: list[int], calm: int) -> list[Rows]:
    """Chunks of results, of which a word changes in one of `calm` chunks, or in one of its rows."""
    chunks, at = [], 0
    now = [rng.randrange(-(1 << 63), 1 << 63) for _ in range(RS_WORDS)]
    as_recorded = rng.random() < 0.7
    for size in sizes:
        rows = Rows(size, False)
        table = rows.words.reshape(-1, RS_WORDS)
        table[:] = now
        if as_recorded:
            table[:, 0] = recorded[at : at + size]
        for word in range(RS_WORDS):
            if rng.randrange(calm) == 0:
                table[rng.randrange(size), word] ^= np.int64(
                    rng.choice((1, 1 << 9, 1 << 33, 1 << 49, 1 << 57))
                )
        chunks.append(rows)
        at += size
    return chunks


@pytest.mark.parametrize("calm", [3, 20])
@pytest.mark.parametrize("kind", [np.int64, np.int32])
@pytest.mark.parametrize("seed", range(30))
def test_the_columns_of_results_are_the_same(
    seed: int, kind: type[np.integer], calm: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    sizes = [rng.choice((1, 2, 60)) for _ in range(12)]
    recorded = np.array([rng.randrange(5) for _ in range(sum(sizes))], dtype=kind)
    chunks = _made(rng, recorded, sizes, calm)
    found = []
    for compiled in (False, True):
        monkeypatch.setattr(columns, "pays", lambda name, events, compiled=compiled: compiled)
        one = Columns(sum(sizes), False, recorded=recorded)
        for rows, size in zip(chunks, sizes, strict=True):
            one.add(rows.first(size))
        found.append(one.whole())
    assert found[0].keys() == found[1].keys()
    for name, plain in found[0].items():
        assert (plain.dtype, plain.strides) == (found[1][name].dtype, found[1][name].strides)
        assert np.array_equal(plain, found[1][name])
    assert np.shares_memory(found[0]["ret"], recorded) == np.shares_memory(found[1]["ret"], recorded)
