"""Which of 64 bytes of text are so: a bit for each, the first one lowest. They are compared as vectors of any width."""

from __future__ import annotations

from typing import Any

from ..jit import COMPILED, Bytes, Eight, Words

if COMPILED:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    from ..jit import LITTLE, loaded

    _BYTES = ir.VectorType(ir.IntType(8), 64)

    def _within(builder: Any, x: Any, first: int, number: int) -> Any:
        """Whether bytes are one of `number` from `first` on."""
        firsts, numbers = (ir.Constant(_BYTES, [value] * 64) for value in (first, number))
        return builder.icmp_unsigned("<", builder.sub(x, firsts), numbers)

    def _as_word(builder: Any, told: Any) -> Any:
        bits = builder.bitcast(told, ir.IntType(64))
        return bits if LITTLE else builder.bitreverse(bits)

    def _bits(of: Any) -> Any:
        """Which of the 64 bytes from a place on are as `of` says."""

        def bits_of(typing: Any, b: Any, p: Any) -> Any:
            def lowered(*asked: Any) -> Any:
                return _as_word(asked[1], of(asked[1], loaded(_BYTES, *asked)))

            return types.uint64(b, types.int64), lowered

        return intrinsic(bits_of)

    def _is_hexadecimal(builder: Any, x: Any) -> Any:
        return builder.or_(_within(builder, x, 48, 10), _within(builder, x, 97, 6))

    decimal_bits = _bits(lambda builder, x: _within(builder, x, 48, 10))
    hexadecimal_bits = _bits(_is_hexadecimal)
    odd_bits = _bits(lambda builder, x: builder.trunc(x, ir.VectorType(ir.IntType(1), 64)))

    @intrinsic  # type: ignore[untyped-decorator]
    def same_bits(typing: Any, b: Any, p: Any, words: Any, at: Any) -> Any:
        """Which of the 64 bytes from `p` on are those of eight words from number `at` on."""

        def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            text = loaded(_BYTES, context, builder, signature, arguments[:2])
            start = context.make_array(signature.args[2])(context, builder, arguments[2]).data
            other = builder.bitcast(builder.gep(start, [arguments[3]]), _BYTES.as_pointer())
            return _as_word(builder, builder.icmp_unsigned("==", text, builder.load(other, align=8)))

        return types.uint64(b, types.int64, words, types.int64), lowered

    @intrinsic  # type: ignore[untyped-decorator]
    def copy_row(typing: Any, source: Any, at: Any, target: Any, to: Any) -> Any:
        """Copy sixteen words from number `at` of one table on to number `to` of another."""

        def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = ir.VectorType(ir.IntType(64), 16).as_pointer()
            places = []
            for array, number, one in zip(arguments[::2], arguments[1::2], signature.args[::2], strict=True):
                start = context.make_array(one)(context, builder, array).data
                places.append(builder.bitcast(builder.gep(start, [number]), kind))
            builder.store(builder.load(places[0], align=8), places[1], align=8)
            return ir.IntType(64)(0)

        return types.int64(source, types.int64, target, types.int64), lowered

else:

    def _unknown(b: Bytes, p: int) -> Eight:
        """Vectors are machine code's alone."""
        raise NotImplementedError

    def same_bits(b: Bytes, p: int, words: Words, at: int) -> Eight:
        """Vectors are machine code's alone."""
        raise NotImplementedError

    def copy_row(source: Words, at: int, target: Words, to: int) -> int:
        """Vectors are machine code's alone."""
        raise NotImplementedError

    decimal_bits = hexadecimal_bits = odd_bits = _unknown
