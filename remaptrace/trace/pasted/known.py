"""What a line of a log looks like where it stands alone, or behind something else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from ..strace.lines import read_head
from ..tracepoints.prefix import TOKEN, is_kernel_line

SAMPLE_BYTES, SAMPLE_LINES = 1 << 18, 2000
_LONGEST = 2_000
"""Bytes of a line within which a prefix is looked for."""

LOG_LINE = re.compile(
    rb"(?:(?:[a-z_][a-z0-9_]*|SYS_\d+)\(.*|<\.\.\. [a-z_0-9]+ resumed>.*)"
    rb"(?:\) *= *(?:-?(?:0x[0-9a-f]+|\d+)|\?)|<(?:unfinished|detached) \.\.\.>)"
    rb"|\+\+\+ (?:exited|killed|superseded) |--- SIG[A-Z0-9]+ \{|--- stopped by SIG"
)
"""A line of strace that could stand alone."""

BEGUN = re.compile(rb"[a-z_][a-z0-9_]*\((?:NULL|0x[0-9a-f]|-?\d|\"|\{|AT_FDCWD|PR_|\))")
"""The beginning of a call whose end a mailer put into the next line."""

OTHER_TEXTS = re.compile(
    rb" *\S.{0,20}?-\d+ +(?:\([ \d-]*\) +)?\[\d{3,}\] |.*: (?:raw_)?sys(?:calls:sys)?_(?:enter|exit)\w*: "
    rb"| *(?:[\d.]+ \| +)?\d+\) +(?:\S+-\d+ +\|)?[^|]*\|  "
    rb"| *\d+\.\d+ (?:[^()]*/\d+ )?(?:syscalls|raw_syscalls|exceptions|sched|task|signal):\w+\("
    rb"|# tracer: | *\d+\.\d+ \( *(?:\d+\.\d+ ms)? *\): "
)
"""Lines of ftrace, perf script and perf trace as they are."""


def split(data: bytes) -> Iterator[bytes]:
    """The lines of a text, without what ends them."""
    yield from (line.rstrip(b"\r") for line in data.split(b"\n"))


def sample_score(data: bytes) -> tuple[int, int]:
    """How many of the first lines are, and how many hold, a line of strace."""
    sample = list(islice(split(data[:SAMPLE_BYTES]), 200))
    starts = [start_of(line) for line in sample]
    return sum(start == 0 for start in starts), sum(start >= 0 for start in starts)


def is_log_line(line: bytes) -> bool:
    """True if `line` holds one of any recorder."""
    return start_of(line) >= 0 or is_kernel_line(line)


def start_of(line: bytes, looks: re.Pattern[bytes] = LOG_LINE) -> int:
    """Where in `line` something begins that is a whole line of strace; -1 if nowhere.

    The earliest beginning of a word counts, so that columns of strace's own (thread ids, times) stay with it.
    """
    if len(line) > _LONGEST:  # a search would look at each word to the end of the line
        return 0 if looks.match(line, read_head(line[:_LONGEST]).start) is not None else -1
    if looks.search(line) is None:
        return -1
    for token in TOKEN.finditer(line):
        start = token.start()
        if token.group().isspace():
            if start or re.match(rb" +\d+\.\d+ ", line) is None:
                continue
        elif start and line[start - 1 : start].isalnum():
            continue
        if looks.match(line, start + read_head(line[start:]).start):
            return start
    return -1
