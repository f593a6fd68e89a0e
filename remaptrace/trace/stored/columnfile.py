"""Column files (.rtcols): a parsed trace as raw columns that are mapped, not read.

Layout, all little endian::

    0    8 bytes  MAGIC
    8    u64      length of the header in bytes
    16   32 bytes blake2b of the length and of everything behind these bytes
    48   header   JSON, compressed with zlib: everything but the columns, and where each column lies
    ...  columns  each at a multiple of 64 bytes

A column is stored in the narrowest form that holds it: one value for all rows, the narrowest
integer type, or codes into a table of its distinct values. Integer columns are used where they lie
in the file; coded ones are expanded when they are first asked for.
"""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ... import errorcodes as ec
from ...digests import blake2b
from ...errors import InputError
from ...outfile import write_file
from ..events import (
    RELOCATION_DTYPE,
    TASK_DTYPE,
    TRUTH_DTYPE,
    Expectation,
    IntArray,
    Skipped,
    Trace,
    maps_file,
)
from ..proved import Flaw, prove
from .magic import MAGIC, MAGICS

VERSION = 1
_SEAL = 32  # bytes of the checksum
_MOST_ALIKE = 1 << 24  # rows of columns that the file holds as one value each
_MOST_HEADER = 1 << 30  # bytes of it, expanded
_ALIGN = 64
_TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "i8")
_TABLES = {"tasks": TASK_DTYPE, "truth": TRUTH_DTYPE, "relocations": RELOCATION_DTYPE}
_SPECIAL = {"taken", "columns", "skipped", "maps", "initial", "expects", *_TABLES}
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


def write_columns(trace: Trace, path: str | Path, *, private: bool = False, **extra: Any) -> None:
    """Write `trace` to `path`, whole or not at all; `private`: for this user alone, as caches are kept.

    `extra` goes into the header under "extra"."""
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
    size = len(head).to_bytes(8, "little")
    head = head.ljust(_round_up(16 + _SEAL + len(head)) - 16 - _SEAL)

    def chunks() -> Iterator[bytes]:
        yield head
        for block in blocks:
            yield block.tobytes()
            yield bytes(_round_up(block.nbytes) - block.nbytes)

    digest = blake2b(size, digest_size=_SEAL)
    for chunk in chunks():
        digest.update(chunk)
    write_whole(path, itertools.chain((MAGIC + size + digest.digest(),), chunks()), private=private)


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


def write_whole(path: str | Path, chunks: Iterable[bytes], *, private: bool = False) -> None:
    """Write `chunks` to `path` as `remaptrace.outfile` does. InputError RT220."""
    try:
        write_file(path, chunks, private=private)
    except BrokenPipeError:
        raise
    except OSError as e:
        raise InputError(ec.RT_WRITE, f"cannot write: {e.strerror or e}", str(path)) from None


def open_columns(path: str | Path, *, sealed: bool = False) -> tuple[Trace, dict[str, Any]]:
    """Map a column file: the trace, and the `extra` it was written with. InputError RT200, RT210.

    `sealed`: only a file with a checksum will do.
    """
    try:
        data: npt.NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r")
    except OSError as e:
        raise InputError(ec.RT_MISSING, e.strerror or "cannot be opened", str(path)) from None
    except ValueError:
        raise InputError(ec.RT_EMPTY, "the file is empty", str(path)) from None
    if sealed and data[:8].tobytes() != MAGIC:
        raise InputError(ec.RT_COLUMNS, "a column file without a checksum", str(path))
    return _parse(data, str(path))


def read_columns(data: bytes, *, path: str = "") -> Trace:
    """The trace of a column file that is in memory."""
    return _parse(np.frombuffer(data, dtype=np.uint8), path)[0]


def _parse(data: npt.NDArray[np.uint8], path: str) -> tuple[Trace, dict[str, Any]]:
    magic = data[:8].tobytes()
    if data.size < 16 or magic not in MAGICS:
        raise InputError(ec.RT_COLUMNS, "not a column file of this version", path, expected=repr(MAGIC))
    length = int.from_bytes(data[8:16].tobytes(), "little")
    at = 16 + _SEAL if magic == MAGIC else 16
    try:
        if at + length > data.size:
            raise ValueError("the header is longer than the file")
        if magic == MAGIC:
            digest = blake2b(data[8:16].tobytes(), digest_size=_SEAL)
            digest.update(data[at:].data)
            if digest.digest() != data[16:at].tobytes():
                raise ValueError("its checksum is another one")
        base = _round_up(at + length)
        header = json.loads(_expanded(data[at : at + length].tobytes()))
        _typed(header, _HEADER, "the header")
        if header["version"] != VERSION:
            raise ValueError(f"version {header['version']}")
        if base + header["bytes"] != data.size:
            raise ValueError("it is not as long as it should be")
        trace = _trace(header, data, base)
        prove(trace)
        return trace, header["extra"]
    except Flaw as flaw:
        where = _offset(header, base, flaw)
        raise InputError(
            ec.RT_COLUMNS,
            f"the column file is damaged: {flaw.problem}{where}",
            path,
            found=flaw.found,
            expected=flaw.expected,
        ) from None
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, zlib.error) as e:
        reason = f"{e.args[0]!r} is missing" if isinstance(e, KeyError) else str(e)
        raise InputError(ec.RT_COLUMNS, f"the column file is damaged: {reason}", path) from None


