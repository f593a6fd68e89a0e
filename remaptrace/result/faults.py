"""Recorded page faults and signals against the outcome of the same access."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..abi import kinds as ev
from ..abi.outcomes import NAMES, OUT_ACCERR, OUT_BUSERR, OUT_KERNELSEGV, OUT_MAPERR, OUT_OK
from ..abi.rows import RSF_DEAD
from ..abi.signals import PF_KIND, PF_PROT, PF_UNKNOWN, PF_UNSURE, PF_USER, SIGBUS, SIGSEGV
from ..trace.events import one_of, rows_where
from .result import Result

if TYPE_CHECKING:
    import numpy.typing as npt


_OUTCOME_OF_CODE = {1: OUT_MAPERR, 2: OUT_ACCERR, 128: OUT_KERNELSEGV}


def compared_faults(
    result: Result, raced: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], Callable[[int], tuple[str, str]]]:
    """Every recorded fault: refused with the signal that follows it, or resolved. Signals without a fault.

    The compared events, without those `raced` for, which of them came out equal, and both sides of one in words.
    """
    columns = result.trace.columns
    kinds = columns["kind"]
    at = rows_where(lambda kind: one_of(kind, (ev.K_FAULT, ev.K_SIGNAL)), kinds)
    at = at[(result.columns["flags"][at] & RSF_DEAD) == 0]
    tasks = columns["task"][at]
    order = np.argsort(tasks, kind="stable")
    at, tasks = at[order], tasks[order]
    is_fault = kinds[at] == ev.K_FAULT
    signo, code = columns["a0"][at], columns["a1"][at]
    expected = np.full(len(at), OUT_OK, dtype=np.int64)
    memory_signal = ~is_fault & (((signo == SIGSEGV) & one_of(code, _OUTCOME_OF_CODE)) | (signo == SIGBUS))
    wanted = np.where(signo == SIGBUS, OUT_BUSERR, OUT_OK)
    for number, outcome in _OUTCOME_OF_CODE.items():
        wanted[(signo == SIGSEGV) & (code == number)] = outcome
    follows = np.zeros(len(at), dtype=bool)  # a signal that the fault before it explains
    follows[1:] = memory_signal[1:] & is_fault[:-1] & (tasks[1:] == tasks[:-1])
    before = np.flatnonzero(follows) - 1
    expected[before] = wanted[before + 1]
    alone = memory_signal & ~follows
    expected[alone] = wanted[alone]
    compared = is_fault | alone
    if len(raced):
        compared &= ~np.isin(at, raced)
    at, expected = at[compared], expected[compared]
    back = np.argsort(at, kind="stable")
    at, expected = at[back], expected[back]
    got = result.columns["outcome"][at].astype(np.int64)
    recorded = np.where(kinds[at] == ev.K_FAULT, columns["a1"][at].astype(np.int64), 0)
    taken = np.where(kinds[at] == ev.K_FAULT, result.columns["value"][at].astype(np.int64), 0)
    kind = recorded & PF_KIND
    told = np.full(len(at), PF_KIND)  # the bits that were recorded
    told[(recorded & PF_UNSURE) != 0] &= ~PF_PROT
    told[(recorded & PF_UNKNOWN) != 0] = PF_USER
    same = np.where(taken < 0, kind == taken, (kind ^ taken) & told == 0)

    def words(i: int) -> tuple[str, str]:
        if expected[i] == got[i]:
            return _fault_text(int(kind[i])), _fault_text(int(taken[i]))
        return NAMES[int(expected[i])], NAMES[int(got[i])]

    return at, (expected == got) & same, words


_RACE_EVENTS = 256  # how far back the other thread's fault may stand


def raced_faults(result: Result) -> npt.NDArray[np.int64]:
    """Events of recorded faults that another thread's fault on the same page, still being handled, caused.

    Two processors may enter the fault for one page before either has mapped it. Here the second is a hit.
    It is a race if the latest event of some other thread of the process is a fault on that page.
    """
    columns = result.trace.columns
    hits = rows_where(lambda kind: one_of(kind, (ev.K_FAULT,)), columns["kind"])
    hits = hits[(result.columns["value"][hits] == -1) & (result.columns["outcome"][hits] == OUT_OK)]
    raced = [i for i in hits.tolist() if _is_raced(result, i)]
    return np.array(raced, dtype=np.int64)


def _is_raced(result: Result, event: int) -> bool:
    columns, tasks = result.trace.columns, result.trace.tasks
    shift = int(result.machine.arch.page_shift)
    mine = int(columns["task"][event])
    page = int(columns["a0"][event]) >> shift
    seen = {mine}
    for other in range(event - 1, max(event - _RACE_EVENTS, 0) - 1, -1):
        task = int(columns["task"][other])
        if task in seen or tasks["pid"][task] != tasks["pid"][mine]:
            continue
        seen.add(task)
        if columns["kind"][other] == ev.K_FAULT and int(columns["a0"][other]) >> shift == page:
            return True
    return False


def race_notes(count: int) -> list[str]:
    """How many recorded faults are not compared because two threads raced for them, in words."""
    return [f"{count} recorded faults were raced for by two threads and are not compared"] if count else []


def _fault_text(code: int) -> str:
    """An x86 page-fault error code in words; -1: the access took no fault."""
    if code < 0:
        return "no fault"
    access = "fetch" if code & 16 else "write" if code & 2 else "read"
    return f"{access} fault on {'a present' if code & 1 else 'an absent'} page"
