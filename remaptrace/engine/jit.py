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
    import numba

    _inner = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, nogil=True)
    _outer = numba.njit(cache=True, nogil=True)

    def kernel(function: F) -> F:
        """Compile `function` for calls from other kernels only."""
        compiled: F = _inner(function)
        return compiled

    def entry(function: F) -> F:
        """Compile `function` for calls from Python; the only functions that are cached on disk."""
        compiled: F = _outer(function)
        return compiled

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
