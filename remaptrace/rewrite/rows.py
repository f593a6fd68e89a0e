"""The events of a trace that its passes read: as the trace has them, with the results and addresses that hold."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ..abi import kinds as ev
from ..trace.events import Trace
from .row import Row
from .walk import Walk


class Rows:
    """The events of `trace` as int64 rows, `trace.events.COLUMNS` each: for all passes over the same trace."""

    def __init__(self, trace: Trace, table: npt.NDArray[np.int64], engine: str = "auto") -> None:
        self.trace = trace
        self.table = table
        self.engine = engine

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def each(self) -> list[Row]:
        """The rows one by one."""
        return [Row(*row) for row in self.table.tolist()]

    @cached_property
    def walk(self) -> Walk:
        """Passes that are compiled, on these rows."""
        return Walk(self.table, len(self.trace.tasks), self.engine)


def rows_of(trace: Trace, results: npt.NDArray[np.integer[Any]] | None, engine: str = "auto") -> Rows:
    """The events of `trace` as rows, with `results` where the trace has none, references resolved.

    `engine` as in `replay`: how passes over them are run. RT603 if the trace's tables do not hold together.
    """
    from ..engine.run.driver import check_tables

    check_tables(trace)
    table = trace.rows(0, len(trace))
    if results is not None:
        unknown = table[:, 9] & ev.EVF_HAS_RET == 0
        calls = table[:, 0] < ev.K_READ
        table[unknown & calls, 8] = np.asarray(results, dtype=np.int64)[unknown & calls]
        table[unknown & calls, 9] |= ev.EVF_HAS_RET
    if trace.relocations is not None:
        moved = trace.relocations
        table[moved["event"], 2 + moved["arg"]] = table[moved["source"], 8] + moved["addend"]
    return Rows(trace, table, engine)
