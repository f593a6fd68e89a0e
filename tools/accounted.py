"""Counts what becomes of mutated lines of a log: events, named skips, known noise, and nothing else.

usage: python -m tools.accounted FORM [LINES] [SEED]      FORM: strace, ftrace, perf, perftrace

Lines of the corpus of tools/fuzzing are cut, changed and joined one by one, and read by the plain reader, which is
watched, and by the compiled one (perf trace has none), which must give the same. Prints a row a class; ends with 1
if a line was left over or the readers differ.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from remaptrace.trace.events import Trace
from remaptrace.trace.stacks import StackLines
from remaptrace.trace.strace.fast import FastStraceReader
from remaptrace.trace.strace.model import Model, Pending, Task
from remaptrace.trace.strace.read import StraceReader
from remaptrace.trace.tracepoints import ftrace, perf, perftrace
from remaptrace.trace.tracepoints.records import KernelText
from remaptrace.trace.tracepoints.scan import read_lines
from tools.fuzzing.corpus import seeds
from tools.fuzzing.judges import Finding, refused, same_records, same_traces
from tools.fuzzing.mutate import mutated

MUTATED = 0.8
"""Share of the lines that are changed: the others keep processes and descriptors alive."""
ONE_LOG = 1500
"""Lines that are read as one log."""
_RUN = 30
"""Lines that stand beside each other in the corpus, at most, before the next place is chosen."""

NEWLINE = b"\n"
LISTED, LEFT_OVER = "listed with its code", "left over"


def made(form: str, rng: random.Random, count: int) -> bytes:
    """`count` lines and more, most of them mutated."""
    lines: list[bytes] = []
    corpus = [data.split(b"\n") for data in seeds(form)]
    while len(lines) < count:
        source = rng.choice(corpus)
        begin = rng.randrange(len(source))
        for line in source[begin : begin + rng.randint(1, _RUN)]:
            lines += (mutated(line, rng, 2) if line and rng.random() < MUTATED else line).split(b"\n")
    return b"\n".join(lines) + b"\n"


class _WatchedModel(Model):
    """Tells when the first part of a call waits for its second."""

    parts = 0

    def pend(self, task: Task, pending: Pending | None, *, returned: bool = False) -> None:
        self.parts += pending is not None
        super().pend(task, pending, returned=returned)


class _WatchedStrace(StraceReader):
    """The plain reader of strace text; `seen` counts the lines of each class."""

    def __init__(self, data: bytes, seen: Counter[str]) -> None:
        super().__init__(data, "log", model=_WatchedModel())
        self.seen = seen
        self.beside = self.told = self.rest = 0
        self.examples: list[bytes] = []

    def _counts(self) -> dict[str, int]:
        model = self.model
        assert isinstance(model, _WatchedModel)
        return {
            LISTED: len(self.skipped),
            "events": len(model.out),
            "counted as not modelled": sum(model.unmodelled.values()),
            "counted as harmless": sum(model.ignored.values()),
            "first parts of calls": model.parts,
            "second parts of harmless calls": self.rest,
            "ends of processes, signals": self.told,
            "what strace prints beside calls": self.beside,
            "begun before a notice, joined with the next line": int(bool(self._open)),
        }

    def read_line(self, line: bytes, number: int) -> None:
        before = self._counts()
        super().read_line(line, number)
        after = self._counts()
        changed = next((name for name in after if after[name] > before[name]), LEFT_OVER)
        self.seen[changed] += 1
        if changed == LEFT_OVER:
            self.examples.append(line)

    def _other(self, line: bytes, number: int) -> None:
        before = len(self.skipped)
        super()._other(line, number)
        self.beside += len(self.skipped) == before

    def _resumed(self, head: Any, name: bytes, rest: bytes, number: int) -> None:
        super()._resumed(head, name, rest, number)
        self.rest += 1

    def _ended(self, head: Any, text: bytes, number: int) -> None:
        super()._ended(head, text, number)
        self.told += 1

    def _signal(self, head: Any, text: bytes, number: int) -> None:
        super()._signal(head, text, number)
        self.told += 1


def strace(data: bytes, seen: Counter[str]) -> list[bytes]:
    """Count the lines of a log of strace; those that were left over."""

    def read(reader: StraceReader) -> Trace:
        reader.read_all()
        return reader.finish()

    watched = _WatchedStrace(data, seen)
    plain = refused(lambda: read(watched))
    same_traces(plain, refused(lambda: read(FastStraceReader(data, "log", 0, 1))))
    return watched.examples


class _Watch:
    """Takes each line of a kernel's text to its reader, and counts what changed."""

    def __init__(self, reader: Any, counters: dict[str, str], seen: Counter[str]) -> None:
        self.reader, self.counters, self.seen = reader, counters, seen
        self.calls, self.words, self.rows = reader.calls, reader.words, reader.rows
        self.examples: list[bytes] = []

    def _counts(self) -> dict[str, int]:
        return {name: _size(self.reader, path) for path, name in self.counters.items()}

    def line(self, line: bytes, line_number: int, offset: int) -> None:
        before = self._counts()
        self.reader.line(line, line_number, offset)
        after = self._counts()
        changed = next((name for name in after if after[name] != before[name]), "")
        if not changed and line.startswith((b"#", b"cpus=")):
            changed = "comments and headers"
        elif not changed and not line.strip():
            changed = "empty"
        elif not changed and b"task_rename:" in line:
            changed = "names of tasks, which stand in front of the next line too"
        self.seen[changed or LEFT_OVER] += 1
        if not changed:
            self.examples.append(line)


