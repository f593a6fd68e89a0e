"""Columns for other programs: the Arrow C stream, made of numpy arrays without any package of Arrow's.

`ArrowTable` answers ``__arrow_c_stream__`` (the Arrow PyCapsule protocol), so that pyarrow, polars, pandas and duckdb
take it as a table. The three structures are those of Arrow's C data interface and C stream interface.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any] | tuple[npt.NDArray[np.integer[Any]], Sequence[str]]
"""Numbers, masked where nothing is known; or (numbers, words): number i stands for words[i]."""

_FORMATS = {"i1": "c", "u1": "C", "i2": "s", "u2": "S", "i4": "i", "u4": "I", "i8": "l", "u8": "L", "f8": "g"}
_NULLABLE = 2  # ARROW_FLAG_NULLABLE


class _Schema(ctypes.Structure):
    pass


class _Array(ctypes.Structure):
    pass


class _Stream(ctypes.Structure):
    pass


_RELEASE_SCHEMA = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Schema))
_RELEASE_ARRAY = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Array))
_RELEASE_STREAM = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Stream))
_GET_SCHEMA = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Schema))
_GET_NEXT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Array))
_LAST_ERROR = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.POINTER(_Stream))

_Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(_Schema))),
    ("dictionary", ctypes.POINTER(_Schema)),
    ("release", _RELEASE_SCHEMA),
    ("private_data", ctypes.c_void_p),
]
_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
    ("dictionary", ctypes.POINTER(_Array)),
    ("release", _RELEASE_ARRAY),
    ("private_data", ctypes.c_void_p),
]
_Stream._fields_ = [
    ("get_schema", _GET_SCHEMA),
    ("get_next", _GET_NEXT),
    ("get_last_error", _LAST_ERROR),
    ("release", _RELEASE_STREAM),
    ("private_data", ctypes.c_void_p),
]

_KEPT: dict[int, list[Any]] = {}
"""What a consumer still holds, by the number in private_data; `release` drops it."""
_numbers = count(1)


def _keep(things: list[Any]) -> int:
    number = next(_numbers)
    _KEPT[number] = things
    return number


def _release(pointer: Any) -> None:
    """Drop what a structure kept, and that of its children, and mark it released."""
    structure = pointer.contents
    for i in range(getattr(structure, "n_children", 0)):
        child = structure.children[i]
        if child.contents.release:
            child.contents.release(child)
    if getattr(structure, "dictionary", None) and structure.dictionary.contents.release:
        structure.dictionary.contents.release(structure.dictionary)
    _KEPT.pop(structure.private_data or 0, None)
    ctypes.memset(
        ctypes.addressof(structure) + type(structure).release.offset, 0, ctypes.sizeof(ctypes.c_void_p)
    )


_release_schema = _RELEASE_SCHEMA(_release)
_release_array = _RELEASE_ARRAY(_release)


def _fill_schema(out: _Schema, name: str, column: Column | None, children: Mapping[str, Column]) -> None:
    words = isinstance(column, tuple)
    numbers = column[0] if isinstance(column, tuple) else column
    form = "+s" if numbers is None else _FORMATS[numbers.dtype.str[1:]]
    kept: list[Any] = [form.encode(), name.encode()]
    out.format, out.name, out.metadata, out.flags = kept[0], kept[1], None, _NULLABLE if name else 0
    inner = [_Schema() for _ in children]
    for one, (label, child) in zip(inner, children.items(), strict=True):
        _fill_schema(one, label, child, {})
    pointers = (ctypes.POINTER(_Schema) * max(len(inner), 1))(*map(ctypes.pointer, inner))
    out.n_children, out.children = len(inner), pointers
    kept += [inner, pointers]
    out.dictionary = None
    if words:
        text = _Schema()
        text.format, text.name, text.flags, text.n_children = b"u", b"", 0, 0
        text.release, text.private_data = _release_schema, _keep([])
        out.dictionary = ctypes.pointer(text)
        kept.append(text)
    out.release, out.private_data = _release_schema, _keep(kept)


def _fill_array(out: _Array, length: int, buffers: Sequence[Any], kept: list[Any], nulls: int = 0) -> None:
    places = (ctypes.c_void_p * len(buffers))(*(None if b is None else b.ctypes.data for b in buffers))
    out.length, out.null_count, out.offset = length, nulls, 0
    out.n_buffers, out.buffers, out.n_children, out.dictionary = len(buffers), places, 0, None
    out.release, out.private_data = _release_array, _keep([*kept, list(buffers), places])


def _fill_column(out: _Array, column: Column) -> None:
    numbers = np.ascontiguousarray(column[0] if isinstance(column, tuple) else column)
    if isinstance(column, np.ma.MaskedArray):
        unknown = np.ma.getmaskarray(column)
        known = np.packbits(~unknown, bitorder="little")
        _fill_array(out, len(numbers), [known, np.ascontiguousarray(column.data)], [], int(unknown.sum()))
        return
    _fill_array(out, len(numbers), [None, numbers], [])
    if isinstance(column, tuple):
        encoded = [word.encode("utf-8", "replace") for word in column[1]]
        ends = np.zeros(len(encoded) + 1, dtype=np.int32)
        np.cumsum([len(word) for word in encoded], out=ends[1:])
        text = np.frombuffer(b"".join(encoded) or b"\0", dtype=np.uint8)
        inner = _Array()
        _fill_array(inner, len(encoded), [None, ends, text], [])
        out.dictionary = ctypes.pointer(inner)
        _KEPT[out.private_data].append(inner)


class ArrowTable:
    """Named columns of one length. Words (kinds, outcomes) are dictionaries: a number a row and the words once."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self.columns = dict(columns)
        lengths = {len(c[0]) if isinstance(c, tuple) else len(c) for c in self.columns.values()}
        if len(lengths) != 1:
            raise ValueError(f"columns of one length are needed, these have {sorted(lengths)}")
        self.length = lengths.pop()

    def __len__(self) -> int:
        return self.length

    def __repr__(self) -> str:
        return f"<ArrowTable: {self.length:,} rows of {', '.join(self.columns)}>"

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A PyCapsule of an ArrowArrayStream with one batch. A requested schema is not followed: it need not be."""
        stream = _Stream()
        done: list[bool] = []
        columns = self.columns

        def get_schema(_: Any, out: Any) -> int:
            _fill_schema(out.contents, "", None, columns)
            return 0

        def get_next(_: Any, out: Any) -> int:
            if done:
                ctypes.memset(out, 0, ctypes.sizeof(_Array))
                return 0
            done.append(True)
            inner = [_Array() for _ in columns]
            for one, column in zip(inner, columns.values(), strict=True):
                _fill_column(one, column)
            pointers = (ctypes.POINTER(_Array) * max(len(inner), 1))(*map(ctypes.pointer, inner))
            whole = out.contents
            _fill_array(whole, self.length, [None], [inner, pointers])
            whole.n_children, whole.children = len(inner), pointers
            return 0

        callbacks: list[Any] = [
            _GET_SCHEMA(get_schema),
            _GET_NEXT(get_next),
            _LAST_ERROR(lambda _: None),
            _RELEASE_STREAM(_release),
        ]
        stream.get_schema, stream.get_next, stream.get_last_error, stream.release = callbacks
        stream.private_data = _keep([callbacks, self])
        return _capsule(stream)

    def to_pandas(self) -> Any:
        """A pandas DataFrame. ImportError where pandas is not installed."""
        import pandas

        def column(values: Column) -> Any:
            if isinstance(values, tuple):
                return pandas.Categorical.from_codes(values[0], list(values[1]))
            if isinstance(values, np.ma.MaskedArray):
                return pandas.arrays.IntegerArray(values.data, np.ma.getmaskarray(values))
            return values

        return pandas.DataFrame({name: column(values) for name, values in self.columns.items()})

    def to_polars(self) -> Any:
        """A polars DataFrame. ImportError where polars is not installed."""
        import polars

        return polars.DataFrame(self)

    def to_arrow(self) -> Any:
        """A pyarrow Table. ImportError where pyarrow is not installed."""
        import pyarrow

        return pyarrow.table(self)


_NAME = b"arrow_array_stream"
_DESTRUCTOR = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_api: Any = ctypes.pythonapi
_api.PyCapsule_New.restype = ctypes.py_object
_api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, _DESTRUCTOR]
_streams: dict[int, _Stream] = {}
"""Structures that capsules point to, by the address of the capsule."""


def _destroy(capsule: int) -> None:
    """Release a stream that nobody took. No call into Python's C interface: an error may be pending."""
    stream = _streams.pop(capsule)
    if stream.release:
        stream.release(ctypes.pointer(stream))


_destructor = _DESTRUCTOR(_destroy)


def _capsule(stream: _Stream) -> object:
    capsule: object = _api.PyCapsule_New(ctypes.addressof(stream), _NAME, _destructor)
    _streams[id(capsule)] = stream
    return capsule
