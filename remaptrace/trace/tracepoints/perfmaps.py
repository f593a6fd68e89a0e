"""Mapping records of perf: what an exec mapped, area by area.

`perf record -d` writes a PERF_RECORD_MMAP2 for every area that the kernel makes (mm/mmap.c and binfmt_elf.c call
perf_event_mmap), those of execve among them: from `PERF_RECORD_COMM exec` to the vdso, the last that execve maps.
Laid over one another in their order they are /proc/PID/maps at that moment. For processes that ran before, perf reads
/proc/PID/maps itself, but leaves out what nobody may read (tools/perf/util/synthetic-events.c).
"""

from __future__ import annotations

import re

import numpy as np

from ...abi import kinds as ev
from ...abi.mman import MAP_ANONYMOUS, MAP_GROWSDOWN
from ...counting import counted
from ...lateclasses import dataclass, field
from ..eventblocks import narrow
from ..events import MapsFile, MapsRow, ToldAreas, Trace
from ..filetypes import file_type
from ..insertion import Insert, StringNumbers, insert
from ..wording import NOT_COUNTED

_MMAP2 = re.compile(
    rb" (?P<pid>-?\d{1,9})/(?P<tid>-?\d{1,9}): "
    rb"\[(?:0x)?(?P<start>[0-9a-f]{1,16})\((?:0x)?(?P<length>[0-9a-f]{1,16})\) @ "
    rb"(?:0x)?(?P<pgoff>[0-9a-f]{1,16})(?: (?P<dev>[0-9a-f]+:[0-9a-f]+) (?P<inode>\d{1,20}) \d{1,20}| <[0-9a-f]*>)\]: "
    rb"(?P<perms>[r-][w-][x-][ps]) (?P<name>.*?)\s*\Z"
)
_COMM_EXEC = re.compile(rb":? .*:(\d{1,9})/(\d{1,9})\s*\Z")
_LAST = ("[vdso]", "[vvar]", "[vvar_vclock]", "[vectors]", "[sigpage]", "[vpage]")
"""What execve maps last (arch_setup_additional_pages)."""
_NO_FILE = ("//anon", "[stack]", "[heap]", *_LAST)


@dataclass
class _Group:
    """Areas of one moment: of an exec, or, without its line, of what ran before."""

    pid: int
    line: int  # of the record of the exec; 0: none
    rows: dict[int, MapsRow] = field(default_factory=dict)  # by start
    program: tuple[int, int] = (0, 0)  # where in the text the first path of a file stands
    closing: bool = False  # the last areas of the exec have come
    closed: bool = False

    def lay(self, row: MapsRow) -> None:
        """Put an area over those that are there."""
        for old in [r for r in self.rows.values() if r.start < row.end and row.start < r.end]:
            del self.rows[old.start]
            if old.start < row.start:
                self.rows[old.start] = _cut(old, old.start, row.start)
            if row.end < old.end:
                self.rows[row.end] = _cut(old, row.end, old.end)
        self.rows[row.start] = row

    @property
    def complete(self) -> bool:
        """False for an exec of which the text has only the beginning, or executable areas alone."""
        return self.shows_data and (self.closing or self.line == 0)

    @property
    def shows_data(self) -> bool:
        """False where only executable areas were recorded, as without -d."""
        return any(row.name.startswith("/") and "x" not in row.perms for row in self.rows.values())


def _cut(row: MapsRow, start: int, end: int) -> MapsRow:
    offset = row.offset + start - row.start if row.inode else 0
    return MapsRow(start, end, row.perms, offset, row.dev, row.inode, row.name)


