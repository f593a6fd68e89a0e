"""Which recorded refusals a replay may take, and which limits it may raise because the recording went beyond them.

The machine that recorded takes every refusal that its state does not explain. On another machine, or with other
calls, the question is what it would have answered: only what the machine that recorded took is taken there too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...abi.kinds import EVF_HAS_RET, EVF_INJECTED, K_BRK, K_FAULT, K_SIGNAL
from ...abi.rows import E_ARGS, E_FLAGS, E_KIND, E_RET, E_TASK
from ...abi.signals import SIGBUS, SIGSEGV
from ...machine.limitrules import R_MAX_MAP_COUNT
from ...machine.machine import Machine
from ...machine.own import own_machine
from ...result.result import Result
from ...trace.events import Trace, distinct, occurs, one_of, rows_where
from ..marks import TAKE_ALL, TAKE_MARKED
from ..state import G_PROVED, H_RULES
from ..why import TAKE_CHARGE, TAKE_LIMIT, TAKE_UNSEEN, TAKEN
from .columns import Part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt


_OF_CHARGE = ("ram_pages", "swap_pages", "overcommit_memory", "overcommit_ratio")


def taking(trace: Trace, machine: Machine) -> tuple[int, int]:
    """G_TAKING and G_OWN_LIMIT for a replay of `trace`, which is followed, on `machine`."""
    own = _own(trace)
    values, limits = machine.kernel.values, own.kernel.values
    bits = TAKE_ALL if trace.taken is None and _is_own(trace, machine) else TAKE_MARKED
    if values["max_map_count"] == limits["max_map_count"]:
        bits |= TAKE_LIMIT
    if all(values[name] == limits[name] for name in _OF_CHARGE):
        bits |= TAKE_CHARGE
    if not occurs(trace.columns["kind"], (K_FAULT,)):
        bits |= TAKE_UNSEEN
    return bits, int(limits["max_map_count"])


def mark_taken(trace: Trace, machine: Machine, replay: Callable[[Trace, Machine], Result]) -> None:
    """Set `trace.taken`, if `machine` is not the one that recorded, by a replay on that one."""
    if trace.recorded and trace.taken is None and not _is_own(trace, machine):
        settle(trace, replay)


def settle(trace: Trace, replay: Callable[[Trace, Machine], Result]) -> None:
    """Set `trace.taken`: the events that are refused on the machine that recorded because the recording says so."""
    if not trace.recorded or trace.taken is not None or _rewritten(trace):
        return
    if not len(_refusals(trace)):
        trace.taken = np.zeros(len(trace), dtype=bool)
        return
    trace.taken = one_of(replay(trace, _own(trace)).columns["why"], TAKEN)


class Sizes:
    """What the processes of a recording with refusals had mapped: then, and at most."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.refused = _refusals(trace) if trace.recorded else np.zeros(0, dtype=np.intp)
        self.wanted = len(self.refused) > 0
        self.at_refusals: dict[int, tuple[int, int, int]] = {}
        self.most: dict[int, tuple[int, int]] = {}

    def add(self, base: int, rows: Part) -> None:
        """Take note of results, with counters, that begin with event `base`."""
        if not self.wanted:
            return
        part = slice(base, base + len(rows))
        total, data, locked = (rows.column(name) for name in ("total_vm", "data_vm", "locked_vm"))
        first, last = np.searchsorted(self.refused, [part.start, part.stop]).tolist()
        for event in self.refused[first:last].tolist():
            row = event - base
            self.at_refusals[event] = int(total[row]), int(data[row]), int(locked[row])
        pids = self.trace.tasks["pid"][self.trace.columns["task"][part]]
        for pid in distinct(pids).tolist():
            mine = pids == pid
            before = self.most.get(pid, (0, 0))
            self.most[pid] = (
                max(before[0], int(total[mine].max())),
                max(before[1], int(data[mine].max())),
            )


def proofs(m: Any) -> list[str]:
    """What the recording proved of limits, in words."""
    notes = []
    if m[G_PROVED] & TAKE_LIMIT:
        least = m[H_RULES + R_MAX_MAP_COUNT]
        notes.append(
            f"vm.max_map_count was higher than assumed: recorded calls made about {least:,} areas or more"
        )
    if m[G_PROVED] & TAKE_CHARGE:
        notes.append(
            "recorded calls were granted more memory than this machine would: it had more, or another"
            " vm.overcommit_memory; --set ram=SIZE, overcommit_memory=N"
        )
    return notes


def _refusals(trace: Trace) -> npt.NDArray[np.intp]:
    """Events that the recording shows refused, a break that stays among them."""

    def refused(kind: Any, ret: Any, a0: Any, flags: Any) -> npt.NDArray[np.bool_]:
        found = (ret < 0) & (ret >= -4095) if ret.min() < 0 else np.zeros(len(ret), dtype=np.bool_)
        breaks = np.flatnonzero(kind == K_BRK)
        found[breaks] |= (ret[breaks] >= 0) & (ret[breaks] < a0[breaks])
        return np.asarray(found & ((flags & (EVF_HAS_RET | EVF_INJECTED)) == EVF_HAS_RET))

    return rows_where(refused, *(trace.columns[name] for name in ("kind", "ret", "a0", "flags")))


def _rewritten(trace: Trace) -> bool:
    return "origin" in trace.columns


def _own(trace: Trace) -> Machine:
    return own_machine(trace)


def _is_own(trace: Trace, machine: Machine) -> bool:
    if _rewritten(trace):
        return False
    own = _own(trace)
    return own.arch.name == machine.arch.name and dict(own.kernel.values) == dict(machine.kernel.values)


def mark_resolved_faults(events: npt.NDArray[np.int64]) -> None:
    """Set EVF_HAS_RET on recorded faults that no SIGSEGV or SIGBUS of the same task follows at once.

    The others get the signal's number as their `ret`.
    """
    order = np.argsort(events[:, E_TASK], kind="stable")
    kinds, tasks = events[order, E_KIND], events[order, E_TASK]
    refused = np.zeros(len(order), dtype=bool)
    signal = (kinds == K_SIGNAL) & one_of(events[order, E_ARGS], (SIGSEGV, SIGBUS))
    refused[:-1] = signal[1:] & (tasks[1:] == tasks[:-1])
    faults = kinds == K_FAULT
    events[order[faults & ~refused], E_FLAGS] |= EVF_HAS_RET
    events[order, E_RET] = np.where(faults, 0, events[order, E_RET])
    at = np.flatnonzero(faults & refused)
    events[order[at], E_RET] = events[order[at + 1], E_ARGS]
