"""What other logs put in front of the lines of ftrace, perf script and perf trace: found by what the lines share.

The recorders print a task's name in a field of sixteen columns (`%16s`), so a name that ends behind them has
something in front of it. The blanks of that field, and of call chains, stay where they are.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

_EVENT = (
    rb"(?:(?:syscalls|raw_syscalls|exceptions|sched|task|signal):)?(?:sys_\w+|page_fault_user|sched_process_\w+"
    rb"|task_newtask|task_rename|signal_deliver)\b|(?:page|minor|major)-faults|PERF_RECORD_\w+"
)
_FTRACE = re.compile(
    rb"(?P<name>\S+)-\d{1,9} +(?:\([ \d-]*\) +)?\[\d{1,9}\] +(?:[^\s:]{4,8} +)?\d[\d.]*: +(?:"
    + _EVENT
    + rb")"
)
_LATENCY = re.compile(
    rb"(?P<name>\S{1,8})-\d{1,9} +\d+[^\s:]{4,8} +\d{1,15}us[ !#+*@$]?: +(?:"
    + _EVENT
    + rb"|<(?:user )?stack trace>)"
)
_PERF = re.compile(
    rb"(?P<name>\S+) +-?\d{1,9}(?:/-?\d{1,9})?(?: +\[\d{1,9}\])?(?: +\d{1,10}\.\d+:)?(?: +\d{1,18})? +(?:"
    + _EVENT
    + rb"):? "
)
_PERF_TRACE = re.compile(
    rb"(?:^|(?<=[\s:\]|]))(?P<name> *(?:\d{1,12}\.\d{3}|\?) (?:\( *(?:\d+\.\d+ ms)? *\): |(?:[^()=]*?/\d{1,9} )?"
    rb"(?:syscalls|exceptions|sched|task|signal):\w+\())"
)
_IN_THEM = (
    *(b"sys_", b"page_fault_user", b"sched_process_", b"task_newtask", b"task_rename", b"signal_deliver"),
    *(b"-faults", b"PERF_RECORD_", b"stack trace>", b"): "),
    *(b"syscalls:", b"exceptions:", b"sched:", b"task:", b"signal:"),
)
"""Of which each of these lines has one: most texts of strace have none."""
_COLUMNS, _LATENCY_COLUMNS = 16, 8
_NUMBER = re.compile(rb"(?:[^\s:]+:)?\d{1,9}:(?=\S)")
"""What grep -n puts in front of a line."""
_NO_NAME = re.compile(rb"[:|>\]] *\Z|\t\Z")
"""How something ends that is not the beginning of a task's name, where perf does not pad names (call chains)."""
_MOST_BLANKS = 2
"""Blanks that belong to what stands in front."""
_LONGEST = 400
TOKEN = re.compile(rb"\w+|\s+|[^\w\s]")
"""A word, blanks, or one other character."""


class Prefix(NamedTuple):
    """A pattern for the beginnings of lines, and one of them."""

    pattern: re.Pattern[bytes]
    shown: str


def _front(line: bytes) -> tuple[bytes, bytes] | None:
    """What stands in front of a line of kernel text, and a pattern of the blanks between it and the first field.

    None: it is no such line.
    """
    line = line[:_LONGEST]
    found = _FTRACE.search(line) or _PERF.search(line)
    if found is not None:
        front = line[: found.start("name")].rstrip()
        if not front and line.startswith(b">"):  # a quotation without its blank
            return b">", b"[ \t]?"
        if not front and (number := _NUMBER.match(line)) is not None and number.end() < found.end("name"):
            return number.group(), b""
        if found.end("name") <= _COLUMNS and not _NO_NAME.search(line[: found.start("name")]):
            return b"", b""
        blanks = found.end("name") - len(front) - _COLUMNS
        return front, rb"[ \t]{%d}" % blanks if 0 <= blanks <= _MOST_BLANKS else rb"[ \t]?"
    found = _LATENCY.search(line)
    if found is not None:
        front = line[: found.start("name")].rstrip()
        blanks = found.end("name") - len(front) - _LATENCY_COLUMNS
        return front, rb"[ \t]{%d}" % blanks if 0 <= blanks <= _MOST_BLANKS else rb"[ \t]?"
    found = _PERF_TRACE.search(line)
    return None if found is None else (line[: found.start("name")].rstrip(), rb"[ \t]?")


def is_kernel_line(line: bytes) -> bool:
    """True if `line` holds one of ftrace, perf script or perf trace."""
    return _front(line) is not None


def kernel_prefix(sample: list[bytes]) -> Prefix | None:
    """The prefix that most lines of kernel text in the sample have; None if it is no such text, or has none."""
    text = b"\n".join(sample)
    if not any(word in text for word in _IN_THEM):
        return None
    shapes: Counter[bytes] = Counter()
    examples: dict[bytes, bytes] = {}
    for line in sample:
        front = _front(line)
        if front is not None:
            shape = shape_of(front[0]) + front[1]
            shapes[shape] += 1
            examples.setdefault(shape, front[0])
    if shapes.total() * 10 < len(sample) or not shapes:
        return None
    shape, count = shapes.most_common(1)[0]
    if not examples[shape] or count * 2 <= shapes.total():
        return None
    return Prefix(re.compile(rb"\A" + shape), examples[shape].decode("utf-8", "replace"))


def shape_of(front: bytes) -> bytes:
    """A pattern of prefixes like this one: words and blanks may differ, other characters stay."""
    parts: list[bytes] = []
    for token in TOKEN.findall(front):
        if token.isspace():
            parts.append(rb"[ \t]*" if not parts else rb"[ \t]+")
        elif re.fullmatch(rb"\w+", token):
            parts.append(rb"\w+")
        else:
            parts.append(re.escape(token))
    return b"".join(parts)
