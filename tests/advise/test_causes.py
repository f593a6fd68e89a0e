"""No report states a cause that a state does not show: every reason is derived from a log here, word for word."""

from __future__ import annotations

import ast
import inspect

import pytest

from remaptrace.advice import callreasons, causes, shownreasons
from remaptrace.advice.causes import Refusal, refusal_of
from remaptrace.api import check, replay
from remaptrace.engine import why as reasons
from remaptrace.engine.why import TAKEN, WHY_TEXT
from remaptrace.machine.machine import Machine
from remaptrace.report.facts.refusals import refusal_notes
from remaptrace.result.result import Result
from remaptrace.trace.scenario.read import read_scenario
from remaptrace.trace.strace.door import read_strace

from .refusal_logs import ANON, EXEC, FILE, FORBIDDEN, MAPPED, NONE, ONLY, RW, UNTOLD, A, call, memfd, mmap

HOLE = """\
steps:
- mmap: {addr: 0x10000000, length: 8192, prot: rw, flags: [private, anonymous, fixed], fd: -1, offset: 0}
- mprotect: {addr: 0x10000000, length: 16384, prot: r}
  expect: {error: ENOMEM}
"""
HUGE = """\
steps:
- mmap: {addr: 0, length: 2097152, prot: rw, flags: [private, anonymous, hugetlb], fd: -1, offset: 0}
  expect: {error: ENOMEM}
"""
SMALL = {"max_map_count": 3}
LIMIT_LOG = (
    'execve("/bin/a", ["a"], []) = 0\n'
    + mmap(1 << 20, "ok")
    + "".join(f"mprotect({A + 16384 * n:#x}, 4096, PROT_READ) = 0\n" for n in range(1, 4))
    + call(f"mprotect({A + 65536:#x}, 4096, PROT_READ)", "ENOMEM")
)
"""Seven areas of one mapping, and the refusal of a change in the middle of the last."""
SHOWN: list[tuple[str, str, dict[str, object], str]] = [
    ("the map limit", mmap(4096, "ok") + mmap(4096, "ok", "PROT_READ", n=1) + mmap(4096, "ok", n=2)
     + mmap(4096, "ok", "PROT_READ", n=3) + mmap(4096, "ENOMEM", n=4), SMALL, "WHY_MAP_COUNT"),
    ("the map limit, by a second split", LIMIT_LOG, {"max_map_count": 8}, "WHY_MAP_COUNT"),
    ("the map limit, with what execve mapped", LIMIT_LOG, {"max_map_count": 20}, "WHY_LIMIT_MET"),
    ("the map limit, with areas that are not known", LIMIT_LOG, {"max_map_count": 9}, "WHY_LIMIT_MET"),
    ("RLIMIT_AS as the log sets it", "setrlimit(RLIMIT_AS, {rlim_cur=1048576, rlim_max=1048576}) = 0\n"
     + mmap(2 << 20, "ENOMEM"), {}, "WHY_RLIMIT_AS"),
    ("RLIMIT_DATA as the log sets it", "setrlimit(RLIMIT_DATA, {rlim_cur=1048576, rlim_max=1048576}) = 0\n"
     + mmap(2 << 20, "ENOMEM"), {}, "WHY_RLIMIT_DATA"),
    ("RLIMIT_DATA, of memory made writable", "setrlimit(RLIMIT_DATA, {rlim_cur=1048576, rlim_max=1048576}) = 0\n"
     + mmap(2 << 20, "ok", "PROT_READ") + call(f"mprotect({A:#x}, 2097152, {RW})", "ENOMEM"), {}, "WHY_RLIMIT_DATA"),
    ("RLIMIT_MEMLOCK as the log sets it", "setrlimit(RLIMIT_MEMLOCK, {rlim_cur=8192, rlim_max=8192}) = 0\n"
     "setuid(1000) = 0\n" + MAPPED + call(f"mlock({A:#x}, 65536)", "ENOMEM"), {}, "WHY_RLIMIT_MEMLOCK"),
    ("RLIMIT_MEMLOCK as it is by itself", "setuid(1000) = 0\n" + mmap(16 << 20, "ok")
     + call(f"mlock({A:#x}, 16777216)", "ENOMEM"), {}, "WHY_RLIMIT_MEMLOCK"),
    ("mlockall beyond it", "setuid(1000) = 0\n" + mmap(16 << 20, "ok") + call("mlockall(MCL_CURRENT)", "ENOMEM"), {},
     "WHY_RLIMIT_MEMLOCK"),
    ("a request beyond what is free", mmap(64 << 40, "ENOMEM"), {"overcommit_guess": "free"}, "WHY_OVERCOMMIT"),
    ("one request beyond RAM", mmap(64 << 40, "ENOMEM"), {}, "WHY_OVERCOMMIT"),
    ("one request beyond the RAM that was told", mmap(16 << 30, "ENOMEM"), {"ram": "8GiB"}, "WHY_OVERCOMMIT"),
    ("the strict commit limit", mmap(16 << 30, "ENOMEM"), {"ram": "8GiB", "overcommit_memory": 2}, "WHY_OVERCOMMIT"),
    ("no gap", mmap(1 << 47, "ENOMEM", "PROT_NONE", ANON + "|MAP_NORESERVE"), {}, "WHY_NO_GAP"),
    ("mseal", MAPPED + f"mseal({A:#x}, 65536, 0) = 0\n" + call(f"munmap({A:#x}, 65536)", "EPERM"), {}, "WHY_SEALED"),
    ("a hole", HOLE, {}, "WHY_HOLE"),
    ("a file open read-only made writable", ONLY + mmap(65536, "ok", "PROT_READ", "MAP_SHARED", 3)
     + call(f"mprotect({A:#x}, 4096, {RW})", "EACCES"), {}, "WHY_MAY"),
    ("PR_SET_MDWE", "prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) = 0\n"
     + mmap(4096, "EACCES", RW + "|PROT_EXEC"), {}, "WHY_MDWE"),
    ("part of a special area", "io_setup(8, [0x7f0000200000]) = 0\n"
     + call("mremap(0x7f0000200000, 4096, 8192, MREMAP_MAYMOVE)", "EFAULT"), {}, "WHY_SPECIAL"),
    ("no huge page", HUGE, {}, "WHY_HUGE_POOL"),
    ("half a huge page", mmap(4 << 20, "ok", RW, ANON + "|MAP_HUGETLB").replace(f"{A:#x}", "0x7f0000200000")
     + call("munmap(0x7f0000200000, 4096)", "EINVAL"), {"nr_hugepages": 8}, "WHY_HUGE_PAGE"),
    ("RLIMIT_MEMLOCK of 0", "setrlimit(RLIMIT_MEMLOCK, {rlim_cur=0, rlim_max=0}) = 0\nsetuid(1000) = 0\n" + MAPPED
     + call(f"mlock({A:#x}, 4096)", "EPERM"), {}, "WHY_ZERO_MEMLOCK"),
    ("MAP_FIXED_NOREPLACE on what is mapped", MAPPED
     + mmap(4096, "EEXIST", RW, ANON + "|MAP_FIXED_NOREPLACE", addr=f"{A:#x}"), {}, "WHY_OCCUPIED"),
    ("no such descriptor", mmap(4096, "EBADF", "PROT_READ", "MAP_SHARED", 9), {}, "WHY_NO_FD"),
    ("a descriptor open read-only", ONLY + mmap(4096, "EACCES", RW, "MAP_SHARED", 3), {}, "WHY_FD_MODE"),
    ("secret memory, which is on a mount with noexec", "memfd_secret(0) = 3\nftruncate(3, 4096) = 0\n"
     + mmap(4096, "EPERM", "PROT_READ|PROT_EXEC", "MAP_SHARED", 3), {}, "WHY_NOEXEC"),
    ("a directory, which the refusal proves", FILE + mmap(4096, "ENODEV", "PROT_READ", "MAP_PRIVATE", 3), {},
     "WHY_UNMAPPABLE"),
    ("a sealed file", memfd("F_SEAL_WRITE") + mmap(4096, "EPERM", RW, "MAP_SHARED", 3), {}, "WHY_FILE_SEALED"),
    ("a file sealed for the future", memfd("F_SEAL_FUTURE_WRITE") + mmap(4096, "EPERM", RW, "MAP_SHARED", 3), {},
     "WHY_FILE_SEALED"),
    ("below the lowest address", "setuid(1000) = 0\n" + mmap(4096, "EPERM", RW, ANON + "|MAP_FIXED"), {},
     "WHY_LOW_ADDRESS"),
    ("beyond user space", mmap(8192, "ENOMEM", RW, ANON + "|MAP_FIXED", addr="0x7ffffffff000"), {}, "WHY_BEYOND"),
    ("an area above the heap", "brk(NULL) = 0x560000000000\n"
     + mmap(4096, "ok", RW, ANON + "|MAP_FIXED", addr="0x560000002000").replace(f"= {A:#x}", "= 0x560000002000")
     + "brk(0x560000010000) = 0x560000000000\n", {}, "WHY_IN_HEAPS_WAY"),
    ("mremap of nothing", "steps:\n- mremap: {addr: 0x10000000, old_length: 4096, new_length: 8192, flags: [maymove]}\n"
     "  expect: {error: EFAULT}\n", {}, "WHY_NOT_ONE_AREA"),
    ("an area behind that may not move", mmap(8192, "ok") + f"mprotect({A + 4096:#x}, 4096, PROT_READ) = 0\n"
     + call(f"mremap({A:#x}, 4096, 8192, 0)", "ENOMEM"), {}, "WHY_BEHIND"),
]  # fmt: skip
"""Name, log, settings of the machine, the reason that the state shows for the last call."""

