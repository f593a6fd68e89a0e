"""A simulated process that tests drive in pages: calls in, errno names, areas and page letters out."""

from __future__ import annotations

from typing import Any

from remaptrace.abi.errnos import ERRNO_NAMES
from remaptrace.abi.outcomes import NAMES
from remaptrace.abi.vmflags import VMFLAG_NAMES
from remaptrace.engine.calls.brk import sys_brk
from remaptrace.engine.calls.madvise import sys_madvise
from remaptrace.engine.calls.mincore import sys_mincore
from remaptrace.engine.calls.mlock import sys_mlock, sys_mlock2, sys_mlockall, sys_munlock, sys_munlockall
from remaptrace.engine.calls.mmap import sys_mmap
from remaptrace.engine.calls.mprotect import sys_mprotect
from remaptrace.engine.calls.mremap import sys_mremap
from remaptrace.engine.calls.mseal import sys_mseal
from remaptrace.engine.calls.msync import sys_msync
from remaptrace.engine.calls.munmap import sys_munmap
from remaptrace.engine.calls.rfp import sys_remap_file_pages
from remaptrace.engine.fds.descriptors import make_file, reopen
from remaptrace.engine.fds.filesizes import sys_add_seals, sys_ftruncate
from remaptrace.engine.look import inspect as look
from remaptrace.engine.run.access import touch
from remaptrace.engine.state import (
    FD_USERS,
    G_MAJFLT,
    G_MINFLT,
    G_NTASKS,
    G_TASKS,
    H_ERROR,
    MM_BRK,
    MM_COUNT,
    MM_DATA,
    MM_LOCKED,
    MM_STACK,
    MM_START_BRK,
    MM_TOTAL,
    P_CAPS,
    P_RLIM,
    T_ALIVE,
    T_FILES,
    T_MM,
    T_PROC,
    T_WORDS,
    kalloc,
)
from remaptrace.engine.tasks.fork import dup_mm
from remaptrace.engine.tasks.process import ALIVE, proc_copy, task_start

from .machines import small_arena

_TASKS = 64
PAGE = 4096
B = 0x2000_0000_0000  # a free place
TASK_SIZE = 0x7FFF_FFFF_F000

R, W, X = 1, 2, 4
RW, RX, RWX = 3, 5, 7
SHARED, PRIVATE, FIXED, ANON = 1, 2, 0x10, 0x20
GROWSDOWN, LOCKED, NORESERVE, POPULATE, STACK = 0x100, 0x2000, 0x4000, 0x8000, 0x20000
NOREPLACE, NONBLOCK, HUGETLB, SYNC = 0x100000, 0x10000, 0x40000, 0x80000
MAYMOVE, REMAP_FIXED, DONTUNMAP = 1, 2, 4

Answer = int | str


def answer(value: int) -> Answer:
    """A system call's value, errors by name."""
    return ERRNO_NAMES[-value] if -4096 < value < 0 else value


