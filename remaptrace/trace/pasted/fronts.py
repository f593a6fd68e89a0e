"""What stands in front of the lines of a log, and behind them: found by what the lines have in common."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import pairwise
from typing import NamedTuple

from ..tracepoints.prefix import shape_of
from .known import BEGUN, LOG_LINE, start_of

_NUMBERED = re.compile(rb"[ \t]*(\d{1,9})(?:[:\t.)|-][ \t]?|[ \t]+)")
_QUOTE = re.compile(rb"(?:[ \t]{0,3}[>|])+ ?")
_BEHIND = re.compile(
    rb"(?:[ \t]*(?:</?(?:br|p|li|code|samp|tt|kbd|pre|div|span|td|tr|em|strong|b|i|font|blockquote)\b[^<>]*>"
    rb"|\\[nr]|[\"'`,]))+[ \t\r]*\Z"
)
"""What pages, lists of strings and machine interfaces put behind a line."""
_CALL = rb"(?=[a-z_]\w*\(|<\.\.\. \w+ resumed>|\+\+\+ |--- SIG)"
_IN_BRACKETS = re.compile(rb"\A\[([1-9]\d{0,6})\] +(?:([a-z_]\w*)\(|<\.\.\. (\w+) )")
_POINTER = re.compile(rb"\A\[(?:[0-9a-f]{8}|[0-9a-f]{16})\] ")
"""The instruction pointer of -i."""
_IDS = (
    re.compile(rb"\A\[([1-9]\d{0,6})\] +" + _CALL),
    re.compile(rb"\A(?!\[pid +\d+\] )(?:\[?(?:pid|tid|PID|TID)[ :=]*)?(\d{1,9})\]?:? *[:|\]] *" + _CALL),
    re.compile(rb"\A\(?(?:pid|tid|PID|TID)[ :=]+(\d{1,9})\)?:? +" + _CALL),
)
"""A thread id as tracers near to strace print it; the group is the id."""


class Front(NamedTuple):
    """A pattern for the beginnings of lines, and one of them."""

    pattern: re.Pattern[bytes]
    shown: str
    quoted: bool = False

    def off(self, line: bytes) -> bytes:
        """`line` without what stands in front of it; of a line broken by a mailer only the marks of a quotation."""
        match = self.pattern.match(line)
        if match is not None:
            return line[match.end() :]
        bare = line.rstrip()
        if bare and len(bare) <= 3 and self.pattern.match(bare + b" "):  # an empty line of a quotation: ">"
            return b""
        return _QUOTE.sub(b"", line, count=1) if self.quoted and _QUOTE.match(line) else line


def common_front(sample: list[bytes]) -> Front | None:
    """The prefix that most lines of strace in the sample have; None if they have none."""
    for looks in (LOG_LINE, BEGUN):
        shapes: Counter[bytes] = Counter()
        examples: dict[bytes, bytes] = {}
        for line in sample[:400]:
            start = start_of(line, looks)
            if start < 0:
                continue
            shape = shape_of(line[:start])
            shapes[shape] += 1
            examples.setdefault(shape, line[:start])
        if not shapes:
            continue
        shape, count = shapes.most_common(1)[0]
        if shape == b"" or not examples[shape].strip():
            counted = _counted(sample)
            if counted is not None:
                return counted
        if shape == b"" or (shapes[b""] and count * 2 <= shapes[b""] + 1):
            return None
        if count == 1 < len(shapes):  # pieces of broken lines: what they have in front is not common
            return None
        example = examples[shape]
        shown = example.decode("utf-8", "replace")
        shown = shown if shown.strip() else shown.replace("\t", "\\t")
        return Front(re.compile(shape), shown, _QUOTE.match(example) is not None)
    return None


def _counted(sample: list[bytes]) -> Front | None:
    """The numbers of lines that ``cat -n``, ``nl`` and editors put in front, which could be thread ids.

    They go up by one from line to line; thread ids do not. An indent in front of thread ids counts as a prefix.
    """
    if len(sample) < 3:
        return None
    numbers = [int(match.group(1)) for line in sample if (match := _NUMBERED.match(line))]
    if len(numbers) < len(sample) * 0.9:
        return None
    steps = sum(b - a == 1 for a, b in pairwise(numbers))
    if steps >= (len(numbers) - 1) * 0.9 and numbers[-1] > numbers[0] + 1:
        example = _NUMBERED.match(sample[0])
        assert example is not None
        return Front(_NUMBERED, example.group().decode())
    return None


def common_end(sample: list[bytes]) -> re.Pattern[bytes] | None:
    """What most lines of strace in the sample have behind them: ``<br>``, a quote and a comma; None if nothing."""
    ends: Counter[bytes] = Counter()
    count = 0
    for line in sample[:400]:
        if start_of(line) == 0:
            count += 1
            found = _BEHIND.search(line)
            ends[found.group().strip() if found else b""] += 1
    with_end = count - ends[b""]
    return _BEHIND if with_end and with_end * 10 >= count * 6 else None


def thread_ids(sample: list[bytes]) -> re.Pattern[bytes] | None:
    """How numbers in front of the lines are written that are ids of threads, but not as strace writes them.

    ``[4242] mmap(...)`` could be the number of the call (-n), which goes with its name; ``4242: mmap(...)`` the
    number of the line, which goes up.
    """
    lines = sample[:400]
    bracketed: dict[bytes, set[int]] = defaultdict(set)
    names: dict[int, set[bytes]] = defaultdict(set)
    for line in lines:
        if _POINTER.match(line):
            return None
        found = _IN_BRACKETS.match(line)
        if found is not None:
            bracketed[found[2] or found[3]].add(int(found[1]))
            names[int(found[1])].add(found[2] or found[3])
    if names:
        numbers = [int(found[1]) for line in lines if (found := _IN_BRACKETS.match(line))]
        if all(a < b for a, b in pairwise(numbers)):
            return None
        several = any(len(numbers) > 1 for numbers in bracketed.values())
        return _IDS[0] if several or any(len(calls) > 1 for calls in names.values()) else None
    for form in _IDS[1:]:
        numbers = [int(found[1]) for line in lines if (found := form.match(line))]
        if len(numbers) >= 3 and len(numbers) * 2 > len(lines) and any(b <= a for a, b in pairwise(numbers)):
            return form
    return None
