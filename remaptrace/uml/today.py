"""What a guest of Linux 6.x asks of its host: after each event, the flushes that the guest's kernel makes.

Until 6.10 every flush_tlb_* maps and unmaps at once (`at_once`): a fault flushes its page, a copied page is unmapped in
between (ptep_clear_flush), unmapping and mprotect flush each area from its first changed page to its last
(tlb_end_vma), then the tables that went (tlb_finish_mmu), fork flushes the parent area by area, the child by force.
Since 6.11 they only widen a range, and everything marked in it is told to the host on the way back to user code
(`on_return`). Sources: arch/um/kernel/tlb.c, trap.c, process.c, exec.c, skas/mmu.c of 6.1 and 6.12; mm/mmu_gather.c,
asm-generic/tlb.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..abi.kinds import (
    EVF_IN_KERNEL,
    K_EXEC,
    K_EXECUTE,
    K_FAULT,
    K_FORK,
    K_FORK_STEP,
    K_INIT_MM,
    K_INIT_VMA,
    K_MPROTECT,
    K_MREMAP,
    K_PKEY_MPROTECT,
    K_READ,
    K_WRITE,
)
from ..abi.mman import PROT_EXEC, PROT_READ, PROT_WRITE
from ..abi.vmflags import VM_GROWSDOWN
from ..engine.marks import ALIVE
from ..engine.pages import pgwalk, pte
from ..engine.state import G_NTASKS, G_TASKS, H_RULES, MM_ID, MM_START_BRK, T_ALIVE, T_MM
from ..machine.limitrules import R_FAULT_AROUND
from ..trace.events import Trace
from .flush import UNMAP, Operation
from .hostpages import HostPages
from .hosttrace import PAGE, HostTrace, access_of
from .tables import Area, Change, Tables, by_area, extents, lost, replaced

_RIGHTS = {K_READ: PROT_READ, K_WRITE: PROT_WRITE, K_EXECUTE: PROT_EXEC}
_ACCESSES = frozenset((*_RIGHTS, K_FAULT))


class Space:
    """One guest address space: its tables as marked, its host process, and what that has of it."""

    def __init__(self, span: int, task: int) -> None:
        self.tables = Tables(span)
        self.task = task
        self.host = HostPages()
        self.filled: list[int] = []  # pages that exec writes, not yet told


class Today:
    """Watches a guest's replay and builds the host's trace; called behind every event."""

    def __init__(self, trace: Trace, host: HostTrace, at_once: bool, exec_only: bool) -> None:
        """`at_once`: every flush is a call at once; `exec_only`: the host has protection keys, so that a page mapped
        for execution alone cannot be read.
        """
        columns = trace.columns
        self.kinds, self.rows = columns["kind"].tolist(), columns["task"].tolist()
        self.args = [columns[f"a{i}"].tolist() for i in range(3)]
        self.inside = ((columns["flags"] & EVF_IN_KERNEL) != 0).tolist()
        self.lines = columns["line"].tolist() if "line" in columns else [0] * len(self.kinds)
        self.tids = np.asarray(trace.tasks["tid"]).tolist()
        self.host, self.at_once, self.exec_only = host, at_once, exec_only
        self.spaces: dict[int, Space] = {}  # by MM_ID
        self.owner: dict[int, int] = {}  # guest task row: MM_ID
        self.made: list[tuple[int, int]] = []  # guest event, host events behind it
        self.line = 0

    def __call__(self, m: Any, event: int) -> None:
        self.line = self.lines[event]
        self._event(m, event, self.kinds[event], self.rows[event])
        self.made.append((event, len(self.host.b.rows)))

    def _event(self, m: Any, event: int, kind: int, row: int) -> None:
        before = self.owner.get(row)
        born = self._births(m, row, kind)
        self._deaths(m)
        mm = self._mm(m, row)
        if mm == 0:
            return
        space = self.spaces[m[mm + MM_ID]]
        if kind in (K_INIT_VMA, K_INIT_MM):
            space.filled += [change.page for change in space.tables.look(m, mm)[0]]
            return
        if space.filled:
            self._filled(m, mm, space)
        if kind in _ACCESSES and not born:
            self._access(m, mm, space, event, kind)
            return
        if kind in (K_FORK, K_FORK_STEP) and before is not None:
            self._fork(m, before, born)
            return
        for number, other in self._living(m):
            if number not in born:
                self._changed(m, other, self.spaces[number], event, kind if other == mm else -1)

    # ---- processes -----------------------------------------------------------------------------

    def _mm(self, m: Any, row: int) -> int:
        task = m[m[G_TASKS] + row]
        return int(m[task + T_MM]) if task and m[task + T_ALIVE] == ALIVE else 0

    def _living(self, m: Any) -> Iterator[tuple[int, int]]:
        """(MM_ID, mm) of every address space."""
        seen = set()
        for row in self.owner:
            mm = self._mm(m, row)
            if mm and mm not in seen:
                seen.add(mm)
                yield m[mm + MM_ID], mm

    def _births(self, m: Any, row: int, kind: int) -> set[int]:
        """Give every new guest address space a host process; MM_IDs of the new ones."""
        born: set[int] = set()
        for other in range(m[G_NTASKS]):
            mm = self._mm(m, other)
            if mm == 0 or self.owner.get(other) == m[mm + MM_ID]:
                continue
            number, before = m[mm + MM_ID], self.owner.get(other)
            parent = self.spaces.get(self.owner.get(row, -1))
            self.owner[other] = number
            if number in self.spaces:
                continue
            span = 1 << pgwalk.span_shift(m)
            copied = self.at_once and parent is not None
            tid = self.tids[other]
            if copied and parent is not None:
                task = self.host.fork(parent.task, tid, self.line)
            elif not self.host.started:
                task = self.host.start(tid, self.line)
            else:
                task = self.host.fresh(tid, self.line)
            space = self.spaces[number] = Space(span, task)
            space.tables.look(m, mm)
            if kind == K_EXEC and before is not None and copied:
                self.host.clear(task, self.line)
            born.add(number)
        return born

    def _filled(self, m: Any, mm: int, space: Space) -> None:
        """Pages that execve writes: of the stack, whose protection it changes then; the ends of the program's and of
        the interpreter's data, which it clears (load_elf_binary).
        """
        pages, space.filled = space.filled, []
        if not self.at_once:
            self._everything(m, space)
            return
        stack = {
            page
            for area in space.tables.areas
            if area.flags & VM_GROWSDOWN
            for page in pages
            if area.start <= page < area.end
        }
        own = [page for page in pages if page <= m[mm + MM_START_BRK]]
        program = max(own, default=-1)
        for page in sorted(pages, key=lambda p: (p not in stack, p != program, p)):
            self._send(space, space.tables.flush(m, page, page + PAGE))

    def _deaths(self, m: Any) -> None:
        alive = {row for row in self.owner if self._mm(m, row)}
        for row in [row for row in self.owner if row not in alive]:
            del self.owner[row]
        for number in [n for n in self.spaces if n not in self.owner.values()]:
            self.host.exit(self.spaces.pop(number).task, self.line)

    def _fork(self, m: Any, parent: int, born: set[int]) -> None:
        """dup_mmap flushes the parent's areas; the child, or a thread, is flushed by force before it runs."""
        spaces = dict(self._living(m))
        space = self.spaces[parent]
        if not born:
            if self.at_once:
                self._forced(m, space)
            return
        space.tables.look(m, spaces[parent])
        if self.at_once:
            for area in space.tables.areas:
                self._send(space, space.tables.flush(m, area.start, area.end))
        else:
            self._everything(m, space)
        for number in born:
            child = self.spaces[number]
            if self.at_once:
                child.host = space.host.copy()
                self._forced(m, child)
            else:
                self._everything(m, child)

    def _forced(self, m: Any, space: Space) -> None:
        for operations in space.tables.forced(m):
            self._send(space, operations)

    def _everything(self, m: Any, space: Space) -> None:
        self._send(space, space.tables.flush(m, 0, 1 << 62))

    # ---- accesses ------------------------------------------------------------------------------

    def _access(self, m: Any, mm: int, space: Space, event: int, kind: int) -> None:
        addr = self.args[0][event]
        pages = 1 if kind == K_FAULT else max(self.args[2][event], 1)
        if kind == K_FAULT:
            kind = access_of(self.args[1][event])
        changes: dict[int, Change] = {}
        for at in range(addr, addr + pages * PAGE, PAGE):
            page = at & -PAGE
            if 0 <= page < self.host.task_size:
                changes.update((c.page, c) for c in space.tables.look_at(m, mm, page))
                self._touch(m, space, at, kind, self.inside[event], changes.pop(page, None))

    def _touch(
        self, m: Any, space: Space, at: int, kind: int, in_kernel: bool, change: Change | None
    ) -> None:
        """One access: of user code, which the host lets through or not; of the guest's kernel, which asks its PTEs."""
        page = at & -PAGE
        if in_kernel and change is None:
            return
        if not in_kernel and self._allowed(space, page, kind):
            if change is not None:
                space.tables.unnoticed(m, change)
            self.host.access(space.task, kind, at, self.line)
            return
        space.tables.old.discard(page)
        if self.at_once:
            if change is not None and replaced(m, change):
                self._send(space, [Operation(page, PAGE, UNMAP)])
            self._send(space, space.tables.flush(m, page, page + PAGE))
        else:
            self._send(space, space.tables.flush(m, *self._around(m, space, page, kind)))
        if not in_kernel and self._allowed(space, page, kind):
            self.host.access(space.task, kind, at, self.line)

    def _around(self, m: Any, space: Space, page: int, kind: int) -> tuple[int, int]:
        """The range that one fault sets words in: its page, or those around it of a file (do_fault_around)."""
        area = next((a for a in space.tables.areas if a.start <= page < a.end), None)
        size = m[H_RULES + R_FAULT_AROUND]
        if area is None or area.anonymous or kind == K_WRITE or size <= PAGE:
            return page, page + PAGE
        low = max(page & -size, area.start, page & -space.tables.span)
        return low, min(low + size, area.end, (page & -space.tables.span) + space.tables.span)

    def _allowed(self, space: Space, page: int, kind: int) -> bool:
        prot = space.host.prot(page)
        if prot & PROT_EXEC and not self.exec_only:
            prot |= PROT_READ
        return prot & _RIGHTS[kind] != 0

    # ---- everything else -----------------------------------------------------------------------

    def _changed(self, m: Any, mm: int, space: Space, event: int, kind: int) -> None:
        areas = space.tables.areas
        changes, freed = space.tables.look(m, mm)
        if kind in (K_MPROTECT, K_PKEY_MPROTECT):
            self._protected(m, space, areas, event)
        zapped = [c for c in changes if pte.pte_present(m, c.before) and c.before and lost(m, c)]
        other = [c for c in changes if c.before and c.after and not lost(m, c)]
        if not self.at_once:
            if changes or freed:
                self._marked_range(m, space, changes, freed)
            return
        groups = extents(zapped, space.tables.span) if kind == K_MREMAP else by_area(areas, zapped + other)
        for group in groups:
            pages = [c.page for c in group]
            gone = {c.page for c in group if lost(m, c)}
            present = {p for p in gone if space.tables.word(p)}  # mapped anew by the same call
            space.tables.marked -= present
            self._send(space, space.tables.flush(m, min(pages), max(pages) + PAGE, gone))
            space.tables.marked |= present
        if freed:
            starts = [span for _, span in freed]
            self._send(space, space.tables.flush(m, min(starts), max(starts) + PAGE))

    def _marked_range(
        self, m: Any, space: Space, changes: list[Change], freed: list[tuple[int, int]]
    ) -> None:
        """Everything that the event set or cleared, told on return."""
        pages = [c.page for c in changes] + [span for _, span in freed]
        self._send(space, space.tables.flush(m, min(pages), max(pages) + PAGE))

    def _protected(self, m: Any, space: Space, areas: tuple[Area, ...], event: int) -> None:
        """mprotect stores every present word of the areas whose flags change, also an equal one."""
        start = self.args[0][event]
        end = start + (self.args[1][event] + PAGE - 1 & -PAGE)
        now = space.tables.areas
        for area in areas:
            low, high = max(area.start, start), min(area.end, end)
            if low >= high:
                continue
            behind = next((a for a in now if a.start <= low < a.end), None)
            if behind is None or behind.flags == area.flags:
                continue
            present = [p for p in range(low, high, PAGE) if self._present(m, space, p)]
            space.tables.marked.update(present)
            if present and self.at_once:
                self._send(space, space.tables.flush(m, present[0], present[-1] + PAGE))
        if not self.at_once and space.tables.marked:
            self._everything(m, space)

    def _present(self, m: Any, space: Space, page: int) -> bool:
        word = space.tables.word(page)
        return word != 0 and bool(pte.pte_present(m, word))

    def _send(self, space: Space, operations: list[Operation]) -> None:
        for operation in operations:
            space.host.apply(operation)
        self.host.send(space.task, operations, self.line)
