"""A recording as a scenario: what a process had becomes setup, its calls and accesses steps, the rest is named.

Areas that were there (the program, its interpreter, the stack) are mapped first; files are memfds of the size that
is needed; memory lies where it was recorded, so that what the kernel chose then is asked of none. The break counts
from where the asking process has it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from ...abi import kinds as ev
from ...abi import mman as names
from ...abi.calls import ARGUMENTS, KIND_NAMES, RANGE_CALLS
from ...abi.rows import E_ARGS, E_FLAGS, E_KIND, E_RET
from ...abi.vmflags import (
    PERMS_FLAGS_SHIFT,
    PERMS_TOLD,
    VM_DONTCOPY,
    VM_DONTDUMP,
    VM_HUGEPAGE,
    VM_LOCKED,
    VM_LOCKONFAULT,
    VM_MERGEABLE,
    VM_NOHUGEPAGE,
    VM_NORESERVE,
    VM_RAND_READ,
    VM_SEALED,
    VM_SEQ_READ,
    VM_WIPEONFORK,
)
from ...lateclasses import dataclass, field
from ..events import RELOCATION_DTYPE, Trace, TraceBuilder
from ..wording import not_expressible
from .places import Places
from .processes import ends, stretches

_PAGE = 4096
_MASK = (1 << 64) - 1
_MOST_FILES = 250
_CACHED_PAGES = 4096  # larger files are empty: nobody waits for them to be filled
_RANGES = {*RANGE_CALLS, ev.K_MREMAP} - {ev.K_PKEY_MPROTECT, ev.K_MBIND, ev.K_SET_VMA_NAME}
"""Calls on ranges that need nothing else of the recording: no key, no nodes, no name."""
_WHOLE = frozenset((ev.K_MLOCKALL, ev.K_MUNLOCKALL, ev.K_SETRLIMIT))
_ACCESSES = frozenset((ev.K_FAULT, ev.K_READ, ev.K_WRITE, ev.K_EXECUTE))
_SILENT = frozenset((ev.K_MARK, ev.K_EXEC, ev.K_INIT_MM, ev.K_EXIT, ev.K_SIGNAL))
_FIXED, _ANONYMOUS, _HUGETLB = names.MAP_FIXED, names.MAP_ANONYMOUS, names.MAP_HUGETLB
_ADVISED = (
    (VM_SEQ_READ, names.MADV_SEQUENTIAL),
    (VM_RAND_READ, names.MADV_RANDOM),
    (VM_DONTCOPY, names.MADV_DONTFORK),
    (VM_WIPEONFORK, names.MADV_WIPEONFORK),
    (VM_DONTDUMP, names.MADV_DONTDUMP),
    (VM_HUGEPAGE, names.MADV_HUGEPAGE),
    (VM_NOHUGEPAGE, names.MADV_NOHUGEPAGE),
    (VM_MERGEABLE, names.MADV_MERGEABLE),
)
"""Flags of areas that were there, as smaps told them, and the advice that gives them."""
_DESCRIPTORS = frozenset(
    (ev.K_OPEN, ev.K_CLOSE, ev.K_DUP, ev.K_MEMFD, ev.K_FTRUNCATE, ev.K_KNOWN_FD, ev.K_SETFD, ev.K_CLOSE_RANGE)
)


@dataclass(frozen=True)
class Workload:
    """A scenario made of a recording. `notes` say what became of what could not be a step."""

    trace: Trace
    pid: int
    notes: list[str]


def workload(trace: Trace, pid: int | None = None) -> Workload:
    """The scenario of the busiest process of a recording, or of `pid`.

    UsageError (RT503) for a process that is not there, InputError (RT221) where nothing is left to ask.
    """
    return _Maker(trace, pid).make()


@dataclass
class _File:
    """What a descriptor shows: a memfd that stands for a file."""

    key: str
    pages: int = 0
    number: int = 0
    grows: bool = False  # made by memfd_create: its size is set by the calls that were recorded


@dataclass
class _Descriptors:
    """What each descriptor of the process shows, as far as it was recorded."""

    shown: dict[int, _File] = field(default_factory=dict)
    files: dict[str, _File] = field(default_factory=dict)

    def file(self, key: str, *, grows: bool = False) -> _File:
        """The file of that key."""
        return self.files.setdefault(key, _File(key, grows=grows))

    def follow(self, trace: Trace, event: int, row: list[int]) -> None:
        """Take over what a call on descriptors changed."""
        kind, a, ret = row[E_KIND], row[E_ARGS:E_RET], row[E_RET]
        if ret < 0:
            return
        if kind == ev.K_OPEN:
            self.shown[ret] = self.file(trace.strings[a[0]] or f"opened by event {event}")
        elif kind == ev.K_MEMFD:
            self.shown[ret] = self.file(f"memfd of event {event}", grows=True)
        elif kind == ev.K_KNOWN_FD:
            self.shown[a[0]] = self.file(trace.strings[a[1]] or f"descriptor {a[0]}")
        elif kind == ev.K_DUP and a[0] in self.shown:
            self.shown[a[1] if a[1] >= 0 else ret] = self.shown[a[0]]
        elif kind == ev.K_CLOSE:
            self.shown.pop(a[0], None)


class _Maker:
    def __init__(self, trace: Trace, pid: int | None) -> None:
        self.trace = trace
        self.rows: Any = trace.rows(0, len(trace))
        self.stretches = stretches(trace, pid)
        self.pid = self.stretches[-1].pid
        self.out = TraceBuilder()
        self.task = self.out.task(1, 1)
        self.left: Counter[str] = Counter()
        self.descriptors = _Descriptors()
        self.refs: list[tuple[int, int, int, int]] = []
        self.brk: tuple[int, int] | None = None  # recorded: its start and its highest end
        self.sizes: dict[str, int] = {}
        self.places = self._places()

    def make(self) -> Workload:
        """Setup, then every event, then what was counted in words."""
        self._measure()
        if self.brk is not None:
            start = self.places.at(self.brk[0])
            self.out.event(ev.K_INIT_MM, self.task, (start, start, 0, 0, 0), flags=ev.EVF_MADE)
        self._files()
        self.out.event(ev.K_BRK, self.task, (0,))  # step 0 behind the files: where the break is
        self.base = len(self.out.rows) - 1
        for number, stretch in enumerate(self.stretches):
            for event in stretch.events:
                self._event(event, self.rows[event].tolist())
            if number + 1 < len(self.stretches):
                self._fork()
        asked = len(self.out.rows) - self.base - 1
        if not asked:
            raise not_expressible(
                self.trace,
                -1,
                "nothing of this recording can be asked of a kernel",
                "calls on memory, or page faults",
            )
        return Workload(self._trace(), self.pid, self._notes())

    def _trace(self) -> Trace:
        refs = np.array(self.refs, dtype=RELOCATION_DTYPE) if self.refs else None
        return self.out.finish(
            format="scenario",
            name=self.trace.name or "recording",
            recorded=False,
            arch=self.trace.arch,
            kernel=self.trace.kernel,
            about="; ".join([f"process {self.pid} of a recording", *self._notes()]),
            relocations=refs,
        )

    # ---- beforehand

    def _events(self) -> list[list[int]]:
        return [self.rows[event].tolist() for s in self.stretches for event in s.events]

    def _places(self) -> Places:
        """Where everything lies; what of the areas that were there is the kernel's own is left out."""
        areas, skipped, fixed_low = [], [], False
        for row in self._events():
            kind, a, ret = row[E_KIND], [x & _MASK for x in row[E_ARGS:E_RET]], row[E_RET] & _MASK
            if kind == ev.K_INIT_VMA:
                name = self.trace.strings[a[5]]
                if name in ("[vdso]", "[vsyscall]") or name.startswith("[vvar") or a[0] >= 1 << 47:
                    skipped.append((a[0], a[1]))
                else:
                    areas.append((a[0], a[1]))
            elif kind == ev.K_INIT_MM and a[0]:
                self.brk = (a[1], a[1])
            elif kind in (ev.K_MMAP, ev.K_OLD_MMAP) and ret < 1 << 47:
                areas.append((ret, ret + a[1]))
                fixed_low |= bool(a[3] & names.MAP_32BIT)
            elif kind == ev.K_BRK and ret < 1 << 47:
                start, end = self.brk or (ret, ret)
                if not start or start == end:  # the first answer says where it begins
                    start = ret if not a[0] else start or ret
                self.brk = (start, max(end, ret))
        places = Places.of([x for x in areas if not self._on_heap(x[0])], fixed_low=fixed_low)
        places.skipped = skipped
        return places

    def _on_heap(self, address: int) -> bool:
        """Whether the address counts from the break: in the heap, or right behind it."""
        return self.brk is not None and self.brk[0] <= address <= self.brk[1]

    def _measure(self) -> None:
        """How large each file has to be, and which are mapped at all."""
        follow = _Descriptors()
        for stretch in self.stretches:
            for event in stretch.events:
                row = self.rows[event].tolist()
                kind, a = row[E_KIND], row[E_ARGS:E_RET]
                if kind in _DESCRIPTORS:
                    follow.follow(self.trace, event, row)
                elif kind in (ev.K_MMAP, ev.K_OLD_MMAP) and not a[3] & _ANONYMOUS and row[E_RET] >= 0:
                    file = follow.shown.get(a[4]) or follow.file(f"descriptor {a[4]}")
                    self._needs(file.key, (a[5] & _MASK) + (a[1] & _MASK))
                elif (
                    kind == ev.K_INIT_VMA and self.trace.strings[a[4]] and not self.places.skips(a[0] & _MASK)
                ):
                    self._needs(self.trace.strings[a[4]], a[3] + (a[1] & _MASK) - (a[0] & _MASK))

    def _needs(self, key: str, end: int) -> None:
        self.sizes[key] = max(self.sizes.get(key, 0), (end + _PAGE - 1) // _PAGE)

    def _files(self) -> None:
        """A memfd for each file that is mapped."""
        for number, (key, pages) in enumerate(self.sizes.items()):
            if number >= _MOST_FILES:
                self.left["mappings of further files"] += 1
                continue
            file = self.descriptors.file(key, grows=key.startswith("memfd of event"))
            file.number, file.pages = 3 + number, 0 if file.grows else pages
            name = self.out.string(f"f{number}")
            cached = 0 < pages <= _CACHED_PAGES and not file.grows  # as files are that a program maps
            self.out.event(ev.K_MAKEFILE, self.task, (file.number, file.pages, int(cached), 0, name, 1))

    # ---- events

    def _event(self, event: int, row: list[int]) -> None:
        kind = row[E_KIND]
        if row[E_FLAGS] & ev.EVF_UNFINISHED:
            self.left["calls without an answer"] += 1
        elif kind == ev.K_INIT_VMA:
            self._area(row)
        elif kind in _DESCRIPTORS:
            self._descriptor(event, row)
        elif kind in (ev.K_MMAP, ev.K_OLD_MMAP):
            self._mmap(row)
        elif kind == ev.K_BRK:
            self._brk(row)
        elif kind in _RANGES:
            self._range(kind, row)
        elif kind in _WHOLE:
            self._put(kind, row[E_ARGS:E_RET])
        elif kind in _ACCESSES:
            self._access(kind, row)
        elif kind == ev.K_FORK:
            self._child(row)
        elif kind not in _SILENT and not ends(kind):
            self.left[str(KIND_NAMES.get(kind, kind))] += 1

    def _put(
        self, kind: int, args: list[int], addresses: tuple[int, ...] = (), ret: int | None = None
    ) -> None:
        """A step; arguments at the positions `addresses` are recorded addresses. `ret` is what it answered."""
        given = list(args)
        for position in addresses:
            address = given[position] & _MASK
            if self.brk is not None and self._on_heap(address):
                self.refs.append((len(self.out.rows), position, self.base, address - self.brk[0]))
                given[position] = 0
            else:
                given[position] = self.places.at(address)
        self.out.event(kind, self.task, given[: len(ARGUMENTS[kind])], ret)

    def _area(self, row: list[int]) -> None:
        """An area that was there: mapped as it was."""
        start, end = row[E_ARGS] & _MASK, row[E_ARGS + 1] & _MASK
        file, name = (self.trace.strings[row[E_ARGS + n]] for n in (4, 5))
        if self.places.skips(start):
            return
        if name == "[heap]":
            if self.brk is not None:
                self._put(ev.K_BRK, [self.brk[0]], (0,))
            return
        perms = row[E_ARGS + 2]
        flags = _FIXED | names.MAP["shared" if perms & 8 else "private"]
        known = self.descriptors.files.get(file) if file else None
        if known is None or not known.number:
            flags |= _ANONYMOUS
        if name == "[stack]":
            flags |= names.MAP_GROWSDOWN
        told = perms >> PERMS_FLAGS_SHIFT if perms & PERMS_TOLD else 0
        if told & VM_NORESERVE:
            flags |= names.MAP_NORESERVE
        fd, offset = (-1, 0) if flags & _ANONYMOUS or known is None else (known.number, row[E_ARGS + 3])
        self._put(ev.K_MMAP, [start, end - start, perms & 7, flags, fd, offset], (0,))
        for flag, advice in _ADVISED:
            if told & flag:
                self._put(ev.K_MADVISE, [start, end - start, advice], (0,))
        if told & VM_LOCKED:
            how = 1 if told & VM_LOCKONFAULT else 0
            self._put(ev.K_MLOCK2, [start, end - start, how], (0,))
        if told & VM_SEALED:
            self.left["seals from before the recording"] += 1

    def _descriptor(self, event: int, row: list[int]) -> None:
        self.descriptors.follow(self.trace, event, row)
        file = self.descriptors.shown.get(row[E_ARGS])
        if row[E_KIND] == ev.K_FTRUNCATE and file is not None and file.grows and file.number:
            self._put(ev.K_FTRUNCATE, [file.number, row[E_ARGS + 1]])
        else:
            self.left["calls on descriptors"] += 1

    def _mmap(self, row: list[int]) -> None:
        addr, length, prot, flags, fd, offset = row[E_ARGS:E_RET]
        if flags & _HUGETLB:
            self.left["mappings of huge pages"] += 1
            return
        if not flags & _ANONYMOUS:
            shown = self.descriptors.shown.get(fd) or self.descriptors.files.get(f"descriptor {fd}")
            if shown is None or not shown.number:
                self.left["mappings of files that nothing is known of"] += 1
                return
            fd = shown.number
        if row[E_RET] >= 0 or -row[E_RET] > 4095:  # where it was placed
            addr = row[E_RET]
            flags |= 0 if flags & names.MAP_FIXED_NOREPLACE else _FIXED
            flags &= ~names.MAP_32BIT if self.places.low else -1
        ret = self.places.at(addr) if flags & _FIXED and not self._on_heap(addr & _MASK) else None
        self._put(
            ev.K_MMAP, [addr, length, prot, flags, fd, offset], (0,), ret if row[E_RET] == addr else None
        )

    def _brk(self, row: list[int]) -> None:
        if row[E_ARGS]:
            self._put(ev.K_BRK, [row[E_ARGS]], (0,))

    def _range(self, kind: int, row: list[int]) -> None:
        args = row[E_ARGS:E_RET]
        if self.places.skips(args[0] & _MASK):
            self.left["calls on areas of the kernel's own"] += 1
            return
        if kind == ev.K_MREMAP:
            moved = row[E_RET] >= 0 and row[E_RET] != args[0] and not args[3] & names.MREMAP["fixed"]
            if moved:
                args[3] |= names.MREMAP["fixed"] | names.MREMAP["maymove"]
                args[4] = row[E_RET]
            self._put(kind, args, (0, 4) if args[3] & (2 | 4) else (0,))
            return
        self._put(kind, args, (0,), 0 if row[E_RET] == 0 and row[E_FLAGS] & ev.EVF_HAS_RET else None)

    def _access(self, kind: int, row: list[int]) -> None:
        if self.places.skips(row[E_ARGS] & _MASK):
            self.left["accesses to areas of the kernel's own"] += 1
            return
        if kind == ev.K_FAULT:
            code = row[E_ARGS + 1]
            kind = ev.K_EXECUTE if code & 16 else ev.K_WRITE if code & 2 else ev.K_READ
            self._put(kind, [row[E_ARGS], 1 if kind == ev.K_WRITE else 0, 0, 0], (0,))
            return
        self._put(kind, row[E_ARGS:E_RET], (0,))

    def _child(self, row: list[int]) -> None:
        flags = row[E_ARGS + 1]
        if flags & names.CLONE_THREAD:
            self.left["threads, whose steps the process does"] += 1
        elif flags & names.CLONE_VM:
            self.left["children that share the memory (vfork)"] += 1
        else:
            self.left["forks whose child ends at once"] += 1
            self.out.event(ev.K_FORK_WAIT, self.task)

    def _fork(self) -> None:
        """From here on the child: the stretch behind is its own."""
        child = self.out.task(len(self.out.tasks) + 1, len(self.out.tasks) + 1, "", self.task)
        self.out.event(ev.K_FORK_STEP, self.task, (child,))
        self.task = child

    def _notes(self) -> list[str]:
        others = len(set(self.trace.tasks["pid"].tolist())) - len(self.stretches)
        files = min(len(self.sizes), _MOST_FILES)
        notes = [f"files that memfds stand for: {files}"] if files else []
        notes += self.places.words()
        notes += [f"{what}: {count}" for what, count in self.left.most_common()]
        return notes + ([f"other processes, left out: {others}"] if others > 0 else [])
