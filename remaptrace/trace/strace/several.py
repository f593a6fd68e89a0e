"""Several calls in one line, as text that was filled into paragraphs has them."""

from __future__ import annotations

import re

from .args import annotation_at, split_arguments
from .lines import BEHIND, RESULT, call_name, read_head

_MAY = re.compile(rb"\) *= *[-?0-9][^\n]*? (?:[a-z_][a-z0-9_]*\(|<\.\.\. [a-z_])")
_RESUMED = re.compile(rb"<\.\.\. [a-z_?][a-z0-9_?]* resumed>")
_BLANKS = re.compile(rb"[ \t]+")


def behind_first(line: bytes) -> int:
    """Where in `line` another call begins, columns and all, behind one that is whole with its result; -1 if nowhere."""
    if _MAY.search(line) is None:
        return -1
    start = read_head(line).start
    resumed = _RESUMED.match(line, start)
    if resumed is not None:
        at = resumed.end()
    elif call_name(line[start:]) is not None:
        at = line.index(b"(", start) + 1
    else:
        return -1
    end = split_arguments(line, at)[1]
    result = RESULT.match(line, end) if end >= 0 else None
    if result is None:
        return -1
    end = result.end()
    if line[end : end + 1] == b"<" and (named := annotation_at(line, end)) is not None:
        end = named[1]
    behind = BEHIND.match(line, end)
    assert behind is not None  # all of it may be absent
    blanks = _BLANKS.match(line, behind.end())
    if blanks is None:
        return -1
    text = line[blanks.end() :]
    text = text[read_head(text).start :]
    return blanks.end() if call_name(text) is not None or _RESUMED.match(text) else -1


def last_call(line: bytes) -> bytes:
    """The last of the calls in a line, which may lack its end."""
    while (at := behind_first(line)) >= 0:
        line = line[at:]
    return line
