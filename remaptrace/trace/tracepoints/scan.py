"""All lines of an ftrace or perf text to records: one by one, or the common ones by a byte machine.

Both ways give equal records. Small texts never need the machine.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ...machinecode import ready
from ..syscalls import TABLES, X86_64
from .plan import CallNames
from .records import R_LINE, R_OP, RECORD_WORDS, Records, Rows
from .text import EventText

COMPILED_FROM = 512 << 10
"""Bytes of text from which loading the compiled machine pays."""

_BEHIND = 64
"""Bytes behind the last line that the machine may look at."""

_PIECE, _NEWLINE = 1 << 17, 10
_SOME = 1 << 14

_ALIASES = (
    *("newstat", "newfstat", "newlstat", "newuname", "sendfile64", "umount", "mmap_pgoff", "fadvise64_64"),
    *("sched_getattr", "sched_setattr", "rt_sigtimedwait_time32", "futex_time32", "clock_gettime32"),
)
"""Names that tracepoints use and system call tables do not."""


class LineReader(Protocol):
    """Who understands every line: the plain reader of a format."""

    calls: CallNames
    words: EventText
    rows: Rows

    def line(self, line: bytes, line_number: int, offset: int) -> None:
        """Take one line: append at most one record to `rows`."""


def read_lines(data: bytes, reader: LineReader, form: str, *, compiled: bool | None = None) -> Records:
    """The records of all lines. `compiled` None: as the size of `data` makes it worth while."""
    if compiled is None:
        compiled = len(data) >= COMPILED_FROM and ready.pays("ftrace", len(data))
    if compiled:
        return _by_machine(data, reader, form)
    start = 0
    for line_number, line in enumerate(data.split(b"\n"), 1):
        reader.line(line.removesuffix(b"\r"), line_number, start)
        start += len(line) + 1
    return reader.rows.matrix()


def _by_machine(data: bytes, reader: LineReader, form: str) -> Records:
    """Common lines by the machine, odd ones by `reader`, in order."""
    from ..compiled.kernellines import FTRACE, PERF, kernel_lines
    from ..compiled.kernelwords import EVENT_WORDS

    tables = (_name_table(reader.calls), _raw_table(reader))
    words = tuple(np.frombuffer(word, dtype=np.uint8) for word in EVENT_WORDS)
    lines = _newlines(data) + 2
    records = np.empty((RECORD_WORDS, lines), dtype=np.int64)
    odd = np.empty((lines, 4), dtype=np.int64)
    whole = data.rfind(b"\n", 0, max(len(data) - _BEHIND, 0)) + 1
    tail = data[whole:] + b"\n" + bytes(_BEHIND)
    parts = (
        (np.frombuffer(data, dtype=np.uint8), whole, 0),
        (np.frombuffer(tail, np.uint8), len(tail) - _BEHIND, whole),
    )
    number = FTRACE if form == "ftrace" else PERF
    needed = np.array([reader.calls.needed(n) for n in range(len(reader.calls.names))], dtype=np.int64)
    counts = np.zeros(3, dtype=np.int64)
    used, line = 0, 1
    places: list[int] = []
    for part, size, base in parts:
        kernel_lines(part, size, base, line, number, records, used, odd, words, *tables, needed, counts)
        used, odds, line = counts.tolist()
        for some in range(0, odds, _SOME):
            for place, line_number, start, end in odd[some : min(some + _SOME, odds)].tolist():
                before = len(reader.rows)
                reader.line(data[start:end].removesuffix(b"\r"), line_number, start)
                if len(reader.rows) > before:
                    places.append(place)
    if -1 in places:  # a record where the machine expected none
        return _by_line(records[:, :used], reader.rows.matrix())
    records = records[:, :used]
    if places:
        records[:, places] = reader.rows.matrix()
    kept = records[R_OP] != 0
    return records if kept.all() else np.ascontiguousarray(records[:, kept])


def _newlines(data: bytes) -> int:
    """How many lines end in `data`: in pieces that caches hold; `bytes.count` searches anew for each of them."""
    text = np.frombuffer(data, dtype=np.uint8)
    pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
    return sum(int(np.count_nonzero(piece == _NEWLINE)) for piece in pieces)


def _by_line(records: Records, rows: Records) -> Records:
    """The machine's records and the reader's, in order of their lines."""
    both = np.concatenate((records[:, records[R_OP] != 0], rows), axis=1)
    return np.ascontiguousarray(both[:, np.argsort(both[R_LINE], kind="stable")])


def _name_table(calls: CallNames) -> npt.NDArray[np.int64]:
    """The hash table of the names of calls, for the machine."""
    for name in (*X86_64.values(), *_ALIASES):
        calls.number(name)
    return _hashed(tuple(calls.numbers.items()))


@lru_cache(maxsize=4)
def _hashed(numbers: tuple[tuple[str, int], ...]) -> npt.NDArray[np.int64]:
    """A table in which the machine finds the number of a name; it is not written to again."""
    from ..compiled.scan import TABLE_MASK, add_name

    names = np.full((1, TABLE_MASK + 1, 4), -1, dtype=np.int64)
    for name, number in numbers:
        if "(" not in name and len(name) <= 24:
            add_name(np.frombuffer(name.encode(), dtype=np.uint8), names, 0, number)
    return names


def _raw_table(reader: LineReader) -> npt.NDArray[np.int64]:
    """The number of the call by the system call number of the architecture, -1 for none."""
    table = TABLES.get(reader.words.arch, X86_64)
    out = np.full(max(table) + 1, -1, dtype=np.int64)
    for number, name in table.items():
        out[number] = reader.calls.number(name)
    return out
