"""The events of a trace that its passes read: as the trace has them, with the results and addresses that hold."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ..abi import kinds as ev
from ..lateclasses import replace
from ..trace.events import IntArray, Trace
from .row import Row
from .walk import Walk


class Rows:
    """The events of a trace for all passes over it. `told`: the trace with the results and addresses that hold.

    `areas`: of one process, those that are probed at its end.
    """

    def __init__(self, trace: Trace, told: Trace, engine: str = "auto", areas: int = 0) -> None:
        self.trace = trace
        self.told = told
        self.engine = engine
        self._areas = areas

    def __len__(self) -> int:
        return len(self.trace)

    @cached_property
    def table(self) -> npt.NDArray[np.int64]:
        """All of them as int64 rows, `trace.events.COLUMNS` each."""
        return self.told.rows(0, len(self.told))

    @cached_property
    def each(self) -> list[Row]:
        """The rows one by one."""
        return [Row(*row) for row in self.table.tolist()]

    @cached_property
    def walk(self) -> Walk:
        """Passes that are compiled, on these rows."""
        return Walk(self.told, self.engine, self._areas)

    def forget(self) -> None:
        """Give back the memory of passes; they can be asked again."""
        for name in ("table", "each", "walk"):
            vars(self).pop(name, None)


def rows_of(
    trace: Trace, results: npt.NDArray[np.integer[Any]] | None, engine: str = "auto", areas: int = 0
) -> Rows:
    """The events of `trace` as rows, with `results` where the trace has none, references resolved.

    `engine` as in `replay`: how passes over them are run; `areas` as in `Rows`. RT603 if the trace's tables do not hold
    together.
    """
    from ..engine.run.driver import check_tables

    check_tables(trace)
    columns = _told(trace, results)
    told = replace(trace, columns=columns, truth=None, relocations=None, expects=(), maps=[])
    return Rows(trace, told, engine, areas)


def _told(trace: Trace, results: npt.NDArray[np.integer[Any]] | None) -> dict[str, IntArray]:
    """The columns of `trace`, of which those are new in which something was not told."""
    columns = dict(trace.columns)
    if results is not None:
        unknown = (columns["flags"] & ev.EVF_HAS_RET == 0) & (columns["kind"] < ev.K_READ)
        if unknown.any():
            columns["ret"] = np.where(unknown, results, columns["ret"]).astype(np.int64)
            columns["flags"] = columns["flags"] | np.where(unknown, np.int64(ev.EVF_HAS_RET), 0)
    moved = trace.relocations
    if moved is not None:
        for number in range(6):
            mine = moved[moved["arg"] == number]
            column = columns[f"a{number}"].astype(np.int64)
            column[mine["event"]] = columns["ret"][mine["source"]] + mine["addend"]
            columns[f"a{number}"] = column
    return columns
