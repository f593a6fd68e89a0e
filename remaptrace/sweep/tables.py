"""Tables that rows are added to one at a time: CSV, JSON Lines, Parquet.

Rows are written in the order of the jobs as soon as they are complete, so an interrupted sweep
leaves a table that the next run reads and goes on from. Parquet files have no way to grow: rows
wait in a JSON Lines file beside it (``NAME.part``) until the sweep is complete.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from .. import errorcodes as ec
from ..errors import InputError, RemapTraceError, UsageError
from ..outfile import own_descriptor, write_file
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
        os.truncate(path, len(whole))
    return whole.decode("utf-8", "surrogateescape").splitlines()


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
        try:
            self._begin()
        except OSError as error:
            raise self._failed(error) from None
        return self

    def _begin(self) -> None:
        header = ",".join(COLUMNS)
        fresh = True
        if self._grows is not None:
            if self._grows.is_file():  # what is written through (a device, a FIFO) holds no earlier rows
                lines = _complete_lines(self._grows)
                fresh = not lines
                self.done = self._read(lines, header)
            self._stream = self._opened(self._grows)
        if fresh and self._line_kind == "csv":
            self._write(header + "\n")

    def _opened(self, path: Path) -> TextIO:
        descriptor = own_descriptor(str(path))
        if descriptor is not None:
            sys.stdout.flush()
            return os.fdopen(os.dup(descriptor), "w", encoding="utf-8", errors="surrogateescape")
        return path.open("a", encoding="utf-8", errors="surrogateescape")

    def _failed(self, error: OSError) -> RemapTraceError:
        if isinstance(error, BrokenPipeError):
            raise error
        if self._grows is not None:
            with suppress(OSError):  # the rows it holds back are those that could not be written
                if self._stream is not None:
                    self._stream.close()
        where = str(self.path) if self.path else "standard output"
        return InputError(ec.RT_OUTPUT, f"cannot write: {error.strerror or error}", where)

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
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            raise self._failed(error) from None

    def add(self, row: Row) -> None:
        """Write a row now."""
        self._write(format_row(row, self._line_kind))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._grows is not None and self._stream is not None:
            try:
                self._stream.close()
                if self.kind == "parquet" and kind is None:
                    self._to_parquet()
            except OSError as error:
                if kind is None:
                    raise self._failed(error) from None

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
        whole = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.table(columns), whole)
        assert self.path is not None
        write_file(self.path, [whole.getvalue()])
        self._grows.unlink()
