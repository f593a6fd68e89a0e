"""One source, two ways to run it: plain Python for small traces, numba for large ones.

The modules of ``remaptrace.engine`` are importable twice. As ``remaptrace.engine.*`` every
function is plain Python over a memoryview (no numba import, no compile). As
``remaptrace._jitted.*`` the *same files* are loaded again with ``kernel`` and ``entry`` bound to
numba, so that calls between them are compiled calls. ``remaptrace/_jitted/__init__.py`` does no
more than point ``__path__`` at this directory.

Rules for code under ``@kernel``: the arena ``m`` (int64) and int64 scalars only; no exceptions,
strings, slices, recursion, closures or containers; flags are ints (``1 if c else 0``), never
bools; results are ints. 64-bit arithmetic that may overflow goes through ``wrap``; unsigned
comparison goes through ``ult``/``ule``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

COMPILED = __name__.startswith("remaptrace._jitted.")

_SIGN = -0x8000_0000_0000_0000
_U64 = 0xFFFF_FFFF_FFFF_FFFF

if COMPILED:
    import functools

    import numba
    import numpy as np
    from numba import extending, types

    _pointer: Any = types.CPointer  # type: ignore[attr-defined]

    class Words:
        """An int64 array as compiled code takes it: its address alone.

        A plain pointer costs one register a call and no test for negative indexes; numba's own array
        costs seven, which made a fault three times as slow.
        """

        __slots__ = ("address", "owner")

        def __init__(self, owner: Any) -> None:
            self.owner = owner
            self.address = int(owner.__array_interface__["data"][0])

    def _typeof_words(value: Words, context: Any) -> Any:
        return _pointer(types.int64)

    def _unbox_words(kind: Any, value: Any, c: Any) -> Any:
        number = c.pyapi.object_getattr_string(value, "address")
        address = c.pyapi.long_as_ulonglong(number)
        c.pyapi.decref(number)
        pointer = c.builder.inttoptr(address, c.context.get_value_type(kind))
        return extending.NativeValue(pointer, is_error=c.pyapi.c_api_error())

    extending.typeof_impl.register(Words)(_typeof_words)
    extending.unbox(_pointer)(_unbox_words)

    _inner = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, nogil=True)
    _outer = numba.njit(cache=True, nogil=True)

    def kernel(function: F) -> F:
        """Compile `function` for calls from other kernels only."""
        compiled: F = _inner(function)
        return compiled

    def entry(function: F) -> F:
        """Compile `function` for calls from Python with int64 arrays; only entries are cached on disk."""
        compiled = _outer(function)

        @functools.wraps(function)
        def call(*args: Any) -> Any:
            return compiled(*(Words(a) if isinstance(a, np.ndarray) else a for a in args))

        return call  # type: ignore[return-value]

    @kernel
    def wrap(value: int) -> int:
        """`value` modulo 2**64 as a signed word; native arithmetic wraps already."""
        return value

    @kernel
    def shr(value: int, count: int) -> int:
        """Logical (zero-filling) right shift of a 64-bit word, 0 < count < 64."""
        return (value >> count) & ((1 << (64 - count)) - 1)

    @kernel
    def ult(a: int, b: int) -> int:
        """1 if a < b as unsigned 64-bit words."""
        return 1 if (a ^ _SIGN) < (b ^ _SIGN) else 0

else:

    def kernel(function: F) -> F:
        """Leave `function` as it is: the interpreted engine."""
        return function

    def entry(function: F) -> F:
        """Leave `function` as it is: the interpreted engine."""
        return function

    def wrap(value: int) -> int:
        """`value` modulo 2**64 as a signed word."""
        if _SIGN <= value <= -1 - _SIGN:
            return value
        value &= _U64
        return value - (_U64 + 1) if value > -1 - _SIGN else value

    def shr(value: int, count: int) -> int:
        """Logical (zero-filling) right shift of a 64-bit word, 0 < count < 64."""
        return (value & _U64) >> count

    def ult(a: int, b: int) -> int:
        """1 if a < b as unsigned 64-bit words."""
        return 1 if (a & _U64) < (b & _U64) else 0
