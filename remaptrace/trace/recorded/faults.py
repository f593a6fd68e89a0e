"""Page faults that were recorded beside a text of calls, put between them by their times.

`faults.txt` has a line a fault: time in ns on the clock of the text, process, thread, address and instruction in hex,
and the kind of access: w, r, x, or ? where it was not told. Faults and calls of `remaptrace record` are on one clock,
and a task stands still when its call is written, so their order is the order in which they happened.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...abi.kinds import K_FAULT, K_FORK
from ...abi.signals import PF_FETCH, PF_UNKNOWN, PF_UNSURE, PF_USER, PF_WRITE
from ...errorcodes import RT_TRUTH
from .. import events as ev
from ..insertion import Insert, insert
from .threads import join_threads

_CODES = {
    "r": PF_USER,
    "w": PF_USER | PF_WRITE | PF_UNSURE,
    "x": PF_USER | PF_FETCH,
    "?": PF_USER | PF_UNSURE | PF_UNKNOWN,
}
"""A read or a fetch faults where no page is; a write also where one is that may not be written."""


def add_faults(trace: ev.Trace, data: bytes, name: str) -> None:
    """Insert the faults of a faults.txt. Lines that cannot be read, or of nobody in the trace, are `skipped`."""
    if all(not line or line.startswith(b"#") for line in data.split(b"\n")):
        return
    if "time" not in trace.columns or not len(trace):
        trace.notes.append(
            f"{name}: the log has no times, so its page faults have no place; they were left out"
        )
        return
    trace.sources.append(name)
    source = len(trace.sources) - 1
    times = np.maximum.accumulate(trace.columns["time"])
    rows: list[tuple[int, int, int, int, int, int]] = []  # time, tid, address, instruction, code, line
    groups: dict[int, int] = {}
    for number, line in enumerate(data.decode("latin-1").split("\n"), 1):
        if not line or line.startswith("#"):
            continue
        words = line.split()
        try:
            when, whose, who, addr_, ip_, kind = words
            rows.append((int(when), int(who), int(addr_, 16), int(ip_, 16), _CODES[kind], number))
            groups[int(who)] = int(whose)
        except (ValueError, KeyError):
            trace.skipped.append(
                ev.Skipped(source, number, 1, RT_TRUTH, line[:200], "TIME PID TID ADDRESS IP KIND")
            )
    rows.sort(key=lambda row: row[0])
    times = np.concatenate((np.zeros(_silent_threads(trace, groups), dtype=times.dtype), times))
    lives = _lives(trace)
    inserts: list[Insert] = []
    strangers = unknown = 0
    places = np.searchsorted(times, np.array([row[0] for row in rows], dtype=np.int64), side="right")
    for (_, tid, addr, ip, code, number), place in zip(rows, places.tolist(), strict=True):
        born = [row for event, row in lives.get(tid, []) if event < place]
        if not born:
            strangers += 1
            continue
        unknown += code & PF_UNKNOWN != 0
        inserts.append(
            Insert(place, K_FAULT, born[-1], (addr, code, ip), flags=0, line=number, source=source)
        )
    insert(trace, inserts)
    if unknown:
        trace.notes.append(f"of {len(inserts)} page faults {unknown} do not tell reads from writes")
    if strangers:
        trace.notes.append(
            f"{strangers} page faults are of threads that make no call in the log; they were left out"
        )


def _silent_threads(trace: ev.Trace, groups: Mapping[int, int]) -> int:
    """Put the threads into the trace that only fault, of processes that are in it; how many events that took."""
    known, processes = set(trace.tasks["tid"].tolist()), set(trace.tasks["pid"].tolist())
    silent = {tid: pid for tid, pid in groups.items() if tid not in known and tid != pid and pid in processes}
    silent = {tid: pid for tid, pid in silent.items() if 0 < tid < 1 << 31}
    if not silent:
        return 0
    name = trace.tasks["name"][0]
    new = np.array([(tid, tid, name, -1) for tid in silent], dtype=ev.TASK_DTYPE)
    trace.tasks = np.concatenate((trace.tasks, new))
    before = len(trace)
    join_threads(trace, silent)
    return len(trace) - before


def _lives(trace: ev.Trace) -> dict[int, list[tuple[int, int]]]:
    """For each tid the lives of it: (event of its birth, row), in order. -1: it was there before."""
    kind, a0 = trace.columns["kind"], trace.columns["a0"]
    births = {int(a0[event]): event for event in np.flatnonzero(kind == K_FORK).tolist()}
    out: dict[int, list[tuple[int, int]]] = {}
    for row, tid in enumerate(trace.tasks["tid"].tolist()):
        out.setdefault(tid, []).append((births.get(row, -1), row))
    return {tid: sorted(lives) for tid, lives in out.items()}
