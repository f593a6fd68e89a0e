"""Making an arena: one anonymous mapping that holds a whole simulated machine.

The mapping is reserved, not committed (MAP_NORESERVE): only words that are touched cost memory. The heap
comes first, the frame table behind it, see `remaptrace.engine.state`.
"""

from __future__ import annotations

import mmap
from _weakref import ref
from array import array
from collections.abc import Sequence
from contextlib import suppress

from ..abi.mman import MADV_HUGEPAGE, MAP_NORESERVE
from ..machine.archwords import N_ARCH
from ..machine.rules import N_RULES
from .state import (
    ERR_ARENA,
    ERR_FRAMES,
    F_WORDS,
    H_ARCH,
    H_ERROR,
    H_FRAMES,
    H_LIMIT,
    H_MAXFRAMES,
    H_NFRAMES,
    H_RULES,
    H_TOP,
    HEAP,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_WORD = 8

# (heap words, frames) from the largest run down to what a strictly limited address space still gives
SIZES: tuple[tuple[int, int], ...] = (
    (1 << 33, 1 << 28),
    (1 << 31, 1 << 26),
    (1 << 29, 1 << 24),
    (1 << 27, 1 << 22),
    (1 << 24, 1 << 19),
    (1 << 21, 1 << 16),
)

ERROR_WORDS = {
    ERR_ARENA: "the simulated kernel needs more memory than the arena has",
    ERR_FRAMES: "the simulated machine needs more page frames than the arena has",
}


def reserve(huge: bool) -> tuple[mmap.mmap, int, int]:
    """A zeroed mapping as large as the system grants, its heap words and its number of frames.

    `huge` asks for huge pages: large runs touch the arena at random and spare page faults of the
    machine we run on; for small runs it would cost more than it saves.
    """
    failure: OSError | None = None
    most = _share_of_address_space()
    for words, frames in SIZES:
        length = (words + frames * F_WORDS) * _WORD
        if length > most and (words, frames) != SIZES[-1]:
            continue
        try:
            area = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
        except (OSError, ValueError, OverflowError) as error:
            failure = error if isinstance(error, OSError) else OSError(str(error))
            continue
        if huge:
            with suppress(OSError):  # a kernel without them
                area.madvise(MADV_HUGEPAGE)
        return area, words, frames
    raise failure or OSError("no memory for the arena")


def _share_of_address_space() -> int:
    """Bytes that one of several arenas may take of a limited address space (ulimit -v): a quarter of what is left."""
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return 1 << 62
    used = 0
    with (
        suppress(OSError),
        open("/proc/self/statm", encoding="ascii") as file,
    ):  # not every container has /proc
        used = int(file.read().split()[0]) * resource.getpagesize()
    return max(0, limit - used) // 4


def new_arena(
    rules: Sequence[int] | Any,
    archwords: Sequence[int] | Any,
    *,
    compiled: bool,
    small: bool = False,
    huge: bool = True,
) -> Any:
    """An arena with an empty machine: header, frame table, rules and architecture words are set.

    Returns a numpy int64 array for compiled code, a memoryview for plain Python; both keep the mapping
    alive. `small` (tests) takes the smallest size; without `huge` a compiled run, of few events, has no huge pages, of
    which the first alone would take longer to clear, and may take the mapping of one before it. Raises OSError if the
    system grants no size.
    """
    lent = compiled and not huge and not small
    area, words, frames = (_used_before() if lent else None) or (
        reserve(huge=compiled and huge) if not small else _smallest()
    )
    m: Any
    if compiled:
        import numpy as np

        m = np.frombuffer(area, dtype=np.int64)
        if lent:
            _lend(m, area, words, frames)
    else:
        m = memoryview(area).cast("q")
    m[H_TOP] = HEAP
    m[H_LIMIT] = words
    m[H_ERROR] = 0
    m[H_FRAMES] = words
    m[H_NFRAMES] = 1
    m[H_MAXFRAMES] = frames
    for at, given in ((H_RULES, rules[:N_RULES]), (H_ARCH, archwords[:N_ARCH])):
        m[at : at + len(given)] = given if compiled else memoryview(array("q", given))
    return m


_LITTLE = 1 << 17
"""Words (1 MiB) of a machine up to which its arena serves the next one: clearing them takes less than faulting in new
pages and taking the old ones away, and no more than that stays in memory.
"""
_MOST_SPARE = 2
_spare: list[tuple[mmap.mmap, int, int]] = []
"""Arenas of small machines that nobody has any more, as `reserve` gave them: of the largest size, so that where the
address space is limited each machine has the share that is there when it is made."""
_lent: dict[int, Any] = {}


def _lend(m: Any, area: mmap.mmap, words: int, frames: int) -> None:
    """Keep `area` for the next machine as soon as nobody has its array `m` any more, nor a view of it."""

    def back(_: object) -> None:
        del _lent[id(area)]
        if (words, frames) == SIZES[0] and len(_spare) < _MOST_SPARE and _is_little(area, words):
            _spare.append((area, words, frames))

    _lent[id(area)] = ref(m, back)


def _is_little(area: mmap.mmap, words: int) -> bool:
    """Whether little was used, and nothing at the other end of the heap, where a log of changes lies."""
    with memoryview(area) as octets, octets.cast("q") as m:
        return bool(m[H_LIMIT] == words and m[H_TOP] + m[H_NFRAMES] * F_WORDS <= _LITTLE)


def _used_before() -> tuple[mmap.mmap, int, int] | None:
    """An arena that nobody has any more, as empty as a new one; None: there is none."""
    import numpy as np

    try:
        area, words, frames = _spare.pop()
    except IndexError:
        return None
    m = np.frombuffer(area, dtype=np.int64)
    top, end = int(m[H_TOP]), words + int(m[H_NFRAMES]) * F_WORDS
    m[:top] = 0  # behind them nothing was ever written
    m[words:end] = 0
    return area, words, frames


def _smallest() -> tuple[mmap.mmap, int, int]:
    words, frames = SIZES[-2]
    return mmap.mmap(-1, (words + frames * F_WORDS) * _WORD), words, frames
