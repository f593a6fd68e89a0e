"""How many areas processes have in the course of a replay, see `report.facts.processes`."""

from __future__ import annotations

from .columnwords import number_of
from .jit import Words, entry
from .wide import word

LIFE_COLUMNS = ("task", "map_count", "flags")
_TASK, _COUNT, _FLAGS = range(3)
LIFE_START, LIFE_END, LIFE_PEAK, LIFE_PEAK_AT, LIFE_SEEN, LIFE_BEGUN = 0, 1, 2, 3, 4, 5
"""Words of a process: counts at its start, at its end, at its peak; the first event there; 1 once it has a count, and
once an event tells its start."""
LIFE_WORDS = 6
P_HIGHEST, P_LAST = 0, 1
"""Words of a process in a part of the trace: its highest and its last count, -1: none."""


@entry("int64(int64[:, ::1], int64[::1], int64, int64, int64, int64, int64[:, ::1], int64[:, ::1])")
def count_lives(
    columns: Words, owners: Words, first: int, last: int, least: int, made: int, lives: Words, part: Words
) -> int:
    """Go over the counts of events first..last-1: what they say of the `lives` of processes, and of this `part`.

    `owners` has the number of each task's process. An event tells the start of a process if its count is at least
    `least` and none of its flags is `made`. Gives how many events had a count.
    """
    counted = 0
    for event in range(first, last):
        count = number_of(columns, _COUNT, event)
        if count < 0:
            continue
        counted += 1
        owner = word(owners[number_of(columns, _TASK, event)])
        lives[owner, LIFE_END] = count
        if count > lives[owner, LIFE_PEAK]:
            lives[owner, LIFE_PEAK] = count
            lives[owner, LIFE_PEAK_AT] = event
        part[owner, P_LAST] = count
        if count > part[owner, P_HIGHEST]:
            part[owner, P_HIGHEST] = count
        if lives[owner, LIFE_BEGUN] == 0:
            flags = number_of(columns, _FLAGS, event)
            if flags & made == 0 and count >= least:
                lives[owner, LIFE_START] = count
                lives[owner, LIFE_SEEN] = 1
                lives[owner, LIFE_BEGUN] = 1
            elif lives[owner, LIFE_SEEN] == 0:
                lives[owner, LIFE_START] = count
                lives[owner, LIFE_SEEN] = 1
    return counted
