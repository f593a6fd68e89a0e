"""One source, two ways to run it: plain Python for small traces, numba for large ones.

The modules of ``remaptrace.engine`` are importable twice. As ``remaptrace.engine.*`` every
function is plain Python over a memoryview (no numba import, no compile). As
``remaptrace._jitted.*`` the *same files* are loaded again with ``kernel`` and ``entry`` bound to
numba, so that machine code can be made of them (`remaptrace.machinecode`); that happens once, later runs load
the machine code alone. ``remaptrace/_jitted/__init__.py`` does no more than point ``__path__`` at this directory.

Rules for code under ``@kernel``: the arena ``m`` (int64) and int64 scalars only; no exceptions,
strings, slices, recursion, closures or containers; flags are ints (``1 if c else 0``), never
bools; results are ints. 64-bit arithmetic that may overflow goes through ``wrap``; unsigned
comparison goes through ``ult``/``ule``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

COMPILED = __name__.startswith("remaptrace._jitted.")

NO_KEY = 0x7FFF_FFFF_FFFF_FFFF
"""Above every key, see `nearest`."""
RANK_WIDTH = 16
"""Words that `nearest` looks at."""
IN_LINE = 0xFEDC_BA98_7654_3210 - (1 << 64)
"""The order of words that ascend as they lie, see `nearest`."""
_SIGN = -0x8000_0000_0000_0000
_U64 = 0xFFFF_FFFF_FFFF_FFFF
_ONES = 0x1111_1111_1111_1111
_DIGITS = "0123456789abcdef"

if COMPILED:
    from llvmlite import ir
    from numba import extending, types
    from numba.core import cgutils

    from ..machinecode.build import Jit

    _jit = Jit(nogil=True)
    kernel = _jit.kernel
    apart = _jit.apart
    seldom = _jit.seldom

    def entry(function: F) -> F:
        """Machine code can be made of `function`, an `Entry` now: arrays are bare addresses, ints 64-bit words.

        A plain pointer costs one register a call and no test for negative indexes; numba's own array costs seven,
        which made a fault three times as slow.
        """
        kinds = ["int64" if kind == "int" else "CPointer(int64)" for kind in _annotations(function)]
        made: Any = _jit.entry(function, f"int64({', '.join(kinds)})")
        return made  # type: ignore[no-any-return]

    def _annotations(function: Callable[..., int]) -> list[str]:
        return [kind for name, kind in function.__annotations__.items() if name != "return"]

    _intrinsic: Any = extending.intrinsic

    _FOUR = ir.VectorType(ir.IntType(64), 4)

    def _four_times(builder: Any, value: Any) -> Any:
        """A vector with `value` in each place."""
        vector = ir.Constant(_FOUR, ir.Undefined)
        for i in range(4):
            vector = builder.insert_element(vector, value, ir.IntType(32)(i))
        return vector

    def _four_words(builder: Any, words: Any, at: Any, more: int) -> Any:
        """The address of the four words from word `at` + `more` on."""
        place = builder.gep(words, [builder.add(at, ir.IntType(64)(more))])
        return builder.bitcast(place, _FOUR.as_pointer())

    @_intrinsic  # type: ignore[untyped-decorator]
    def prefetch(typing: Any, m: Any, at: Any) -> Any:
        """Ask for the cache line of word `at`, without waiting; gives 0."""

        def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            bytes_ = ir.IntType(8).as_pointer()
            word, flag = ir.IntType(64), ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [bytes_, flag, flag, flag])
            ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
            place = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), bytes_)
            builder.call(ask, [place, flag(0), flag(3), flag(1)])  # to be read, kept, data
            return word(0)

        return types.int64(m, types.int64), lowered

    @_intrinsic  # type: ignore[untyped-decorator]
    def _below(typing: Any, m: Any, first: Any, key: Any) -> Any:
        """How many of the RANK_WIDTH words from `first` on are < `key`: all are compared, four at a time."""

        def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            words, at, key_ = arguments
            keys = _four_times(builder, key_)
            counts = ir.Constant(_FOUR, [0] * 4)
            for i in range(0, RANK_WIDTH, 4):
                some = builder.load(_four_words(builder, words, at, i), align=8)
                counts = builder.sub(counts, builder.sext(builder.icmp_signed(">", keys, some), _FOUR))
            kind = ir.FunctionType(ir.IntType(64), [_FOUR])
            total = cgutils.get_or_insert_function(builder.module, kind, "llvm.vector.reduce.add.v4i64")
            return builder.call(total, [counts])

        return types.int64(m, types.int64, types.int64), lowered

    @kernel
    def nearest(m: Any, first: int, order: int, key: int) -> int:
        """Which of the RANK_WIDTH words from `first` on is the greatest that is <= `key`, or the lowest of all.

        `order` has the numbers of the words in ascending order, four bits each. NO_KEY never is <= `key`. Nothing
        branches on a comparison: the outcome of one that decides what to compare next cannot be predicted.
        """
        below: int = _below(m, first, min(key, NO_KEY - 1) + 1)
        return (order >> (max(below - 1, 0) << 2)) & 15

    @_intrinsic  # type: ignore[untyped-decorator]
    def _trailing_zeros(typing: Any, word: Any) -> Any:
        """How many bits below the lowest that is set; `word` is not 0."""

        def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.cttz(arguments[0], ir.IntType(1)(1))

        return types.int64(types.int64), lowered

    @kernel
    def place_in(order: int, number: int) -> int:
        """Where `number` stands among the sixteen numbers of four bits in `order`, the lowest first.

        Of a difference of words the lowest four zero bits are found exactly, whatever is above them.
        """
        differ = order ^ number * _ONES
        below: int = _trailing_zeros((differ - _ONES) & ~differ & (_ONES << 3))
        return below >> 2

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

    apart = seldom = kernel

    def entry(function: F) -> F:
        """Leave `function` as it is: the interpreted engine."""
        return function

    def prefetch(m: Any, at: int) -> int:
        """Nothing to do in plain Python."""
        return 0

    def nearest(m: Any, first: int, order: int, key: int) -> int:
        """Which of the RANK_WIDTH words from `first` on is the greatest that is <= `key`, or the lowest of all.

        `order` has the numbers of the words in ascending order, four bits each. NO_KEY never is <= `key`.
        """
        if key == NO_KEY:
            key -= 1
        if order == IN_LINE:
            return max(bisect_right(m, key, first, first + RANK_WIDTH) - first - 1, 0)
        at = 0  # four bits a place
        for step in (32, 16, 8, 4):
            if m[first + (order >> at + step & 15)] <= key:
                at += step
        return order >> at & 15

    def place_in(order: int, number: int) -> int:
        """Where `number` stands among the sixteen numbers of four bits in `order`, the lowest first."""
        return 15 - f"{order & _U64:016x}".index(_DIGITS[number])

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
