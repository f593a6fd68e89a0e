"""The passes `no-nohugepage` and `no-names`: calls that only set an attribute of areas are left out.

MADV_NOHUGEPAGE and PR_SET_VMA_ANON_NAME change no access, but areas that differ in them do not merge.
"""

from __future__ import annotations

from collections.abc import Callable

from ..abi import kinds as ev
from ..abi import mman as names
from ..trace.events import Trace
from .follow import Row
from .output import Output, Rewritten

_NOHUGEPAGE = names.ADVICE["nohugepage"]


def _without(trace: Trace, rows: list[Row], name: str, what: str, gone: Callable[[Row], bool]) -> Rewritten:
    out = Output(trace, rows)
    for event, row in enumerate(rows):
        if gone(row):
            out.count(f"{what} left out")
        else:
            out.keep(event)
    if not out.counts:
        out.note(f"the log has no {what}: nothing to rewrite")
    return out.finish(name)


def rewrite_no_nohugepage(trace: Trace, rows: list[Row]) -> Rewritten:
    """The trace without MADV_NOHUGEPAGE; `rows` are its events with the results that hold."""
    return _without(
        trace,
        rows,
        "no-nohugepage",
        "calls of MADV_NOHUGEPAGE",
        lambda row: row.kind == ev.K_MADVISE and row.a2 == _NOHUGEPAGE,
    )


def rewrite_no_names(trace: Trace, rows: list[Row]) -> Rewritten:
    """The trace without names of anonymous memory; `rows` are its events with the results that hold."""
    return _without(
        trace,
        rows,
        "no-names",
        "calls of PR_SET_VMA_ANON_NAME",
        lambda row: row.kind == ev.K_SET_VMA_NAME,
    )
