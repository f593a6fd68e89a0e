"""The words in which the loop tells a result, and the word that has the slots of a node in order."""

from __future__ import annotations

import random
from array import array
from typing import Any

import numpy as np
import pytest

from remaptrace.abi.outcomes import OUT_PKUERR
from remaptrace.abi.rows import MOST_FAULTS, RSF_DIVERGED, RSF_KIND
from remaptrace.engine.arena import new_arena
from remaptrace.engine.jit import IN_LINE, NO_KEY, RANK_WIDTH, nearest, place_in, wrap
from remaptrace.engine.run.columns import Columns, Rows
from remaptrace.engine.run.driver import replay
from remaptrace.engine.run.loop import _fill
from remaptrace.engine.state import (
    G_MAJFLT,
    G_MINFLT,
    G_RSFLAGS,
    G_VALUE,
    G_WHY,
    HEAP,
    MM_COUNT,
    MM_HUGETLB,
    MM_RSS,
    T_MM,
)
from remaptrace.machine.machine import Machine
from remaptrace.trace.scenario.read import read_scenario

MACHINE = Machine.load()
TASK, MM = HEAP, HEAP + 16


def _view(rows: Rows) -> memoryview:
    words: Any = rows.words
    return memoryview(words)


@pytest.mark.parametrize(
    ("minor", "major", "count", "value", "present"),
    [(0, 0, 0, -1, 0), (3, 0, 65530, 255, 1 << 40), (0, 7, 1_000_000, 0, 1), (1 << 40, 1 << 33, 1, 128, 9)],
)
def test_what_the_loop_writes_is_what_the_columns_say(
    minor: int, major: int, count: int, value: int, present: int
) -> None:
    m = new_arena(MACHINE.rules, MACHINE.archwords, compiled=False, small=True)
    m[TASK + T_MM] = MM
    m[MM + MM_COUNT], m[MM + MM_RSS], m[MM + MM_HUGETLB] = count, present + 5, 5
    m[G_MINFLT], m[G_MAJFLT], m[G_VALUE], m[G_WHY] = minor, major, value, 42
    m[G_RSFLAGS] = RSF_DIVERGED | RSF_KIND
    rows = Rows(2, counted=False)
    _fill(m, _view(rows), 4, TASK, OUT_PKUERR)
    m[TASK + T_MM] = 0
    _fill(m, _view(rows), 0, TASK, 0)
    part = rows.first(2)
    told = {name: part.column(name).tolist() for name in ("map_count", "minor", "major", "value", "rss")}
    assert told["map_count"] == [-1, count]
    assert told["minor"][1] == min(minor, MOST_FAULTS)  # a count that does not fit ends there
    assert told["major"][1] == min(major, MOST_FAULTS)
    assert told["value"][1] == value
    assert told["rss"] == [0, present]
    assert part.column("outcome").tolist() == [0, OUT_PKUERR]
    assert part.column("flags").tolist() == [RSF_DIVERGED | RSF_KIND] * 2
    assert part.column("why").tolist() == [42, 42]


def test_columns_are_narrow_and_keep_what_earlier_chunks_said() -> None:
    rows = Rows(2, counted=True)
    columns = Columns(3, counters=True)
    rows.words[:] = np.arange(8)
    rows.counts[:] = np.arange(8) * 10
    columns.add(rows.first(2))
    rows.words[:] = 0
    rows.counts[:] = -1
    columns.add(rows.first(1))
    whole = columns.whole()
    assert whole["ret"].tolist() == [0, 4, 0]
    assert whole["total_vm"].tolist() == [0, 40, -1]
    assert whole["locked_vm"].tolist() == [30, 70, -1]
    assert {whole[name].dtype.itemsize for name in ("why", "flags", "outcome")} == {1}


def test_counters_are_told_without_changing_what_else_is_told() -> None:
    steps = "name: t\npage_size: 4096\nsteps:\n"
    steps += "- mmap: {addr: 0x10000000, length: 8192, prot: rw, flags: [private, fixed, anonymous], "
    steps += "fd: -1, offset: 0}\n"
    steps += "- write: {addr: 0x10000000, value: 1}\n- munmap: {addr: 0x10000000, length: 4096}\n"
    trace = read_scenario(steps)
    plain, counted = replay(trace, MACHINE).columns, replay(trace, MACHINE, counters=True).columns
    assert set(counted) - set(plain) == {"total_vm", "data_vm", "stack_vm", "locked_vm", "rss"}
    for name, column in plain.items():
        assert column.tolist() == counted[name].tolist()
    assert np.diff(counted["total_vm"]).tolist()[-1] == -1


def test_places_and_nearest_words_follow_the_order_of_slots() -> None:
    chance = random.Random(5)
    for used in (1, 2, 9, RANK_WIDTH):
        for _ in range(50):
            slots = chance.sample(range(RANK_WIDTH), RANK_WIDTH)
            keys = sorted(chance.sample(range(1000), used))
            words = [NO_KEY] * RANK_WIDTH
            for slot, key in zip(slots, keys, strict=False):
                words[slot] = key
            order = wrap(sum(slot << (4 * place) for place, slot in enumerate(slots)))
            m = memoryview(array("q", [7, *words]))
            assert [place_in(order, slot) for slot in slots] == list(range(RANK_WIDTH))
            for key in (-1, 0, 500, 999, 1 << 40, NO_KEY - 1, NO_KEY, *keys):
                below = sum(one <= key for one in keys)
                assert nearest(m, 1, order, key) == slots[max(below - 1, 0)]
    in_line = memoryview(array("q", range(0, 160, 10)))
    assert [nearest(in_line, 0, IN_LINE, key) for key in (-5, 0, 9, 10, 155, 1 << 50)] == [0, 0, 0, 1, 15, 15]
    few = memoryview(array("q", [0, 10, *[NO_KEY] * (RANK_WIDTH - 2)]))
    assert [nearest(few, 0, IN_LINE, key) for key in (5, 10, NO_KEY - 1, NO_KEY)] == [0, 1, 1, 1]
