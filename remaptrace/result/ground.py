"""What a verdict on a recording rests on: which agreements could have come out otherwise, and what has no truth.

While a recording is followed, part of what it says is taken from it, so that it agrees by construction: the
addresses that the kernel chose, and whatever had to be assumed so that a recorded answer is possible. Only the
rest says anything about the replay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..abi import kinds as ev
from ..abi.mman import MAP_FIXED, MAP_FIXED_NOREPLACE, MREMAP_FIXED
from ..abi.rows import RSF_ASSUMED, RSF_GUESSED, RSF_KIND
from ..trace.events import one_of
from .agreement import Ground, Tally
from .result import PIECE, Result

if TYPE_CHECKING:
    import numpy.typing as npt


_FIXED = MAP_FIXED | MAP_FIXED_NOREPLACE

TRUTHS = ("map_counts", "map_lines", "faults")
"""What a recording may hold besides answers, by the names of tallies."""


def ground_of(
    result: Result, agree: npt.NDArray[np.bool_], faults: npt.NDArray[np.int64], tallies: dict[str, Tally]
) -> Ground:
    """The ground of a comparison: `agree` says of every event whether its answer was compared and came out equal.

    `faults` are the events of recorded faults that agree.
    """
    placed = assumed = guessed = 0
    for first in range(0, len(agree), PIECE):
        part = slice(first, first + PIECE)
        free = agree[part]
        flags = result.columns["flags"][part]
        if flags.any():
            by_guess = free & ((flags & RSF_GUESSED) != 0)
            by_assumption = free & ((flags & RSF_ASSUMED) != 0) & ~by_guess
            guessed += int(by_guess.sum())
            assumed += int(by_assumption.sum())
            free = free & ~by_assumption & ~by_guess
        may_be_placed = free & one_of(result.trace.columns["kind"][part], _MAY_PLACE)
        placed += _placed(result, np.flatnonzero(may_be_placed) + first)
    flags = result.columns["flags"][faults]
    proved = (flags & RSF_ASSUMED) != 0
    taken = ((flags & RSF_KIND) != 0) & ~proved
    return Ground(
        free=int(np.count_nonzero(agree)) - guessed - assumed - placed,
        placed=placed,
        assumed=assumed,
        guessed=guessed,
        faults_free=int((~proved & ~taken).sum()),
        faults_kind=int(taken.sum()),
        faults_assumed=int(proved.sum()),
        no_truth=tuple(what for what in TRUTHS if what not in tallies),
    )


_MAY_PLACE = (ev.K_MMAP, ev.K_OLD_MMAP, ev.K_MREMAP, ev.K_SHMAT, ev.K_BRK)
"""Kinds of events whose answer may be an address that the kernel chose."""


def _placed(result: Result, events: npt.NDArray[np.int64]) -> int:
    """How many of `events` answered with an address that the replay took from the recording."""
    if not result.followed:
        return 0
    columns = result.trace.columns
    kind, ret, a0, a1, a3 = (columns[c][events].astype(np.int64) for c in ("kind", "ret", "a0", "a1", "a3"))
    fixed = np.zeros(len(events), dtype=bool)
    maps = (kind == ev.K_MMAP) | (kind == ev.K_OLD_MMAP)
    fixed |= maps & ((a3 & _FIXED) != 0)
    moves = kind == ev.K_MREMAP
    fixed |= moves & (((a3 & MREMAP_FIXED) != 0) | (ret == a0))
    attaches = kind == ev.K_SHMAT
    fixed |= attaches & (a1 != 0)
    asks = (kind == ev.K_BRK) & (a0 == 0)  # where the heap begins is told, not found
    done = (ret >= 0) | (ret < -4095)
    return int(np.count_nonzero(((maps | moves | attaches) & ~fixed | asks) & done))
