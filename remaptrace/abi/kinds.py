"""Kinds of events, the names of their arguments, and what an event's flags say."""

from __future__ import annotations

_NAMES: dict[int, str] = {}
ARGUMENTS: dict[int, tuple[str, ...]] = {}


def _kind(number: int, name: str, *arguments: str) -> int:
    _NAMES[number] = name
    ARGUMENTS[number] = arguments
    return number


# -- memory calls. addr, length and offset in bytes, pgoff in pages, flags as the kernel's numbers.
K_MMAP = _kind(1, "mmap", "addr", "length", "prot", "flags", "fd", "offset")
K_MUNMAP = _kind(2, "munmap", "addr", "length")
K_MPROTECT = _kind(3, "mprotect", "addr", "length", "prot")
K_PKEY_MPROTECT = _kind(4, "pkey_mprotect", "addr", "length", "prot", "pkey")
K_MREMAP = _kind(5, "mremap", "addr", "old_length", "new_length", "flags", "new_addr")
K_BRK = _kind(6, "brk", "addr")  # absolute
K_MADVISE = _kind(7, "madvise", "addr", "length", "advice")
K_PROCESS_MADVISE = _kind(8, "process_madvise", "addr", "length", "advice", "pidfd", "flags", "index")
K_MLOCK = _kind(9, "mlock", "addr", "length")
K_MLOCK2 = _kind(10, "mlock2", "addr", "length", "flags")
K_MUNLOCK = _kind(11, "munlock", "addr", "length")
K_MLOCKALL = _kind(12, "mlockall", "flags")
K_MUNLOCKALL = _kind(13, "munlockall")
K_MSYNC = _kind(14, "msync", "addr", "length", "flags")
K_MINCORE = _kind(15, "mincore", "addr", "length")
K_REMAP_FILE_PAGES = _kind(16, "remap_file_pages", "addr", "size", "prot", "pgoff", "flags")
K_MSEAL = _kind(17, "mseal", "addr", "length", "flags")
K_SHMGET = _kind(18, "shmget", "key", "size", "flags")
K_SHMAT = _kind(19, "shmat", "shmid", "addr", "flags")
K_SHMDT = _kind(20, "shmdt", "addr")
K_SHMCTL = _kind(21, "shmctl", "shmid", "command")
# nodes: the mask's first word; maxnode as given, with MASK_UNKNOWN where the log shows only a pointer
K_MBIND = _kind(22, "mbind", "addr", "length", "mode", "nodes", "maxnode", "flags")
K_SET_VMA_NAME = _kind(23, "prctl_vma_name", "addr", "length", "name")
K_USERFAULTFD = _kind(24, "userfaultfd", "flags", "wanted")
K_PKEY_ALLOC = _kind(25, "pkey_alloc", "flags", "rights")
K_PKEY_FREE = _kind(26, "pkey_free", "pkey")
# ctx: the recorded address of the ring, 0: not shown
K_IO_SETUP = _kind(37, "io_setup", "events", "ctx")
K_IO_DESTROY = _kind(38, "io_destroy", "ctx")
K_OLD_MMAP = _kind(27, "old_mmap", "addr", "length", "prot", "flags", "fd", "offset")
# -- descriptors and files. path is a number in Trace.strings.
K_OPEN = _kind(40, "open", "path", "flags", "type")  # ret: fd. type: FILE_*
K_CLOSE = _kind(41, "close", "fd")
K_DUP = _kind(42, "dup", "fd", "new_fd", "cloexec")  # new_fd -1: the kernel chose, see ret
K_MEMFD = _kind(43, "memfd_create", "name", "flags")
K_FTRUNCATE = _kind(44, "ftruncate", "fd", "length")
K_FALLOCATE = _kind(45, "fallocate", "fd", "mode", "offset", "length")
K_PREAD = _kind(46, "pread", "fd", "offset")  # one byte
K_PWRITE = _kind(47, "pwrite", "fd", "offset", "value")  # one byte
K_SEAL = _kind(48, "seal", "fd", "seals")
K_MAKEFILE = _kind(49, "makefile", "fd", "pages", "fill", "disk", "name", "folio")
K_REOPEN = _kind(50, "reopen", "fd", "new_fd", "mode")  # scenario; mode bit 0 read, bit 1 write
K_CLOSE_RANGE = _kind(51, "close_range", "first", "last", "flags")
K_KNOWN_FD = _kind(52, "known_fd", "fd", "path", "type", "mode")  # the log names the path of a descriptor
K_SETFD = _kind(53, "setfd", "fd", "cloexec")
K_SPECIAL_FILE = _kind(59, "special_file", "fd", "type", "pages", "name")  # scenario; type: see abi.special
K_PIDFD = _kind(54, "pidfd_open", "pid", "flags")  # ret: fd. pid as recorded
# -- processes. child is a row of Trace.tasks.
K_FORK = _kind(60, "fork", "child", "flags")  # flags: CLONE_*; vfork has CLONE_VM|CLONE_VFORK
K_EXEC = _kind(61, "execve", "path", "maps")  # maps: 1 if K_INIT_VMA rows follow
K_EXIT = _kind(62, "exit", "code", "group")  # group 1: the whole process
# vm_perms: 1 r, 2 w, 4 x, 8 shared; file, name: numbers in Trace.strings, 0 none
K_INIT_VMA = _kind(63, "init_vma", "start", "end", "vm_perms", "offset", "file", "name")
# each 0: the machine's own default
K_INIT_MM = _kind(64, "init_mm", "start_brk", "brk", "mmap_base", "stack_ptr", "legacy")
K_FORK_WAIT = _kind(65, "fork_wait")  # scenario: a child is made and exits at once
K_FORK_STEP = _kind(66, "fork_step", "child")  # scenario: the program goes on in the child
K_MARK = _kind(67, "mark", "name")  # no effect: a moment at which a recorder looked (truth, exit maps)
# -- accesses: addr, value (-1: unknown), size in pages for range touches (0 or 1: one access)
K_READ = _kind(80, "read", "addr", "value", "pages", "sp")
K_WRITE = _kind(81, "write", "addr", "value", "pages", "sp")
K_EXECUTE = _kind(82, "exec", "addr", "value", "pages", "sp")
K_SIGNAL = _kind(83, "signal", "signo", "code", "addr")  # recorded; explains the access before it
K_FAULT = _kind(84, "page_fault", "addr", "error_code", "ip")  # recorded user page fault
# -- settings
K_PERSONALITY = _kind(100, "personality", "persona")
K_SETRLIMIT = _kind(101, "setrlimit", "resource", "soft")
K_SETUID = _kind(102, "setuid", "uid")
# rule: R_* number; areas_plus 1: the value is the process's number of areas plus `value`
K_SYSCTL = _kind(103, "sysctl", "rule", "value", "areas_plus")
K_PKRU = _kind(105, "pkru", "value")  # scenario: load the protection-key register; -1: only look
K_PRCTL = _kind(104, "prctl", "option", "arg", "arg3", "arg4", "arg5")
# -- scenario: observation and pressure
K_DUMP = _kind(120, "dump")
K_PAGES = _kind(121, "pages", "addr", "count")
K_MM = _kind(122, "mm")
K_SNAPSHOT = _kind(123, "snapshot", "name")
K_RECLAIM = _kind(124, "reclaim", "addr", "length", "fd")  # length 0 and fd -1: everything
K_WRITEBACK = _kind(125, "writeback", "fd")  # -1: all files
K_HUGEPAGES = _kind(126, "hugepages")  # the pool of huge pages: total, free, reserved, surplus
K_UNMODELLED = _kind(140, "unmodelled", "name")  # a call without effect on memory maps, or unknown
# -- more calls on memory. fd: a userfaultfd; mode and features as the kernel's numbers
K_UFFD_API = _kind(160, "uffdio_api", "fd", "features", "version")
K_UFFD_REGISTER = _kind(161, "uffdio_register", "fd", "addr", "length", "mode")
K_UFFD_UNREGISTER = _kind(162, "uffdio_unregister", "fd", "addr", "length")
K_UFFD_COPY = _kind(163, "uffdio_copy", "fd", "dst", "src", "length", "mode")
K_UFFD_ZEROPAGE = _kind(164, "uffdio_zeropage", "fd", "addr", "length", "mode")
K_UFFD_WRITEPROTECT = _kind(165, "uffdio_writeprotect", "fd", "addr", "length", "mode")
K_UFFD_CONTINUE = _kind(166, "uffdio_continue", "fd", "addr", "length", "mode")
K_UFFD_MOVE = _kind(167, "uffdio_move", "fd", "dst", "src", "length", "mode")
K_UFFD_POISON = _kind(168, "uffdio_poison", "fd", "addr", "length", "mode")
K_UFFD_WAKE = _kind(169, "uffdio_wake", "fd", "addr", "length")
K_HOME_NODE = _kind(170, "set_mempolicy_home_node", "addr", "length", "node", "flags")
K_SET_MEMPOLICY = _kind(171, "set_mempolicy", "mode", "nodes", "maxnode")
# write 1: process_vm_writev, else readv; of the caller's own memory
K_PROCESS_VM = _kind(172, "process_vm", "addr", "length", "write")

