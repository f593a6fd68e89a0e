"""The numbers of a line of known form, all at once: its digits stand at known places, so that nothing is searched.

Up to eight decimal and four hexadecimal numbers, of at most eight digits each. What a form says of them are words
behind one another (see `forms`): bytes with their places in the line and with the words of the row that they are part
of, how far eight bytes are shifted until the digits stand at their end, and what they weigh.
"""

from __future__ import annotations

from typing import Any

from ..jit import COMPILED, Bytes, Words

DECIMALS, HEXADECIMALS = 8, 4

N_PLACES, N_TARGETS, N_HEX_PLACES, N_HEX_TARGETS = 0, 1, 2, 3
"""Words of bytes, one for each number."""
N_SHIFTS, N_SCALES, N_FEWEST = 4, 12, 20
"""A word for each decimal number: bits, what it is multiplied by (below 2**32), the least that it may be."""
N_HEX_SHIFTS, N_HEX_SCALES, N_HEX_MASKS = 28, 32, 36
"""A word for each hexadecimal number: bits, bits by which it is multiplied, -1 if there is one."""
NUMBER_WORDS = 40

if COMPILED:
    from llvmlite import ir
    from numba import extending, types

    from ..jit import LITTLE

    _BYTE, _WORD, _INDEX = ir.IntType(8), ir.IntType(64), ir.IntType(32)

    def _each(kind: Any, value: int) -> Any:
        return ir.Constant(kind, [value] * kind.count)

    class _Numbers:
        """Code for the numbers of one kind."""

        def __init__(self, builder: Any, text: Any, form: Any, row: Any, count: int) -> None:
            self.builder, self.text, self.form, self.row, self.count = builder, text, form, row, count
            self.kind = ir.VectorType(_WORD, count)

        def words(self, at: int) -> Any:
            """A word for each number."""
            place = self.builder.gep(self.form, [_WORD(at)])
            return self.builder.load(self.builder.bitcast(place, self.kind.as_pointer()), align=8)

        def byte(self, at: int, number: int) -> Any:
            place = self.builder.bitcast(self.builder.gep(self.form, [_WORD(at)]), _BYTE.as_pointer())
            told = self.builder.load(self.builder.gep(place, [_WORD(number)]))
            return self.builder.zext(told, _WORD)

        def texts(self, at: int) -> Any:
            """The eight bytes that begin where each number does."""
            found = ir.Constant(self.kind, ir.Undefined)
            for number in range(self.count):
                place = self.builder.gep(self.text, [self.byte(at, number)])
                eight = self.builder.load(self.builder.bitcast(place, _WORD.as_pointer()), align=1)
                if not LITTLE:
                    eight = self.builder.bswap(eight)
                found = self.builder.insert_element(found, eight, _INDEX(number))
            return found

        def add(self, at: int, values: Any) -> None:
            """Add each to its word of the row."""
            for number in range(self.count):
                place = self.builder.gep(self.row, [self.byte(at, number)])
                value = self.builder.extract_element(values, _INDEX(number))
                self.builder.store(self.builder.add(self.builder.load(place), value), place)

        def mask(self, x: Any, mask: int) -> Any:
            return self.builder.and_(x, _each(self.kind, mask))

        def up(self, x: Any, bits: int) -> Any:
            return self.builder.shl(x, _each(self.kind, bits))

        def down(self, x: Any, bits: int) -> Any:
            return self.builder.lshr(x, _each(self.kind, bits))

        def joined(self, x: Any, factor: int, bits: int) -> Any:
            """Two parts of `bits` bits each, below `factor`, made one: the lower times `factor` and the higher.

            Both stand in the upper half of the parts times 1 + factor * 2**bits, whose lower half is the lower one.
            """
            parts = ir.VectorType(ir.IntType(2 * bits), self.count * 32 // bits)
            product = self.builder.mul(self.builder.bitcast(x, parts), _each(parts, 1 + (factor << bits)))
            return self.builder.bitcast(self.builder.lshr(product, _each(parts, bits)), self.kind)

        def decimals(self) -> Any:
            """Add decimal numbers; whether one of them is too small."""
            builder = self.builder
            x = builder.xor(self.texts(N_PLACES), _each(self.kind, int.from_bytes(b"0" * 8)))
            x = builder.shl(x, self.words(N_SHIFTS))
            x = self.joined(self.joined(x, 10, 8), 100, 16)
            low = builder.mul(self.mask(x, 0xFFFF_FFFF), _each(self.kind, 10_000))
            x = builder.add(low, self.down(x, 32))
            few = builder.icmp_signed("<", x, self.words(N_FEWEST))
            self.add(
                N_TARGETS,
                builder.mul(self.mask(x, 0xFFFF_FFFF), self.mask(self.words(N_SCALES), 0xFFFF_FFFF)),
            )
            return builder.icmp_unsigned(
                "!=", builder.bitcast(few, ir.IntType(self.count)), ir.IntType(self.count)(0)
            )

        def hexadecimals(self) -> None:
            """Add hexadecimal numbers."""
            builder = self.builder
            text = self.texts(N_HEX_PLACES)
            letters = self.mask(self.down(text, 6), 0x0101_0101_0101_0101)
            nines = builder.add(self.up(letters, 3), letters)
            x = builder.add(self.mask(text, 0x0F0F_0F0F_0F0F_0F0F), nines)
            x = builder.shl(x, self.words(N_HEX_SHIFTS))
            x = self.mask(builder.or_(self.up(x, 4), self.down(x, 8)), 0x00FF_00FF_00FF_00FF)
            x = self.mask(builder.or_(self.up(x, 8), self.down(x, 16)), 0x0000_FFFF_0000_FFFF)
            x = self.mask(builder.or_(self.up(x, 16), self.down(x, 32)), 0xFFFF_FFFF)
            x = builder.shl(x, self.words(N_HEX_SCALES))
            self.add(N_HEX_TARGETS, builder.and_(x, self.words(N_HEX_MASKS)))

    @extending.intrinsic  # type: ignore[untyped-decorator]
    def add_numbers(typing: Any, b: Any, p: Any, forms: Any, at: Any, rows: Any, to: Any) -> Any:
        """Add the numbers of the line at `p` to the row that begins at word `to` of `rows`: 1 if one is too small.

        What is said of them begins at word `at` of `forms`.
        """

        def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            text, form, row = (
                builder.gep(context.make_array(kind)(context, builder, array).data, [place])
                for kind, array, place in zip(
                    signature.args[::2], arguments[::2], arguments[1::2], strict=True
                )
            )
            too_small = _Numbers(builder, text, form, row, DECIMALS).decimals()
            _Numbers(builder, text, form, row, HEXADECIMALS).hexadecimals()
            return builder.zext(too_small, _WORD)

        return types.int64(b, types.int64, forms, types.int64, rows, types.int64), lowered

else:

    def add_numbers(b: Bytes, p: int, forms: Words, at: int, rows: Words, to: int) -> int:
        """As vectors of machine code."""
        raise NotImplementedError
