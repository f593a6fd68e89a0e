"""`unpasted` undoes what a log went through, step by step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from mmap import mmap

from ...counting import counted
from ..tracepoints.prefix import kernel_prefix
from ..tracepoints.wrapped import is_wrapped, join_wrapped
from .broken import are_broken, is_start, join, lacks_end
from .fronts import common_end, common_front, thread_ids
from .known import OTHER_TEXTS, SAMPLE_BYTES, SAMPLE_LINES, split
from .letters import STEPS

_FENCE = re.compile(
    rb"[ \t]*(?:(?:```|~~~)[ \t]*[\w+.-]*|</?(?:pre|code|samp|blockquote)(?: [^>]*)?>|\[/?code\]"
    rb"|\{(?:noformat|code(?::\w+)?)\})[ \t]*\r?\Z"
)


_NOT_ASCII = (b"\xa0", b"\xe2", b"\xef", b"0\xc3\x97")
_PIECE = 1 << 17
_FRAME = (b" " * 16, b"\t")
"""How lines of call chains begin, which may be most of a text."""
_NARROWEST, _WIDEST = 60, 512
_CUT = b" (cut here"
"""Behind a line that fills the width at which a log was cut: nothing of it can be believed."""


def unpasted(data: bytes) -> tuple[bytes, list[str]]:
    """The log in `data` as its recorder wrote it, and notes on what was undone."""
    notes: list[str] = []
    for step in STEPS:
        data = step(data, notes)
    return _lines(data, notes)


def is_as_recorded(log: mmap) -> bool:
    """True if nothing of `unpasted` applies to a mapped log: its beginning comes back as it is, and no byte of what
    is undone further on stands anywhere. False may still mean that there is nothing to undo.
    """
    head = log[:SAMPLE_BYTES]
    done, notes = unpasted(head)
    return done == head and not notes and not _stands_in(log, (b"\r", b"\x1b"), _NOT_ASCII)


def _stands_in(log: mmap, plain: Sequence[bytes], others: Sequence[bytes]) -> bool:
    """Whether some of `plain` and `others` (not ASCII) stands in a mapped log, which is read once, by pieces that the
    caches of the processor hold.
    """
    over = max(map(len, others)) - 1
    for start in range(0, len(log), _PIECE):
        piece = log[start : start + _PIECE + over]
        if any(text in piece for text in plain):
            return True
        if not piece.isascii() and any(text in piece for text in others):
            return True
    return False


def _lines(data: bytes, notes: list[str]) -> tuple[bytes, list[str]]:
    """What stands in front of and behind the lines taken away and broken lines joined, where the lines show it."""
    sample = [line for line in islice(split(data[:SAMPLE_BYTES]), SAMPLE_LINES) if line.strip()]
    kernel = kernel_prefix(sample[:400])
    if kernel is not None:
        notes.append(f"the lines have something in front, as {kernel.shown!r}: it is left out")
        freed = [kernel.pattern.sub(b"", line, count=1) for line in data.split(b"\n")]
        return _unwrapped(b"\n".join(freed), freed[:SAMPLE_LINES], notes), notes
    events = [line for line in sample if not line.startswith(_FRAME)][:200]
    if sum(OTHER_TEXTS.match(line) is not None for line in events) * 4 > len(events):
        return _unwrapped(data, sample, notes), notes
    ids = thread_ids(sample)
    if ids is not None:
        notes.append("the numbers in front of the lines are read as thread ids")
        data = b"\n".join(ids.sub(rb"\1 ", line, count=1) for line in data.split(b"\n"))
        sample = [ids.sub(rb"\1 ", line, count=1) for line in sample]
    front = common_front(sample)
    bare = sample if front is None else [front.off(line) for line in sample]
    end = common_end(bare)
    bare = bare if end is None else [end.sub(b"", line) for line in bare]
    broken = are_broken(bare)
    width = _cut_at(bare)
    if front is None and end is None and not broken and not width:
        return data, notes
    lines = data.split(b"\n")
    if front is not None:
        lines = [front.off(line) for line in lines]
        notes.append(f"the lines have something in front, as {front.shown!r}: it is left out")
    if end is not None:
        lines = [end.sub(b"", line) for line in lines]
        if front is not None and front.shown.endswith('"'):
            lines = [line.replace(b'\\"', b'"').replace(b"\\\\", b"\\") for line in lines]
        notes.append(
            "the lines have something behind them, as pages and lists of texts put it: it is left out"
        )
    lines = [b"" if _FENCE.match(line) else line for line in lines]
    if width:
        lines = [line + _CUT if len(line.rstrip(b"\r")) == width else line for line in lines]
        notes.append(f"the lines are cut at {width} columns: those that reach it are not believed")
    if broken:
        count = join(lines)
        if count:
            notes.append(f"{counted(count, 'call')} broken over lines, as mailers and terminals do: joined")
    return b"\n".join(lines), notes


def _cut_at(sample: list[bytes]) -> int:
    """The width at which the lines of a log were cut, 0 if they were not.

    No line is longer, several are as long, and what stands behind those that lack their end is not that end.
    """
    width = max(map(len, sample), default=0)
    if not _NARROWEST <= width <= _WIDEST:
        return 0
    full = [at for at, line in enumerate(sample) if len(line) == width]
    cut = [at for at in full if lacks_end(sample[at])]
    if len(full) < 3 or len(cut) < 2:
        return 0
    alone = [at for at in cut if at + 1 == len(sample) or is_start(sample[at + 1])]
    return width if len(alone) * 2 > len(cut) else 0


def _unwrapped(data: bytes, sample: list[bytes], notes: list[str]) -> bytes:
    """Kernel text with the lines joined that a mailer broke."""
    if not is_wrapped(sample[:400]):
        return data
    lines = data.split(b"\n")
    notes.append(f"{join_wrapped(lines)} lines were broken, as mailers and terminals do: they are joined")
    return b"\n".join(lines)