def _size(reader: Any, path: str) -> int:
    """The sum of what `path` names (attributes by points, joined by +): numbers, lengths, sums of counts."""
    total = 0
    for one in path.split("+"):
        value = reader
        for name in one.split("."):
            value = getattr(value, name)
        total += value if isinstance(value, int) else _counted(value)
    return total


def _counted(value: Any) -> int:
    if isinstance(value, dict) and all(isinstance(count, int) for count in value.values()):
        return sum(value.values())
    return len(value)


_OF_NO_INTEREST = "tracepoints of no interest, counted by name"
_STACKS = "stacks"
_FTRACE = {
    "_skipped": LISTED,
    "rows": "records of calls, faults and tasks",
    "words.other": _OF_NO_INTEREST,
    "_stacks+_functions": "stacks and functions, counted",
}
_PERF = {
    "_skipped": LISTED,
    "rows+_software+_ends+_without_address+mappings.execs+mappings.taken": "records of calls, faults, tasks, areas",
    "words.other": _OF_NO_INTEREST,
    "mappings.passed+kernel_faults": "records that add nothing, counted",
    "stacks.lines": _STACKS,
    "_said": "words of perf itself, counted",
    "_facts": "comments and headers",
}
_PERF_TRACE = {
    "_skipped": LISTED,
    "_rows+_points+_software": "records of calls, faults and tasks",
    "_other+_unknowable": _OF_NO_INTEREST,
    "kernel_faults+_without_address": "faults that add nothing, counted",
    "_summary": "lines of a summary, counted",
    "_stacks.lines": _STACKS,
}


def _kernel(data: bytes, seen: Counter[str], form: str) -> list[bytes]:
    """Count the lines of a text of ftrace or perf script; those that were left over."""
    reader: Any = ftrace._FtraceText(data, 0) if form == "ftrace" else perf._PerfText(data, 0)
    watch = _Watch(reader, _FTRACE if form == "ftrace" else _PERF, seen)

    def plain() -> KernelText:
        read_lines(data[:-1], watch, form, compiled=False)
        text: KernelText = reader.finish(reader.rows.matrix())
        return text

    compiled = ftrace.ftrace_records if form == "ftrace" else perf.perf_records
    same_records(refused(plain), refused(lambda: compiled(data[:-1], compiled=True)))
    return watch.examples


def _perf_trace(data: bytes, seen: Counter[str]) -> list[bytes]:
    """Count the lines of a text of perf trace; those that were left over."""
    reader: Any = perftrace._PerfTrace(data, 0, StackLines())
    reader.calls = reader.words = reader.rows = None
    watch = _Watch(reader, _PERF_TRACE, seen)
    offset = 0
    for number, line in enumerate(data[:-1].split(b"\n"), 1):
        if line.strip():
            watch.line(line, number, offset)
        else:
            seen["empty"] += 1
        offset += len(line) + 1
    reader.finish()
    return watch.examples


FORMS: dict[str, Callable[[bytes, Counter[str]], list[bytes]]] = {
    "strace": strace,
    "ftrace": partial(_kernel, form="ftrace"),
    "perf": partial(_kernel, form="perf"),
    "perftrace": _perf_trace,
}


def counted(form: str, lines: int, seed: int) -> tuple[Counter[str], list[str]]:
    """How many of `lines` mutated lines and a few more fell into each class; what is wrong, in words."""
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    log = 0
    while seen.total() < lines:
        data = made(form, random.Random(f"{seed}/{form}/{log}"), min(ONE_LOG, lines - seen.total()))
        before = seen.total()
        try:
            wrong += [f"left over: {line!r:.200}" for line in FORMS[form](data, seen)]
        except Finding as finding:
            wrong.append(f"log {log}: {finding}")
        if seen.total() - before != data.count(NEWLINE):
            wrong.append(f"log {log}: {data.count(NEWLINE)} lines, {seen.total() - before} counted")
        log += 1
    return seen, wrong


def main() -> int:
    """Count; the exit status."""
    form, *numbers = sys.argv[1:] or [""]
    if form not in FORMS:
        print(__doc__, file=sys.stderr)
        return 2
    lines, seed, *_ = (*map(int, numbers), *(20_000, 1)[len(numbers) :])
    seen, wrong = counted(form, lines, seed)
    print(f"| {seen.total():,} mutated lines of {form} | |\n| --- | --- |")
    for name, count in seen.most_common():
        print(f"| {name} | {count:,} |")
    for text in wrong[:50]:
        print(text)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