class Process:
    """One task on a machine. Addresses are pages relative to B unless a name ends in `_at` (bytes)."""

    def __init__(
        self,
        kernel: str = "linux-6.18",
        arch: str = "x86_64-4l-6.10",
        *,
        of: Process | None = None,
        **rules: Any,
    ) -> None:
        self.m = of.m if of is not None else small_arena(arch, kernel, **rules)
        self.task = kalloc(self.m, T_WORDS)
        self.files = 3 if of is None else of.files
        if of is None:
            task_start(self.m, self.task)
            self.m[self.mm + MM_START_BRK] = self.m[self.mm + MM_BRK] = 0x5555_5555_5000
        else:
            self.m[self.task + T_PROC] = proc_copy(self.m, self.m[of.task + T_PROC])
            self.m[self.task + T_FILES] = self.m[of.task + T_FILES]
            self.m[self.m[self.task + T_FILES] + FD_USERS] += 1
            self.m[self.task + T_MM] = dup_mm(self.m, of.task, self.task)
            self.m[self.task + T_ALIVE] = ALIVE
        self._register()

    def _register(self) -> None:
        """Enter the task in the table of tasks."""
        if self.m[G_TASKS] == 0:
            self.m[G_TASKS] = kalloc(self.m, _TASKS)
        self.m[self.m[G_TASKS] + self.m[G_NTASKS]] = self.task
        self.m[G_NTASKS] += 1

    @property
    def mm(self) -> int:
        return int(self.m[self.task + T_MM])

    # ---- settings

    def limit(self, resource: int, value: int) -> None:
        """Set a soft limit, bytes."""
        self.m[self.m[self.task + T_PROC] + P_RLIM + resource] = value

    def drop_caps(self) -> None:
        self.m[self.m[self.task + T_PROC] + P_CAPS] = 0

    def memfd(self, pages: int, *, fill: bool = True, disk: bool = False) -> int:
        return self.file(pages * PAGE, fill=fill, disk=disk)

    def file(self, size: int, *, fill: bool = True, disk: bool = False) -> int:
        fd = self.files
        self.files += 1
        make_file(self.m, self.task, fd, size, int(fill), int(disk), 0, 0)
        return fd

    def reopen(self, fd: int, mode: int) -> int:
        new = self.files
        self.files += 1
        assert reopen(self.m, self.task, fd, new, mode) == 0
        return new

    def seal(self, fd: int, seals: int) -> Answer:
        return answer(sys_add_seals(self.m, self.task, fd, seals))

    def truncate(self, fd: int, size: int) -> Answer:
        return answer(sys_ftruncate(self.m, self.task, fd, size))

    def fork(self) -> Process:
        return Process(of=self)

    # ---- calls, in pages

    def mmap_at(self, addr: int, length: int, prot: int, flags: int, fd: int = -1, offset: int = 0) -> Answer:
        return answer(sys_mmap(self.m, self.task, addr, length, prot, flags, fd, offset))

    def map(
        self, start: int, end: int, prot: int = RW, flags: int = PRIVATE, fd: int = -1, pgoff: int = 0
    ) -> Answer:
        """MAP_FIXED over pages [start, end); anonymous without a descriptor. 0, or the error."""
        flags |= FIXED | (ANON if fd < 0 else 0)
        got = self.mmap_at(B + start * PAGE, (end - start) * PAGE, prot, flags, fd, pgoff * PAGE)
        return 0 if got == B + start * PAGE else got

    def munmap(self, start: int, end: int) -> Answer:
        return answer(sys_munmap(self.m, self.task, B + start * PAGE, (end - start) * PAGE))

    def munmap_at(self, addr: int, length: int) -> Answer:
        return answer(sys_munmap(self.m, self.task, addr, length))

    def mprotect(self, start: int, end: int, prot: int) -> Answer:
        return answer(sys_mprotect(self.m, self.task, B + start * PAGE, (end - start) * PAGE, prot))

    def mprotect_at(self, addr: int, length: int, prot: int) -> Answer:
        return answer(sys_mprotect(self.m, self.task, addr, length, prot))

    def mremap(self, old: int, old_pages: int, new_pages: int, flags: int = 0, new: int = 0) -> Answer:
        """The new place in pages relative to B, or the error."""
        got = self.mremap_at(B + old * PAGE, old_pages * PAGE, new_pages * PAGE, flags, B + new * PAGE)
        return (got - B) // PAGE if isinstance(got, int) else got

    def mremap_at(self, addr: int, old_length: int, new_length: int, flags: int, new_addr: int) -> Answer:
        return answer(sys_mremap(self.m, self.task, addr, old_length, new_length, flags, new_addr))

    def madvise(self, start: int, end: int, advice: int) -> Answer:
        return self.madvise_at(B + start * PAGE, (end - start) * PAGE, advice)

    def madvise_at(self, addr: int, length: int, advice: int) -> Answer:
        self.m[G_MINFLT] = 0
        return answer(sys_madvise(self.m, self.task, addr, length, advice))

    def mlock(self, start: int, end: int, *, onfault: bool | None = None) -> Answer:
        addr, length = B + start * PAGE, (end - start) * PAGE
        if onfault is None:
            return answer(sys_mlock(self.m, self.task, addr, length))
        return answer(sys_mlock2(self.m, self.task, addr, length, int(onfault)))

    def munlock(self, start: int, end: int) -> Answer:
        return answer(sys_munlock(self.m, self.task, B + start * PAGE, (end - start) * PAGE))

    def mlockall(self, flags: int) -> Answer:
        return answer(sys_mlockall(self.m, self.task, flags))

    def munlockall(self) -> Answer:
        return answer(sys_munlockall(self.m, self.task))

    def mseal(self, start: int, end: int) -> Answer:
        return answer(sys_mseal(self.m, self.task, B + start * PAGE, (end - start) * PAGE, 0))

    def msync(self, start: int, end: int, flags: int) -> Answer:
        return answer(sys_msync(self.m, self.task, B + start * PAGE, (end - start) * PAGE, flags))

    def mincore(self, start: int, end: int) -> Answer:
        return answer(sys_mincore(self.m, self.task, B + start * PAGE, (end - start) * PAGE))

    def brk(self, pages: int) -> bool:
        """Move the break to `pages` pages behind its start; whether it went there."""
        wanted = int(self.m[self.mm + MM_START_BRK]) + pages * PAGE
        return sys_brk(self.m, self.task, wanted) == wanted

    def rfp(self, start: int, pages: int, pgoff: int, flags: int = 0, prot: int = 0) -> Answer:
        return self.rfp_at(B + start * PAGE, pages * PAGE, pgoff, flags, prot)

    def rfp_at(self, addr: int, size: int, pgoff: int, flags: int = 0, prot: int = 0) -> Answer:
        self.m[G_MINFLT] = 0
        return answer(sys_remap_file_pages(self.m, self.task, addr, size, prot, pgoff, flags))

    # ---- accesses

    def touch_at(self, access: int, addr: int) -> str:
        self.m[G_MINFLT] = self.m[G_MAJFLT] = 0
        outcome = NAMES[touch(self.m, self.task, access, addr, -1, 1, 0)]
        return outcome.rpartition("/")[2].removeprefix("SEGV_").removeprefix("BUS_")

    def read(self, page: int) -> str:
        """`ok`, or the signal's code without prefix."""
        return self.touch_at(0, B + page * PAGE)

    def write(self, *pages: int) -> str:
        return [self.touch_at(1, B + page * PAGE) for page in pages][-1]

    def execute(self, page: int) -> str:
        return self.touch_at(2, B + page * PAGE)

    @property
    def faults(self) -> int:
        """Minor faults of the last access, advice or remap_file_pages."""
        return int(self.m[G_MINFLT])

    # ---- looking

    def areas(self) -> list[tuple[int, int]]:
        """Every area as pages [start, end) relative to B, those far away left out."""
        rows = look.vma_rows(self.m, self.mm, [""])
        return [
            ((r.start - B) // PAGE, (r.end - B) // PAGE) for r in rows if 0 <= (r.start - B) // PAGE < 1 << 24
        ]

    def _row(self, page: int) -> Any:
        rows = look.vma_rows(self.m, self.mm, [""])
        return next(r for r in rows if r.start <= B + page * PAGE < r.end)

    def perms(self, page: int) -> str:
        return str(self._row(page).perms)

    def flags(self, page: int) -> set[str]:
        bits = self._row(page).vm_flags
        return {name for bit, name in VMFLAG_NAMES if bits & bit}

    def pages(self, start: int, end: int) -> str:
        return str(look.pages_row(self.m, self.mm, B + start * PAGE, end - start).pages)

    def count(self) -> int:
        return int(self.m[self.mm + MM_COUNT])

    def counters(self) -> dict[str, int]:
        """total_vm and friends, pages."""
        words = {"total": MM_TOTAL, "data": MM_DATA, "stack": MM_STACK, "locked": MM_LOCKED}
        return {name: int(self.m[self.mm + word]) for name, word in words.items()}

    def broken(self) -> int:
        return int(self.m[H_ERROR])
