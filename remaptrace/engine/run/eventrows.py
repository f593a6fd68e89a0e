"""Events of a trace as the rows that the loop reads, a chunk at a time."""

from __future__ import annotations

import numpy as np

from ...trace.compiled import pays
from ...trace.events import COLUMNS, Trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy.typing as npt


class EventRows:
    """Chunks of at most `most` events of `trace`. Each may be written over by the next one."""

    def __init__(self, trace: Trace, most: int) -> None:
        self._trace, self._most = trace, most
        self._described: npt.NDArray[np.int64] | None = None
        if not pays("eventrows.fill_rows", len(trace)):
            return
        from ...trace.compiled.columnwords import described

        self._alive = [trace.columns[name] for name in COLUMNS]
        self._described = described(trace.columns, COLUMNS)
        self._room = np.empty(most * len(COLUMNS), dtype=np.int64)

    def rows(self, first: int, last: int) -> npt.NDArray[np.int64]:
        """As `Trace.rows`, of the columns as they were described."""
        if self._described is None or not 0 <= first <= last <= min(len(self._trace), first + self._most):
            return self._trace.rows(first, last)
        from ...trace.compiled.eventrows import fill_rows

        fill_rows(self._described, first, last - first, self._room)
        return self._room[: (last - first) * len(COLUMNS)].reshape(-1, len(COLUMNS))
