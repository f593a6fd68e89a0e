"""The file of strace forms, and events in words that can be written in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from remaptrace.abi import kinds as ev
from remaptrace.abi.calls import ARGUMENTS, KIND_NAMES
from remaptrace.trace.events import Trace
from remaptrace.trace.strace import lines as strace_lines
from remaptrace.trace.strace.read import StraceReader

CASES = Path(__file__).parent / "data" / "strace-cases.txt"
_TEXTS = ("path", "name")
_DECIMAL = ("fd", "old_fd", "new_fd", "child", "signo", "code", "group", "type", "mode", "cloexec", "pid")


@dataclass
class Case:
    """One form: lines that come before, the line itself, and what is to be read from it."""

    title: str
    before: list[str] = field(default_factory=list)
    line: str = ""
    expected: list[str] = field(default_factory=list)


def read_cases() -> list[Case]:
    cases: list[Case] = []
    for text in CASES.read_text().splitlines():
        if text.startswith("# "):
            cases.append(Case(text[2:]))
        elif text.startswith("< "):
            cases[-1].before.append(text[2:])
        elif text.startswith("> "):
            cases[-1].line = text[2:]
        elif text:
            cases[-1].expected.append(text)
    return cases


def event_text(trace: Trace, number: int) -> str:
    """One event as ``mmap addr=0x0 ... = result``, with the thread id in front."""
    at = {name: int(column[number]) for name, column in trace.columns.items()}
    words = [f"{trace.tasks['tid'][at['task']]}", KIND_NAMES[at["kind"]]]
    for index, name in enumerate(ARGUMENTS[at["kind"]]):
        value = at[f"a{index}"]
        if name in _TEXTS:
            words.append(f"{name}={trace.strings[value]!r}")
        else:
            words.append(f"{name}={value}" if name in _DECIMAL or value < 0 else f"{name}={value:#x}")
    if at["flags"] & ev.EVF_HAS_RET:
        words.append(f"= {at['ret']:#x}" if at["ret"] > 4096 else f"= {at['ret']}")
    if at["flags"] & ev.EVF_INJECTED:
        words.append("injected")
    if at["flags"] & ev.EVF_UNFINISHED:
        words.append("unfinished")
    return " ".join(words)


def describe(before: list[str], line: str) -> list[str]:
    """What a line says: its columns, then the events, counts and complaints that it makes."""
    head = strace_lines.read_head(line.encode())
    kinds = ("no time", "absolute", "of day", "relative")
    out = [f"head tid={head.tid} time={head.time} {kinds[head.time_kind]}"]
    reader = StraceReader("".join(f"{text}\n" for text in [*before, line]).encode(), "case")
    numbered = list(reader.numbered_lines())
    for number, text in numbered[:-1]:
        reader.read_line(text, number)
    old = len(reader.model.out), dict(reader.model.ignored), dict(reader.model.unmodelled)
    reader.read_line(numbered[-1][1], numbered[-1][0])
    waiting = [
        f"waits {task.tid} {task.pending.name.decode()}" for task in reader.model.tasks if task.pending
    ]
    trace = reader.finish()
    out += [event_text(trace, number) for number in range(old[0], len(trace))]
    out += [f"ignored {name}" for name, count in trace.ignored.items() if old[1].get(name, 0) != count]
    out += [f"unmodelled {name}" for name, count in trace.unmodelled.items() if old[2].get(name, 0) != count]
    return out + waiting + [f"skipped {bad.code} column {bad.column}" for bad in trace.skipped]
