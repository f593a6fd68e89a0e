"""The events that a pass reads: as the trace has them, with the results and addresses that hold."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..abi import kinds as ev
from ..abi.errnos import ENOMEM
from ..trace.events import Trace

if TYPE_CHECKING:
    from .walk import Walk

PAGE = 4096
_NO_EFFECT = ev.EVF_INJECTED | ev.EVF_UNFINISHED


class Row(NamedTuple):
    """One event as the engine reads it."""

    kind: int
    task: int
    a0: int
    a1: int
    a2: int
    a3: int
    a4: int
    a5: int
    ret: int
    flags: int

    @property
    def failed(self) -> bool:
        """True if the recording says that the call was refused, or had no effect."""
        return bool(self.flags & _NO_EFFECT) or (bool(self.flags & ev.EVF_HAS_RET) and -4096 < self.ret < 0)

    @property
    def met_a_hole(self) -> bool:
        """True for an mprotect that was refused because of one: it has changed what lies before it."""
        return self.kind == ev.K_MPROTECT and self.ret == -ENOMEM and not self.flags & _NO_EFFECT


def failed_rows(table: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """`Row.failed` of every row of a table."""
    flags, ret = table[:, 9], table[:, 8]
    refused = (flags & ev.EVF_HAS_RET != 0) & (ret < 0) & (ret > -4096)
    failed: npt.NDArray[np.bool_] = (flags & _NO_EFFECT != 0) | refused
    return failed


def page_up(value: int) -> int:
    """`value` bytes rounded up to whole pages."""
    return (value + PAGE - 1) & -PAGE


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
        from .walk import Walk

        return Walk(self)


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
