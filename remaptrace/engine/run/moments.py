"""Where a replay was on the way to its peak: so that its address space can be looked at without beginning anew.

Which event has the most areas is only known at the end, and a look has to be asked for ahead. A machine is one flat
array, so that a copy of what it has used is a place to go on from. Copies are taken between chunks of events; the one
in front of the peak so far and the latest are kept.

How often: of a replay of T seconds whose copies take C seconds each, one every t, copies take T / t * C and the way
from a copy to the peak t / 2, wherever the peak is. Together that is least for t = sqrt(2 * T * C).
"""

from __future__ import annotations

import math
import time

import numpy as np

from ...abi.kinds import K_EXIT
from ...lateclasses import dataclass
from ..state import F_WORDS, G_LOG, H_FRAMES, H_NFRAMES, H_TOP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from .columns import Part


PEAKS = ("first", "last")
"""Of several events with the most areas: which one is going to be looked at."""

_SPACING = 1.0
"""How much of the best time between copies has to pass."""
_SHARE = 0.25
"""Of the time since the last copy, what the next may take: a machine that only grows has its peak at the end."""
_SECONDS_PER_WORD, _SECONDS_PER_NEW_WORD = 1e-9, 5e-9
"""Of a copy into memory that was used before, and into new memory, until one was taken."""


@dataclass(frozen=True)
class Moment:
    """The machine in front of event `event`."""

    event: int
    heap: npt.NDArray[np.int64]
    frames: npt.NDArray[np.int64]


class Moments:
    """Takes copies of the machine in `m`, which replays `events` events; `wanted` is one of PEAKS (ValueError)."""

    def __init__(self, m: Any, wanted: str, events: int) -> None:
        if wanted not in PEAKS:
            raise ValueError(f"peak={wanted!r}, not {' or '.join(PEAKS)}")
        self._m = _words(m)
        self._last = wanted == "last"
        self._latest: Moment | None = None
        self._best: Moment | None = None
        self._spare: Moment | None = None  # one that nobody keeps
        self._most = -1
        self._events = events
        self._new, self._again = _SECONDS_PER_NEW_WORD, _SECONDS_PER_WORD
        self._began = self._since = time.thread_time()

    def in_front(self, event: int) -> None:
        """The chunk that begins with `event` is next."""
        m = self._m
        top, frames = int(m[H_TOP]), int(m[H_NFRAMES]) * F_WORDS
        if self._latest is not self._best:
            self._spare = self._latest
        old, now = self._spare, time.thread_time()
        if event == 0:
            return  # in front of the first event there is nothing to keep
        cost = (top + frames) * (self._new if old is None else self._again)
        whole = (now - self._began) * self._events / event
        if now - self._since < _SPACING * max(math.sqrt(2 * whole * cost), cost / _SHARE):
            return
        self._latest = moment_of(m, event, old)
        self._spare = None
        self._since = time.thread_time()
        rate = (self._since - now) / (top + frames)
        if old is None:
            self._new = rate
        else:
            self._again = rate

    def behind(self, kinds: npt.NDArray[np.integer[Any]], rows: Part) -> None:
        """A chunk was replayed: the kinds of its events, its results."""
        counts = rows.column("map_count")
        if counts.max(initial=-1) < self._most:
            return
        most = int(counts[kinds != K_EXIT].max(initial=-1))
        if most > self._most or (self._last and most == self._most):
            if self._best is not self._latest:
                self._spare = self._best
            self._most, self._best = most, self._latest

    def before(self, event: int) -> Moment | None:
        """The latest moment that is kept in front of `event`; None: the beginning."""
        kept = [one for one in (self._best, self._latest) if one is not None and one.event <= event]
        return max(kept, key=lambda one: one.event, default=None)


def moment_of(m: Any, event: int, old: Moment | None = None) -> Moment:
    """The machine in `m` as it is in front of `event`; `old`, made here and of no use any more, gives its memory."""
    words = _words(m)
    top, at, frames = int(words[H_TOP]), int(words[H_FRAMES]), int(words[H_NFRAMES]) * F_WORDS
    return Moment(
        event,
        _copied(words[:top], None if old is None else old.heap),
        _copied(words[at : at + frames], None if old is None else old.frames),
    )


def _copied(words: npt.NDArray[np.int64], old: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
    """A copy of `words`, in the memory that `old`, made here, lies in, if there is room."""
    room: Any = None if old is None else old.base
    if room is None or len(room) < len(words):
        room = np.empty(len(words) + len(words) // 2, dtype=np.int64)  # a machine grows
    copy: npt.NDArray[np.int64] = room[: len(words)]
    copy[:] = words
    return copy


def _words(m: Any) -> npt.NDArray[np.int64]:
    """The arena as an array, whichever engine it is for."""
    return m if isinstance(m, np.ndarray) else np.frombuffer(m, dtype=np.int64)


def go_back(m: Any, moment: Moment) -> None:
    """Make the machine in `m`, of which `moment` was taken, what it then was."""
    words = _words(m)
    at, top, frames = int(m[H_FRAMES]), int(m[H_TOP]), int(m[H_NFRAMES]) * F_WORDS
    words[: len(moment.heap)] = moment.heap
    words[len(moment.heap) : top] = 0  # memory that was never used is zero
    words[at : at + len(moment.frames)] = moment.frames
    words[at + len(moment.frames) : at + frames] = 0
    words[G_LOG] = 0  # nothing is written down behind it
