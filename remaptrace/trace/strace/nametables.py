"""The tables of names that the byte machine of large strace logs looks words up in."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from ...abi.errnos import ERRNOS
from ..compiled import followstate as fo
from ..compiled import lexrows as lex
from ..compiled import scan
from ..symbols import LEFT_OUT, SYMBOLS
from ..syscalls import TABLES
from .callnames import ALIASES, NEW_CALLS, harmless
from .calls import concerns_memory
from .plaincalls import PLAIN

MAX_IGNORED = 1024
"""Names of calls that the machine can count by itself."""
_MAX_NAME = 23

_SPECIAL = {
    b"openat": lex.OP_OPENAT,
    b"open": lex.OP_OPEN,
    b"close": lex.OP_CLOSE,
    b"fcntl": lex.OP_FCNTL,
    b"ioctl": lex.OP_IOCTL,
    b"prctl": lex.OP_PRCTL,
    b"arch_prctl": lex.OP_ARCH_PRCTL,
    b"dup": lex.OP_DUP,
    b"dup2": lex.OP_DUP2,
    b"dup3": lex.OP_DUP3,
    b"clone": lex.OP_CLONE,
    b"clone3": lex.OP_CLONE3,
    b"fork": lex.OP_FORK_CALL,
    b"vfork": lex.OP_VFORK,
    b"execve": lex.OP_EXECVE,
    b"exit": lex.OP_EXIT_CALL,
    b"exit_group": lex.OP_EXIT_GROUP,
}
_NUMBERED = {f"syscall_{number:#x}".encode(): name for number, name in NEW_CALLS.items() if name in PLAIN} | {
    alias: name for alias, name in ALIASES.items() if name in PLAIN
}
"""What an strace prints that is older than the call, or of another machine."""

Words = npt.NDArray[np.int64]


class NameTables:
    """Symbols, errnos and calls by name; `ignored`: the calls that are only counted, in the order of their numbers.

    `words`: (3, slots, 4) hash tables; `plain`: a row for each plain call (kind, least and most arguments, the
    descriptor's place, whether the offset counts pages, what it returns); `counted`: the number in `ignored` for
    each operation of `fo.S_IGNORE`; `texts`: the words that lexing compares.
    """

    def __init__(self) -> None:
        self.words: Words = np.zeros((3, scan.TABLE_MASK + 1, 4), dtype=np.int64)
        self.words[:, :, 3] = -1
        self.plain: Words = np.zeros((len(PLAIN) + 1, 6), dtype=np.int64)
        self.counted: dict[int, int] = {}
        self.ignored: list[str] = []
        self._known: set[str] = set()
        self.texts = _texts()

    def copy(self) -> NameTables:
        """Tables that may learn further names; what never changes is shared."""
        other = object.__new__(NameTables)
        other.words, other.plain = self.words.copy(), self.plain
        other.counted, other.texts = self.counted, self.texts
        other.ignored, other._known = list(self.ignored), set(self._known)
        return other

    def fill(self) -> None:
        """Enter every name that is known before a line is read."""
        for name, value in SYMBOLS.items():
            if value >= 0 and len(name) <= _MAX_NAME and name not in LEFT_OUT:  # the plain reader notes these
                self._add(scan.T_SYMBOLS, name.encode(), value)
        for name, value in ERRNOS.items():
            self._add(scan.T_ERRORS, name.encode(), value)
        for row, (call, plain) in enumerate(PLAIN.items()):
            self.plain[row] = (plain.kind, plain.least, plain.most, plain.fd, 0, plain.returns)
            self._add(scan.T_CALLS, call, lex.OP_PLAIN + row)
            for alias, meant in _NUMBERED.items():
                if meant == call:
                    self._add(scan.T_CALLS, alias, lex.OP_PLAIN + row)
        self.plain[len(PLAIN)] = self.plain[list(PLAIN).index(b"mmap")]
        self.plain[len(PLAIN), lex.P_PAGES] = 1
        self._add(scan.T_CALLS, b"mmap2", lex.OP_PLAIN + len(PLAIN))
        for call, op in _SPECIAL.items():
            self._add(scan.T_CALLS, call, op)
            self.counted[fo.S_IGNORE + op] = len(self.ignored)
            self.ignored.append(call.decode())
        self.counted[fo.S_IGNORE + lex.OP_FDCTL] = self.counted[fo.S_IGNORE + lex.OP_FCNTL]
        for names in TABLES.values():
            for text in names.values():
                self.count_only(text.encode())

    def count_only(self, name: bytes) -> None:
        """Let the machine count calls of this name by itself if they are only counted."""
        text, number = name.decode(), len(self.ignored)
        if text in self._known or number >= MAX_IGNORED:
            return
        if len(name) > _MAX_NAME or concerns_memory(name) or name not in harmless():
            return
        if self._add(scan.T_CALLS, name, lex.OP_IGNORED + number):
            self.ignored.append(text)
            self._known.add(text)

    def _add(self, table: int, name: bytes, value: int) -> bool:
        return scan.add_name(np.frombuffer(name, dtype=np.uint8), self.words, table, value) == 0


@cache
def _known() -> NameTables:
    tables = NameTables()
    tables.fill()
    return tables


def known_names() -> NameTables:
    """The tables for one reader, which may learn names of its own."""
    return _known().copy()


def _texts() -> Words:
    """The texts that lexing compares: of each its length, its bytes as three words, and which bits of them count."""
    table = np.zeros((len(lex.TEXTS), 7), dtype=np.int64)
    for row, text in enumerate(lex.TEXTS):
        table[row, 0] = len(text)
        table[row, 1:4] = np.frombuffer(text.ljust(24, b"\0"), "<i8")
        table[row, 4:7] = np.frombuffer((b"\xff" * len(text)).ljust(24, b"\0"), "<i8")
    return table
