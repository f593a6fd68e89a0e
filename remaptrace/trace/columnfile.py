"""Column files (.rtcols): a parsed trace as raw columns that are mapped, not read.

Layout, all little endian::

    0    8 bytes  MAGIC
    8    u64      length of the header in bytes
    16   header   JSON, compressed with zlib: everything but the columns, and where each column lies
    ...  columns  each at a multiple of 64 bytes

A column is stored in the narrowest form that holds it: one value for all rows, the narrowest
integer type, or codes into a table of its distinct values. Integer columns are used where they lie
in the file; coded ones are expanded when they are first asked for.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import errorcodes as ec
from ..errors import InputError
from ..outfile import write_file
from .events import (
    RELOCATION_DTYPE,
    TASK_DTYPE,
    TRUTH_DTYPE,
    Expectation,
    IntArray,
    Skipped,
    Trace,
    maps_file,
)

MAGIC = b"RTCOLS1\n"
VERSION = 1
_ALIGN = 64
_TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "i8")
_TABLES = {"tasks": TASK_DTYPE, "truth": TRUTH_DTYPE, "relocations": RELOCATION_DTYPE}
_SPECIAL = {"columns", "skipped", "maps", "initial", "expects", *_TABLES}
PLAIN_FIELDS = tuple(f.name for f in fields(Trace) if f.name not in _SPECIAL)
"""Fields of a Trace that JSON holds as they are."""


class Columns(dict[str, Any]):
    """Columns by name; coded ones are expanded at the first use."""

    def __getitem__(self, name: str) -> IntArray:
        value = super().__getitem__(name)
        if isinstance(value, tuple):
            codes, table = value
            value = table[codes]
            self[name] = value
        return value  # type: ignore[no-any-return]

    def get(self, name: str, default: Any = None) -> Any:
        """As of dict, expanded."""
        return self[name] if name in self else default  # noqa: SIM401 - would not expand

    def items(self) -> Any:
        """As of dict, expanded."""
        return [(name, self[name]) for name in self]

    def values(self) -> Any:
        """As of dict, expanded."""
        return [self[name] for name in self]


def write_columns(trace: Trace, path: str | Path, **extra: Any) -> None:
    """Write `trace` to `path`, whole or not at all. `extra` goes into the header under "extra"."""
    blocks: list[npt.NDArray[Any]] = []
    header: dict[str, Any] = {
        "version": VERSION,
        "events": len(trace),
        "columns": {},
        "tables": {},
        "extra": extra,
    }
    position = 0

    def place(array: npt.NDArray[Any]) -> int:
        nonlocal position
        start = position
        blocks.append(np.ascontiguousarray(array))
        position = _round_up(start + blocks[-1].nbytes)
        return start

    for name in trace.columns:
        header["columns"][name] = _pack(np.asarray(trace.columns[name]), place)
    for name in _TABLES:
        table = getattr(trace, name)
        if table is not None:
            packed = {field: _pack(np.ascontiguousarray(table[field]), place) for field in table.dtype.names}
            header["tables"][name] = {"rows": len(table), "fields": packed}
    header["trace"] = {name: getattr(trace, name) for name in PLAIN_FIELDS}
    header["skipped"] = [asdict(s) for s in trace.skipped]
    header["maps"] = [asdict(m) for m in trace.maps]
    header["initial"] = trace.initial
    header["expects"] = [[e.event, e.step, e.line, e.fields, e.on] for e in trace.expects]
    header["bytes"] = position
    head = zlib.compress(json.dumps(header, separators=(",", ":"), allow_nan=False).encode())
    base = _round_up(16 + len(head))

    def chunks() -> Iterator[bytes]:
        yield MAGIC + len(head).to_bytes(8, "little") + head.ljust(base - 16)
        for block in blocks:
            yield block.tobytes()
            yield bytes(_round_up(block.nbytes) - block.nbytes)

    write_whole(path, chunks())


def _round_up(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _pack(column: npt.NDArray[Any], place: Any) -> dict[str, Any]:
    """Place one column in its narrowest form; how to find it again."""
    if column.size == 0:
        return {"value": 0}
    low, high = int(column.min()), int(column.max())
    if low == high:
        return {"value": low}
    narrow = next(t for t in _TYPES if np.iinfo(t).min <= low and high <= np.iinfo(t).max)
    width = np.dtype(narrow).itemsize
    if width > 1:
        sample = np.unique(column[:: max(1, column.size // 4096)])
        if sample.size < 2048:
            table, codes = _coded(column, sample)
            coded = "u1" if table.size <= 256 else "u2" if table.size <= 1 << 16 else ""
            if coded and np.dtype(coded).itemsize < width:
                return {
                    "codes": coded,
                    "offset": place(codes.astype(coded)),
                    "table": place(table.astype("<i8")),
                    "distinct": int(table.size),
                }
    return {"type": narrow, "offset": place(column.astype("<" + narrow))}


def _coded(
    column: npt.NDArray[Any], guess: npt.NDArray[Any]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.intp]]:
    """The distinct values of `column`, sorted, and where each row's value stands; `guess`: most of them."""
    codes = np.minimum(np.searchsorted(guess, column), guess.size - 1)
    missed = guess[codes] != column
    if not missed.any():
        return guess, codes
    table = np.union1d(guess, column[missed])
    return table, np.searchsorted(table, column)


