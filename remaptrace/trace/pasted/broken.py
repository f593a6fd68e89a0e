"""Calls that a mailer or a terminal broke over lines: joined where the pieces make one."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from ..strace.args import BadLine, split_arguments
from ..strace.lines import call_name, read_head, split_call, unfinished

_BEGINS = re.compile(rb"(?:\d{1,10} +(?:\d{1,10}\.\d{1,9} +)?)?[a-z_][a-z0-9_]*\(")
"""The usual columns and a call: told without taking the columns apart."""
_WHOLE = re.compile(_BEGINS.pattern + rb"[^\"<>(){}\[\]/]*\) += (?:-?\d+|0x[0-9a-f]+)(?: <\d+\.\d+>)?\r*\Z")
"""Such a line with all that belongs to it, and nothing in it that has an end of its own."""


def is_start(line: bytes) -> bool:
    """True if a line begins something of its own, and so does not continue the line before."""
    if _BEGINS.match(line) is not None:
        return True
    text = line[read_head(line).start :].lstrip()
    return (
        call_name(text) is not None
        or text.startswith((b"<... ", b"+++ ", b"--- ", b"strace: ", b"Process ", b"[ Process"))
        or not text
    )


def lacks_end(line: bytes) -> bool:
    """True for a call that is neither whole nor one whose rest comes later."""
    if _WHOLE.match(line) is not None:
        return False
    text = line[read_head(line).start :].rstrip(b"\r")
    if text.startswith(b"--- SIG"):
        return not text.endswith(b" ---")
    if not (call_name(text) or text.startswith(b"<... ")) or unfinished(text) or text.endswith(b" attached"):
        return False
    if text.startswith(b"<... "):
        return b"=" not in text
    end = split_arguments(text, text.find(b"(") + 1)[1]
    if end < 0:
        return True
    rest = text[end:].strip()
    return rest in (b"", b"=", b"\\") or (b"(" in rest and rest.count(b"(") > rest.count(b")"))


def _joined(first: bytes, second: bytes) -> bytes | None:
    """The line that two pieces make if it is a whole call, or still lacks only its end; else None."""
    first, second = (
        first.rstrip(b" ").removesuffix(b"\\") if first.endswith(b"\\") else first,
        second.rstrip(b"\r"),
    )
    glues: tuple[Callable[[], bytes], ...] = (
        lambda: first.rstrip(b" ") + b" " + second.lstrip(b" "),
        lambda: first + second,
        lambda: first + second.lstrip(b" "),
    )
    lacking: bytes | None = None
    for glue in glues:
        line = glue()
        text = line[read_head(line).start :]
        if (text.startswith(b"--- SIG") and text.endswith(b"} ---")) or unfinished(text):
            return line
        if text.startswith(b"<... "):
            text = b"x(" + text.partition(b"resumed>")[2]
        try:
            if split_call(text) is not None and _readable(text):
                return line
        except BadLine:
            continue
        if lacking is None and lacks_end(line):
            lacking = line
    return lacking


def _readable(text: bytes) -> bool:
    """False if an argument was torn where a blank now stands: ``0x1000 2000``, ``MAP_ANON YMOUS``."""
    arguments = split_arguments(text, text.find(b"(") + 1)[0]
    return not any(
        re.search(rb"[\w|] +[\w|]", argument) for argument in arguments if argument[:1] not in b'"[{'
    )


def are_broken(sample: list[bytes]) -> bool:
    """True if some call of the sample is broken and the line behind it completes it."""
    return any(
        not is_start(behind) and lacks_end(line) and _joined(line, behind) is not None
        for line, behind in pairwise(sample)
    )


def join(lines: list[bytes]) -> int:
    """Join broken calls in place, leaving empty lines where their other pieces stood; how many were."""
    count = at = 0
    while at < len(lines) - 1:
        line, behind = lines[at].rstrip(b"\r"), at + 1
        while behind < len(lines) and behind - at <= 12 and lacks_end(line) and not is_start(lines[behind]):
            joined = _joined(line, lines[behind])
            if joined is None:
                break
            line = joined
            behind += 1
        if behind > at + 1 and not lacks_end(line):
            lines[at] = line
            lines[at + 1 : behind] = [b""] * (behind - at - 1)
            count += 1
            at = behind
        else:
            at += 1
    return count
