"""Reading `perf script` text, whatever fields (-F) and times were asked for.

A line is `[COMM] [PID/]TID [CPU] [DATE TIME] [TIME:] [PERIOD] EVENT: WORDS`; which of these stand there
is read off the lines themselves. Call chains, headers, mmap and task records may stand between.
`perf trace` prints another language, see `perftrace`.
"""

from __future__ import annotations

import re

import numpy as np

from ...abi.signals import PF_FETCH, PF_UNKNOWN, PF_UNSURE, PF_USER
from ...counting import counted
from ...errorcodes import RT_KERNEL_FORM, RT_KERNEL_LINE
from ..events import Skipped, Trace
from ..stacks import StackLines
from .assemble import assemble
from .ftrace import without_tasks
from .look import looks_like_perf_trace, perf_fields
from .perfmaps import MappingRecords, name_files, note_unmade
from .perftrace import perf_trace_records
from .plan import EXEC_CALLS, EXIT_CALLS, CallNames
from .records import (
    LONGEST_LINE,
    OP_ENTER,
    OP_EXEC,
    OP_EXIT,
    OP_FAULT,
    OP_FORK,
    OP_LOST,
    OP_TASK_EXIT,
    R_CALL,
    R_LINE,
    R_OP,
    R_TIME,
    KernelText,
    Records,
    Rows,
    matrix,
    span,
)
from .scan import read_lines
from .text import EventText, kernels_own, lost_at, signed

_CHAIN = re.compile(rb"\s+[0-9a-f]+ \S")
_WORDS = re.compile(
    rb"\[ perf \w+: |Warning:$|Samples: |\d+ out of order events|Processed \d+ events and|Check IO/CPU overload"
    rb"|Kernel address maps|Couldn't record|failed to open |(?:[$%#>]|\S*[$#]) (?:sudo )?perf "
)
"""What perf, or a shell, says around the samples."""
_ARCH = re.compile(rb"^# arch : (\S+)", re.MULTILINE)
_HEADER = re.compile(rb"# (arch|os release) : (\S+)")
_FORK_RECORD = re.compile(rb"\((\d{1,9}):(\d{1,9})\):\((\d{1,9}):(\d{1,9})\)")
_ADDRESSES = re.compile(rb" +([0-9a-f]+)(?: [^\s+]+)?(?: +([0-9a-f]+)(?: |$))?(.*)")
_CHAINED = re.compile(rb"^\t *[0-9a-f]+ \S", re.MULTILINE)


def read_perf(data: bytes, *, name: str, source: int = 0, threads_of: int | None = None) -> Trace:
    """The trace of a perf script or perf trace text. Lines that cannot be read are in `skipped`.

    `threads_of` as in `assemble`.
    """
    lines = [line for line in data[:65536].split(b"\n")[:50] if line.strip() and not line.startswith(b"#")]
    if any(looks_like_perf_trace(line) for line in lines):
        stacks = StackLines()
        traced = perf_trace_records(data, source, stacks)
        trace = assemble(traced, name=name, fmt="perf trace", source=source, threads_of=threads_of)
        stacks.attach(trace)
        return trace
    reader = _PerfText(data, source)
    chains = _has_chains(data)  # lines of theirs are the plain reader's alone
    text = reader.finish(read_lines(data, reader, "perf", compiled=False if chains else None))
    trace = assemble(text, name=name, fmt="perf", source=source, threads_of=threads_of)
    reader.stacks.attach(trace)
    note_unmade(trace, reader.mappings.made)
    name_files(trace, reader.mappings.files)
    trace.told_areas, of_no_use = reader.mappings.told(name)
    trace.notes += of_no_use
    if reader.mappings.passed:
        trace.notes.append(
            f"{counted(reader.mappings.passed, 'record')} of perf's own that add nothing (names, code,"
            " mappings that calls made)"
        )
    return trace


def _has_chains(data: bytes) -> bool:
    """True if some line is of a call chain. Most texts have no tab, which a search for one byte tells at once."""
    if b"\t" not in data:
        return False
    tabs = data.startswith(b"\t") or b"\n\t" in data
    return tabs and _CHAINED.search(data) is not None