BEFORE = "vm.max_map_count was met: 65,529 or 65,530 areas were there that the log does not show"
OPEN: list[tuple[str, str, str, tuple[str, ...]]] = [
    *UNTOLD,
    ("a lock in a filter", MAPPED + call(f"mlock({A:#x}, 4096)", "ENOSYS"), "WHY_FORBIDDEN",
     ("a seccomp filter, as containers have them", "a kernel built without this call")),
    ("locks given back in a filter", MAPPED + call("munlockall()", "EPERM"), "WHY_FORBIDDEN",
     ("a seccomp filter", "a security module (SELinux, AppArmor, Smack)")),
    ("a key where there are none", MAPPED + call("pkey_alloc(0, 0)", "ENOSPC"), "WHY_REFUSED",
     ("a processor or a kernel without protection keys", "every key was taken: x86 has 15")),
    ("a segment that the log does not show", MAPPED + call("shmat(7, NULL, 0)", "ENOMEM"), "WHY_REFUSED",
     ("RLIMIT_AS (ulimit -v), by the size of a segment that the log does not show", "vm.max_map_count was met")),
    ("a policy that would split", MAPPED + call(f"mbind({A:#x}, 4096, MPOL_PREFERRED, [0x0000000000000001], 64, 0)",
     "ENOMEM"), "WHY_LIMIT_MET", (BEFORE,)),
    ("a seal that would split", MAPPED + call(f"mseal({A:#x}, 4096, 0)", "ENOMEM"), "WHY_LIMIT_MET", (BEFORE,)),
    ("mremap of memory from before", f"mremap({A:#x}, 4096, 8192, 0) = -1 ENOMEM (refused)\n", "WHY_NOT_SHOWN",
     ("an area right behind it that the log does not show", "RLIMIT_AS (ulimit -v)",
      "vm.max_map_count, if 65,530 more areas were there than the log shows (--maps brings them)",
      "the commit limit (vm.overcommit_memory)")),
    ("memory that the log never showed", call(f"mprotect({A:#x}, 4096, {RW})", "ENOMEM"), "WHY_NOT_SHOWN",
     ("vm.max_map_count was met", "a part of the range was not mapped",
      "the commit limit, which memory made writable is charged to")),
    ("a lock of such memory", call(f"mlock({A:#x}, 4096)", "ENOMEM"), "WHY_NOT_SHOWN",
     ("a part of the range was not mapped", "RLIMIT_MEMLOCK (ulimit -l)")),
    ("a split with nothing in its way", MAPPED + call(f"mprotect({A:#x}, 4096, PROT_NONE)", "ENOMEM"), "WHY_LIMIT_MET",
     (BEFORE,)),
    ("the same where every area is known", EXEC + MAPPED + call(f"mprotect({A:#x}, 4096, PROT_NONE)", "ENOMEM"),
     "WHY_LIMIT_MET", ("vm.max_map_count, lower than the 65,530 assumed: 1 area and what execve mapped were there",
                       "the kernel itself was short of memory")),
    ("a hole cut into what is not shown", call(f"munmap({A:#x}, 4096)", "ENOMEM"), "WHY_LIMIT_MET",
     ("vm.max_map_count was met: 65,530 or 65,531 areas were there that the log does not show",)),
    ("mmap far from the map limit", EXEC + mmap(4 << 20, "ok") + mmap(8 << 20, "ENOMEM"), "WHY_TAKEN",
     ("RLIMIT_AS (ulimit -v): 4.0 MiB were mapped and 8.0 MiB more asked for",
      "RLIMIT_DATA (ulimit -d): 4.0 MiB of data, 8.0 MiB more",
      "the commit limit (vm.overcommit_memory, vm.overcommit_ratio): 8.0 MiB were to be charged",
      "vm.max_map_count, if it was about 1 and what execve mapped then")),
    ("more was mapped at another time, and is no data",
     mmap(64 << 20, "ok", "PROT_READ") + f"munmap({A:#x}, 67108864) = 0\n"
     + mmap(4 << 20, "ENOMEM"), "WHY_TAKEN",
     ("RLIMIT_DATA (ulimit -d): 4.0 MiB of data were asked for",
      "the commit limit (vm.overcommit_memory, vm.overcommit_ratio): 4.0 MiB were to be charged",
      "RLIMIT_AS, if it was changed: at another time 64.0 MiB were mapped",
      "vm.max_map_count, if 65,530 more areas were there than the log shows (--maps brings them)")),
    ("more was data at another time",
     mmap(64 << 20, "ok") + f"munmap({A:#x}, 67108864) = 0\n" + mmap(4 << 20, "ENOMEM"),
     "WHY_TAKEN",
     ("the commit limit (vm.overcommit_memory, vm.overcommit_ratio): 4.0 MiB were to be charged",
      "RLIMIT_AS, if it was changed: at another time 64.0 MiB were mapped",
      "RLIMIT_DATA, if it was changed: at another time 64.0 MiB were data",
      "vm.max_map_count, if 65,530 more areas were there than the log shows (--maps brings them)")),
    ("a reservation: neither data nor charged", EXEC + mmap(4 << 20, "ENOMEM", "PROT_NONE"), "WHY_TAKEN",
     ("RLIMIT_AS (ulimit -v): 4.0 MiB were asked for",
      "vm.max_map_count, if it was about 0 and what execve mapped then")),
    ("a large request: charged first", EXEC + mmap(4 << 30, "ENOMEM"), "WHY_TAKEN",
     ("the commit limit (vm.overcommit_memory, vm.overcommit_ratio): 4.0 GiB were to be charged",
      "RLIMIT_AS (ulimit -v): 4.0 GiB were asked for",
      "RLIMIT_DATA (ulimit -d): 4.0 GiB of data were asked for",
      "vm.max_map_count, if it was about 0 and what execve mapped then")),
    ("shared memory is charged and is no data", EXEC + mmap(4 << 20, "ENOMEM", RW, "MAP_SHARED|MAP_ANONYMOUS"),
     "WHY_TAKEN",
     ("RLIMIT_AS (ulimit -v): 4.0 MiB were asked for",
      "the commit limit (vm.overcommit_memory, vm.overcommit_ratio): 4.0 MiB were to be charged",
      "vm.max_map_count, if it was about 0 and what execve mapped then")),
    ("memory made writable", EXEC + NONE + call(f"mprotect({A:#x}, 65536, {RW})", "ENOMEM"), "WHY_TAKEN",
     ("the commit limit (vm.overcommit_memory, vm.overcommit_ratio): 64 KiB were to be charged",
      "RLIMIT_DATA (ulimit -d): 64 KiB of data were asked for",
      "vm.max_map_count, if it was about 1 and what execve mapped then")),
    ("a heap that does not grow", "brk(NULL) = 0x560000000000\nbrk(0x560000001000) = 0x560000000000\n", "WHY_TAKEN",
     ("an area above the heap that the log does not show",
      "RLIMIT_AS (ulimit -v): 4 KiB were asked for",
      "RLIMIT_DATA (ulimit -d): 4 KiB of data were asked for",
      "the commit limit (vm.overcommit_memory, vm.overcommit_ratio): 4 KiB were to be charged",
      "vm.max_map_count, if 65,530 more areas were there than the log shows (--maps brings them)")),
    ("a locked heap that does not grow", EXEC + "brk(NULL) = 0x560000000000\n" + MAPPED + f"mlock({A:#x}, 65536) = 0\n"
     "brk(0x560000001000) = 0x560000000000\n", "WHY_TAKEN",
     ("RLIMIT_AS (ulimit -v): 64 KiB were mapped and 4 KiB more asked for",
      "RLIMIT_DATA (ulimit -d): 64 KiB of data, 4 KiB more",
      "the commit limit (vm.overcommit_memory, vm.overcommit_ratio): 4 KiB were to be charged",
      "RLIMIT_MEMLOCK (ulimit -l): 64 KiB were locked and 4 KiB more asked for",
      "vm.max_map_count, if it was about 1 and what execve mapped then")),
    ("a heap that would be locked", EXEC + "brk(NULL) = 0x560000000000\nmlockall(MCL_FUTURE) = 0\n"
     "brk(0x560000001000) = 0x560000000000\n", "WHY_TAKEN",
     ("RLIMIT_MEMLOCK (ulimit -l): 0 KiB were locked and 4 KiB more asked for",
      "RLIMIT_AS (ulimit -v): 4 KiB were asked for",
      "RLIMIT_DATA (ulimit -d): 4 KiB of data were asked for",
      "the commit limit (vm.overcommit_memory, vm.overcommit_ratio): 4 KiB were to be charged",
      "vm.max_map_count, if it was about 0 and what execve mapped then")),
    ("growth that may not move", MAPPED + call(f"mremap({A:#x}, 65536, 131072, 0)", "ENOMEM"), "WHY_TAKEN",
     ("an area right behind it that the log does not show",
      "RLIMIT_AS (ulimit -v): at least 64 KiB were mapped and 64 KiB more asked for",
      "RLIMIT_DATA (ulimit -d): at least 64 KiB of data, 64 KiB more",
      "the commit limit (vm.overcommit_memory, vm.overcommit_ratio): 64 KiB were to be charged",
      "vm.max_map_count, if 65,529 more areas were there than the log shows (--maps brings them)")),
    ("a move that does not grow", MAPPED
     + call(f"mremap({A:#x}, 65536, 65536, MREMAP_MAYMOVE|MREMAP_FIXED, 0x7f0000500000)",
     "ENOMEM"), "WHY_LIMIT_MET", (BEFORE,)),
    ("a search below 2 GiB", EXEC + mmap(1 << 30, "ENOMEM", "PROT_NONE", ANON + "|MAP_32BIT"), "WHY_TAKEN",
     ("no free range of that length below 2 GiB, where the search begins at random",
      "RLIMIT_AS (ulimit -v): 1.0 GiB were asked for",
      "vm.max_map_count, if it was about 0 and what execve mapped then")),
    ("no room among what was not seen", mmap(16 << 40, "ENOMEM", "PROT_NONE"), "WHY_TAKEN",
     ("no free range of 16.0 TiB among areas that the log does not show: a process has 128.0 TiB in all",
      "RLIMIT_AS (ulimit -v): 16.0 TiB were asked for",
      "vm.max_map_count, if 65,530 more areas were there than the log shows (--maps brings them)")),
    ("no room beside a program", EXEC + mmap(40 << 40, "ENOMEM", "PROT_NONE"), "WHY_TAKEN",
     ("RLIMIT_AS (ulimit -v): 40.0 TiB were asked for",
      "no free range of 40.0 TiB among what execve mapped: a process has 128.0 TiB in all",
      "vm.max_map_count, if it was about 0 and what execve mapped then")),
    ("pages of others moved", MAPPED + call(f"mbind({A:#x}, 4096, MPOL_DEFAULT, NULL, 0, MPOL_MF_MOVE_ALL)", "EPERM"),
     "WHY_FORBIDDEN", ("MPOL_MF_MOVE_ALL without CAP_SYS_NICE", "a seccomp filter")),
    ("locked memory", mmap(1 << 20, "EAGAIN", RW, ANON + "|MAP_LOCKED"), "WHY_LOCK_TAKEN",
     ("RLIMIT_MEMLOCK (ulimit -l), without CAP_IPC_LOCK: 1.0 MiB were asked for",)),
    ("locked memory of a log that shows some", MAPPED + f"mlock({A:#x}, 65536) = 0\n"
     + mmap(1 << 20, "EAGAIN", RW, ANON + "|MAP_LOCKED"), "WHY_LOCK_TAKEN",
     ("RLIMIT_MEMLOCK (ulimit -l), without CAP_IPC_LOCK: at least 64 KiB were locked and 1.0 MiB more asked for",)),
    ("locked memory, with what execve mapped", EXEC + "mlockall(MCL_CURRENT) = 0\n"
     + mmap(1 << 20, "EAGAIN", RW, ANON + "|MAP_LOCKED"), "WHY_LOCK_TAKEN",
     ("RLIMIT_MEMLOCK (ulimit -l), without CAP_IPC_LOCK: 1.0 MiB were asked for",)),
    ("mlock of what is mapped", EXEC + MAPPED + call(f"mlock({A:#x}, 65536)", "ENOMEM"), "WHY_LOCK_TAKEN",
     ("RLIMIT_MEMLOCK (ulimit -l), without CAP_IPC_LOCK: 0 KiB were locked and 64 KiB more asked for",
      "vm.max_map_count, if it was about 1 and what execve mapped then")),
    ("mlock of more than is locked", EXEC + MAPPED + f"mlock({A:#x}, 4096) = 0\n"
     + call(f"mlock({A:#x}, 65536)", "ENOMEM"), "WHY_LOCK_TAKEN",
     ("RLIMIT_MEMLOCK (ulimit -l), without CAP_IPC_LOCK: 4 KiB were locked and 64 KiB more asked for",
      "vm.max_map_count, if it was about 2 and what execve mapped then")),
    ("mlockall", EXEC + MAPPED + call("mlockall(MCL_CURRENT)", "ENOMEM"), "WHY_LOCK_TAKEN",
     ("RLIMIT_MEMLOCK (ulimit -l), without CAP_IPC_LOCK: 64 KiB were to be locked",)),
    ("no right to lock", MAPPED + call(f"mlock({A:#x}, 4096)", "EPERM"), "WHY_ZERO_TAKEN",
     ("RLIMIT_MEMLOCK (ulimit -l) is 0, without CAP_IPC_LOCK", "a seccomp filter")),
    ("MAP_FIXED_NOREPLACE where the log shows nothing",
     mmap(4096, "EEXIST", RW, ANON + "|MAP_FIXED_NOREPLACE", addr=f"{A:#x}"), "WHY_OCCUPIED_TAKEN",
     ("MAP_FIXED_NOREPLACE: something is mapped there that the log does not show",)),
    ("a call that a filter knows not", MAPPED + call(f"mprotect({A:#x}, 4096, PROT_NONE)", "ENOSYS"), "WHY_FORBIDDEN",
     ("a seccomp filter, as containers have them", "a kernel built without this call")),
    ("mmap forbidden", mmap(4096, "EPERM"), "WHY_FORBIDDEN", FORBIDDEN[::-1]),
    ("writable and executable, forbidden", mmap(4096, "EPERM", RW + "|PROT_EXEC"), "WHY_FORBIDDEN",
     ("a seccomp filter, such as MemoryDenyWriteExecute= of systemd", FORBIDDEN[0])),
    ("munmap forbidden", MAPPED + call(f"munmap({A:#x}, 4096)", "EPERM"), "WHY_FORBIDDEN",
     (*FORBIDDEN[::-1], "an area sealed by mseal before the log begins")),
    ("a file that may not be shared", FILE + mmap(4096, "EACCES", RW, "MAP_SHARED", 3), "WHY_FORBIDDEN",
     (*FORBIDDEN, "a file with chattr +a")),
    ("memory that may not be made executable", EXEC + MAPPED + call(f"mprotect({A:#x}, 4096, PROT_EXEC)", "EACCES"),
     "WHY_FORBIDDEN", ("a security module (SELinux, AppArmor, Smack) that forbids executable memory", FORBIDDEN[1],
                       "a file on a mount with noexec, if one is mapped there", "prctl(PR_SET_MDWE)")),
    ("the same in a log that begins late", MAPPED + call(f"mprotect({A:#x}, 4096, PROT_EXEC)", "EACCES"),
     "WHY_FORBIDDEN", ("a security module (SELinux, AppArmor, Smack) that forbids executable memory", FORBIDDEN[1],
                       "a file on a mount with noexec, if one is mapped there",
                       "prctl(PR_SET_MDWE) before the log begins")),
    ("memory that may not be made writable", mmap(65536, "ok", "PROT_READ")
     + call(f"mprotect({A:#x}, 4096, {RW})", "EACCES"), "WHY_FORBIDDEN",
     ("a shared mapping of a descriptor that was not open for writing", *FORBIDDEN)),
    ("no samepage merging", MAPPED + call(f"madvise({A:#x}, 4096, MADV_MERGEABLE)", "EINVAL"), "WHY_REFUSED",
     ("a kernel built without CONFIG_KSM",)),
    ("no huge pages", MAPPED + call(f"madvise({A:#x}, 4096, MADV_HUGEPAGE)", "EINVAL"), "WHY_REFUSED",
     ("a kernel built without CONFIG_TRANSPARENT_HUGEPAGE",)),
    ("no huge page there", mmap(4 << 20, "ok", RW, ANON + "|MAP_POPULATE").replace(f"{A:#x}", "0x7f0000200000")
     + call("madvise(0x7f0000200000, 2097152, MADV_COLLAPSE)", "EAGAIN"), "WHY_REFUSED",
     ("no huge page could be made there: not enough pages, or none that may become one",)),
    ("EAGAIN without a lock", mmap(4096, "EAGAIN"), "WHY_REFUSED",
     ("RLIMIT_MEMLOCK (ulimit -l), with an mlockall(MCL_FUTURE) that the log does not show",
      "the file's own mmap method")),
    ("a device that refuses", FILE + mmap(4096, "EINVAL", "PROT_READ", "MAP_PRIVATE", 3), "WHY_REFUSED",
     ("the mmap method of the file or device",)),
    ("pages that refuse", MAPPED + call(f"msync({A:#x}, 4096, MS_INVALIDATE)", "EBUSY"), "WHY_REFUSED",
     ("pages or files of which the log shows nothing", "a kernel of another version or configuration")),
    ("mremap of what the log does not show", EXEC + MAPPED + f"munmap({A:#x}, 65536) = 0\n"
     + call(f"mremap({A:#x}, 4096, 8192, MREMAP_MAYMOVE)", "EFAULT"), "WHY_NOT_SHOWN",
     ("a part of the range was not mapped, or not by one area",
      "a special area, of a device or a ring, that may not grow")),
    ("munmap of what the log does not show", call(f"munmap({A:#x}, 4096)", "EINVAL"), "WHY_NOT_SHOWN",
     ("an area of huge pages, which are unmapped whole only",)),
    ("below the lowest address", mmap(4096, "EPERM", flags=ANON + "|MAP_FIXED", addr="0x1000"), "WHY_FORBIDDEN",
     ("vm.mmap_min_addr, if it was above 4,096: below it only CAP_SYS_RAWIO may map", "a seccomp filter",
      "a security module (SELinux, AppArmor, Smack)")),
    ("growth of a locked area", call(f"mremap({A:#x}, 4096, 8192, MREMAP_MAYMOVE)", "EAGAIN"), "WHY_NOT_SHOWN",
     ("RLIMIT_MEMLOCK (ulimit -l): the area was locked, and would have grown",)),
    ("advice on what the log does not show", call(f"madvise({A:#x}, 4096, MADV_DONTNEED)", "ENOMEM"), "WHY_NOT_SHOWN",
     ("a part of the range was not mapped",)),
    ("no pages for what the log does not show", call(f"madvise({A:#x}, 4096, MADV_POPULATE_READ)", "ENOMEM"),
     "WHY_NOT_SHOWN", ("a part of the range was not mapped", "memory was short, of the machine or of its cgroup")),
    ("EPERM of what the log does not show", call(f"mprotect({A:#x}, 4096, PROT_READ)", "EPERM"), "WHY_NOT_SHOWN",
     (*FORBIDDEN[::-1], "an area sealed by mseal before the log begins")),
    ("no room for a segment", EXEC + call("shmget(IPC_PRIVATE, 4096, IPC_CREAT|0600)", "ENOSPC"), "WHY_REFUSED",
     ("kernel.shmmni segments were there, or kernel.shmall pages of them, of all processes",)),
    ("a segment of another size", EXEC + call("shmget(0x1234, 1073741824, IPC_CREAT|0600)", "EINVAL"), "WHY_REFUSED",
     ("kernel.shmmax is less", "a segment of that key that is smaller")),
    ("a segment that is not there", EXEC + call("shmget(0x1234, 4096, IPC_CREAT|0600)", "ENOENT"), "WHY_REFUSED",
     ("no segment had that key",)),
    ("a segment of others", EXEC + call("shmat(5, NULL, 0)", "EACCES"), "WHY_FORBIDDEN",
     ("the mode of the segment, or its owner", *FORBIDDEN)),
    ("a vector that is not there", MAPPED + call(f"mincore({A:#x}, 4096, 0x10)", "EFAULT"), "WHY_REFUSED",
     ("the vector for the answer was not writable memory",)),
    ("pages that cannot be written back", MAPPED + call(f"msync({A:#x}, 4096, MS_SYNC)", "EIO"), "WHY_REFUSED",
     ("the pages could not be written back to their file",)),
    ("an advice that is newer than the kernel", MAPPED + call(f"madvise({A:#x}, 4096, MADV_GUARD_INSTALL)", "EINVAL"),
     "WHY_REFUSED", ("a kernel older than 6.13, which does not know the advice",
                     "pages or files of which the log shows nothing")),
    ("memory of another process", EXEC + call("process_madvise(7, [{iov_base=0x1000, iov_len=4096}], 1, MADV_COLD, 0)",
                                              "EPERM"), "WHY_FORBIDDEN",
     ("no right to trace the process, or no CAP_SYS_NICE", "a seccomp filter")),
    ("a reservation that may be written", EXEC + mmap(8 << 30, "ENOMEM", RW, ANON + "|MAP_NORESERVE"), "WHY_TAKEN",
     ("RLIMIT_AS (ulimit -v): 8.0 GiB were asked for",
      "RLIMIT_DATA (ulimit -d): 8.0 GiB of data were asked for",
      "the commit limit, if vm.overcommit_memory is 2, which does not heed MAP_NORESERVE: 8.0 GiB",
      "vm.max_map_count, if it was about 0 and what execve mapped then")),
    ("an advice refused with an errno of others", MAPPED + call(f"madvise({A:#x}, 4096, MADV_FREE)", "EAGAIN"),
     "WHY_REFUSED", ("pages or files of which the log shows nothing",
                     "a kernel of another version or configuration")),
    ("pages that could not be had", MAPPED + call(f"mlock({A:#x}, 4096)", "EAGAIN"), "WHY_NOT_PRESENT",
     ("memory was short, of the machine or of its cgroup",)),
]  # fmt: skip
"""Name, log, the reason of the last call, its causes in order."""