class MappingRecords:
    """Collects the mapping records of a text."""

    def __init__(self) -> None:
        self.execs: list[tuple[int, int, int]] = []
        """Line, process and time of each exec."""
        self.passed = 0
        """Records of areas that calls made, and of what nobody asked for."""
        self.taken = 0
        """Records of areas of execs and of what ran before."""
        self.files: list[tuple[int, int, int, str]] = []
        """Line, thread, address and path of each area of a file that a call made."""
        self.made: list[tuple[int, int, int, int, bool]] = []
        """Line, thread, start and end of each area that a call made, and whether it is anonymous."""
        self._groups: list[_Group] = []
        self._open: dict[int, _Group] = {}  # by process

    def executed(self, rest: bytes, line: int, time: int) -> bool:
        """A record of a name that an exec gave; False if it cannot be read."""
        found = _COMM_EXEC.match(rest)
        if found is None:
            return False
        pid = int(found[1])
        self._begin(_Group(pid, line))
        self.execs.append((line, pid, time))
        return True

    def mapped(self, rest: bytes, place: int, line: int, time: int) -> bool:
        """A record of a mapping, whose words begin at byte `place` of the text; False if it cannot be read.

        What perf read of processes that ran before it has the time 0.
        """
        found = _MMAP2.match(rest)
        if found is None:
            return False
        pid, start = int(found["pid"]), int(found["start"], 16)
        name = found["name"].decode("utf-8", "replace")
        group = self._open.get(pid)
        if group is None:
            group = _Group(pid, 0)
            self._begin(group)
        if group.closing and name not in _LAST:
            group.closed = True
        of_file = name not in _NO_FILE
        if group.closed or pid < 0 or (group.line == 0 and time != 0):
            self.passed += 1
            if time != 0 and (of_file or name == "//anon"):
                end = start + int(found["length"], 16)
                self.made.append((line, int(found["tid"]), start, end, not of_file))
            if of_file and name.startswith("/"):
                self.files.append((line, int(found["tid"]), start, name.removesuffix(" (deleted)")))
            return True
        if of_file and group.program == (0, 0):
            group.program = (place + found.start("name"), place + found.end("name"))
        offset = int(found["pgoff"], 16) if of_file else 0
        inode = int(found["inode"] or 1) if of_file else 0
        dev = (found["dev"] or b"00:00").decode()
        self.taken += 1
        shown = "" if name == "//anon" else name
        row = MapsRow(
            start, start + int(found["length"], 16), found["perms"].decode(), offset, dev, inode, shown
        )
        if row.end > start:
            group.lay(row)
        group.closing |= group.line > 0 and name in _LAST
        return True

    def _begin(self, group: _Group) -> None:
        self._groups.append(group)
        self._open[group.pid] = group

    def program(self, line: int) -> tuple[int, int]:
        """Where the text names the program of the exec at `line`."""
        return next((group.program for group in self._groups if group.line == line), (0, 0))

    def told(self, path: str) -> tuple[list[ToldAreas], list[str]]:
        """The areas of every moment, and notes on those that are of no use."""
        out: list[ToldAreas] = []
        code_only = 0
        for group in self._groups:
            if not group.rows:
                continue
            if not group.complete:
                code_only += 1
                continue
            rows = tuple(sorted(group.rows.values(), key=lambda row: row.start))
            moment = "exec" if group.line else "start"
            file = MapsFile(f"{path} (mapping records)", group.pid, moment, rows)
            out.append(ToldAreas(group.line, file))
        notes = []
        if code_only:
            notes.append(
                f"the mapping records of {code_only} process{'es' * (code_only != 1)} show executable areas alone"
                " (perf record -d records all): not used"
            )
        return out, notes


_MAKERS = (
    *(ev.K_MMAP, ev.K_OLD_MMAP, ev.K_BRK, ev.K_MPROTECT, ev.K_PKEY_MPROTECT, ev.K_MREMAP, ev.K_SHMAT),
    *(ev.K_REMAP_FILE_PAGES, ev.K_IO_SETUP, ev.K_EXEC),
)
"""Calls inside of which the kernel records an area."""
_NAMED = 3
"""Lines that the note names."""


