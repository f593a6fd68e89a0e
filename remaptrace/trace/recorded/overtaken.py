"""Calls whose lines stand behind those of calls that they overtook: told from the addresses that they got.

Recorders print a call when they learn of its return, so lines of two threads may stand in another order than the
kernel took their calls. A new mapping goes to the top of the highest hole that holds it (mm/vma.c:
unmapped_area_topdown). So of two mappings that lie wall to wall the upper one was made first: with its place still
free, the lower one would have got it. Its line may stand behind.
"""

from __future__ import annotations

import numpy as np

from ...abi import kinds as ev
from ...abi.mman import MAP_32BIT, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_GROWSDOWN
from ..compiled import acts as compiled
from ..compiled import pays
from ..compiled.columnwords import described
from ..events import IntArray, Trace
from .room import makers_of_room

_WINDOW = 16
"""Events between the two lines, at most."""
_TOP_DOWN = 1 << 40
"""Addresses above are those of the top-down search."""
_HUGE = 2 << 20
_FREES = (ev.K_MUNMAP, ev.K_MREMAP, ev.K_EXEC, ev.K_FORK, ev.K_EXIT, ev.K_SHMDT)
_OTHER_PLACE = MAP_FIXED | MAP_GROWSDOWN | MAP_32BIT | MAP_FIXED_NOREPLACE


def put_in_order(trace: Trace) -> None:
    """Move such mappings in front of those that they overtook, with a note. Before events are numbered elsewhere."""
    if not trace.recorded or len(trace.tasks) < 2:
        return
    if makers := makers_of_room(trace):
        _reorder(trace, makers)
        count = len(makers)
        trace.notes.append(
            f"{count} unmapping{'s' * (count != 1)} of threads put in front of mappings that took their room and"
            " were told first"
        )
    pid_of = trace.tasks["pid"].tolist()
    order: dict[int, int] = {}  # event: in front of which it belongs
    for first, event in _candidates(trace):
        task, other = int(trace.columns["task"][event]), int(trace.columns["task"][first])
        if event in order or pid_of[task] != pid_of[other]:
            continue
        if _nothing_between(trace, first, event, task, pid_of):
            order[event] = first
    if order:
        _reorder(trace, order)
        count = len(order)
        trace.notes.append(
            f"{count} mapping{'s' * (count != 1)} of threads put in front of lines that they overtook:"
            " the lower of two that lie wall to wall would have got the place of the upper one"
        )


def _candidates(trace: Trace) -> list[tuple[int, int]]:
    """Pairs of mappings of two threads, the second right above the first; events that are near each other."""
    found = _compiled_candidates(trace) if pays("acts.walls", len(trace)) else None
    return _candidates_in(trace.columns) if found is None else found


def _compiled_candidates(trace: Trace) -> list[tuple[int, int]] | None:
    """The same by machine code, in the same order; None where the columns do not lie as it takes them."""
    columns = described(trace.columns, compiled.ACT_COLUMNS)
    if columns is None:
        return None
    ring = np.zeros((compiled.RING, compiled.RING_WORDS), dtype=np.int64)
    state, out = np.zeros(compiled.STATE_WORDS, dtype=np.int64), np.zeros((1 << 12, 3), dtype=np.int64)
    sorts, picked = np.zeros(256, dtype=np.uint8), np.zeros(compiled.TOGETHER, dtype=np.int64)
    sorts[ev.K_MMAP] = compiled.MAPS
    found = [out[:0]]
    while state[compiled.N_EVENT] < len(trace):
        count = compiled.walls(
            columns, sorts, len(trace), _TOP_DOWN, _OTHER_PLACE, _WINDOW, _HUGE, ring, picked, state, out
        )
        found.append(out[:count].copy())
    pairs = np.concatenate(found)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return [(first, event) for _, first, event in pairs[order].tolist()]


def _candidates_in(columns: dict[str, IntArray]) -> list[tuple[int, int]]:
    free = (columns["kind"] == ev.K_MMAP) & (columns["a0"] == 0) & (columns["ret"] > _TOP_DOWN)
    maps = np.flatnonzero(free)
    maps = maps[columns["a3"][maps].astype(np.int64) & _OTHER_PLACE == 0]
    task, place = columns["task"][maps], columns["ret"][maps].astype(np.int64)
    size = columns["a1"][maps].astype(np.int64) + 4095 & ~4095
    by_huge_pages = (place % _HUGE == 0) & (size >= _HUGE)  # with a hole above
    found: list[tuple[int, int]] = []
    for step in range(1, _WINDOW + 1):
        if len(maps) <= step:
            break
        fits = (place[:-step] + size[:-step] == place[step:]) & (task[:-step] != task[step:])
        fits &= (maps[step:] - maps[:-step] <= _WINDOW) & ~by_huge_pages[:-step]
        found += [(int(maps[i]), int(maps[i + step])) for i in np.flatnonzero(fits).tolist()]
    return found


def _nothing_between(trace: Trace, first: int, event: int, task: int, pid_of: list[int]) -> bool:
    """Whether between the two no call made room, and the thread did nothing else that stays in front of its call."""
    for at in range(first + 1, event):
        its = int(trace.columns["task"][at])
        if its == task or (pid_of[its] == pid_of[task] and int(trace.columns["kind"][at]) in _FREES):
            return False
    return True


def _reorder(trace: Trace, order: dict[int, int]) -> None:
    """Bring the events of `order` to their places; only what lies between is touched."""
    stretches: list[list[int]] = []  # from the first event to the last that changes its place
    for event, first in sorted(order.items()):
        if stretches and first <= stretches[-1][1]:
            stretches[-1] = [min(first, stretches[-1][0]), event]
            while len(stretches) > 1 and stretches[-1][0] <= stretches[-2][1]:
                low, high = stretches.pop()
                stretches[-1] = [min(low, stretches[-1][0]), high]
        else:
            stretches.append([first, event])
    moved = {
        name: column if column.flags.writeable else column.copy() for name, column in trace.columns.items()
    }
    for low, high in stretches:
        place = list(range(low, high + 1))
        for event in range(low, high + 1):
            if event in order:
                place.remove(event)
                place.insert(place.index(order[event]), event)
        for column in moved.values():
            column[low : high + 1] = column[place]
    trace.columns.update(moved)
