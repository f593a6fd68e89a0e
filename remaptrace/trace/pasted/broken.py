"""Calls that a mailer or a terminal broke over lines: joined where the pieces make one."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from ..strace.args import BadLine, split_arguments
from ..strace.lines import behind_first, call_name, last_call, read_head, split_call, unfinished

_FAILED = re.compile(rb"\) *= -1\r?\Z")
_ERROR = re.compile(rb"E[A-Z][A-Z0-9]+(?: \(|\r?\Z)")
_RESULT_AT_END = re.compile(rb"\) *= (?:0x[0-9a-f]+|-?\d+)\Z")
_DIGITS = re.compile(rb"[0-9a-f]{1,16}(?: |\r?\Z)")

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
    """True for a call, or a last one of several, that is neither whole nor one whose rest comes later."""
    if _WHOLE.match(line) is not None:
        return False
    line = last_call(line)
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
    return rest in (b"", b"=", b"\\", b"= 0x", b"= -") or (
        b"(" in rest and rest.count(b"(") > rest.count(b")")
    )


def _joined(first: bytes, second: bytes) -> bytes | None:
    """The line that two pieces make if it is whole calls, or the last still lacks only its end; else None."""
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
        if _is_whole(line):
            return line
        if lacking is None and lacks_end(line):
            lacking = line
    return lacking


def _is_whole(line: bytes) -> bool:
    """True if a line is a call, or several, each with all that belongs to it."""
    at = behind_first(line)
    if at >= 0:
        return _is_whole(line[:at].rstrip(b" ")) and _is_whole(line[at:])
    text = line[read_head(line).start :]
    if (text.startswith(b"--- SIG") and text.endswith(b"} ---")) or unfinished(text):
        return True
    if text.startswith(b"<... "):
        text = b"x(" + text.partition(b"resumed>")[2]
    try:
        return split_call(text) is not None and _readable(text)
    except BadLine:
        return False


def _readable(text: bytes) -> bool:
    """False if an argument was torn where a blank now stands: ``0x1000 2000``, ``MAP_ANON YMOUS``."""
    arguments = split_arguments(text, text.find(b"(") + 1)[0]
    return not any(
        re.search(rb"[\w|] +[\w|]", argument) for argument in arguments if argument[:1] not in b'"[{'
    )


def _goes_on(line: bytes, behind: bytes, width: int) -> bool:
    """True if `behind` can be the rest of `line`: it lacks its end, or the name of its error, or digits of its result.

    `width` is where a terminal broke lines, whatever stood there, 0 if none did.
    """
    if is_start(behind):
        return False
    if lacks_end(line):
        return True
    if _FAILED.search(line) is not None and _ERROR.match(behind) is not None:
        return True
    return (
        len(line) == width and _RESULT_AT_END.search(line) is not None and _DIGITS.match(behind) is not None
    )


def _width(lines: list[bytes]) -> int:
    """The width at which a terminal broke the lines: none is longer, and several that lack their end are as long."""
    lengths = [len(line.rstrip(b"\r")) for line in lines]
    width = max(lengths, default=0)
    full = [line for line, length in zip(lines, lengths, strict=True) if length == width]
    return width if sum(lacks_end(line) for line in full) >= 2 else 0


def are_broken(sample: list[bytes]) -> bool:
    """True if some call of the sample is broken and the line behind it completes it."""
    return any(
        _goes_on(line, behind, 0) and _joined(line, behind) is not None for line, behind in pairwise(sample)
    )


def join(lines: list[bytes]) -> int:
    """Join broken calls in place, leaving empty lines where their other pieces stood; how many were."""
    count = at = 0
    width = _width(lines)
    while at < len(lines) - 1:
        line, behind = lines[at].rstrip(b"\r"), at + 1
        while behind < len(lines) and behind - at <= 12 and _goes_on(line, lines[behind], width):
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