def note_unmade(trace: Trace, made: list[tuple[int, int, int, int, bool]]) -> None:
    """A note where records tell of areas that no call of the text made: shmat, 32-bit calls, what was not traced.

    A record stands in front of the return of its call. Areas that grow downwards by a fault are recorded without one.
    """
    if not made:
        return
    columns = trace.columns
    mmaps = columns["kind"] == ev.K_MMAP
    grows = bool((columns["a3"][mmaps].astype(np.int64) & MAP_GROWSDOWN).any())
    tids = trace.tasks["tid"][columns["task"]].astype(np.int64)
    lines = columns["line"].astype(np.int64)
    order = np.lexsort((lines, tids))
    tids, lines = tids[order], lines[order]
    found: list[int] = []
    for line, tid, start, end, anonymous in made:
        low, high = (int(np.searchsorted(tids, tid, side)) for side in ("left", "right"))
        at = low + int(np.searchsorted(lines[low:high], line))
        explained = at < high and _makes(trace, int(order[at]), start, end)
        if not explained and not (anonymous and grows):
            found.append(line)
    if found:
        where = ", ".join(map(str, found[:_NAMED])) + (", ..." if len(found) > _NAMED else "")
        them = "it" if len(found) == 1 else "them"
        trace.notes.append(
            f"perf recorded {counted(len(found), 'area')} that no call of the text made (line {where}): what made"
            f" {them} (shmat, calls of 32 bits, calls without tracepoints) was not recorded, and {NOT_COUNTED}"
        )


def _makes(trace: Trace, event: int, start: int, end: int) -> bool:
    """Whether `event` is a call that can have made, joined or changed the area from `start` to `end`."""
    kind, a0, ret = (int(trace.columns[name][event]) for name in ("kind", "a0", "ret"))
    if kind in (ev.K_MMAP, ev.K_OLD_MMAP, ev.K_SHMAT):
        return start <= ret < end
    if kind in (ev.K_MPROTECT, ev.K_PKEY_MPROTECT):
        return a0 < end and start < a0 + int(trace.columns["a1"][event])
    return kind in _MAKERS


def name_files(trace: Trace, files: list[tuple[int, int, int, str]]) -> None:
    """Give the descriptors of mmap the files that the records of its areas name.

    The record stands between the entry of the call and its return. A descriptor that the text shows being opened
    gets its path there, any other one in front of the call.
    """
    string = StringNumbers(trace)
    kind, ret = trace.columns["kind"], trace.columns["ret"]
    waiting: dict[tuple[int, int], list[tuple[int, str]]] = {}
    for line, tid, start, path in files:
        if file_type(path, shown=True) == ev.FILE_REGULAR:
            waiting.setdefault((tid, start), []).append((line, path))
    if not waiting:
        return
    pid_of = trace.tasks["pid"][trace.columns["task"]] if len(trace) else trace.tasks["pid"][:0]
    tid_of = trace.tasks["tid"][trace.columns["task"]] if len(trace) else trace.tasks["tid"][:0]
    paths = trace.columns["a0"].astype(np.int64)
    opened: dict[tuple[int, int], int] = {}
    inserts: list[Insert] = []
    wanted = np.isin(kind, (ev.K_OPEN, ev.K_CLOSE, ev.K_MMAP, ev.K_DUP)) & (ret >= 0)
    wanted &= (kind != ev.K_MMAP) | (trace.columns["a3"].astype(np.int64) & MAP_ANONYMOUS == 0)
    rows = np.flatnonzero(wanted)
    words = (column[rows].tolist() for column in (pid_of, kind, ret))
    for event, pid, what, value in zip(rows.tolist(), *words, strict=True):
        if what == ev.K_OPEN:
            opened[pid, value] = event
        elif what == ev.K_CLOSE:
            opened.pop((pid, int(paths[event])), None)
        elif what == ev.K_DUP:
            opened.pop((pid, value), None)
        else:
            told = waiting.get((int(tid_of[event]), value), [])
            if not told or told[0][0] > int(trace.columns["line"][event]):
                continue
            fd, number = int(trace.columns["a4"][event]), string(told.pop(0)[1])
            source = opened.get((pid, fd))
            if source is None:
                task = int(trace.columns["task"][event])
                inserts.append(Insert(event, ev.K_KNOWN_FD, task, (fd, number, ev.FILE_REGULAR, 3), flags=0))
            elif paths[source] == 0:
                paths[source] = number
    trace.columns["a0"] = narrow(paths)
    insert(trace, inserts)