def replayed(text: str, settings: dict[str, object] | None = None) -> Result:
    reader = read_scenario if text.startswith("steps:") else read_strace
    return replay(reader(text.encode(), name="log"), Machine.load(overrides=settings or {}))


def last(text: str, settings: dict[str, object] | None = None) -> tuple[Result, int, Refusal]:
    result = replayed(text, settings)
    event = len(result.trace) - 1
    return result, int(result.columns["why"][event]), refusal_of(result, event)


def number(name: str) -> int:
    value: int = getattr(reasons, name)
    return value


@pytest.mark.parametrize(("log", "settings", "name"), [c[1:] for c in SHOWN], ids=[c[0] for c in SHOWN])
def test_a_reason_is_stated_where_the_state_shows_it(
    log: str, settings: dict[str, object], name: str
) -> None:
    result, why, found = last(log, settings)
    assert WHY_TEXT[why] == WHY_TEXT[number(name)]
    assert found.sure and len(found.causes) == 1
    assert not result.trace.recorded or check(result).agrees


@pytest.mark.parametrize(("log", "name", "expected"), [c[1:] for c in OPEN], ids=[c[0] for c in OPEN])
def test_where_only_the_recording_refuses_its_possible_causes_stand_in_order(
    log: str, name: str, expected: tuple[str, ...]
) -> None:
    result, why, found = last(log)
    assert WHY_TEXT[why] == WHY_TEXT[number(name)]
    assert found.causes == expected
    assert found.sure == (len(expected) == 1)
    assert check(result).agrees
    ground = check(result).ground
    assert ground is not None and ground.assumed + ground.guessed > 0
    assert all(cause in refusal_notes(result)[-1] for cause in expected)


