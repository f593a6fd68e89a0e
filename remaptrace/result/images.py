"""Programs of a recording: every address space by what was executed last in it, with its highest VMA count."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..abi.kinds import K_EXEC, K_EXIT
from .result import Result


def program_peaks(result: Result, names: Mapping[int, str]) -> dict[str, tuple[int, int]]:
    """Name of a program: the most VMAs that a process had while it ran, and the first event behind which it had them.

    A process that executes one program after the other counts for each with what it had then; one that executes none
    in the log has its name of `names`, by pid.
    """
    trace = result.trace
    columns, counts = trace.columns, result.columns["map_count"]
    if not len(trace):
        return {}
    pids = trace.tasks["pid"][columns["task"]]
    order = np.argsort(pids, kind="stable")
    executes = (columns["kind"] == K_EXEC) & (columns["ret"] >= 0)
    begins = executes[order]
    begins[1:] |= pids[order][1:] != pids[order][:-1]
    begins[0] = True
    executing = set(pids[executes].tolist())
    firsts = np.flatnonzero(begins)
    alive = np.where(columns["kind"] == K_EXIT, -1, counts)[order].astype(np.int64)
    found: dict[str, tuple[int, int]] = {}
    highest = np.maximum.reduceat(alive, firsts)
    for first, last, peak in zip(
        firsts.tolist(), [*firsts[1:].tolist(), len(order)], highest.tolist(), strict=True
    ):
        event = int(order[first])
        pid = int(pids[event])
        if executes[event]:
            name = trace.strings[int(columns["a0"][event])].rpartition("/")[2]
        elif pid in executing:
            continue  # a copy of its parent that is about to execute something
        else:
            name = names.get(pid, "")
        if peak >= 0 and peak > found.get(name, (-1, 0))[0]:
            at = first + int(np.argmax(alive[first:last]))
            found[name] = (peak, int(order[at]))
    return found


def compared_by(
    before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]]
) -> tuple[str, str]:
    """The programs to compare two recordings by: the largest of one, if the other has it too, else the largest ones."""
    largest = [max(peaks, key=lambda name: peaks[name][0], default="") for peaks in (before, after)]
    common = [name for name in largest if name and name in before and name in after]
    if common:
        name = max(common, key=lambda n: max(before[n][0], after[n][0]))
        return name, name
    return largest[0], largest[1]
