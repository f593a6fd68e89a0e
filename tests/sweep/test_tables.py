"""Lines of a table are those that the standard library's csv writes and reads."""

from __future__ import annotations

import csv
import io

import pytest

from remaptrace.sweep.jobs import COLUMNS
from remaptrace.sweep.tables import format_row


@pytest.mark.parametrize("text", ["", "plain.yaml", "a,b", 'say "no"', "two\nlines", " é\t;'", "'=1+1"])
def test_a_row_is_written_as_csv_writes_it(text: str) -> None:
    row = dict.fromkeys(COLUMNS) | {
        "trace": text,
        "arch": "x86_64",
        "kernel": "linux-6.18",
        "events": 3,
        "error": text,
    }
    line = format_row(row, "csv")
    assert [*csv.reader(io.StringIO(line))] == [["" if v is None else str(v) for v in row.values()]]
    whole = io.StringIO()
    csv.writer(whole, lineterminator="\n").writerow(row.values())
    assert line == whole.getvalue()
