"""The host's side of a guest's trace: the calls of the SKAS0 stub and the accesses that follow.

Two ways to map guest memory: page by page (mmap and munmap, as UML does), or one window over the
whole guest address space whose pages are set by remap_file_pages with MAP_CHGPROT, as the RFP series
meant it. Guest memory is one tmpfs file; guest physical addresses are its offsets.
"""

from __future__ import annotations

from collections import Counter

from ..abi.kinds import (
    K_EXECUTE,
    K_EXIT,
    K_FORK,
    K_MAKEFILE,
    K_MMAP,
    K_MUNMAP,
    K_READ,
    K_REMAP_FILE_PAGES,
    K_WRITE,
)
from ..abi.mman import MAP_FIXED, MAP_NONBLOCK, MAP_PRIVATE, MAP_SHARED, RFP_CHGPROT
from ..abi.signals import PF_FETCH, PF_WRITE
from ..lateclasses import dataclass
from ..trace.events import TraceBuilder
from .flush import UNMAP, Operation

PHYSMEM, STUB = 3, 4  # descriptors of guest memory and of the stub's code
PAGE = 4096


def access_of(code: int) -> int:
    """The access (K_READ, K_WRITE, K_EXECUTE) that ended in a page fault with this error code."""
    return K_EXECUTE if code & PF_FETCH else K_WRITE if code & PF_WRITE else K_READ


@dataclass(frozen=True)
class Stub:
    """The pages of User-mode Linux's own code in each host process.

    `code`, `data`: their addresses, `data_pages`: of the second; `code_prot`, `code_flags`: how the code is mapped;
    `cleared`: the bytes from 0 that a new process unmaps, 0: none; `batch`: operations of one run, 0: not known.
    """

    code: int
    data: int
    data_pages: int = 1
    code_prot: int = 5
    code_flags: int = MAP_PRIVATE
    cleared: int = 0
    batch: int = 0


STUBS = {32: Stub(0xBFFFE000, 0xBFFFF000, batch=113), 64: Stub(0x7FBFFFE000, 0x7FBFFFF000, batch=56)}
"""Of Linux 2.6, by bits of a word: linux-2.6.21 8.4."""


class HostTrace:
    """Builds the events of the host; one host process for each guest address space."""

    def __init__(self, stub: Stub, task_size: int, memory_pages: int, window: bool) -> None:
        self.b = TraceBuilder()
        self.stub = stub
        self.task_size = task_size
        self.memory_pages = memory_pages
        self.window = window
        self.started = False
        self.calls: Counter[str] = Counter()
        self.batches = 0

    def start(self, tid: int, line: int) -> int:
        """The first process: guest memory, the stub's pages, and the window if there is one."""
        self.started = True
        task = self.b.task(tid, tid, f"guest {tid}")
        self._files(task, line)
        self._stub(task, line, code=True)
        self._window(task, line)
        if self.stub.cleared:
            self._clear(task, self.stub.cleared, line)
        return task

    def fresh(self, tid: int, line: int) -> int:
        """The process of a new guest address space that copies none: the stub's pages, everything else unmapped."""
        task = self.b.task(tid, tid, f"guest {tid}")
        self._files(task, line)
        self._stub(task, line, code=True)
        self._clear(task, self.stub.cleared, line)
        return task

    def fork(self, parent: int, tid: int, line: int) -> int:
        """The process of a new guest address space: a clone of the parent's, with a stub data page of its own."""
        task = self.b.task(tid, tid, f"guest {tid}", parent)
        self.b.event(K_FORK, parent, (task, 0), line=line)
        self._stub(task, line, code=False)
        return task

    def exit(self, task: int, line: int) -> None:
        """The guest address space is gone."""
        self.b.event(K_EXIT, task, (0, 1), line=line)

    def _files(self, task: int, line: int) -> None:
        for fd, pages, name in ((PHYSMEM, self.memory_pages, "vm_file"), (STUB, 1, "stub")):
            self.b.event(K_MAKEFILE, task, (fd, pages, 0, 0, self.b.string(name)), line=line)

    def _stub(self, task: int, line: int, code: bool) -> None:
        stub = self.stub
        if code:
            self._mmap(task, stub.code, PAGE, stub.code_prot, stub.code_flags | MAP_FIXED, STUB, 0, line)
        self._mmap(task, stub.data, stub.data_pages * PAGE, 3, MAP_SHARED | MAP_FIXED, PHYSMEM, 0, line)

    def _window(self, task: int, line: int) -> None:
        if self.window:
            self._mmap(task, 0, self.task_size, 0, MAP_SHARED | MAP_FIXED, PHYSMEM, 0, line)

    def _mmap(
        self, task: int, at: int, length: int, prot: int, flags: int, fd: int, offset: int, line: int
    ) -> None:
        self.b.event(K_MMAP, task, (at, length, prot, flags, fd, offset), line=line)

    def clear(self, task: int, line: int) -> None:
        """Take everything from the guest's part of the address space (exec)."""
        if self.window:
            self._window(task, line)
            self.calls["mmap"] += 1
            self.batches += 1
        else:
            self._clear(task, self.task_size, line)

    def _clear(self, task: int, length: int, line: int) -> None:
        self.b.event(K_MUNMAP, task, (0, length), line=line)
        self.calls["munmap"] += 1
        self.batches += 1

    def send(self, task: int, operations: list[Operation], line: int) -> None:
        """The calls of one flush, in batches of the stub."""
        for operation in operations:
            if self.window:
                self._remap(task, operation, line)
            elif operation.prot == UNMAP:
                self.b.event(K_MUNMAP, task, (operation.start, operation.length), line=line)
                self.calls["munmap"] += 1
            else:
                flags = MAP_SHARED | MAP_FIXED
                self._mmap(
                    task,
                    operation.start,
                    operation.length,
                    operation.prot,
                    flags,
                    PHYSMEM,
                    operation.offset,
                    line,
                )
                self.calls["mmap"] += 1
        if self.stub.batch:
            self.batches += -(-len(operations) // self.stub.batch)

    def send_all(self, task: int, operations: list[Operation], line: int) -> None:
        """The calls of a forced flush; in a window one call clears what page-wise unmaps would."""
        if self.window:
            self.clear(task, line)
            operations = [o for o in operations if o.prot >= 0]
        self.send(task, operations, line)

    def _remap(self, task: int, operation: Operation, line: int) -> None:
        args = (
            operation.start,
            operation.length,
            max(operation.prot, 0),
            operation.offset // PAGE,
            RFP_CHGPROT | MAP_NONBLOCK,
        )
        self.b.event(K_REMAP_FILE_PAGES, task, args, line=line)
        self.calls["remap_file_pages"] += 1

    def access(self, task: int, kind: int, addr: int, line: int) -> None:
        """The guest's access, retried on the host."""
        self.b.event(kind, task, (addr, -1, 0, 0), line=line)
