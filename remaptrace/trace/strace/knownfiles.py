"""What a reader knows of descriptor tables: which path stands behind which descriptor.

Only used to tell when a log names the path of a descriptor that no call in it opened; the replay keeps
the real descriptor tables. One int32 matrix, a row a table, so that compiled readers look into it: 0 is
unknown or closed, else 1 + 2 * string number + close-on-exec. They take and give back tables, too: `users` (int32)
counts who has each, `free` (int32) is a stack of those that nobody has, behind its height.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ...abi.kinds import K_CLOSE, K_CLOSE_RANGE, K_EXEC, K_OPEN
from ..events import occurs, one_of, rows_where

_MAX_WIDTH = 1 << 16


def _stack(first: int, last: int) -> npt.NDArray[np.int32]:
    """The rows first..last-1, the first on top, and room for all below `last`."""
    stack = np.zeros(last + 1, dtype=np.int32)
    stack[0] = last - first
    stack[1 : last - first + 1] = np.arange(last - 1, first - 1, -1)
    return stack


class KnownFiles:
    """Descriptor tables by row; descriptors from 65,536 on are kept aside."""

    def __init__(self) -> None:
        self.table = np.zeros((8, 64), dtype=np.int32)
        self.users = np.zeros(8, dtype=np.int32)
        self.free = _stack(0, 8)
        self._far: dict[tuple[int, int], int] = {}

    @property
    def has_far(self) -> bool:
        """True if some descriptor is kept aside."""
        return bool(self._far)

    def new(self) -> int:
        """The row of an empty table with one user."""
        if not self.free[0]:
            rows = len(self.users)
            self.table = np.concatenate([self.table, np.zeros_like(self.table)])
            self.users = np.concatenate([self.users, np.zeros_like(self.users)])
            self.free = _stack(rows, 2 * rows)
        row = int(self.free[self.free[0]])
        self.free[0] -= 1
        self.users[row] = 1
        return row

    def share(self, row: int) -> int:
        """Another user of the table (CLONE_FILES)."""
        self.users[row] += 1
        return row

    def copy(self, row: int) -> int:
        """The row of a copy, as fork makes it."""
        new = self.new()
        self.table[new] = self.table[row]
        for (old, fd), word in list(self._far.items()):
            if old == row:
                self._far[new, fd] = word
        return new

    def drop(self, row: int) -> None:
        """One user less; the last one closes everything."""
        self.users[row] -= 1
        if self.users[row] == 0:
            self.close_range(row, 0, 1 << 31)
            self.free[0] += 1
            self.free[self.free[0]] = row

    def get(self, row: int, fd: int) -> int:
        """The word of descriptor `fd`: 0 unknown, else 1 + 2 * string number + close-on-exec."""
        if 0 <= fd < self.table.shape[1]:
            return int(self.table[row, fd])
        return self._far.get((row, fd), 0)

    def path(self, row: int, fd: int) -> int:
        """The string number of the path behind `fd`; 0 if it is unknown."""
        return max(self.get(row, fd) - 1, 0) >> 1

    def put(self, row: int, fd: int, path: int, *, cloexec: bool) -> None:
        """`fd` is open and `path` is its string number."""
        self._set(row, fd, 1 + 2 * path + int(cloexec))

    def close(self, row: int, fd: int) -> None:
        """`fd` is closed."""
        if self.get(row, fd):
            self._set(row, fd, 0)

    def close_range(self, row: int, first: int, last: int) -> None:
        """Descriptors first..last are closed."""
        self.table[row, max(first, 0) : last + 1] = 0
        for key in [key for key in self._far if key[0] == row and first <= key[1] <= last]:
            del self._far[key]

    def mark(self, row: int, fd: int, *, cloexec: bool) -> None:
        """Set or clear close-on-exec of `fd`, if it is known."""
        word = self.get(row, fd)
        if word:
            self._set(row, fd, ((word - 1) & ~1 | int(cloexec)) + 1)

    def execute(self, row: int) -> None:
        """execve: descriptors marked close-on-exec are closed."""
        line = self.table[row]
        line[(line > 0) & (line % 2 == 0)] = 0
        for key in [key for key, word in self._far.items() if key[0] == row and word % 2 == 0]:
            del self._far[key]

    def _set(self, row: int, fd: int, word: int) -> None:
        if fd < 0:
            return
        while fd >= self.table.shape[1] and fd < _MAX_WIDTH:
            self.table = np.concatenate([self.table, np.zeros_like(self.table)], axis=1)
        if fd < self.table.shape[1]:
            self.table[row, fd] = word
        else:
            self._far[row, fd] = word


NO_CLOSES = (
    "descriptors are returned again, but the log shows no close: which file one means is taken from the latest call"
    " that returned it, and is wrong for those that came otherwise (record close, dup, memfd_create and recvmsg too,"
    " or use strace -y)"
)


def closes_left_out(columns: Mapping[str, npt.NDArray[Any]], tasks: npt.NDArray[Any]) -> bool:
    """True if a log shows no close at all, and a call returned a descriptor that was open by what it shows."""
    kinds = columns["kind"]
    if occurs(kinds, (K_CLOSE, K_CLOSE_RANGE)):
        return False
    at = rows_where(lambda kind: one_of(kind, (K_OPEN, K_EXEC)), kinds)
    open_now: set[tuple[int, int, int]] = set()
    execs: dict[int, int] = {}
    processes = tasks["pid"][columns["task"][at]].tolist()
    for kind, pid, fd in zip(kinds[at].tolist(), processes, columns["ret"][at].tolist(), strict=True):
        if kind == K_EXEC:
            execs[pid] = execs.get(pid, 0) + 1
            continue
        life = (pid, execs.get(pid, 0), fd)
        if life in open_now:
            return True
        open_now.add(life)
    return False
