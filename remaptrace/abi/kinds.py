"""Kinds of events, and what an event's flags say. Names and arguments: `calls`."""

from __future__ import annotations

# -- memory calls
K_MMAP = 1
K_MUNMAP = 2
K_MPROTECT = 3
K_PKEY_MPROTECT = 4
K_MREMAP = 5
K_BRK = 6
K_MADVISE = 7
K_PROCESS_MADVISE = 8
K_MLOCK = 9
K_MLOCK2 = 10
K_MUNLOCK = 11
K_MLOCKALL = 12
K_MUNLOCKALL = 13
K_MSYNC = 14
K_MINCORE = 15
K_REMAP_FILE_PAGES = 16
K_MSEAL = 17
K_SHMGET = 18
K_SHMAT = 19
K_SHMDT = 20
K_SHMCTL = 21
K_MBIND = 22
K_SET_VMA_NAME = 23
K_USERFAULTFD = 24
K_PKEY_ALLOC = 25
K_PKEY_FREE = 26
K_IO_SETUP = 37
K_IO_DESTROY = 38
K_OLD_MMAP = 27
# -- descriptors and files
K_OPEN = 40
K_CLOSE = 41
K_DUP = 42
K_MEMFD = 43
K_FTRUNCATE = 44
K_FALLOCATE = 45
K_PREAD = 46
K_PWRITE = 47
K_SEAL = 48
K_MAKEFILE = 49
K_REOPEN = 50
K_CLOSE_RANGE = 51
K_KNOWN_FD = 52
K_SETFD = 53
K_SPECIAL_FILE = 59
K_PIDFD = 54
# -- processes
K_FORK = 60
K_EXEC = 61
K_EXIT = 62
K_INIT_VMA = 63
K_INIT_MM = 64
K_FORK_WAIT = 65
K_FORK_STEP = 66
K_MARK = 67
# -- accesses
K_READ = 80
K_WRITE = 81
K_EXECUTE = 82
K_SIGNAL = 83
K_FAULT = 84
# -- settings
K_PERSONALITY = 100
K_SETRLIMIT = 101
K_SETUID = 102
K_SYSCTL = 103
K_PKRU = 105
K_PRCTL = 104
# -- scenario: observation and pressure
K_DUMP = 120
K_PAGES = 121
K_MM = 122
K_SNAPSHOT = 123
K_RECLAIM = 124
K_WRITEBACK = 125
K_HUGEPAGES = 126
K_UNMODELLED = 140
# -- more calls on memory
K_UFFD_API = 160
K_UFFD_REGISTER = 161
K_UFFD_UNREGISTER = 162
K_UFFD_COPY = 163
K_UFFD_ZEROPAGE = 164
K_UFFD_WRITEPROTECT = 165
K_UFFD_CONTINUE = 166
K_UFFD_MOVE = 167
K_UFFD_POISON = 168
K_UFFD_WAKE = 169
K_HOME_NODE = 170
K_SET_MEMPOLICY = 171
K_PROCESS_VM = 172

RETURNS_ANY, RETURNS_ADDRESS, RETURNS_ZERO, RETURNS_BREAK = 0, 1, 2, 3
"""What a call returns besides errors: any number, a page-aligned address, only 0, an address of any byte."""

FILE_REGULAR, FILE_SHMEM, FILE_ZERO, FILE_UNMAPPABLE, FILE_DEVICE, FILE_HUGETLB = 0, 1, 2, 3, 4, 5

EVF_HAS_RET = 1  # `ret` was recorded
EVF_OBSERVE = 2  # stop behind this event: the driver looks at the state
EVF_MADE = 4  # made by a reader (initial maps, assumed forks), not a line of the log
EVF_INJECTED = 8  # the recorder changed the result: the call had no effect
EVF_EXPECT_TRUTH = 16  # Trace.truth has a row for this event
EVF_UNFINISHED = 32  # the call never returned in the log
EVF_IN_KERNEL = 64  # an access made inside a system call
EVF_ASSUMED = 128  # made by a reader without proof: initial areas that nobody recorded
EVF_TAKEN = 256  # refused for a reason that only the recording shows (Trace.taken); kept by rewritten traces

MEMORY_CALLS = range(K_MMAP, K_OPEN)
"""Kinds of the calls on memory."""
ACCESSES = (K_READ, K_WRITE, K_EXECUTE, K_FAULT)
"""Kinds of a program's own accesses; K_SIGNAL says how one before it ended."""
MORE_MEMORY_CALLS = range(K_UFFD_API, K_PROCESS_VM + 1)
"""Kinds of the calls on memory that found no number among MEMORY_CALLS."""
MASK_UNKNOWN = -1
"""`maxnode` of a call whose node mask the log does not show."""
SPLITTING = (K_MUNMAP, K_MPROTECT, K_MADVISE)
"""Calls on a part of an area that leave more areas than before."""
