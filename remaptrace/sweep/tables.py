"""Tables that rows are added to one at a time: CSV, JSON Lines, Parquet.

Rows are written in the order of the jobs as soon as they are complete, so an interrupted sweep
leaves a table that the next run reads and goes on from. Parquet files have no way to grow: rows
wait in a JSON Lines file beside it (``NAME.part``) until the sweep is complete.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TextIO

from .. import errorcodes as ec
from ..errors import InputError, UsageError
from .jobs import COLUMNS, Row

Key = tuple[str, str, str]
SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}


def table_format(path: Path) -> str:
    """csv, jsonl or parquet by the ending of `path`; UsageError (RT810) for another one."""
    if path.suffix not in SUFFIXES:
        raise UsageError(
            ec.RT_TABLE_KIND,
            "unknown kind of table",
            found=path.suffix or path.name,
            expected=", ".join(SUFFIXES),
        )
    return SUFFIXES[path.suffix]


def format_row(row: Row, kind: str) -> str:
    """One row as a line of text."""
    if kind == "csv":
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow([row[c] for c in COLUMNS])
        return text.getvalue()
    return json.dumps({c: row[c] for c in COLUMNS}) + "\n"


def _complete_lines(path: Path) -> list[str]:
    """The whole lines of a file; a last one cut short by an interruption is dropped from it."""
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        path.write_bytes(whole)
    return whole.decode().splitlines()


class Table:
    """A table on disk, or on `stream`. Use as a context; `done` says which cells it has already."""

    def __init__(self, path: Path | None, stream: TextIO | None = None, kind: str = "csv") -> None:
        self.path = path
        self.kind = table_format(path) if path else kind
        self._grows = Path(f"{path}.part") if path and self.kind == "parquet" else path
        self._line_kind = "csv" if self.kind == "csv" else "jsonl"
        self._stream = stream
        self.done: set[Key] = set()

    def __enter__(self) -> Table:
        header = ",".join(COLUMNS)
        fresh = True
        if self._grows is not None:
            if self._grows.exists():
                lines = _complete_lines(self._grows)
                fresh = not lines
                self.done = self._read(lines, header)
            self._stream = self._grows.open("a", encoding="utf-8")
        if fresh and self._line_kind == "csv":
            self._write(header + "\n")
        return self

    def _read(self, lines: list[str], header: str) -> set[Key]:
        try:
            if self._line_kind == "csv":
                if lines and lines[0] != header:
                    raise InputError(
                        ec.RT_TABLE,
                        "not a table of this sweep",
                        str(self._grows),
                        1,
                        found=lines[0][:60],
                        expected=header,
                    )
                return {(r["trace"], r["arch"], r["kernel"]) for r in csv.DictReader(lines)}
            rows = [json.loads(line) for line in lines]
            return {(r["trace"], r["arch"], r["kernel"]) for r in rows}
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                ec.RT_TABLE, "not a table of this sweep", str(self._grows), found=str(error)
            ) from error

    def _write(self, text: str) -> None:
        assert self._stream is not None
        self._stream.write(text)
        self._stream.flush()

    def add(self, row: Row) -> None:
        """Write a row now."""
        self._write(format_row(row, self._line_kind))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._grows is not None and self._stream is not None:
            self._stream.close()
            if self.kind == "parquet" and kind is None:
                self._to_parquet()

    def _to_parquet(self) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise UsageError(
                ec.RT_PARQUET,
                "Parquet needs the extra `parquet`",
                expected="pip install 'remaptrace[parquet]'",
            ) from None
        assert self._grows is not None
        rows = [json.loads(line) for line in self._grows.read_text(encoding="utf-8").splitlines()]
        columns = {c: [row[c] for row in rows] for c in COLUMNS}
        pyarrow.parquet.write_table(pyarrow.table(columns), self.path)
        self._grows.unlink()
