"""Reading ftrace text: `trace`, `trace_pipe` and `trace-cmd report`, with whatever options were set.

A line is `COMM-TID [(TGID)] [CPU] [FLAGS] TIME: EVENT`; the latency format, the forms without irq
info or without any context, and notices of lost events are understood. What the raw option leaves
(numbers of events, no arguments) is skipped and said so.
"""

from __future__ import annotations

import re

import numpy as np

from ...counting import counted
from ...errorcodes import RT_KERNEL_FORM, RT_KERNEL_LINE
from ..events import Skipped, Trace
from .assemble import assemble
from .look import BARE, FTRACE_HEAD, LATENCY, LOST, RAW
from .plan import CallNames
from .records import (
    LONGEST_LINE,
    OP_EXEC,
    OP_FORK,
    OP_LOST,
    OP_NEWTASK,
    R_A0,
    R_COMM,
    R_OP,
    R_TID,
    KernelText,
    Records,
    Rows,
    span,
    text_of,
)
from .scan import read_lines
from .text import EventText, lost_at

_GRAPH = re.compile(
    rb" *(?:(?P<time>(?:\d{1,9}|[1-8]\d{9})\.\d+) +\| +)?(?:(?P<cpu>\d{1,9})\) +)?"
    rb"(?:(?P<comm>\S.{0,15}?)-(?P<tid>\d{1,9}) +\|)?"
    rb"[^|]*\|(?: +[^|]{4,8} +\|)? +(?:/\* (?P<event>.*) \*/|(?P<function>[\w.]+(?: \[\w+\])?\(.*(?:\{|;)|\}).*)\s*\Z"
)
"""A line of the function_graph tracer: a function, or an event as a comment among them."""
_SWITCH = re.compile(
    rb" *(?P<cpu>\d{1,9})\) +.{1,16}-\d{1,9} +=> +(?P<comm>\S.{0,15}?)-(?P<tid>\d{1,9}) *\Z| *-{20,}\Z"
)
"""Which task a CPU goes on with, and the line above and below."""
_STACK = re.compile(rb"<(?:user |kernel )?stack trace ?>")
_FRAME = re.compile(rb" *=> +\S")
"""Option stacktrace or userstacktrace: a line that says so, and one a frame."""
_WRITTEN = re.compile(rb"# entries-in-buffer/entries-written: (\d+)/(\d+)")


def read_ftrace(data: bytes, *, name: str, source: int = 0, threads_of: int | None = None) -> Trace:
    """The trace of an ftrace text. Lines that cannot be read are in `skipped`; `threads_of` as in `assemble`."""
    text = ftrace_records(data, source)
    return assemble(text, name=name, fmt="ftrace", source=source, threads_of=threads_of)


def ftrace_records(data: bytes, source: int = 0, *, compiled: bool | None = None) -> KernelText:
    """The records of an ftrace text. `compiled` forces or forbids the byte machine for common lines."""
    reader = _FtraceText(data, source)
    return reader.finish(read_lines(data, reader, "ftrace", compiled=compiled))


