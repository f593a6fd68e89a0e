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
from .probes import ends, lack_room, probe_all
from .regions import look_at
from .words import (
    P_DONTNEED,
    P_FIND,
    P_GUARDS,
    P_MERGE_ORDER,
    P_PROBES,
    P_RFP_GUARDS,
    W_EVENT,
    W_HELD,
    W_NEED,
    W_OUT,
    W_PASS,
    W_ROOM,
    failed,
    need,
)


@kernel
def _guards(m: Mem, origin: Mem, changed: Mem, ev: Mem, row: int) -> int:
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
    follow(m, ev, row)
    if region != 0:
        mark_pending(m, space_of(m, ev[row + E_TASK]), region)
    return 0


@entry
def rewrite(m: Mem, ev: Mem, origin: Mem, changed: Mem, probes: Mem, base: int, first: int, last: int) -> int:
    """Do the pass m[W_PASS] on rows first..last-1 of `ev` (flat, EV_WORDS a row; row 0 is event `base`); the next row.

    Fewer are done when `origin` and `changed` are full (W_ROOM, W_NEED), or `probes` (W_PROBE_ROOM), or on an error
    (H_ERROR). With `first` == `last` the end of the trace is dealt with: what is held back is written, what is alive is
    probed; 1 if there is no room.
    """
    what = m[W_PASS]
    if first == last:
        while m[W_HELD] != 0:
            flush(m, origin, changed, m[W_HELD])
        return probe_all(m, probes)
    for i in range(first, last):
        row = i * EV_WORDS
        event = base + i
        task = ev[row + E_TASK]
        if m[W_OUT] + need(m, task) > m[W_ROOM]:
            m[W_NEED] = need(m, task)
            return i
        if ev[row + E_KIND] == K_EXIT and failed(ev[row + E_FLAGS], ev[row + E_RET]) == 0:
            if lack_room(m):
                return i
            m[W_EVENT] = event
            ends(m, probes, task, ev[row + E_ARGS + 1])
        m[W_EVENT] = event
        if what == P_FIND:
            if failed(ev[row + E_FLAGS], ev[row + E_RET]) == 0:
                look_at(m, ev, row, space_of(m, task))
            follow(m, ev, row)
        elif what in (P_GUARDS, P_RFP_GUARDS):
            _guards(m, origin, changed, ev, row)
        elif what == P_MERGE_ORDER:
            space = space_of(m, task)
            if hold(m, origin, changed, ev, row, space) == 0:
                release(m, origin, changed, ev, row, space)
                keep(m, origin, event)
            follow(m, ev, row)
        elif what == P_DONTNEED:
            if unmap(m, origin, changed, ev, row, space_of(m, task)) == 0:
                keep(m, origin, event)
                follow(m, ev, row)
        elif what == P_PROBES:
            follow(m, ev, row)
        if m[H_ERROR] != 0:
            return i + 1
    return last
