"""Unmappings whose lines stand behind those of mappings that took their room."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest

from remaptrace import load, replay
from remaptrace.abi import kinds as ev
from remaptrace.abi.mman import MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE
from remaptrace.machinecode.folders import READERS
from remaptrace.machinecode.ready import is_compiled
from remaptrace.trace.compiled import acts as compiled_acts
from remaptrace.trace.eventblocks import narrow as narrowed
from remaptrace.trace.events import TASK_DTYPE, Trace
from remaptrace.trace.recorded import overtaken, room
from remaptrace.trace.recorded.room import _WINDOW, makers_of_room
from remaptrace.trace.strace.door import read_strace

BORN = "7 clone(child_stack=0x1, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD) = 8\n"
PLACE = 0x7F0000010000
TAKES = "{} mmap(NULL, {}, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {:#x}\n"
LEAVES = "{} munmap({:#x}, {}) = 0\n"


def kinds_and_places(text: str) -> list[tuple[int, int]]:
    """What the mapping calls of the log become, in the order of the replay."""
    path = Path("log")
    trace = read_strace((BORN + text).encode(), name=str(path))
    order = makers_of_room(trace)
    rows = list(range(len(trace)))
    for event, first in sorted(order.items()):
        rows.remove(event)
        rows.insert(rows.index(first), event)
    kind, a0, ret = (trace.columns[name] for name in ("kind", "a0", "ret"))
    wanted = {ev.K_MMAP, ev.K_MUNMAP, ev.K_MREMAP}
    return [(int(kind[i]), int(ret[i] if kind[i] == ev.K_MMAP else a0[i])) for i in rows if kind[i] in wanted]


@pytest.mark.parametrize(
    "maker",
    [
        LEAVES.format(7, PLACE, 0x4000),
        LEAVES.format(7, PLACE - 0x4000, 0x10000),
        f"7 mremap({PLACE:#x}, 16384, 32768, MREMAP_MAYMOVE) = 0x7f0000100000\n",
        f"7 mremap({PLACE - 0x1000:#x}, 20480, 4096, 0) = {PLACE - 0x1000:#x}\n",
    ],
)
def test_what_made_the_room_of_a_mapping_came_first(maker: str) -> None:
    had = TAKES.format(7, 0x5000, PLACE - 0x1000)
    found = kinds_and_places(had + TAKES.format(8, 0x4000, PLACE) + maker)
    assert [kind for kind, _ in found] == [ev.K_MMAP, found[1][0], ev.K_MMAP]
    assert found[1][0] in (ev.K_MUNMAP, ev.K_MREMAP)


@pytest.mark.parametrize(
    "text",
    [
        # handed over: nothing was there before
        TAKES.format(8, 0x4000, PLACE) + LEAVES.format(7, PLACE, 0x4000),
        # gone already
        TAKES.format(7, 0x4000, PLACE)
        + LEAVES.format(8, PLACE, 0x4000)
        + TAKES.format(8, 0x4000, PLACE)
        + LEAVES.format(7, PLACE, 0x4000),
        # the thread did something else in between
        TAKES.format(7, 0x4000, PLACE)
        + TAKES.format(8, 0x4000, PLACE)
        + TAKES.format(7, 0x1000, PLACE - 0x8000)
        + LEAVES.format(7, PLACE, 0x4000),
        # one thread
        TAKES.format(7, 0x4000, PLACE) + TAKES.format(7, 0x4000, PLACE) + LEAVES.format(7, PLACE, 0x4000),
        # another program
        TAKES.format(7, 0x4000, PLACE)
        + '7 execve("/bin/a", ["a"], 0x7ffc /* 1 var */) = 0\n'
        + BORN
        + TAKES.format(8, 0x4000, PLACE)
        + LEAVES.format(7, PLACE, 0x4000),
        # a place that the program chose may be taken
        TAKES.format(7, 0x4000, PLACE)
        + f"8 mmap({PLACE:#x}, 16384, PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = {PLACE:#x}\n"
        + LEAVES.format(7, PLACE, 0x4000),
    ],
)
def test_without_proof_lines_stay_where_they_are(text: str) -> None:
    trace = read_strace((BORN + text).encode(), name="log")
    assert makers_of_room(trace) == {}


def test_the_areas_at_the_end_are_those_of_the_kernel(tmp_path: Path) -> None:
    text = TAKES.format(7, 0x8000, PLACE) + TAKES.format(8, 0x4000, PLACE) + LEAVES.format(7, PLACE, 0x8000)
    (tmp_path / "log").write_text(BORN + text)
    result = replay(load(str(tmp_path / "log")))
    assert [(v.start, v.end) for v in result.snapshots[-1].vmas if v.start >> 40 == 0x7F] == [
        (PLACE, PLACE + 0x4000)
    ]
    assert any("1 unmapping of threads put in front" in note for note in result.trace.notes)


def slowly(trace: Trace) -> dict[int, int]:
    """The same page by page, event by event."""
    columns = {name: trace.columns[name].tolist() for name in ("kind", "task", "a0", "a1", "a2", "a3", "ret")}
    kind, task, a0, a1, a2, a3, ret = columns.values()
    pids = trace.tasks["pid"].tolist()
    several = {pid for pid in pids if pids.count(pid) > 1}
    found: dict[int, int] = {}
    live: dict[int, dict[int, bool]] = {
        pid: {} for pid in pids
    }  # page: whether the last call upon it mapped it

    def pages(low: int, length: int) -> range:
        return range(low >> 12, (low + length + 4095) >> 12)

    def takes_away(i: int) -> range:
        if kind[i] == ev.K_MUNMAP:
            return pages(a0[i], a1[i])
        if kind[i] == ev.K_MREMAP and ret[i] != a0[i]:
            return pages(a0[i], a1[i])
        if kind[i] == ev.K_MREMAP and a2[i] < a1[i]:
            return pages(a0[i] + a2[i], a1[i] - a2[i])
        return range(0)

    for i in range(len(trace)):
        pid = pids[task[i]]
        if kind[i] == ev.K_EXEC:
            live[pid] = {}
        mine = live[pid]
        if kind[i] == ev.K_MMAP and pid in several and not a3[i] & MAP_FIXED:
            place = pages(ret[i], a1[i])
            for j in range(i + 1, min(i + _WINDOW + 1, len(trace))):
                if task[j] == task[i] or task[j] in task[i + 1 : j] or pids[task[j]] != pid:
                    continue
                both = [page for page in place if page in takes_away(j)]
                if both and mine.get(both[0]):
                    found[j] = min(i, found.get(j, i))
        for page in takes_away(i):
            mine[page] = False
        if kind[i] == ev.K_MMAP:
            mine.update(dict.fromkeys(pages(ret[i], a1[i]), True))
        if kind[i] == ev.K_MREMAP:
            mine.update(dict.fromkeys(pages(ret[i], a2[i]), True))
    return found


NEEDS_CODE = pytest.mark.skipif(
    not is_compiled(READERS, "acts.near_pairs"), reason="needs machine code: remaptrace warm"
)


@pytest.mark.parametrize(
    "piece,back,compiled",
    [
        (room._PIECE, room._BACK, False),
        (7, 2, False),
        pytest.param(7, 2, True, marks=NEEDS_CODE),
        pytest.param(7, room._BACK, True, marks=NEEDS_CODE),
    ],
)
@pytest.mark.parametrize("seed", range(40))
def test_a_slow_twin_finds_the_same(
    seed: int, piece: int, back: int, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_PIECE", piece)
    monkeypatch.setattr(room, "_BACK", back)
    monkeypatch.setattr(room, "pays", lambda name, events: compiled)
    trace = of_six_threads(random.Random(seed), 80)
    assert makers_of_room(trace) == slowly(trace)


@NEEDS_CODE
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("most", [room._MOST, 20])
def test_machine_code_finds_in_long_logs_what_numpy_finds(
    seed: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where columns are narrow. Far too many acts upon the places: it asks of fewer places, and may know more."""
    every = room._MOST
    monkeypatch.setattr(room, "_MOST", most)
    monkeypatch.setattr(room, "_BACK", 3)
    trace = of_six_threads(random.Random(seed), 9000, narrow=True)
    found = []
    for compiled in (False, True):
        monkeypatch.setattr(room, "pays", lambda name, events, compiled=compiled: compiled)
        found.append(makers_of_room(trace))
    if most == every:
        assert found[0] == found[1]
        assert found[0]
        return
    monkeypatch.setattr(room, "_MOST", every)
    found.append(makers_of_room(trace))
    for less, more in itertools.pairwise(found):
        assert all(more[event] <= first for event, first in less.items())


