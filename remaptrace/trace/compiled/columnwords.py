"""Columns of any width as machine code takes them: each a row of a table that tells where its numbers lie.

Numba knows an array by the type of its numbers, and columns are as narrow as their values allow: a function would have
to be compiled for every choice of widths. So a column is its address and its width here, and what stands there is read
by that. The arrays must be alive, contiguous, aligned, and have as many numbers as are asked for: those who make the
table see to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .jit import COMPILED, Words, kernel

if TYPE_CHECKING:
    from ..events import IntArray

C_PLACE, C_WIDTH = 0, 1
"""Words of a column's row: the address of its first number; bytes of a number, and UNSIGNED if it is never negative."""
UNSIGNED = 16
SIXTEEN = 16
"""Words that are looked at, or copied as numbers of a column, at a time."""

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

    def _sixteen(context: Any, builder: Any, array: Any, kind: Any, at: Any) -> Any:
        """Sixteen words of a table from number `at` of it on."""
        start = context.make_array(kind)(context, builder, array).data
        words = ir.VectorType(ir.IntType(64), SIXTEEN)
        place = builder.bitcast(builder.gep(start, [at]), words.as_pointer())
        return builder.load(place, align=8)

    @extending.intrinsic  # type: ignore[untyped-decorator]
    def span_of_sixteen(typing: Any, table: Any, at: Any) -> Any:
        """The bits that a number x or ~x has of sixteen, which begin at number `at` of a table."""

        def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            words = _sixteen(context, builder, arguments[0], signature.args[0], arguments[1])
            signs = builder.ashr(words, ir.Constant(words.type, [63] * SIXTEEN))
            bits, n = builder.xor(words, signs), SIXTEEN
            while n > 1:  # halves on each other
                n //= 2
                kind = ir.VectorType(ir.IntType(32), n)
                nothing = ir.Constant(bits.type, ir.Undefined)
                low, high = (
                    builder.shuffle_vector(bits, nothing, ir.Constant(kind, list(range(first, first + n))))
                    for first in (0, n)
                )
                bits = builder.or_(low, high)
            return builder.extract_element(bits, ir.IntType(32)(0))

        return types.int64(table, types.int64), lowered

    def _copying(bits: int) -> Any:
        def copy(typing: Any, table: Any, at: Any, place: Any, to: Any) -> Any:
            def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                table, at, place, to = arguments
                words = _sixteen(context, builder, table, signature.args[0], at)
                narrow = ir.VectorType(ir.IntType(bits), SIXTEEN)
                if bits < 64:
                    words = builder.trunc(words, narrow)
                target = builder.bitcast(_number_at(builder, bits, [place, to]), narrow.as_pointer())
                builder.store(words, target, align=bits // 8)
                return ir.IntType(64)(0)

            return types.int64(table, types.int64, types.int64, types.int64), lowered

        return extending.intrinsic(copy)

    copy8, copy16, copy32, copy64 = (_copying(bits) for bits in (8, 16, 32, 64))
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

    def span_of_sixteen(table: Words, at: int) -> int:
        """As wide as machine code takes them at a time."""
        raise NotImplementedError

    def _uncopied(table: Words, at: int, place: int, to: int) -> int:
        """Addresses are machine code's alone."""
        raise NotImplementedError

    copy8 = copy16 = copy32 = copy64 = _uncopied
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


def described(columns: Mapping[str, IntArray], names: Sequence[str]) -> Words | None:
    """A table with a row for each of `names` (C_PLACE, C_WIDTH), good as long as the columns live.

    None where one of them does not lie as machine code reads it: number behind number, in this machine's order.
    """
    length = len(columns[names[0]])
    table = np.zeros((len(names), 2), dtype=np.int64)
    for row, name in zip(table, names, strict=True):
        column = columns[name]
        flags, kind = column.flags, column.dtype
        if column.ndim != 1 or not (flags.c_contiguous and flags.aligned) or not kind.isnative:
            return None
        if kind.kind not in "iu" or len(column) != length:
            return None
        row[C_PLACE] = column.__array_interface__["data"][0]
        row[C_WIDTH] = kind.itemsize + (UNSIGNED if kind.kind == "u" and kind.itemsize < 8 else 0)
    return table
