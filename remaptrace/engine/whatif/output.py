"""The new trace under construction: for each of its rows the event it stands for, and the words of those that are new.

`origin` holds 2 * event, plus 1 for a new row, whose words are the next EV_WORDS of `changed`.
"""

from __future__ import annotations

from ...abi.kinds import EVF_MADE
from ...abi.rows import E_ARGS, E_FLAGS, E_KIND, E_TASK, EV_WORDS
from ..jit import kernel
from ..state import Mem
from .words import W_CHANGED, W_OUT


@kernel
def keep(m: Mem, origin: Mem, event: int) -> int:
    """The event stays as it is."""
    origin[m[W_OUT]] = 2 * event
    m[W_OUT] += 1
    return 0


@kernel
def _new(m: Mem, origin: Mem, event: int) -> int:
    """A new row for `event`: where its words begin."""
    origin[m[W_OUT]] = 2 * event + 1
    m[W_OUT] += 1
    m[W_CHANGED] += 1
    return (m[W_CHANGED] - 1) * EV_WORDS


@kernel
def emit(m: Mem, origin: Mem, changed: Mem, ev: Mem, row: int, event: int) -> int:
    """The event of `ev[row..]` once more, to be changed; where its words begin."""
    at = _new(m, origin, event)
    for i in range(EV_WORDS):
        changed[at + i] = ev[row + i]
    return at


@kernel
def call(
    m: Mem, origin: Mem, changed: Mem, event: int, task: int, kind: int, a0: int, a1: int, a2: int
) -> int:
    """A new call or access that stands for `event`; where its words begin."""
    at = _new(m, origin, event)
    changed[at + E_KIND] = kind
    changed[at + E_TASK] = task
    changed[at + E_ARGS] = a0
    changed[at + E_ARGS + 1] = a1
    changed[at + E_ARGS + 2] = a2
    for i in range(E_ARGS + 3, E_FLAGS):
        changed[at + i] = 0
    changed[at + E_FLAGS] = EVF_MADE
    return at
