"""The passes `no-nohugepage` and `no-names`: calls that only set an attribute of areas are left out.

MADV_NOHUGEPAGE and PR_SET_VMA_ANON_NAME change no access, but areas that differ in them do not merge.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..abi import kinds as ev
from ..abi.mman import ADVICE
from ..trace.events import COLUMNS
from .output import Rewritten, finished
from .rows import Rows

_NONE: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
_NO_WORDS: npt.NDArray[np.int64] = np.zeros((0, len(COLUMNS)), dtype=np.int64)


def _without(rows: Rows, gone: npt.NDArray[np.bool_], name: str, what: str) -> Rewritten:
    left_out = int(gone.sum())
    counts = {f"{what} left out": left_out} if left_out else {}
    notes = [] if left_out else [f"the log has no {what}: nothing to rewrite"]
    return finished(rows, np.flatnonzero(~gone), _NONE, _NO_WORDS, name, counts, notes)


def rewrite_no_nohugepage(rows: Rows) -> Rewritten:
    """The trace without MADV_NOHUGEPAGE; `rows` are its events with the results that hold."""
    table = rows.table
    gone = (table[:, 0] == ev.K_MADVISE) & (table[:, 4] == ADVICE["nohugepage"])
    return _without(rows, gone, "no-nohugepage", "calls of MADV_NOHUGEPAGE")


def rewrite_no_names(rows: Rows) -> Rewritten:
    """The trace without names of anonymous memory; `rows` are its events with the results that hold."""
    return _without(rows, rows.table[:, 0] == ev.K_SET_VMA_NAME, "no-names", "calls of PR_SET_VMA_ANON_NAME")
