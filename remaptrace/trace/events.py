"""The event table: what happened, whichever format it was read from.

`Trace` is columnar. Integer columns have one row an event and may have any integer dtype (the
narrowest that fits is welcome); the replay widens them to int64 a chunk at a time.

| column | meaning |
| --- | --- |
| kind | one of the K_* below |
| task | row of `tasks` |
| a0..a5 | arguments, see ARGUMENTS; 64-bit values as signed words |
| ret | recorded result; -4095..-1 is -errno; valid if flags has EVF_HAS_RET |
| flags | EVF_* bits |
| line | source line, counted from 1; 0: none (made by a reader) |
| time | nanoseconds; present only if the source has times |
| source | row of `sources` (which file), all zero for one file |
| origin | of a rewritten trace only: the event before rewriting that this one stands for |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer[Any]]

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
K_MBIND = _kind(22, "mbind", "addr", "length", "mode", "nodes")
K_SET_VMA_NAME = _kind(23, "prctl_vma_name", "addr", "length", "name")
K_USERFAULTFD = _kind(24, "userfaultfd", "flags")
K_PKEY_ALLOC = _kind(25, "pkey_alloc", "flags", "rights")
K_PKEY_FREE = _kind(26, "pkey_free", "pkey")
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
K_PRCTL = _kind(104, "prctl", "option", "arg")
# -- scenario: observation and pressure
K_DUMP = _kind(120, "dump")
K_PAGES = _kind(121, "pages", "addr", "count")
K_MM = _kind(122, "mm")
K_SNAPSHOT = _kind(123, "snapshot", "name")
K_RECLAIM = _kind(124, "reclaim", "addr", "length", "fd")  # length 0 and fd -1: everything
K_WRITEBACK = _kind(125, "writeback", "fd")  # -1: all files
K_UNMODELLED = _kind(140, "unmodelled", "name")  # a call without effect on memory maps, or unknown

KIND_NAMES: dict[int, str] = dict(_NAMES)

FILE_REGULAR, FILE_SHMEM, FILE_ZERO, FILE_UNMAPPABLE, FILE_DEVICE = 0, 1, 2, 3, 4

EVF_HAS_RET = 1  # `ret` was recorded
EVF_OBSERVE = 2  # stop behind this event: the driver looks at the state
EVF_MADE = 4  # made by a reader (initial maps, assumed forks), not a line of the log
EVF_INJECTED = 8  # the recorder changed the result: the call had no effect
EVF_EXPECT_TRUTH = 16  # Trace.truth has a row for this event
EVF_UNFINISHED = 32  # the call never returned in the log
EVF_IN_KERNEL = 64  # an access made inside a system call
EVF_ASSUMED = 128  # made by a reader without proof: initial areas that nobody recorded


@dataclass(frozen=True)
class Skipped:
    """A line that could not be read: where, the stable code, the text, what was expected."""

    source: int
    line: int
    column: int
    code: str
    found: str
    expected: str


@dataclass(frozen=True)
class MapsRow:
    """One line of a /proc/PID/maps file. Addresses and offset in bytes."""

    start: int
    end: int
    perms: str
    offset: int
    dev: str
    inode: int
    name: str


@dataclass(frozen=True)
class MapsFile:
    """A recorded /proc/PID/maps: of which task, at which moment."""

    path: str
    tid: int
    moment: str  # "exec1", "exit", "peak", "start", ...
    rows: tuple[MapsRow, ...]
    event: int = -1  # the state behind this event; -1: nobody knows which


def maps_file(stored: Mapping[str, Any]) -> MapsFile:
    """The MapsFile that `dataclasses.asdict` made `stored` of."""
    return MapsFile(**{**stored, "rows": tuple(MapsRow(**row) for row in stored["rows"])})


@dataclass(frozen=True)
class Expectation:
    """What a scenario says that an event answers.

    `fields` are as written (see docs/scenario-format.md): result, error, outcome, code, value, eof,
    minor_faults, major_faults, resident, continues_in, vmas, pages, access, file_pages, ...; `on`
    holds other fields for machines by pattern. `step` counts the entries of `steps` from 0.
    """

    event: int  # -1: the state after the last step
    step: int
    line: int
    fields: dict[str, Any]
    on: dict[str, dict[str, Any]] = field(default_factory=dict)

    def fields_for(self, kernel: str, arch: str = "") -> dict[str, Any]:
        """The fields that hold on a machine: those of the first pattern of `on` that fits, else `fields`."""
        if self.on:
            from fnmatch import fnmatchcase

            for pattern, fields in self.on.items():
                if fnmatchcase(kernel, pattern) or fnmatchcase(f"{arch}/{kernel}", pattern):
                    return fields
        return self.fields


TASK_DTYPE = np.dtype([("tid", "<i4"), ("pid", "<i4"), ("name", "<i4"), ("parent", "<i4")])
"""One row a life of a thread: ids as recorded, name a string number, parent a row or -1."""

TRUTH_DTYPE = np.dtype(
    [
        ("event", "<i8"),
        ("map_count", "<i4"),
        ("total_vm", "<i8"),
        ("data_vm", "<i8"),
        ("stack_vm", "<i8"),
        ("locked_vm", "<i8"),
    ]
)
"""What a recorder read in the kernel right after an event."""

RELOCATION_DTYPE = np.dtype([("event", "<i8"), ("arg", "<i4"), ("source", "<i8"), ("addend", "<i8")])
"""Scenarios: argument `arg` (0..5) of `event` is what `source` returned, plus `addend`. By event."""

COLUMNS = ("kind", "task", "a0", "a1", "a2", "a3", "a4", "a5", "ret", "flags")
"""The columns that the engine reads, in the order of its int64 rows."""


@dataclass
class Trace:
    """What happened. Readers make it; nothing behind it knows which format it came from."""

    columns: dict[str, IntArray]
    tasks: npt.NDArray[np.void]  # TASK_DTYPE
    strings: list[str] = field(default_factory=lambda: [""])
    sources: list[str] = field(default_factory=list)
    format: str = ""
    name: str = ""
    recorded: bool = True  # follow by default; scenarios set False
    arch: str | None = None  # as the source names it
    kernel: str | None = None
    machine: dict[str, Any] = field(
        default_factory=dict
    )  # overrides the source asks for, by rule; ram, swap, host
    skipped: list[Skipped] = field(default_factory=list)
    unmodelled: dict[str, int] = field(default_factory=dict)  # memory calls not modelled: how often
    ignored: dict[str, int] = field(default_factory=dict)  # calls that never touch memory maps: how often
    maps: list[MapsFile] = field(default_factory=list)
    truth: npt.NDArray[np.void] | None = None  # TRUTH_DTYPE
    about: str = ""
    initial: tuple[tuple[int, int, str], ...] = ()  # scenarios: areas before the first step, see listed()
    prelude: int = 0  # scenarios: events before step 0; the N of shm@N is the event number less this
    relocations: npt.NDArray[np.void] | None = None  # RELOCATION_DTYPE
    expects: Sequence[Expectation] = ()  # scenarios, by event; event -1: after the last step
    notes: list[str] = field(default_factory=list)  # what a reader had to assume

    def __len__(self) -> int:
        return len(self.columns["kind"])

    def rows(self, first: int, last: int) -> npt.NDArray[np.int64]:
        """Events first..last-1 as int64 rows, one column for each of COLUMNS."""
        out = np.empty((last - first, len(COLUMNS)), dtype=np.int64)
        for i, name in enumerate(COLUMNS):
            out[:, i] = self.columns[name][first:last]
        return out


def has_accesses(trace: Trace) -> bool:
    """Whether a recording shows accesses or page faults, and not only calls and signals."""
    return bool(np.isin(trace.columns["kind"], (K_READ, K_WRITE, K_EXECUTE, K_FAULT)).any())


class TraceBuilder:
    """Collects events row by row; for readers whose input is small."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, ...]] = []
        self.lines: list[int] = []
        self.times: list[int] = []
        self.source = 0
        self.source_rows: list[int] = []
        self.strings: list[str] = [""]
        self._string_numbers: dict[str, int] = {"": 0}
        self.tasks: list[tuple[int, int, int, int]] = []

    def string(self, text: str) -> int:
        """The number of `text` in the table of strings."""
        number = self._string_numbers.get(text)
        if number is None:
            number = self._string_numbers[text] = len(self.strings)
            self.strings.append(text)
        return number

    def task(self, tid: int, pid: int, name: str = "", parent: int = -1) -> int:
        """A new life of a thread; its row."""
        self.tasks.append((tid, pid, self.string(name), parent))
        return len(self.tasks) - 1

    def event(
        self,
        kind: int,
        task: int,
        args: Sequence[int] = (),
        ret: int | None = None,
        flags: int = 0,
        line: int = 0,
        time: int = 0,
    ) -> int:
        """Append an event; its number."""
        padded = tuple(signed(a) for a in args) + (0,) * (6 - len(args))
        if ret is not None:
            flags |= EVF_HAS_RET
        self.rows.append((kind, task, *padded, signed(ret or 0), flags))
        self.lines.append(line)
        self.times.append(time)
        self.source_rows.append(self.source)
        return len(self.rows) - 1

    def finish(self, **fields: Any) -> Trace:
        """The trace of all events so far; `fields` are the other fields of Trace."""
        table = np.array(self.rows, dtype=np.int64).reshape(len(self.rows), len(COLUMNS))
        columns: dict[str, IntArray] = {n: np.ascontiguousarray(table[:, i]) for i, n in enumerate(COLUMNS)}
        columns["line"] = np.array(self.lines, dtype=np.int64)
        columns["source"] = np.array(self.source_rows, dtype=np.int32)
        if any(self.times):
            columns["time"] = np.array(self.times, dtype=np.int64)
        return Trace(columns, np.array(self.tasks, dtype=TASK_DTYPE), self.strings, **fields)


def signed(value: int) -> int:
    value &= 0xFFFF_FFFF_FFFF_FFFF
    return value - (1 << 64) if value >> 63 else value