KIND_NAMES: dict[int, str] = dict(_NAMES)

FILE_REGULAR, FILE_SHMEM, FILE_ZERO, FILE_UNMAPPABLE, FILE_DEVICE, FILE_HUGETLB = 0, 1, 2, 3, 4, 5

EVF_HAS_RET = 1  # `ret` was recorded
EVF_OBSERVE = 2  # stop behind this event: the driver looks at the state
EVF_MADE = 4  # made by a reader (initial maps, assumed forks), not a line of the log
EVF_INJECTED = 8  # the recorder changed the result: the call had no effect
EVF_EXPECT_TRUTH = 16  # Trace.truth has a row for this event
EVF_UNFINISHED = 32  # the call never returned in the log
EVF_IN_KERNEL = 64  # an access made inside a system call
EVF_ASSUMED = 128  # made by a reader without proof: initial areas that nobody recorded

MEMORY_CALLS = range(K_MMAP, K_OPEN)
"""Kinds of the calls on memory."""
FILE_CALLS = range(K_OPEN, K_FORK)
ACCESSES = (K_READ, K_WRITE, K_EXECUTE, K_FAULT)
"""Kinds of a program's own accesses; K_SIGNAL says how one before it ended."""
MORE_MEMORY_CALLS = range(K_UFFD_API, K_PROCESS_VM + 1)
"""Kinds of the calls on memory that found no number among MEMORY_CALLS."""
MASK_UNKNOWN = -1
"""`maxnode` of a call whose node mask the log does not show."""
SPLITTING = (K_MUNMAP, K_MPROTECT, K_MADVISE)
"""Calls on a part of an area that leave more areas than before."""