def test_every_reason_has_a_log_that_shows_it() -> None:
    shown = {number(c[3]) for c in SHOWN} | {number(c[2]) for c in OPEN}
    stack = reasons.WHY_RLIMIT_STACK  # of faults: tests/kernels asks for it
    assert set(range(1, len(WHY_TEXT))) - shown == {reasons.WHY_ARENA, stack}
    assert {number(c[2]) for c in OPEN} == set(TAKEN) | set(callreasons.BELIEVED)


def test_every_sentence_of_the_causes_is_derived_from_a_log() -> None:
    said = []
    for _, log, settings, _ in SHOWN:
        found = last(log, settings)[2]
        said.append(" | ".join((*found.causes, found.decides, found.notice)))
    for _, log, _, _ in OPEN:
        found = last(log)[2]
        said.append(" | ".join((*found.causes, found.decides, found.notice)))
    everything = "\n".join(said)
    sources = "".join(inspect.getsource(module) for module in (causes, shownreasons, callreasons))
    tree = ast.parse(sources.replace("from __future__", "# "))
    words = {
        node.value
        for function in tree.body
        for node in ast.walk(function)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip()
    }
    docs = {
        ast.get_docstring(node, clean=False)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module))
    }
    docs |= {
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    unsaid = sorted(w for w in words - docs if w not in everything and w not in _WITHOUT_SIZES)
    assert unsaid == []


_WITHOUT_SIZES = (
    *("RLIMIT_AS (ulimit -v)", "RLIMIT_DATA (ulimit -d)", "the commit limit (vm.overcommit_memory)"),
    *(" was met", "not told by the replay", " mapped, ", " more asked for)"),
)
"""Said of replays that do not follow the recording, and so have no sizes of it."""


@pytest.mark.parametrize(
    "log",
    [
        mmap(1 << 30, "ENOMEM", RW, "MAP_SHARED|MAP_ANONYMOUS"),
        mmap(1 << 30, "ok", "PROT_READ") + call(f"mprotect({A:#x}, 1073741824, {RW})", "ENOMEM"),
        mmap(64 << 20, "ok") + call(f"mremap({A:#x}, 67108864, 2147483648, MREMAP_MAYMOVE)", "ENOMEM"),
        mmap(4 << 30, "ENOMEM", RW, ANON + "|MAP_NORESERVE"),
    ],
)
def test_a_commit_limit_that_is_known_is_the_reason_of_whatever_is_charged(log: str) -> None:
    settings: dict[str, object] = {"overcommit_memory": 2, "ram": "480MiB"}
    _, why, found = last(EXEC + log, settings)
    assert WHY_TEXT[why] == WHY_TEXT[reasons.WHY_OVERCOMMIT]
    assert found.sure and "the commit limit 240.0 MiB" in found.causes[0]


def test_a_strict_commit_limit_that_is_near_comes_first_for_others_are_charged_to_it_too() -> None:
    log = EXEC + mmap(192 << 20, "ok") + mmap(32 << 20, "ENOMEM", n=64)
    for ram, limit in (("480MiB", "the commit limit"), ("8GiB", "RLIMIT_AS")):
        _, why, found = last(log, {"overcommit_memory": 2, "ram": ram})
        assert WHY_TEXT[why] == WHY_TEXT[reasons.WHY_TAKEN]
        assert found.causes[0].startswith(limit)