def _expanded(head: bytes) -> bytes:
    """The header's JSON; a small file must not become all of memory."""
    unpack = zlib.decompressobj()
    text = unpack.decompress(head, _MOST_HEADER)
    if unpack.unconsumed_tail or not unpack.eof:
        raise ValueError("its header ends early or is too long")
    return text


def _offset(header: dict[str, Any], base: int, flaw: Flaw) -> str:
    """Where in the file the refused number lies, if it has a place of its own."""
    entry = header["columns"].get(flaw.column, {})
    if flaw.event < 0 or "offset" not in entry:
        return ""
    width = np.dtype(entry.get("codes") or entry["type"]).itemsize
    return f" (byte {base + entry['offset'] + flaw.event * width})"


_HEADER: dict[str, type] = {
    "version": int,
    "events": int,
    "columns": dict,
    "tables": dict,
    "trace": dict,
    "skipped": list,
    "maps": list,
    "initial": list,
    "expects": list,
    "bytes": int,
    "extra": dict,
}


def _typed(value: Any, fields: dict[str, type], what: str) -> None:
    """ValueError unless `value` is a mapping with exactly `fields` of these types."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no mapping")
    for name, kind in fields.items():
        if type(value.get(name)) is not kind:
            raise ValueError(f"'{name}' of {what} is missing or no {kind.__name__}")
    if unknown := set(value) - set(fields):
        raise ValueError(f"{what} has '{min(unknown)}', which is not known")


class _Body:
    """The bytes behind the header: columns, as entries of the header place them. ValueError for a wrong entry."""

    def __init__(self, data: npt.NDArray[np.uint8], base: int) -> None:
        self.data = data
        self._base = base

    def array(self, dtype: str, offset: Any, count: Any) -> npt.NDArray[Any]:
        """`count` numbers from `offset` on."""
        if type(offset) is not int or type(count) is not int or offset < 0 or offset % _ALIGN:
            raise ValueError("a column has no place")
        start = self._base + offset
        size = np.dtype(dtype).itemsize * count
        if count < 0 or start + size > self.data.size:
            raise ValueError("it ends early")
        return self.data[start : start + size].view(dtype)

    def column(self, entry: Any, count: int) -> Any:
        """One column of `count` rows: numbers, or codes with their table."""
        if not isinstance(entry, dict):
            raise ValueError("a column is described by no mapping")
        if "value" in entry:
            value = entry["value"]
            if type(value) is not int or not -(1 << 63) <= value < 1 << 63:
                raise ValueError("a column's only value is no number of 64 bits")
            return np.broadcast_to(np.int64(value), (count,))
        if "codes" in entry:
            if entry["codes"] not in ("u1", "u2"):
                raise ValueError("unknown coding")
            codes = self.array("<" + entry["codes"], entry["offset"], count)
            table = self.array("<i8", entry["table"], entry["distinct"])
            if count and int(codes.max()) >= table.size:
                raise ValueError(f"code {int(codes.max())} of a table of {table.size}")
            return codes, table
        if entry["type"] not in _TYPES:
            raise ValueError("unknown column type")
        return self.array("<" + entry["type"], entry["offset"], count)

    def table(self, name: str, entry: Any) -> npt.NDArray[np.void]:
        """One of the tables beside the events."""
        if name not in _TABLES:
            raise ValueError(f"unknown table '{name}'")
        _typed(entry, {"rows": int, "fields": dict}, f"the table '{name}'")
        if not 0 <= entry["rows"] <= max(_MOST_ALIKE >> 4, self.data.size):
            raise ValueError(f"{entry['rows']} rows of '{name}'")
        table = np.zeros(entry["rows"], dtype=_TABLES[name])
        fields = table.dtype.names or ()
        _typed(entry["fields"], dict.fromkeys(fields, dict), f"the table '{name}'")
        parts = Columns({field: self.column(e, entry["rows"]) for field, e in entry["fields"].items()})
        for field in fields:
            limits, part = np.iinfo(table.dtype[field]), parts[field]
            if len(table) and not limits.min <= int(part.min()) <= int(part.max()) <= limits.max:
                raise ValueError(f"{field} of '{name}' is too large")
            table[field] = part
        return table


def _trace(header: dict[str, Any], data: npt.NDArray[np.uint8], base: int) -> Trace:
    rows = header["events"]
    if not 0 <= rows <= max(_MOST_ALIKE, data.size):
        raise ValueError(f"{rows} events")
    body = _Body(data, base)
    columns = Columns({name: body.column(entry, rows) for name, entry in header["columns"].items()})
    tables: dict[str, Any] = {name: body.table(name, entry) for name, entry in header["tables"].items()}
    if "tasks" not in tables:
        raise ValueError("the table 'tasks' is missing")
    if unknown := set(header["trace"]) - set(PLAIN_FIELDS):
        raise ValueError(f"unknown field '{min(unknown)}'")
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