@NEEDS_CODE
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("stretches,rows", [(compiled_acts.STRETCHES, compiled_acts.ROWS), (8, 3)])
def test_mappings_that_are_left_out_took_no_room(
    seed: int, stretches: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Areas in several stretches, unaligned ones, addresses above 2**63, too many stretches; little room for notes."""
    rng = random.Random(seed)
    trace = of_six_threads(rng, 9000)
    kinds = trace.columns["kind"]
    high, wide = rng.choice((0, 1 << 46, -(1 << 40))), rng.choice((1, 96, 100))
    for name, named in (("a0", (ev.K_MUNMAP, ev.K_MREMAP)), ("ret", (ev.K_MMAP, ev.K_MREMAP))):
        column = trace.columns[name]
        trace.columns[name] = np.where(np.isin(kinds, named), high + (column - 0x10000) * wide, column)
    trace.columns["a1"] *= rng.choice((1, wide, 4096 * 30))
    monkeypatch.setattr(compiled_acts, "STRETCHES", stretches)
    monkeypatch.setattr(compiled_acts, "ROWS", rows)
    found = []
    for compiled in (False, True):
        monkeypatch.setattr(room, "pays", lambda name, events, compiled=compiled: compiled)
        found.append(makers_of_room(trace))
    assert found[0] == found[1]


@NEEDS_CODE
@pytest.mark.parametrize("seed", range(20))
def test_machine_code_finds_the_same_walls(seed: int) -> None:
    trace = of_six_threads(random.Random(seed), 9000, narrow=seed % 2 == 1, above=1 << 41)
    found = overtaken._compiled_candidates(trace)
    assert found == overtaken._candidates_in(trace.columns)
    assert found


def of_six_threads(rng: random.Random, most: int, *, narrow: bool = False, above: int = 0) -> Trace:
    """Calls of three processes upon some pages; at most so many, places from `above` on."""
    pids = [1, 1, 1, 4, 4, 6]
    rows = np.zeros(len(pids), dtype=TASK_DTYPE)
    rows["tid"], rows["pid"], rows["parent"] = range(1, 7), pids, -1
    events = []
    for _ in range(rng.randrange(2, 80) if most < 100 else most):
        base, length = (
            above + 0x10000 + rng.randrange(12) * 4096,
            rng.randrange(1, 5) * 4096 - rng.choice((0, 0, 1)),
        )
        flags = MAP_PRIVATE | MAP_ANONYMOUS
        row = rng.choices(
            [
                (ev.K_MMAP, 0, length, 3, flags, base),
                (ev.K_MMAP, base, length, 3, flags | MAP_FIXED, base),
                (ev.K_MUNMAP, base, length, 0, 0, 0),
                (ev.K_MREMAP, base, length & -4096 or 4096, 4096, 0, base + rng.choice((0, 0x40000))),
                (ev.K_EXEC, 0, 0, 0, 0, 0),
                (ev.K_MPROTECT, base, length, 1, 0, 0),
            ],
            weights=[8, 1, 8, 2, 0.3, 2],
        )[0]
        events.append((rng.randrange(len(pids)), *row))
    names = ("task", "kind", "a0", "a1", "a2", "a3", "ret")
    columns = {name: np.array([e[i] for e in events], dtype=np.int64) for i, name in enumerate(names)}
    if narrow:
        columns = {name: narrowed(column) for name, column in columns.items()}
        columns["task"] = columns["task"].astype(np.uint8)
    return Trace(columns, rows, recorded=True)


def test_memory_that_its_thread_carves_up_next_is_not_taken_for_written(tmp_path: Path) -> None:
    """Whatever other threads do in between: so it has no anon_vma, and joins what is."""
    text = TAKES.format(7, 0x10000, PLACE) + TAKES.format(8, 0x10000, PLACE + 0x20000)
    text += "7 mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0001000000\n"
    text += f"8 mprotect({PLACE + 0x24000:#x}, 4096, PROT_NONE) = 0\n" + TAKES.format(
        7, 0x10000, PLACE + 0x10000
    )
    (tmp_path / "log").write_text(BORN + text)
    areas = [(v.start, v.end) for v in replay(load(str(tmp_path / "log"))).snapshots[-1].vmas]
    assert (PLACE, PLACE + 0x24000) in areas
