"""Parquet of replays: the table of `Result.table`, a row an event, behind the trace and the machine."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from ..errorcodes import RT_PARQUET
from ..errors import UsageError
from ..result.result import Result


def parquet(facts: Sequence[Mapping[str, Any]], results: Sequence[Result]) -> bytes:
    """One file for all `results`; columns that a trace has not are null. UsageError (RT812) without pyarrow."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError(
            RT_PARQUET,
            "Parquet needs pyarrow, which is not installed",
            expected="the extra: pip install 'remaptrace[parquet]', or --format jsonl",
        ) from None
    tables = []
    for result in results:
        table = pyarrow.table(result.table())
        for place, (name, word) in enumerate(
            (("trace", result.trace.name), ("machine", result.machine.name))
        ):
            words = pyarrow.DictionaryArray.from_arrays(
                pyarrow.nulls(len(table), pyarrow.int32()).fill_null(0),
                pyarrow.array([word.encode("utf-8", "replace").decode()]),
            )
            table = table.add_column(place, name, words)
        tables.append(table)
    whole = pyarrow.concat_tables(tables, promote_options="default").unify_dictionaries()
    sink = io.BytesIO()
    pyarrow.parquet.write_table(whole, sink)
    return sink.getvalue()
