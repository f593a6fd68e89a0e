"""A result as one table: a row an event, names instead of numbers, nothing where nothing is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..abi.calls import KIND_NAMES
from ..abi.errnos import errno_name
from ..abi.kinds import ACCESSES, EVF_HAS_RET
from ..abi.outcomes import NAMES
from ..arrowstream import ArrowTable, Column

if TYPE_CHECKING:
    from .result import Result

_ERRNOS = 4096


def result_table(result: Result) -> ArrowTable:
    """Columns: event, kind, pid, tid, line, time (ns; only if the source has times), recorded and result (a value or
    -errno; recorded is nothing where the log has none), error (the errno's name), outcome (of accesses), minor, major
    (faults), map_count (behind the event, -1: no address space), value (byte read, -1: none).
    """
    trace, columns = result.trace, result.columns
    kinds = np.asarray(trace.columns["kind"]).astype(np.int32)
    tasks = np.asarray(trace.columns["task"])
    ret = np.asarray(columns["ret"]).astype(np.int64)
    known = (np.asarray(trace.columns["flags"]) & EVF_HAS_RET) != 0
    failed = (ret < 0) & (ret > -_ERRNOS) & ~np.isin(kinds, ACCESSES)
    table: dict[str, Column] = {
        "event": np.arange(len(trace), dtype=np.int64),
        "kind": _words(kinds, KIND_NAMES),
        "pid": trace.tasks["pid"][tasks].astype(np.int32),
        "tid": trace.tasks["tid"][tasks].astype(np.int32),
        "line": np.asarray(trace.columns["line"]).astype(np.int64),
        "recorded": np.ma.MaskedArray(np.asarray(trace.columns["ret"]).astype(np.int64), mask=~known),
        "result": ret,
        "error": _words(
            np.where(failed, -ret, 0).astype(np.int32),
            {0: "", **{n: errno_name(n) for n in range(1, _ERRNOS)}},
        ),
        "outcome": (np.asarray(columns["outcome"]).astype(np.int32), NAMES),
        "minor": np.asarray(columns["minor"]).astype(np.int64),
        "major": np.asarray(columns["major"]).astype(np.int64),
        "map_count": np.asarray(columns["map_count"]).astype(np.int64),
        "value": np.asarray(columns["value"]).astype(np.int16),
    }
    if "time" in trace.columns:
        table["time"] = np.asarray(trace.columns["time"]).astype(np.int64)
    return ArrowTable(table)


def _words(numbers: npt.NDArray[Any], names: dict[int, str]) -> Column:
    """Numbers as a dictionary of the words that occur."""
    seen, rows = np.unique(numbers, return_inverse=True)
    return rows.astype(np.int32), [names.get(int(n), str(int(n))) for n in seen]
