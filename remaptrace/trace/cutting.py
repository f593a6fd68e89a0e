"""Parts of a trace: its first events, as a trace of its own; a look at pages behind them."""

from __future__ import annotations

import numpy as np

from ..abi.kinds import EVF_MADE, EVF_OBSERVE, K_PAGES
from ..lateclasses import replace
from .events import Trace


def first_events(trace: Trace, count: int) -> Trace:
    """The first `count` events of `trace`, with what belongs to them; tables are shared, not copied."""
    if count >= len(trace):
        return trace
    truth, relocations = trace.truth, trace.relocations
    return replace(
        trace,
        columns={name: column[:count] for name, column in trace.columns.items()},
        truth=None if truth is None else truth[truth["event"] < count],
        relocations=None if relocations is None else relocations[relocations["event"] < count],
        expects=[e for e in trace.expects if 0 <= e.event < count],
        taken=None if trace.taken is None else trace.taken[:count],
    )


def with_pages(trace: Trace, task: int, addr: int, count: int) -> Trace:
    """`trace` with one more event: task `task` reports the state of `count` pages from `addr` (bytes)."""
    more = {
        "kind": K_PAGES,
        "task": task,
        "a0": addr - (1 << 64) if addr >> 63 else addr,
        "a1": count,
        "flags": EVF_MADE | EVF_OBSERVE,
    }
    columns = {
        name: np.append(column.astype(np.int64, copy=False), more.get(name, 0))
        for name, column in trace.columns.items()
    }
    taken = None if trace.taken is None else np.append(trace.taken, False)
    return replace(trace, columns=columns, taken=taken)