def write_whole(path: str | Path, chunks: Iterable[bytes]) -> None:
    """Write `chunks` to `path` as `remaptrace.outfile` does. InputError RT220."""
    try:
        write_file(path, chunks)
    except BrokenPipeError:
        raise
    except OSError as e:
        raise InputError(ec.RT_WRITE, f"cannot write: {e.strerror or e}", str(path)) from None


def open_columns(path: str | Path) -> tuple[Trace, dict[str, Any]]:
    """Map a column file: the trace, and the `extra` it was written with. InputError RT200, RT210."""
    try:
        data: npt.NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r")
    except OSError as e:
        raise InputError(ec.RT_MISSING, e.strerror or "cannot be opened", str(path)) from None
    except ValueError:
        raise InputError(ec.RT_EMPTY, "the file is empty", str(path)) from None
    return _parse(data, str(path))


def read_columns(data: bytes, *, path: str = "") -> Trace:
    """The trace of a column file that is in memory."""
    return _parse(np.frombuffer(data, dtype=np.uint8), path)[0]


def _parse(data: npt.NDArray[np.uint8], path: str) -> tuple[Trace, dict[str, Any]]:
    if data.size < 16 or data[:8].tobytes() != MAGIC:
        raise InputError(ec.RT_COLUMNS, "not a column file of this version", path, expected=repr(MAGIC))
    length = int.from_bytes(data[8:16].tobytes(), "little")
    try:
        if length > data.size:
            raise ValueError("the header is longer than the file")
        base = _round_up(16 + length)
        header = json.loads(zlib.decompress(data[16 : 16 + length].tobytes()))
        if header["version"] != VERSION:
            raise ValueError(f"version {header['version']}")
        if base + header["bytes"] != data.size:
            raise ValueError("it is not as long as it should be")
        return _trace(header, data, base), header["extra"]
    except (ValueError, KeyError, TypeError, zlib.error) as e:
        raise InputError(ec.RT_COLUMNS, f"the column file is damaged: {e}", path) from None


def _trace(header: dict[str, Any], data: npt.NDArray[np.uint8], base: int) -> Trace:
    rows = int(header["events"])

    def array(dtype: Any, offset: int, count: int) -> npt.NDArray[Any]:
        start = base + offset
        size = np.dtype(dtype).itemsize * count
        if offset < 0 or count < 0 or start + size > data.size:
            raise ValueError("it ends early")
        return data[start : start + size].view(dtype)

    def unpack(entry: dict[str, Any], count: int) -> Any:
        if "value" in entry:
            return np.broadcast_to(np.int64(entry["value"]), (count,))
        if "codes" in entry:
            if entry["codes"] not in ("u1", "u2"):
                raise ValueError("unknown coding")
            codes = array("<" + entry["codes"], entry["offset"], count)
            return codes, array("<i8", entry["table"], entry["distinct"])
        if entry["type"] not in _TYPES:
            raise ValueError("unknown column type")
        return array("<" + entry["type"], entry["offset"], count)

    columns = Columns({name: unpack(entry, rows) for name, entry in header["columns"].items()})
    tables: dict[str, Any] = {}
    for name, entry in header["tables"].items():
        table = np.zeros(entry["rows"], dtype=_TABLES[name])
        parts = Columns({field: unpack(e, entry["rows"]) for field, e in entry["fields"].items()})
        for field in table.dtype.names or ():
            table[field] = parts[field]
        tables[name] = table
    return Trace(
        columns,
        tables.pop("tasks"),
        skipped=[Skipped(**s) for s in header["skipped"]],
        maps=[maps_file(m) for m in header["maps"]],
        initial=tuple((s, e, n) for s, e, n in header["initial"]),
        expects=[Expectation(*e) for e in header["expects"]],
        **tables,
        **header["trace"],
    )
