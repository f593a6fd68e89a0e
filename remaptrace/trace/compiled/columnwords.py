"""Columns of any width as machine code takes them: each a row of a table that tells where its numbers lie.

Numba knows an array by the type of its numbers, and columns are as narrow as their values allow: a function would have
to be compiled for every choice of widths. So a column is its address and its width here, and what stands there is read
by that. The arrays must be alive, contiguous, aligned, and have as many numbers as are asked for: those who make the
table see to it.
"""

from __future__ import annotations

from typing import Any

from .jit import COMPILED, Words, kernel

C_PLACE, C_WIDTH = 0, 1
"""Words of a column's row: the address of its first number; bytes of a number, and UNSIGNED if it is never negative."""
UNSIGNED = 16

if COMPILED:
    from llvmlite import ir
    from numba import extending, types

    def _number_at(builder: Any, bits: int, arguments: Any) -> Any:
        """The address of the number, of so many bits, that `arguments` name: where the first lies, which it is."""
        first = builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer())
        return builder.gep(first, [arguments[1]])

    def _reading(bits: int, signed: bool) -> Any:
        def read(typing: Any, place: Any, at: Any) -> Any:
            def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                value = builder.load(_number_at(builder, bits, arguments), align=bits // 8)
                if bits == 64:
                    return value
                return (builder.sext if signed else builder.zext)(value, ir.IntType(64))

            return types.int64(types.int64, types.int64), lowered

        return extending.intrinsic(read)

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

    read8, read16, read32, read64 = (_reading(bits, True) for bits in (8, 16, 32, 64))
    _read8u, _read16u, _read32u = (_reading(bits, False) for bits in (8, 16, 32))
    write8, write16, write32, write64 = (_writing(bits) for bits in (8, 16, 32, 64))

else:

    def _unread(place: int, at: int) -> int:
        """Addresses are machine code's alone."""
        raise NotImplementedError

    def _unwritten(place: int, at: int, value: int) -> int:
        """Addresses are machine code's alone."""
        raise NotImplementedError

    read8 = read16 = read32 = read64 = _read8u = _read16u = _read32u = _unread
    write8 = write16 = write32 = write64 = _unwritten


@kernel
def number(place: int, width: int, at: int) -> int:
    """Number `at` of the column at `place`, as a signed word."""
    value: int
    if width == 8:
        value = read64(place, at)
    elif width == 4:
        value = read32(place, at)
    elif width == 1:
        value = read8(place, at)
    elif width == 2:
        value = read16(place, at)
    elif width == UNSIGNED + 1:
        value = _read8u(place, at)
    elif width == UNSIGNED + 2:
        value = _read16u(place, at)
    else:
        value = _read32u(place, at)
    return value


@kernel
def number_of(columns: Words, column: int, at: int) -> int:
    """Number `at` of row `column` of a table of columns."""
    return number(columns[column, C_PLACE], columns[column, C_WIDTH], at)
