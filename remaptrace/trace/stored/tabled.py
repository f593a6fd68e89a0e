"""A trace as one table: a row an event, as it was recorded, for programs that read columns."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from ...abi.calls import KIND_NAMES
from ...abi.kinds import EVF_HAS_RET
from ...arrowstream import ArrowTable, Column
from ...errorcodes import RT_PARQUET
from ...errors import UsageError
from ..events import Trace


def trace_table(trace: Trace) -> ArrowTable:
    """Columns: event, kind, pid, tid, line, file (where it comes from), a0 to a5 (arguments as docs/jsonl-format.md
    numbers them), recorded (a value or -errno; nothing where the source has none), time (ns; only if the source has
    times).
    """
    columns = trace.columns
    kinds = np.asarray(columns["kind"]).astype(np.int32)
    seen, rows = np.unique(kinds, return_inverse=True)
    tasks = np.asarray(columns["task"])
    known = (np.asarray(columns["flags"]) & EVF_HAS_RET) != 0
    sources = (
        np.asarray(columns["source"]).astype(np.int32)
        if "source" in columns
        else np.zeros(len(trace), np.int32)
    )
    files = [source.encode("utf-8", "replace").decode() for source in trace.sources] or [""]
    table: dict[str, Column] = {
        "event": np.arange(len(trace), dtype=np.int64),
        "kind": (rows.astype(np.int32), [KIND_NAMES.get(int(n), str(int(n))) for n in seen]),
        "pid": trace.tasks["pid"][tasks].astype(np.int32),
        "tid": trace.tasks["tid"][tasks].astype(np.int32),
        "line": np.asarray(columns["line"]).astype(np.int64),
        "file": (np.clip(sources, 0, len(files) - 1), files),
        **{f"a{i}": np.asarray(columns[f"a{i}"]).astype(np.int64) for i in range(6)},
        "recorded": np.ma.MaskedArray(np.asarray(columns["ret"]).astype(np.int64), mask=~known),
    }
    for name in ("time", "other_end"):
        if name in columns:
            moments = np.asarray(columns[name]).astype(np.int64)
            table[name] = np.ma.MaskedArray(moments, mask=moments == 0)
    return ArrowTable(table)


def pyarrow_modules() -> tuple[Any, Any]:
    """pyarrow and pyarrow.parquet. UsageError (RT812) without them."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError(
            RT_PARQUET,
            "Parquet needs pyarrow, which is not installed",
            expected="the extra: pip install 'remaptrace[parquet]', or JSON Lines",
        ) from None
    return pyarrow, pyarrow.parquet


def trace_parquet(trace: Trace) -> bytes:
    """The table as a Parquet file, with the trace's name in its metadata. UsageError (RT812) without pyarrow."""
    arrow, files = pyarrow_modules()
    table = arrow.table(trace_table(trace))
    told = {"remaptrace.trace": trace.name, "remaptrace.format": trace.format}
    table = table.replace_schema_metadata({k: v.encode("utf-8", "replace") for k, v in told.items()})
    sink = io.BytesIO()
    files.write_table(table, sink)
    return sink.getvalue()
