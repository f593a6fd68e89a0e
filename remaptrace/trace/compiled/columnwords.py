"""Columns of any width as machine code takes them: each a row of a table that tells where its numbers lie.

Numba knows an array by the type of its numbers, and columns are as narrow as their values allow: a function would have
to be compiled for every choice of widths. So a column is its address and its width here, and what stands there is read
by that. The arrays must be alive, contiguous, aligned, and have as many numbers as are asked for: those who make the
table see to it.
"""

from __future__ import annotations

from typing import Any

from .jit import COMPILED

C_PLACE, C_WIDTH = 0, 1
"""Words of a column's row: the address of its first number; bytes of a number."""

if COMPILED:
    from llvmlite import ir
    from numba import extending, types

    def _number_at(builder: Any, bits: int, arguments: Any) -> Any:
        """The address of the number, of so many bits, that `arguments` name: where the first lies, which it is."""
        first = builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())
        return builder.gep(first, [arguments[1]])

    def _writing(bits: int) -> Any:
        def write(typing: Any, place: Any, at: Any, value: Any) -> Any:
            def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                value = arguments[2]
                if bits < 64:
                    value = builder.trunc(value, ir.IntType(bits))
                builder.store(value, _number_at(builder, bits, arguments), align=bits // 8)
                return ir.IntType(64)(0)

            return types.int64(types.int64, types.int64, types.int64), lowered

        return extending.intrinsic(write)

    write8, write16, write32, write64 = (_writing(bits) for bits in (8, 16, 32, 64))

else:

    def _unwritten(place: int, at: int, value: int) -> int:
        """Addresses are machine code's alone."""
        raise NotImplementedError

    write8 = write16 = write32 = write64 = _unwritten
