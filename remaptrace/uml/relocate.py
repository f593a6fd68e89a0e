"""Fits the addresses of a recording into a guest's smaller address space.

A program recorded on x86-64 lives near 2^47; a User-mode Linux guest ends at 2^39. Every block of
4 GiB that the recording uses is moved down, in order; touching blocks still touch, and one free block is
left where there were gaps. Alignment, order and distances inside a block stay what they were, so areas
merge and split as before. Addresses that no program can have (beyond 2^47) are left alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..abi.calls import ARGUMENTS
from ..abi.kinds import EVF_HAS_RET, K_BRK, K_MMAP, K_MREMAP, K_SHMAT
from ..errorcodes import RT_NO_ROOM
from ..errors import UsageError
from ..lateclasses import replace
from ..trace.events import Trace

_SHIFT = 32
_LIMIT = 1 << 47
_ADDRESSES = frozenset(
    ("addr", "new_addr", "start", "end", "start_brk", "brk", "mmap_base", "stack_ptr", "sp", "ip")
)
_LENGTHS = frozenset(("length", "old_length", "new_length", "size"))
_PLACED = (K_MMAP, K_MREMAP, K_BRK, K_SHMAT)

Column = npt.NDArray[np.int64]


def _places(trace: Trace) -> list[tuple[str, npt.NDArray[np.bool_], str | None]]:
    """(column, rows where it is an address, column of the length behind it)."""
    kinds = trace.columns["kind"]
    out: list[tuple[str, npt.NDArray[np.bool_], str | None]] = []
    for kind in np.unique(kinds):
        names = ARGUMENTS.get(int(kind), ())
        rows = kinds == kind
        length = next((f"a{i}" for i, n in enumerate(names) if n in _LENGTHS), None)
        out += [(f"a{i}", rows, length) for i, n in enumerate(names) if n in _ADDRESSES]
        if int(kind) in _PLACED:
            known = rows & ((trace.columns["flags"] & EVF_HAS_RET) != 0)
            good = known & ((trace.columns["ret"] >= 0) | (trace.columns["ret"] < -4095))
            out.append(("ret", good, length))
    return out


def _user(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return (values >= 0) & (values < _LIMIT)


def _blocks(trace: Trace) -> npt.NDArray[np.int64]:
    """Numbers of the blocks that the recording uses, in order."""
    found: list[npt.NDArray[np.int64]] = [np.zeros(1, dtype=np.int64)]
    for name, rows, length in _places(trace):
        start = trace.columns[name][rows].astype(np.int64)
        first = start[_user(start)] >> _SHIFT
        found.append(np.unique(first))
        if length is None:
            continue
        size = trace.columns[length][rows].astype(np.int64)[_user(start)]
        end = start[_user(start)] + np.clip(size, 1, _LIMIT) - 1
        for low, high in {(int(a), int(b)) for a, b in zip(first, end >> _SHIFT, strict=True) if b != a}:
            found.append(np.arange(low, min(high, _LIMIT >> _SHIFT) + 1))
    return np.unique(np.concatenate(found))


def _highest(trace: Trace) -> int:
    """The end of the highest range that the recording uses, below 2^47."""
    highest = 0
    for name, rows, length in _places(trace):
        start = trace.columns[name][rows].astype(np.int64)
        size = trace.columns[length][rows].astype(np.int64) if length is not None else np.zeros_like(start)
        mine = _user(start)
        if mine.any():
            highest = max(highest, int((start[mine] + np.clip(size[mine], 0, _LIMIT)).max()))
    return highest


def fit(trace: Trace, task_size: int) -> Trace:
    """`trace` with its addresses moved below `task_size` bytes; itself if they are there already.

    Raises UsageError RT410 if the blocks it uses are too many.
    """
    if _highest(trace) <= task_size:
        return trace
    blocks = _blocks(trace)
    room = task_size >> _SHIFT
    if room == 0 or int(blocks[-1]) < room:
        if int(blocks[-1]) >= max(room, 1):
            raise _too_large(len(blocks), room)
        return trace
    moved = np.empty_like(blocks)
    for i, block in enumerate(blocks):
        touches = i > 0 and block == blocks[i - 1] + 1
        moved[i] = 0 if i == 0 else moved[i - 1] + (1 if touches else 2)
    if int(moved[-1]) >= room:
        raise _too_large(len(blocks), room)
    columns = dict(trace.columns)
    for name, rows, _ in _places(trace):
        old = columns[name].astype(np.int64)
        mine = rows & _user(old)
        new = old.copy()
        at = np.searchsorted(blocks, old[mine] >> _SHIFT)
        new[mine] = (moved[at] << _SHIFT) | (old[mine] & ((1 << _SHIFT) - 1))
        columns[name] = new
    note = f"addresses of the recording moved into the guest's {task_size >> 30} GiB, 4 GiB at a time"
    return replace(trace, columns=columns, notes=[*trace.notes, note])


def _too_large(blocks: int, room: int) -> UsageError:
    return UsageError(
        RT_NO_ROOM,
        "the recording does not fit into the guest's address space",
        found=f"{blocks} blocks of 4 GiB",
        expected=f"at most {max(room, 1)}, with gaps",
    )
