"""Accesses that are tried on the way of a replay, which goes on as if nobody had made them.

What a machine would answer at some moment is asked of that machine itself: the engine makes the accesses, and the
machine then is put back to what it was.
"""

from __future__ import annotations

import numpy as np

from ...trace.events import Trace
from ..state import G_LOG, H_ERROR
from .columns import Rows
from .moments import go_back, moment_of
from .telling import broken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import numpy.typing as npt

_NO_EVENT = 1 << 40
"""Their number while they are made: nothing of the trace refers to it."""


class Trials:
    """`rows`: accesses, EV_WORDS each; `events`: in front of which event each stands, ascending, the number of all
    events for those behind the last. `outcomes` (OUT_*) are there when the replay is done.

    With `lasting` what they leave behind stays: for a replay that is made for them alone.
    """

    def __init__(
        self, events: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], *, lasting: bool = False
    ) -> None:
        self.events = events
        self.rows = rows
        self.lasting = lasting
        self.outcomes: npt.NDArray[np.uint8] = np.zeros(len(rows), dtype=np.uint8)

    def places(self, first: int, last: int) -> list[int]:
        """Events first..last-1 in front of which something is tried."""
        low, high = np.searchsorted(self.events, [first, last]).tolist()
        return sorted(set(self.events[low:high].tolist()))

    def make(
        self, trace: Trace, m: Any, loop: Callable[..., int], event: int, *, view: Any, back: bool
    ) -> None:
        """Try what stands in front of `event` in the machine `m`, of which `view` reads words, with the loop of a
        replay of `trace`; then, with `back`, make it what it was. Raises as `replay`.
        """
        first, last = np.searchsorted(self.events, [event, event + 1]).tolist()
        if first == last:
            return
        log = view[G_LOG]
        view[G_LOG] = 0
        before = moment_of(m, event) if back else None
        answers = Rows(last - first, False)
        given: tuple[Any, ...] = self.rows[first:last].reshape(-1), answers.words, answers.counts
        if not isinstance(m, np.ndarray):
            given = tuple(map(memoryview, given))
        loop(m, *given, 0, _NO_EVENT, 0, last - first)
        if view[H_ERROR]:
            raise broken(trace, int(view[H_ERROR]), min(event, len(trace) - 1))
        self.outcomes[first:last] = answers.first(last - first).column("outcome")
        if before is not None:
            go_back(m, before)
        view[G_LOG] = log
