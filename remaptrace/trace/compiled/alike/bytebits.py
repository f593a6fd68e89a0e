"""Which of 64 bytes of text are so: a bit for each, the first one lowest. They are compared as vectors of any width."""

from __future__ import annotations

from typing import Any

from ..jit import COMPILED, Bytes, Eight, Words

SHIFTS_OF_BEGIN = [24, 24, 0, 0]
"""How far where a line begins is shifted in the last words of a row: L_ARG, L_SHOWN, L_BEGIN, L_TOOK."""

if COMPILED:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    from ..jit import LITTLE, loaded

    _BYTES = ir.VectorType(ir.IntType(8), 64)

    def _within(builder: Any, x: Any, first: int, number: int) -> Any:
        """Whether bytes are one of `number` from `first` on. Signed: vectors of x86-64 compare no others at once."""
        lowest = -128
        firsts, numbers = (ir.Constant(_BYTES, [value] * 64) for value in (first + lowest, number + lowest))
        return builder.icmp_signed("<", builder.sub(x, firsts), numbers)

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
    def row_at(typing: Any, forms: Any, row: Any, begins: Any, rows: Any, to: Any, p: Any) -> Any:
        """Make the row that begins at word `to` of `rows` of that at word `row` of `forms`, for a line at `p`.

        The four words at `begins` say to which of its last four `p` is added.
        """
        word, four = ir.IntType(64), ir.VectorType(ir.IntType(64), 4)

        def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            source, target = (
                context.make_array(signature.args[array])(context, builder, arguments[array]).data
                for array in (0, 3)
            )

            def words(start: Any, number: Any, more: int) -> Any:
                place = builder.gep(start, [builder.add(number, word(more))])
                return builder.bitcast(place, four.as_pointer())

            def loaded_words(number: Any, more: int) -> Any:
                return builder.load(words(source, number, more), align=8)

            line = ir.Constant(four, ir.Undefined)
            for number in range(4):
                line = builder.insert_element(line, arguments[5], ir.IntType(32)(number))
            line = builder.shl(line, ir.Constant(four, SHIFTS_OF_BEGIN))
            line = builder.and_(line, loaded_words(arguments[2], 0))
            parts = [loaded_words(arguments[1], more) for more in (0, 4, 8, 12)]
            parts[3] = builder.add(parts[3], line)
            for more, part in zip((0, 4, 8, 12), parts, strict=True):
                builder.store(part, words(target, arguments[4], more), align=8)
            return word(0)

        whole = types.int64
        return whole(forms, whole, whole, rows, whole, whole), lowered

else:

    def _unknown(b: Bytes, p: int) -> Eight:
        """Vectors are machine code's alone."""
        raise NotImplementedError

    def same_bits(b: Bytes, p: int, words: Words, at: int) -> Eight:
        """Vectors are machine code's alone."""
        raise NotImplementedError

    def row_at(forms: Words, row: int, begins: int, rows: Words, to: int, p: int) -> int:
        """Vectors are machine code's alone."""
        raise NotImplementedError

    decimal_bits = hexadecimal_bits = odd_bits = _unknown
