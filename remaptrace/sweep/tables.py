"""Tables that rows are added to one at a time: CSV, JSON Lines, Parquet.

Rows are written in the order of the jobs as soon as they are complete, so an interrupted sweep
leaves a table that the next run reads and goes on from. A row with an error is taken for missing: the row
that a later run adds takes its place when the table is closed. Parquet files have no way to grow: rows
wait in a JSON Lines file beside it (``NAME.part``) until the sweep is complete.
"""

from __future__ import annotations

import _csv  # `csv` loads `re`
import io
import os
import sys
from contextlib import suppress

from .. import errorcodes as ec
from ..errors import InputError, RemapTraceError, UsageError
from ..outfile import own_descriptor, write_file
from .jobs import COLUMNS, Key, Row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, TextIO

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
        _csv.writer(text, lineterminator="\n").writerow([row[c] for c in COLUMNS])
        return text.getvalue()
    import json

    return json.dumps({c: row[c] for c in COLUMNS}) + "\n"


def _complete_lines(path: Path) -> list[str]:
    """The whole lines of a file; a last one cut short by an interruption is dropped from it."""
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        os.truncate(path, len(whole))
    return whole.decode("utf-8", "surrogateescape").split("\n")[:-1]


def _supersedes(new: Key, old: Key) -> bool:
    """True if `new` is the cell that `old` stands for: a trace that could not be read has not told its machine."""
    return new[0] == old[0] and old[1] in ("", new[1]) and old[2] in ("", new[2])


class _Kept:
    """The lines of a table on disk, a cell each; a later line takes the place of the failed one before it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.failed: dict[str, dict[int, Key]] = {}  # of a trace: place among the lines, cell
        self.stale = False  # the file has lines that others have taken the place of

    def add(self, key: Key, failed: bool, line: str) -> None:
        """Take in a line; it goes to the end unless its cell has failed before."""
        mine = self.failed.setdefault(key[0], {})
        place = next((i for i, old in mine.items() if _supersedes(key, old) or old == key), None)
        if place is None:
            place = len(self.lines)
            self.lines.append(line)
        else:
            self.stale = True
            self.lines[place] = line
            del mine[place]
        if failed:
            mine[place] = key

    @property
    def errors(self) -> int:
        """How many cells have an error."""
        return sum(map(len, self.failed.values()))


class Table:
    """A table on disk, or on `stream`. Use as a context; `done` says which cells it has already, without error."""

    def __init__(self, path: Path | None, stream: TextIO | None = None, kind: str = "csv") -> None:
        self.path = path
        self.kind = table_format(path) if path else kind
        self._grows = path.with_name(f"{path.name}.part") if path and self.kind == "parquet" else path
        self._line_kind = "csv" if self.kind == "csv" else "jsonl"
        self._stream = stream if path is None else None  # a file of our own, once it is open
        self.done: set[Key] = set()
        self._kept = _Kept()
        self._on_disk = False

    @property
    def errors(self) -> int:
        """Rows with an error, those of earlier runs among them."""
        return self._kept.errors

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
            if self.kind == "parquet" and not self._grows.exists() and self.path and self.path.is_file():
                self._from_parquet()
            self._on_disk = self._grows.is_file() or not self._grows.exists()
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
                import csv

                rows = list(csv.DictReader(lines))
                lines = lines[1:]
            else:
                import json

                rows = [json.loads(line) for line in lines]
            done = set()
            for row, line in zip(rows, lines, strict=True):
                key = row["trace"], row["arch"], row["kernel"]
                self._kept.add(key, bool(row["error"]), line)
                if not row["error"]:
                    done.add(key)
            return done
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
        line = format_row(row, self._line_kind)
        self._kept.add(
            (row["trace"], row["arch"], row["kernel"]), bool(row["error"]), line.removesuffix("\n")
        )
        self._write(line)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._grows is not None and self._stream is not None:
            try:
                self._stream.close()
                if self._kept.stale and self._on_disk:
                    head = [",".join(COLUMNS)] if self._line_kind == "csv" else []
                    lines = (
                        f"{line}\n".encode("utf-8", "surrogateescape") for line in (*head, *self._kept.lines)
                    )
                    write_file(self._grows, lines)
                if self.kind == "parquet" and kind is None:
                    self._to_parquet()
            except OSError as error:
                if kind is None:
                    raise self._failed(error) from None

    def _from_parquet(self) -> None:
        """Go on with a table that is complete: its rows wait beside it again."""
        parquet, _ = _parquet()
        assert self.path is not None and self._grows is not None
        try:
            rows = parquet.read_table(self.path).to_pylist()
            lines = [format_row(row, "jsonl").encode() for row in rows]
        except (ValueError, KeyError) as error:  # pyarrow's own are ValueErrors
            raise InputError(
                ec.RT_TABLE, "not a table of this sweep", str(self.path), found=str(error)
            ) from error
        write_file(self._grows, lines)

    def _to_parquet(self) -> None:
        import json

        parquet, arrow = _parquet()
        assert self._grows is not None
        rows = [json.loads(line) for line in self._grows.read_text(encoding="utf-8").splitlines()]
        columns = {c: [row[c] for row in rows] for c in COLUMNS}
        words = dict.fromkeys(("trace", "arch", "kernel", "error"), arrow.string())
        kinds = {**dict.fromkeys(COLUMNS, arrow.int64()), **words, "seconds": arrow.float64()}
        whole = io.BytesIO()
        parquet.write_table(arrow.table(columns, schema=arrow.schema(list(kinds.items()))), whole)
        assert self.path is not None
        write_file(self.path, [whole.getvalue()])
        self._grows.unlink()


def _parquet() -> tuple[Any, Any]:
    """pyarrow's module for Parquet, and pyarrow itself. UsageError (RT812) without the extra."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError(
            ec.RT_PARQUET,
            "Parquet needs the extra `parquet`",
            expected="pip install 'remaptrace[parquet]'",
        ) from None
    return pyarrow.parquet, pyarrow
