"""Threads that were there before the recording: the set tells whose they are, the text only their ids."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...abi.kinds import K_FORK
from ...abi.mman import CLONE_FILES, CLONE_THREAD, CLONE_VM
from .. import events as ev
from ..insertion import Insert, insert
from ..strace.model import UNBORN

_FLAGS = CLONE_VM | CLONE_FILES | CLONE_THREAD


def join_threads(trace: ev.Trace, groups: Mapping[int, int]) -> None:
    """Give the tasks of `groups` (tid: process) one address space with their leader, from the first event on."""
    rows = {
        int(task["tid"]): row for row, task in reversed(list(enumerate(trace.tasks))) if task["parent"] < 0
    }
    inserts: list[Insert] = []
    for tid, pid in groups.items():
        row = rows.get(tid)
        if row is None or tid == pid:
            continue
        leader = rows.get(pid)
        if leader is None:
            new = np.array([(pid, pid, trace.tasks["name"][row], -1)], dtype=ev.TASK_DTYPE)
            trace.tasks = np.concatenate((trace.tasks, new))
            leader = rows[pid] = len(trace.tasks) - 1
        trace.tasks["pid"][row], trace.tasks["parent"][row] = pid, leader
        inserts.append(Insert(0, K_FORK, leader, (row, _FLAGS), tid))
    insert(trace, inserts)
    left = trace.tasks[trace.tasks["parent"] < 0]
    if inserts and (left["tid"] == left["pid"]).all() and set(left["pid"].tolist()) <= set(groups.values()):
        trace.notes = [note for note in trace.notes if note != UNBORN]
