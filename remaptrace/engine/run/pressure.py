"""Steps of a scenario that put the machine under pressure, and ends that come from the kernel itself."""

from __future__ import annotations

from ...abi.errnos import EBADF
from ...abi.kinds import K_RECLAIM
from ...abi.outcomes import OUT_BUG, OUT_LIVELOCK, OUT_OOM
from ..files.files import fget
from ..jit import kernel
from ..ranges.reclaim import reclaim_all, reclaim_inode, reclaim_range
from ..ranges.writeback import writeback_all, writeback_inode
from ..state import O_INODE, Mem
from ..tasks.process import task_exit


@kernel
def pressure_call(m: Mem, task: int, kind: int, a0: int, a1: int, a2: int) -> int:
    """`reclaim` (a range, a file's pages, everything) and `writeback` (a file, all): 0, or -EBADF."""
    fd = a2 if kind == K_RECLAIM else a0
    inode = 0
    if fd >= 0:
        file = fget(m, task, fd)
        if file == 0:
            return -EBADF
        inode = m[file + O_INODE]
    if kind != K_RECLAIM:
        if inode != 0:
            writeback_inode(m, inode)
        else:
            writeback_all(m)
    elif inode != 0:
        reclaim_inode(m, inode)
    elif a1 > 0:
        reclaim_range(m, task, a0, a0 + a1)
    else:
        reclaim_all(m)
    return 0


@kernel
def stop_after(m: Mem, task: int, outcome: int) -> int:
    """End what cannot go on: an endless refault stops its task, BUG and OOM kill the process."""
    if outcome == OUT_LIVELOCK:
        task_exit(m, task, 0)
    elif outcome in (OUT_BUG, OUT_OOM):
        task_exit(m, task, 1)
    return 0
