"""The passes `no-nohugepage` and `no-names`: calls that only set an attribute of areas are left out.

MADV_NOHUGEPAGE and PR_SET_VMA_ANON_NAME change no access, but areas that differ in them do not merge.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..abi import kinds as ev
from ..abi.mman import ADVICE
from .output import Rewritten, kept
from .rows import Rows


def _without(rows: Rows, gone: npt.NDArray[np.bool_], name: str, what: str) -> Rewritten:
    left_out = int(gone.sum())
    counts = {f"{what} left out": left_out} if left_out else {}
    notes = [] if left_out else [f"the log has no {what}: nothing to rewrite"]
    return kept(rows, np.flatnonzero(~gone), name, counts, notes)


def rewrite_no_nohugepage(rows: Rows) -> Rewritten:
    """The trace without MADV_NOHUGEPAGE; `rows` are its events with the results that hold."""
    columns = rows.told.columns
    gone = (columns["kind"] == ev.K_MADVISE) & (columns["a2"] == ADVICE["nohugepage"])
    return _without(rows, gone, "no-nohugepage", "calls of MADV_NOHUGEPAGE")


def rewrite_no_names(rows: Rows) -> Rewritten:
    """The trace without names of anonymous memory; `rows` are its events with the results that hold."""
    return _without(
        rows, rows.told.columns["kind"] == ev.K_SET_VMA_NAME, "no-names", "calls of PR_SET_VMA_ANON_NAME"
    )
