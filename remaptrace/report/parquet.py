"""Parquet of replays: the table of `Result.table`, a row an event, behind the trace and the machine."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..result.result import Result
from ..trace.stored.tabled import pyarrow_modules

if TYPE_CHECKING:
    from .documents.run import Run


def parquet(facts: Sequence[Run], results: Sequence[Result]) -> bytes:
    """One file for all `results`; columns that a trace has not are null. UsageError (RT812) without pyarrow."""
    arrow, files = pyarrow_modules()
    tables = []
    for result in results:
        table = arrow.table(result.table())
        for place, (name, word) in enumerate(
            (("trace", result.trace.name), ("machine", result.machine.name))
        ):
            words = arrow.DictionaryArray.from_arrays(
                arrow.nulls(len(table), arrow.int32()).fill_null(0),
                arrow.array([word.encode("utf-8", "replace").decode()]),
            )
            table = table.add_column(place, name, words)
        tables.append(table)
    whole = arrow.concat_tables(tables, promote_options="default").unify_dictionaries()
    sink = io.BytesIO()
    files.write_table(whole, sink)
    return sink.getvalue()