def perf_records(data: bytes, source: int = 0, *, compiled: bool | None = None) -> KernelText:
    """The records of a perf script text. `compiled` forces or forbids the byte machine for common lines."""
    reader = _PerfText(data, source)
    return reader.finish(read_lines(data, reader, "perf", compiled=compiled))


class _PerfText:
    """Collects records from lines, and what lies between them."""

    def __init__(self, data: bytes, source: int) -> None:
        arch = _ARCH.search(data, 0, 65536)
        self.calls = CallNames()
        self.words = EventText(self.calls, arch[1].decode("utf-8", "replace") if arch else "x86_64")
        self.rows = Rows()
        self._data = data
        self._source = source
        self._software: list[tuple[int, ...]] = []
        self._software_events: set[bytes] = set()
        self._skipped: list[Skipped] = []
        self._facts: dict[bytes, str] = {}
        self._bare = self._said = 0
        self.stacks = StackLines()
        self.mappings = MappingRecords()
        self._ends: list[tuple[int, ...]] = []  # PERF_RECORD_EXIT
        self._without_address: list[int] = []  # line numbers
        self.kernel_faults = 0
        """Faults at instructions of the kernel."""
        self._lost = 0

    def line(self, line: bytes, line_number: int, offset: int) -> None:
        """Take one line, whose first byte is at `offset` of the text."""
        if len(line) > LONGEST_LINE and not line.startswith(b"#"):
            self._skip(line, line_number, 0)
            return
        fields = perf_fields(line)
        if fields is None:
            self._other(line, line_number)
            return
        groups = fields.groupdict()
        nanoseconds = -1
        if groups.get("time"):
            whole, fraction = groups["time"].split(b".")
            nanoseconds = int(whole) * 1_000_000_000 + int(fraction.ljust(9, b"0")[:9])
        tid = tgid = comm = 0
        if groups.get("pid") is None:
            self._bare += 1
        else:
            tid = int(groups["tid"] or groups["pid"])
            tgid = int(groups["pid"]) if groups["tid"] else 0
        if groups.get("comm"):
            text = groups["comm"]
            skip = len(text) - len(text.lstrip(b" "))
            comm = span(offset + fields.start("comm") + skip, offset + fields.end("comm"))
        head = (tid, tgid, nanoseconds)
        tail = (line_number, comm)
        event = fields["event"]
        if event.startswith(b"PERF_RECORD_") or event == b"LOST":
            if not self._side_band(event, fields["rest"], offset + fields.start("rest"), head, tail):
                self._skip(line, line_number, fields.start("event"))
        elif b"-faults" in event:
            if not self._software_fault(event, fields["rest"], head, tail):
                self._skip(line, line_number, fields.start("event"))
        else:
            body = self.words.read(line, fields.start("event"), offset)
            if body is None:
                self._skip(line, line_number, fields.start("event"))
            elif body[0]:
                self.rows.append((body[0], *head, *body[1:], *tail))

    def _other(self, line: bytes, line_number: int) -> None:
        header = _HEADER.match(line)
        if header:
            self._facts[header[1]] = header[2].decode("utf-8", "replace")
        elif _CHAIN.match(line) and self.stacks.line(line_number, line):
            return
        elif _WORDS.match(line):
            self._said += 1
        elif line.strip() and not line.startswith(b"#"):
            self._skip(line, line_number, 0)

    def _skip(self, line: bytes, line_number: int, column: int) -> None:
        text = line[:200].decode("utf-8", "replace")
        expected = "all fields of its event" if column else "[COMM] TID [CPU] TIME: EVENT: fields"
        self._skipped.append(Skipped(self._source, line_number, column + 1, RT_KERNEL_LINE, text, expected))

    def _side_band(
        self, event: bytes, rest: bytes, place: int, head: tuple[int, ...], tail: tuple[int, ...]
    ) -> bool:
        """What perf records of tasks and mappings; LOST records break the calls across them. False: cannot be read."""
        if event in (b"PERF_RECORD_FORK", b"PERF_RECORD_EXIT"):
            ids = _FORK_RECORD.search(rest)
            if ids is None:
                return False
            if event == b"PERF_RECORD_EXIT":
                self._ends.append(
                    (OP_TASK_EXIT, int(ids[2]), int(ids[1]), head[2], 0, int(ids[2]), -1, 0, 0, 0, 0, *tail)
                )
            else:
                parent = (int(ids[4]), int(ids[3]), head[2])
                self.rows.append((OP_FORK, *parent, 0, int(ids[2]), int(ids[1]), 0, 0, 0, 0, *tail))
        elif event == b"PERF_RECORD_COMM exec":
            return self.mappings.executed(rest, tail[0], head[2])
        elif event == b"PERF_RECORD_MMAP2":
            return self.mappings.mapped(rest, place, tail[0], head[2])
        elif b"LOST" in event:
            self._lost += 1
            self.rows.append((OP_LOST, -1, 0, -1, *(0,) * 7, *tail))
        else:
            self.mappings.passed += 1
        return True

    def _from_side_band(self, records: Records) -> Records:
        """Execs and ends as records of their own, where no tracepoint and no call tells them."""
        ops, calls = records[R_OP], records[R_CALL]
        in_call = (ops == OP_ENTER) | (ops == OP_EXIT)
        more: list[tuple[int, ...]] = []
        if not (ops == OP_EXEC).any() and not (in_call & np.isin(calls, self.calls.these(EXEC_CALLS))).any():
            for line, pid, time in self.mappings.execs:
                start, end = self.mappings.program(line)
                path = span(start, end)
                more.append((OP_EXEC, pid, pid, time, 0, pid, pid, path, 0, 0, 0, line, 0))
        if (
            not (ops == OP_TASK_EXIT).any()
            and not (in_call & np.isin(calls, self.calls.these(EXIT_CALLS))).any()
        ):
            more += self._ends
        if not more:
            return records
        records = np.concatenate((records, matrix(more)), axis=1)
        return records[:, np.argsort(records[R_LINE], kind="stable")]

    def _software_fault(
        self, event: bytes, rest: bytes, head: tuple[int, ...], tail: tuple[int, ...]
    ) -> bool:
        """`page-faults` and its two halves: the address if -F addr printed it, never the kind of access.

        False: numbers that no address is.
        """
        self._software_events.add(event.split(b"-")[0])
        found = _ADDRESSES.match(rest)
        if found is None or (found[2] is None and (b"+0x" in rest or found[3].strip())):
            self._without_address.append(tail[0])
            return True
        address = int(found[1], 16)
        where = int(found[2], 16) if found[2] else 0
        if address >> 64 or where >> 64:
            return False
        if where >> 63:  # a fault in the kernel, not the program's access
            self.kernel_faults += 1
            return True
        code = PF_USER | (PF_FETCH if where == address else PF_UNSURE | PF_UNKNOWN)
        fields = (OP_FAULT, *head, 0, signed(address), code, where, 0, 0, 0, *tail, event[0])
        self._software.append(fields)
        return True

    def finish(self, records: Records) -> KernelText:
        """The text's records and what was learned beside them."""
        notes: list[str] = []
        records = self._from_side_band(records)
        traced = bool((records[R_OP] == OP_FAULT).any())
        if self._software and not traced:
            both = b"page" in self._software_events  # page-faults counts what the other two count again
            kept = [row[:-1] for row in self._software if not both or row[-1] == ord("p")]
            records = np.concatenate((records, matrix(kept)), axis=1)
            records = records[:, np.argsort(records[R_LINE], kind="stable")]
            notes.append(
                "page-faults events do not tell reads from writes; where address and instruction are the same"
                " it was a fetch"
            )
        if self._without_address and not traced:
            count = len(self._without_address)
            notes.append(f"{counted(count, 'page-faults event')} without an address (-F +addr), left out")
            for line in self._without_address:
                skip = Skipped(self._source, line, 1, RT_KERNEL_FORM, "page-faults", "page-faults: ADDRESS")
                self._skipped.append(skip)
        if self.kernel_faults:
            notes.append(kernels_own(self.kernel_faults))
        if self._lost:
            notes.append(lost_at(self._lost))
        notes += self.words.notes()
        if self._said:
            notes.append(f"{counted(self._said, 'line')} of perf's own words around the samples")
        if self._bare:
            records = without_tasks(records, notes, self._data)
        return KernelText(
            self._data,
            records,
            self.calls,
            arch=self._facts.get(b"arch"),
            kernel=self._facts.get(b"os release"),
            skipped=self._skipped,
            notes=notes,
            has_times=bool((records[R_TIME] >= 0).any()),
        )
