"""How the byte machines are compiled: plain functions inside, few entry points, no exceptions.

As ``remaptrace.trace.compiled.*`` entries are fronts that load their machine code at the first call; as
``remaptrace.trace._jitted.*`` the same files are loaded with numba, to make that code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

F = TypeVar("F", bound=Callable[..., Any])

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.int64]
Halves = npt.NDArray[np.int32]
Eight = np.uint64
"""Eight bytes of text as one word."""

COMPILED = __name__.startswith("remaptrace.trace._jitted.")

if COMPILED:
    import sys

    import numba
    from llvmlite import ir
    from numba import types
    from numba.cpython.unsafe.numbers import trailing_zeros as _trailing_zeros
    from numba.extending import intrinsic

    from ...machinecode.build import Jit

    def _uncounted() -> dict[str, bool]:
        """numba's option that leaves out counting references to arrays, if this numba has it.

        Nothing is allocated here, so none need counting; counting takes half of the time of a byte machine.
        """
        try:
            numba.njit(_nrt=False)(_nothing)
        except (KeyError, TypeError):
            return {}
        return {"_nrt": False}

    def _nothing() -> int:
        return 0

    trailing_zeros: Callable[[Eight], Eight] = _trailing_zeros
    _intrinsic: Any = intrinsic

    LITTLE = sys.byteorder == "little"

    def loaded(kind: Any, context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        """A value of `kind` that stands in an array of bytes from a place on, wherever that is."""
        start = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(start, [arguments[1]]), kind.as_pointer())
        return builder.load(place, align=1)

    @_intrinsic  # type: ignore[untyped-decorator]
    def eight(typing: Any, b: Any, p: Any) -> Any:
        """The eight bytes from `p` on as one word, the first one lowest.

        Eight shifted bytes are one load, too, but not where LLVM has one of them already.
        """

        def lowered(*of: Any) -> Any:
            whole = loaded(ir.IntType(64), *of)
            return whole if LITTLE else of[1].bswap(whole)

        return types.uint64(b, types.int64), lowered

    @_intrinsic  # type: ignore[untyped-decorator]
    def put_eight(typing: Any, b: Any, p: Any, value: Any) -> Any:
        """Write eight bytes from `p` on: those of `value`, the lowest one first."""

        def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            start = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            place = builder.bitcast(builder.gep(start, [arguments[1]]), ir.IntType(64).as_pointer())
            whole = arguments[2] if LITTLE else builder.bswap(arguments[2])
            builder.store(whole, place, align=1)
            return context.get_dummy_value()

        return types.void(b, types.int64, types.uint64), lowered

    @_intrinsic  # type: ignore[untyped-decorator]
    def newline_bits(typing: Any, b: Any, p: Any) -> Any:
        """Which of the 64 bytes from `p` on are newlines, the first one lowest: compared as a vector, of any width."""

        def lowered(*of: Any) -> Any:
            kind = ir.VectorType(ir.IntType(8), 64)
            same = of[1].icmp_unsigned("==", loaded(kind, *of), ir.Constant(kind, [10] * 64))
            bits = of[1].bitcast(same, ir.IntType(64))
            return bits if LITTLE else of[1].bitreverse(bits)

        return types.uint64(b, types.int64), lowered

    _jit = Jit({"forceinline": True}, nogil=True, **_uncounted())
    kernel, apart, seldom = _jit.kernel, _jit.apart, _jit.seldom

    def entry(signature: str) -> Callable[[F], F]:
        """Machine code can be made of a function, which numba knows as `signature`: it becomes an `Entry`."""

        def wrapped(function: F) -> F:
            made: Any = _jit.entry(function, signature)
            return made  # type: ignore[no-any-return]

        return wrapped

else:

    def trailing_zeros(value: Eight) -> Eight:
        """How many of the lowest bits of a word are clear: 64 of 0."""
        return Eight((int(value) & -int(value)).bit_length() - 1 if value else 64)

    def eight(b: Bytes, p: int) -> Eight:
        """The eight bytes from `p` on as one word, the first one lowest."""
        return Eight(int.from_bytes(b[p : p + 8].tobytes(), "little"))

    def put_eight(b: Bytes, p: int, value: Eight) -> None:
        """Write eight bytes from `p` on: those of `value`, the lowest one first."""
        b[p : p + 8] = np.frombuffer(int(value).to_bytes(8, "little"), dtype=np.uint8)

    def newline_bits(b: Bytes, p: int) -> Eight:
        """Which of the 64 bytes from `p` on are newlines, the first one lowest."""
        return Eight(sum(1 << i for i in range(64) if b[p + i] == 10))

    def kernel(function: F) -> F:
        """Leave `function` as it is: only its compiled form is called."""
        return function

    apart = seldom = kernel

    def entry(signature: str) -> Callable[[F], F]:
        """Call the machine code of a function, made at the first call if it is not on disk."""
        return _front

    def _front(function: F) -> F:
        from ...machinecode.folders import READERS
        from ...machinecode.load import Function

        module = function.__module__.rpartition(".")[2]
        front: Any = Function(READERS, f"{module}.{function.__name__}", whole_arrays=True)
        return front  # type: ignore[no-any-return]
