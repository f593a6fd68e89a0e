"""Where a replay was on the way to its peak: so that its address space can be looked at without beginning anew.

Which event has the most areas is only known at the end, and a look has to be asked for ahead. A machine is one flat
array, so that a copy of what it has used is a place to go on from. Copies are taken between chunks of events, as often
as a tenth of the time pays for; the one in front of the peak so far and the latest are kept.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ...abi.kinds import K_EXIT
from ...abi.rows import RS_COUNT
from ...lateclasses import dataclass
from ..state import F_WORDS, G_LOG, H_FRAMES, H_LIMIT, H_NFRAMES, H_TOP

if TYPE_CHECKING:
    import numpy.typing as npt


PEAKS = ("first", "last")
"""Of several events with the most areas: which one is going to be looked at."""

_SHARE = 0.1
"""Of the time spent on replaying, what copies may take."""
_SECONDS_PER_WORD = 2e-9


@dataclass(frozen=True)
class Moment:
    """The machine in front of event `event`."""

    event: int
    heap: npt.NDArray[np.int64]
    frames: npt.NDArray[np.int64]


class Moments:
    """Takes copies of the machine in `m`; `wanted` is one of PEAKS (ValueError)."""

    def __init__(self, m: Any, wanted: str) -> None:
        if wanted not in PEAKS:
            raise ValueError(f"peak={wanted!r}, not {' or '.join(PEAKS)}")
        self._m = _words(m)
        self._last = wanted == "last"
        self._latest: Moment | None = None
        self._best: Moment | None = None
        self._most = -1
        self._since = time.thread_time()

    def in_front(self, event: int) -> None:
        """The chunk that begins with `event` is next."""
        m = self._m
        frames = int(m[H_NFRAMES]) * F_WORDS
        now = time.thread_time()
        if event == 0 or (int(m[H_TOP]) + frames) * _SECONDS_PER_WORD > _SHARE * (now - self._since):
            return  # in front of the first event there is nothing to keep
        at = int(m[H_FRAMES])
        self._latest = Moment(event, m[: int(m[H_TOP])].copy(), m[at : at + frames].copy())
        self._since = time.thread_time()

    def behind(self, kinds: npt.NDArray[np.integer[Any]], rows: npt.NDArray[np.int64]) -> None:
        """A chunk was replayed: the kinds of its events, its result rows."""
        most = int(rows[:, RS_COUNT][kinds != K_EXIT].max(initial=-1))
        if most > self._most or (self._last and most == self._most):
            self._most, self._best = most, self._latest

    def before(self, event: int) -> Moment | None:
        """The latest moment that is kept in front of `event`; None: the beginning."""
        kept = [one for one in (self._best, self._latest) if one is not None and one.event <= event]
        return max(kept, key=lambda one: one.event, default=None)


def _words(m: Any) -> npt.NDArray[np.int64]:
    """The arena as an array, whichever engine it is for."""
    return m if isinstance(m, np.ndarray) else np.frombuffer(m, dtype=np.int64)


def go_back(m: Any, moment: Moment) -> bool:
    """Make the new machine in `m` the one of `moment`; False if it has another size, which happens under ulimit -v."""
    words = _words(m)
    at, limit = int(m[H_FRAMES]), int(m[H_LIMIT])
    if at != moment.heap[H_FRAMES]:
        return False
    words[: len(moment.heap)] = moment.heap
    words[at : at + len(moment.frames)] = moment.frames
    words[G_LOG] = 0  # nothing is written down behind it
    words[H_LIMIT] = limit
    return True
