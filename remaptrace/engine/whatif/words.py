"""Words of the arena of what-if passes: its header, address spaces, areas, and what a pass keeps about them.

It is an arena of its own, not a simulated kernel: nothing merges, nothing is refused. An area says for every mapped
byte what was asked for last. Address spaces and areas begin like those of the engine (`engine.state`), so that the
same set of areas holds them.
"""

from __future__ import annotations

from ...abi.kinds import EVF_HAS_RET, EVF_INJECTED, EVF_UNFINISHED
from ..jit import kernel
from ..state import H_GLOB, MM_COUNT, Mem

# -- passes
P_FIND, P_GUARDS, P_RFP_GUARDS, P_MERGE_ORDER, P_DONTNEED, P_PROBES = 1, 2, 3, 4, 5, 6

# -- header
W_PASS = H_GLOB + 0  # P_*
W_EVENT = H_GLOB + 1
W_TASKS = H_GLOB + 2  # table of address spaces by task
W_NTASKS = H_GLOB + 3
W_SPACES = H_GLOB + 4  # list of all address spaces, the oldest first: its first ...
W_LAST_SPACE = H_GLOB + 5  # ... and last
W_HELD = H_GLOB + 6  # the same of those in which calls are held back
W_LAST_HELD = H_GLOB + 7
W_NHELD = H_GLOB + 8  # calls held back in all of them
W_REGIONS = (
    H_GLOB + 9
)  # for each event the region that it began, or REOPENED, 0: neither; kept from P_FIND on
W_GONE = H_GLOB + 10  # for each task 1 if it has ended
W_NREOPENED = H_GLOB + 11
W_SEES_WRITES = H_GLOB + 12  # 1: the trace has accesses
W_OUT = H_GLOB + 13  # rows of the new trace written
W_CHANGED = H_GLOB + 14  # of these, rows that are new
W_ROOM = H_GLOB + 15  # rows that both tables have room for
W_NEED = H_GLOB + 16  # rows that the next event may take
W_AREAS = H_GLOB + 17  # areas of a process that are probed, 0: nothing is
W_PROBED = H_GLOB + 18  # rows of probes written
W_PROBE_ROOM = H_GLOB + 19  # rows of probes that there is room for
W_COUNTS = H_GLOB + 20  # what was done, by C_*

C_SET, C_LIFTED, C_SAVED, C_EMPTIED = 0, 1, 2, 3

# -- address space, behind what the set of areas needs
S_BRK = 9
S_NEXT = 10  # list of all
S_HELD = 11  # words of (start, end, event) triples held back, 0: none
S_HELD_COUNT = 12
S_HELD_ROOM = 13  # triples
S_HELD_TASK = 14
S_HELD_PROT = 15
S_HELD_NEXT = 16
S_HELD_PREV = 17
S_SEEN = 18  # 1: probed at the end
S_USERS = 19  # tasks that have it and have not ended
SPACE_WORDS = 64

# -- area: V_START, V_END, V_NEXT, V_PREV, V_HOME as in engine.state; two cache lines, since nothing merges
A_FLAGS = 2  # of mmap
A_OFFSET = 3  # bytes in the file, or the first address for anonymous memory
A_EMPTIED = 7  # P_DONTNEED: 1 if unmapped by the program, emptied here
A_PROT = 8  # PROT_*
A_TOKEN = 9  # 1: of a file or shared, 0: neither, below 0: a System V segment
A_BORN = 10  # event
# what a pass keeps: P_FIND and those for guards
A_REGION = 11  # 0: none
A_FULL = 12  # P_FIND: 1 if it may hold contents
A_CLOSED = 13  # P_FIND: event that closed it, -1: none
A_SHOWN = 14  # passes for guards: protection of its VMA after rewriting
A_STATE = 15  # M_*
A_WORDS = 16

M_OPEN, M_PENDING, M_MARKED = 0, 1, 2

# -- region: what happens to the memory of one mmap call
R_START = 0
R_END = 1
R_PROTS = 2  # a bit for each PROT_* that allows something
R_LARGEST = 3  # longest range that mprotect closed, bytes
R_OPEN_START = 4  # the first range of memory mapped without access that was opened ...
R_OPEN_END = 5
R_OPEN_PROT = 6  # ... to this, 0: none was
R_TOUCHED = 7  # accessed before that: mapped open, the access would be let in
R_WORDS = 8

REOPENED = 1
"""In place of a region: the call, which begins none, closed pages whose contents were wanted again."""

PAGE_SHIFT = 12
PAGE = 1 << PAGE_SHIFT
MOST = 1 << 61
"""No user space reaches so far; sums of two addresses below it fit a word."""
_NO_EFFECT = EVF_INJECTED | EVF_UNFINISHED


@kernel
def failed(flags: int, ret: int) -> int:
    """1 if the recording says that the call was refused, or had no effect."""
    if flags & _NO_EFFECT:
        return 1
    return 1 if flags & EVF_HAS_RET and -4096 < ret < 0 else 0


@kernel
def had_effect(flags: int) -> int:
    """1 if the call reached the kernel and returned."""
    return 1 if flags & _NO_EFFECT == 0 else 0


@kernel
def page_up(value: int) -> int:
    """`value` bytes rounded up to whole pages; no size is less than 0 or more than any address space."""
    return (max(0, min(value, MOST)) + PAGE - 1) & -PAGE


@kernel
def end_of(start: int, length: int) -> int:
    """The byte behind `length` bytes from `start`, whole pages; `start` where no user space is."""
    if start > MOST:
        return start
    return start + page_up(length)


@kernel
def task_space(m: Mem, task: int) -> int:
    """The address space of `task`, 0: none yet."""
    return m[m[W_TASKS] + task]


@kernel
def need(m: Mem, task: int) -> int:
    """Rows of the new trace that one event of `task` may take at most."""
    space = task_space(m, task)
    areas = m[space + MM_COUNT] if space != 0 else 0
    return 3 * areas + m[W_NHELD] + 64
