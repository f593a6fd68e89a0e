"""Functions at addresses, called by `_ctypes`: `ctypes`, which is more, makes fifty classes while it is loaded."""

from __future__ import annotations

import _ctypes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class _Word(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "q"


class _Half(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "I"


def function_at(address: int, words: int) -> Callable[..., int]:
    """The function at `address`, which takes so many words of 64 bits and gives one, without the interpreter's lock."""

    class Function(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL
        _restype_ = _Word
        _argtypes_ = (_Word,) * words

    return Function(address)


def address_of(name: str) -> int:
    """Where a function of the C library is. OSError if it has none of that name."""
    return _ctypes.dlsym(_ctypes.dlopen(None, 0), name)  # type: ignore[arg-type]


def halves_at(address: int, count: int) -> list[int]:
    """So many words of 32 bits that lie at `address`."""

    class Halves(_ctypes.Array):  # type: ignore[type-arg]
        _type_ = _Half
        _length_ = count

    return list(Halves.from_address(address))
