"""One what-if pass over a trace, the only compiled function of it that Python calls."""

from __future__ import annotations

from ...abi.kinds import K_EXIT, K_MPROTECT, K_PKEY_MPROTECT
from ...abi.rows import E_ARGS, E_FLAGS, E_KIND, E_RET, E_TASK, EV_WORDS
from ..jit import entry, kernel
from ..state import H_ERROR, Mem
from .follow import follow, space_of
from .guards import map_open, mark_pending, opens_later, protect
from .holes import unmap
from .order import flush, hold, release
from .output import keep
from .probes import probe
from .regions import look_at
from .words import (
    P_DONTNEED,
    P_FIND,
    P_GUARDS,
    P_MERGE_ORDER,
    P_PROBES,
    P_RFP_GUARDS,
    S_SEEN,
    W_EVENT,
    W_HELD,
    W_NEED,
    W_NTASKS,
    W_OUT,
    W_PASS,
    W_ROOM,
    W_TASKS,
    failed,
    need,
)


@kernel
def _guards(m: Mem, origin: Mem, changed: Mem, ev: Mem, row: int, extra: int) -> int:
    """One event of the passes for guards."""
    region = 0
    done = 0
    if failed(ev[row + E_FLAGS], ev[row + E_RET]) == 0:
        if ev[row + E_KIND] in (K_MPROTECT, K_PKEY_MPROTECT):
            done = protect(m, origin, changed, ev, row, space_of(m, ev[row + E_TASK]))
        else:
            region = opens_later(m, ev, row)
            if region != 0:
                map_open(m, origin, changed, ev, row, region)
                done = 1
    if done == 0:
        keep(m, origin, m[W_EVENT])
    follow(m, ev, row, extra)
    if region != 0:
        mark_pending(m, space_of(m, ev[row + E_TASK]), region)
    return 0


@kernel
def _probes(m: Mem, origin: Mem, changed: Mem, ev: Mem, row: int, extra: int) -> int:
    """One event of the trace with probes: they stand in front of the end of a process."""
    task = ev[row + E_TASK]
    if (
        ev[row + E_KIND] == K_EXIT
        and ev[row + E_ARGS + 1] != 0
        and failed(ev[row + E_FLAGS], ev[row + E_RET]) == 0
    ):
        probe(m, origin, changed, m[W_EVENT], task, space_of(m, task))
        m[m[W_TASKS] + task] = 0
    follow(m, ev, row, extra)
    keep(m, origin, m[W_EVENT])
    return 0


@kernel
def _end(m: Mem, origin: Mem, changed: Mem) -> int:
    """Behind the last event: what is held back is written, what is alive is probed."""
    while m[W_HELD] != 0:
        flush(m, origin, changed, m[W_HELD])
    if m[W_PASS] == P_PROBES:
        for task in range(m[W_NTASKS]):
            space = m[m[W_TASKS] + task]
            if space != 0 and m[space + S_SEEN] == 0:
                if m[W_OUT] + need(m, task) > m[W_ROOM]:
                    m[W_NEED] = need(m, task)
                    return 1
                m[space + S_SEEN] = 1
                probe(m, origin, changed, m[W_EVENT], task, space)
    return 0


@entry
def rewrite(m: Mem, ev: Mem, extra: Mem, origin: Mem, changed: Mem, first: int, last: int) -> int:
    """Do the pass m[W_PASS] on rows first..last-1 of `ev` (all events, flat, EV_WORDS a row); the next row.

    Fewer are done when `origin` and `changed` are full (W_ROOM, W_NEED), or on an error (H_ERROR). With
    `first` == `last` the end of the trace is dealt with: 1 if there is no room.
    """
    what = m[W_PASS]
    if first == last:
        return _end(m, origin, changed)
    for event in range(first, last):
        row = event * EV_WORDS
        task = ev[row + E_TASK]
        if m[W_OUT] + need(m, task) > m[W_ROOM]:
            m[W_NEED] = need(m, task)
            return event
        m[W_EVENT] = event
        if what == P_FIND:
            if failed(ev[row + E_FLAGS], ev[row + E_RET]) == 0:
                look_at(m, ev, row, space_of(m, task))
            follow(m, ev, row, extra[event])
        elif what in (P_GUARDS, P_RFP_GUARDS):
            _guards(m, origin, changed, ev, row, extra[event])
        elif what == P_MERGE_ORDER:
            space = space_of(m, task)
            if hold(m, origin, changed, ev, row, space) == 0:
                release(m, origin, changed, ev, row, space)
                keep(m, origin, event)
            follow(m, ev, row, extra[event])
        elif what == P_DONTNEED:
            if unmap(m, origin, changed, ev, row, space_of(m, task)) == 0:
                keep(m, origin, event)
                follow(m, ev, row, extra[event])
        elif what == P_PROBES:
            _probes(m, origin, changed, ev, row, extra[event])
        if m[H_ERROR] != 0:
            return event + 1
    return last
