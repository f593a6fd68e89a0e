"""Calls of 32-bit programs, which recorders number as 64-bit ones.

perf trace and the tracepoints raw_syscalls know the number of a call alone, and name it by the table of 64-bit calls:
mmap2 of an i386 program (192) is shown as lgetxattr, munmap (91) as fchmod. What gives them away is an answer that no
lgetxattr has: the size of an attribute is at most 64 KiB (XATTR_SIZE_MAX), a mapping lies above and on a page.
"""

from __future__ import annotations

import numpy as np

from ..wording import NOT_COUNTED
from .records import (
    OP_ENTER,
    OP_EXIT,
    OP_FORK,
    OP_NEWTASK,
    R_A0,
    R_CALL,
    R_COMM,
    R_OP,
    R_TID,
    KernelText,
    text_of,
)

_MMAP2 = "lgetxattr"
_LARGEST = 1 << 16
"""Bytes of an extended attribute at most."""
_NAMED = 3


def leave_out_32_bit(text: KernelText) -> None:
    """Take the calls of such programs, and of the tasks that they make, out of `text`, with a note."""
    records = text.records
    if text.arch not in (None, "x86_64"):
        return
    calls = [number for number, name in enumerate(text.calls.names) if name == _MMAP2]
    answers = (records[R_OP] == OP_EXIT) & np.isin(records[R_CALL], calls)
    answers &= (records[R_A0] > _LARGEST) & (records[R_A0] < 1 << 32) & (records[R_A0] & 4095 == 0)
    if not answers.any():
        return
    tasks = set(records[R_TID, answers].tolist())
    births = (records[R_OP] == OP_FORK) | (records[R_OP] == OP_NEWTASK)
    for tid, child in zip(records[R_TID, births].tolist(), records[R_A0, births].tolist(), strict=True):
        if tid in tasks:
            tasks.add(child)
    theirs = np.isin(records[R_TID], list(tasks)) & ((records[R_OP] == OP_ENTER) | (records[R_OP] == OP_EXIT))
    names = dict.fromkeys(
        text_of(text.data, span) for span in np.unique(records[R_COMM, answers]).tolist() if span
    )
    shown = ", ".join(list(names)[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    text.records = records[:, ~theirs]
    if text.untold_returns is not None:
        text.untold_returns = text.untold_returns[~theirs]
    count = int((records[R_OP, theirs] == OP_ENTER).sum())
    text.notes.append(
        f"{count} calls of 32-bit programs ({shown or 'unnamed'}) are left out: the recorder names them by numbers"
        " as 64-bit calls (mmap2 as lgetxattr, with an address for its answer);"
        f" whatever they mapped, {NOT_COUNTED} (strace tells their names)"
    )
