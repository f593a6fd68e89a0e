"""How a page carries its data: JSON, and behind it columns of whole numbers as bytes, which pack better than digits.

A number takes seven bits of a byte at a time, lowest first, the eighth bit says that more follow; 0, -1, 1, -2, ... are
0, 1, 2, 3, ... (varint and zigzag, as in protocol buffers). In the JSON a column is ``{"$": [first byte, bytes]}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ...lateclasses import dataclass


@dataclass(frozen=True)
class Column:
    """Whole numbers of up to 53 bits, as browsers know them."""

    values: npt.NDArray[np.int64]


def column(values: Any) -> Column:
    """A column of any whole numbers."""
    return Column(np.asarray(values, dtype=np.int64))


def steps(values: Any) -> Column:
    """A column of what each value is more than the one before: neighbours are alike, which packs well."""
    whole = np.asarray(values, dtype=np.int64)
    return Column(whole - np.concatenate([np.zeros(1, np.int64), whole])[: len(whole)])


def varints(values: npt.NDArray[np.int64]) -> bytes:
    """The bytes of a column."""
    left = ((values << 1) ^ (values >> 63)).astype(np.uint64)
    digits, used = [], []
    more = np.ones(len(left), dtype=bool)
    while more.any():
        rest = left >> np.uint64(7)
        digits.append((left & np.uint64(127)).astype(np.uint8) | np.where(rest != 0, 128, 0).astype(np.uint8))
        used.append(more)
        more = more & (rest != 0)
        left = rest
    if not digits:
        return b""
    return bytes(np.stack(digits, axis=1)[np.stack(used, axis=1)])


def packed(data: Mapping[str, Any]) -> bytes:
    """Four bytes with the length of the JSON, the JSON, the columns."""
    blob = bytearray()

    def told(value: Any) -> Any:
        if isinstance(value, Column):
            first = len(blob)
            blob.extend(varints(value.values))
            return {"$": [first, len(blob) - first]}
        if isinstance(value, Mapping):
            return {key: told(one) for key, one in value.items()}
        if isinstance(value, (list, tuple, range)):
            return [told(one) for one in value]
        return value

    text = json.dumps(told(data), separators=(",", ":")).encode()
    return len(text).to_bytes(4, "little") + text + bytes(blob)


def unpacked(data: bytes) -> dict[str, Any]:
    """What `packed` was given, columns as lists: for tests, and for those who read a page by program."""
    length = int.from_bytes(data[:4], "little")
    blob = data[4 + length :]

    def numbers(first: int, size: int) -> list[int]:
        found, value, shift = [], 0, 0
        for byte in blob[first : first + size]:
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                found.append((value >> 1) ^ -(value & 1))
                value = shift = 0
        return found

    def read(value: Any) -> Any:
        if isinstance(value, dict):
            return numbers(*value["$"]) if "$" in value else {key: read(one) for key, one in value.items()}
        return [read(one) for one in value] if isinstance(value, list) else value

    whole: dict[str, Any] = read(json.loads(data[4 : 4 + length]))
    return whole