class _FtraceText:
    """Collects records from lines, and what lies between them."""

    def __init__(self, data: bytes, source: int) -> None:
        self.calls = CallNames()
        self.words = EventText(self.calls, "x86_64")
        self.rows = Rows()
        self._data = data
        self._source = source
        self._skipped: list[Skipped] = []
        self._notes: list[str] = []
        self._raw = self._bare = self._ticks = self._lost = self._functions = self._of_nobody = (
            self._stacks
        ) = 0
        self._on_cpu: dict[bytes, tuple[int, int]] = {}  # thread id, span of its name

    def line(self, line: bytes, line_number: int, offset: int) -> None:
        """Take one line, whose first byte is at `offset` of the text."""
        if len(line) > LONGEST_LINE and not line.startswith(b"#"):
            self._skip(line, line_number, 0)
            return
        head = FTRACE_HEAD.match(line) or LATENCY.match(line)
        if head is None:
            self._other(line, line_number, offset)
            return
        if _STACK.match(line, head.end()):
            self._stacks += 1
            return
        body = self.words.read(line, head.end(), offset)
        if body is None:
            self._skip(line, line_number, head.end())
        elif body[0]:
            groups = head.groupdict()
            tgid = groups.get("tgid") or b"0"
            comm = span(offset + head.start("comm"), offset + head.end("comm"))
            who = (int(head["tid"]), int(tgid) if tgid.isdigit() else 0)
            self.rows.append((body[0], *who, self._time(head), *body[1:], line_number, comm))

    def _time(self, head: re.Match[bytes]) -> int:
        """Nanoseconds; ticks of a clock that does not count seconds are 0."""
        time = head["time"]
        if head.re is LATENCY:
            return int(time) * 1000
        whole, dot, fraction = time.partition(b".")
        if not dot:
            self._ticks += 1
            return 0
        return int(whole) * 1_000_000_000 + int(fraction.ljust(9, b"0")[:9])

    def _other(self, line: bytes, line_number: int, offset: int) -> None:
        """A line without a task: header, notice of lost events, the raw and the bare form."""
        if not line.strip():
            return
        if line.startswith((b"#", b"cpus=")):  # trace-cmd report begins with the number of CPUs
            written = _WRITTEN.match(line)
            if written and int(written[1]) < int(written[2]):
                missing = int(written[2]) - int(written[1])
                self._notes.append(f"the recorder lost {counted(missing, 'event')}: its buffer was full")
            return
        lost = LOST.match(line)
        if lost:
            self._lost += 1
            self.rows.append((OP_LOST, -1, 0, -1, 0, int(lost[1] or 0), 0, 0, 0, 0, 0, line_number, 0))
        elif RAW.match(line):
            self._raw += 1
            self._skip(line, line_number, 0, RT_KERNEL_FORM)
        elif BARE.match(line):
            self._bare += 1
            body = self.words.read(line, 0, offset)
            if body is None:
                self._skip(line, line_number, 0)
            elif body[0]:
                self.rows.append((body[0], 0, 0, -1, *body[1:], line_number, 0))
        elif _FRAME.match(line) or line.startswith((b"Dumping ftrace buffer:", b"-------------------")):
            self._stacks += 1
        elif (graph := _GRAPH.match(line)) is not None:
            self._graph(graph, line, line_number, offset)
        elif (switch := _SWITCH.match(line)) is not None:
            self._functions += 1
            if switch["cpu"] is not None:
                comm = span(offset + switch.start("comm"), offset + switch.end("comm"))
                self._on_cpu[switch["cpu"]] = int(switch["tid"]), comm
        else:
            self._skip(line, line_number, 0)

    def _graph(self, graph: re.Match[bytes], line: bytes, line_number: int, offset: int) -> None:
        """An event among functions; its task is that of the column, or the one that its CPU went on with."""
        if graph["event"] is None:
            self._functions += 1
            return
        body = self.words.read(graph["event"], 0, offset + graph.start("event"))
        if body is None:
            self._skip(line, line_number, graph.start("event"))
            return
        if not body[0]:
            return
        if graph["tid"] is not None:
            who = int(graph["tid"]), span(offset + graph.start("comm"), offset + graph.end("comm"))
        elif graph["cpu"] in self._on_cpu:
            who = self._on_cpu[graph["cpu"]]
        else:
            self._of_nobody += 1
            who = 0, 0
        time = self._time(graph) if graph["time"] is not None else -1
        self.rows.append((body[0], who[0], 0, time, *body[1:], line_number, who[1]))

    def _skip(self, line: bytes, line_number: int, column: int, code: str = RT_KERNEL_LINE) -> None:
        text = line[:200].decode("utf-8", "replace")
        expected = "all fields of its event" if column else "COMM-TID [CPU] TIME: EVENT"
        self._skipped.append(Skipped(self._source, line_number, column + 1, code, text, expected))

    def finish(self, records: Records) -> KernelText:
        """The text's records and what was learned beside them."""
        notes = self._notes
        if self._lost:
            notes.append(lost_at(self._lost))
        if self._ticks:
            notes.append("times are ticks of the trace clock, not seconds; they were left out")
        if self._raw:
            notes.append(
                f"{counted(self._raw, 'line')} of the raw option, which has numbers for names of events"
                " and prints no arguments:"
                " nothing to read"
            )
        if self._stacks:
            notes.append(
                f"{counted(self._stacks, 'line')} of stacks and of a dump's frame: no events in them"
            )
        if self._functions:
            notes.append(f"{counted(self._functions, 'line')} of a function tracer: no events in them")
        if self._of_nobody and (records[R_TID] > 0).any():
            notes.append(
                f"{counted(self._of_nobody, 'event')} left out: nothing shows whose they are (option"
                " funcgraph-proc does)"
            )
            records = np.ascontiguousarray(records[:, records[R_TID] != 0])
        elif self._of_nobody:
            self._bare += self._of_nobody
        if self._bare:
            records = without_tasks(records, notes)
        notes += self.words.notes()
        return KernelText(
            self._data,
            records,
            self.calls,
            skipped=self._skipped,
            notes=notes,
            has_times=not self._ticks and not self._bare,
        )


def without_tasks(records: Records, notes: list[str], data: bytes = b"") -> Records:
    """Records of a form that prints no task: one task until the first fork, then nobody can tell.

    Where it prints names, in `data`, each name is taken for one.
    """
    ops = records[R_OP]
    forks = np.flatnonzero((ops == OP_FORK) | (ops == OP_NEWTASK))
    end = int(forks[0]) if len(forks) else records.shape[1]
    execs = np.flatnonzero(ops == OP_EXEC)
    kept = records[:, :end].copy()
    kept[R_TID] = records[R_A0, execs[0]] if len(execs) else 1
    note = "this form does not print the task of an event"
    names = [text_of(data, place) for place in kept[R_COMM].tolist()] if data else []
    if len(set(names)) > 1:
        kept[R_TID] = [1 + number for number in map(list(dict.fromkeys(names)).index, names)]
        note += ": each name is taken for one"
    if end < records.shape[1]:
        note += f"; left out from the first fork on: {counted(records.shape[1] - end, 'event')}"
    notes.append(note)
    return kept
