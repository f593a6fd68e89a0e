"""What is remembered of lines, and lines that are like these.

The table `forms` (int64[FORMS_WORDS]) begins with the keys of lines that were seen once. Behind them are pairs of
forms; the key of a line (`key_of`) tells the pair in which its form is, if it has one. A form:

| word | meaning |
| --- | --- |
| F_KEY, F_LENGTH | the key, 0: none; bytes of the line |
| F_SAME, F_DECIMAL, F_HEXADECIMAL | PARTS words each, a bit a byte: the same, some decimal, some hexadecimal digit |
| F_BEGINS | of the last four words of the row: -1 where the place of the line is to be added, else 0 |
| F_LEAST | the least result; below it, or of an error, another line is no line of this form |
| F_DECIMALS, F_HEXADECIMALS | how many numbers there are |
| F_OTHER, F_MISSES | of a pair (in its first): which gives way next; lines of one of its keys that were of neither |
| F_TEXT | the text, LONGEST_FORM bytes |
| F_ROW | the row, with zeros where numbers of the line are, and texts told from its beginning on |
| F_NUMBERS | the numbers, see `vectors` |

A number of more than eight digits is two.
"""

from __future__ import annotations

import numpy as np

from ..jit import Bytes, Eight, Words, kernel, newline_bits
from ..lexrows import L_A0, L_OP, L_RET, W
from ..wide import word
from .bytebits import decimal_bits, hexadecimal_bits, odd_bits, row_at, same_bits
from .vectors import NUMBER_WORDS, add_numbers

SHORTEST_FORM, LONGEST_FORM = 8, 256
"""Bytes of a line that can be of a form."""
PARTS = LONGEST_FORM // 64
F_KEY, F_LENGTH, F_LEAST, F_DECIMALS, F_HEXADECIMALS, F_OTHER, F_MISSES = 0, 1, 2, 3, 4, 5, 6
F_SAME, F_DECIMAL, F_HEXADECIMAL, F_BEGINS, F_ROW, F_NUMBERS = 8, 12, 16, 20, 24, 40
F_TEXT = F_NUMBERS + NUMBER_WORDS
FORM_WORDS = F_TEXT + LONGEST_FORM // 8
SEEN, PAIRS = 1024, 512
FORMS_WORDS = SEEN + 2 * PAIRS * FORM_WORDS
R_KEY, R_END, R_DECIMAL, R_HEXADECIMAL = L_A0, L_RET, L_A0 + 1, L_A0 + 3
"""Words of a row until its line is read: the key, where the line ends, and which of its first 128 bytes are digits."""
_FACTORS = tuple(
    map(
        np.uint64,
        (0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0xD6E8_FEB8_6659_FD93),
    )
)
_FOLD, _PAIR, _1, _0 = np.uint64(32), np.uint64(55), np.uint64(1), np.uint64(0)


@kernel
def bits_within(n: int, part: int) -> Eight:
    """A bit for each byte of 64 of a line of `n` bytes."""
    left = min(max(n - 64 * part, 0), 64)  # no branch: it would often be foretold wrong
    return ((_1 << np.uint64(left & 63)) - _1) | np.uint64(-(left >> 6))


@kernel
def _below_first(bits: Eight) -> Eight:
    """The bits below the lowest one of `bits`: all if there is none."""
    return ~bits & (bits - _1)


@kernel
def _mixed(b: Bytes, p: int, within: Eight) -> Eight:
    """What tells 64 bytes from others that differ in more than digits."""
    others = ~hexadecimal_bits(b, p) & within
    mixed: Eight = others * _FACTORS[0] + (others & odd_bits(b, p)) * _FACTORS[1]
    return mixed


@kernel
def _two_mixed(b: Bytes, p: int, before: Eight) -> Eight:
    """The same of 128 bytes of one line, behind what is known of those before them."""
    first, second = newline_bits(b, p), newline_bits(b, p + 64)
    key: Eight = before + _mixed(b, p, _below_first(first))
    within = _below_first(second) if first == _0 else _0
    return (key ^ (key >> _FOLD)) * _FACTORS[2] + _mixed(b, p + 64, within)


@kernel
def key_of(b: Bytes, p: int, n: int, rows: Words, i: int) -> Eight:
    """A key of the line at `p`, of `n` bytes: the same for lines that differ in digits alone. Never 0.

    Notes in row `i` which of its bytes are digits.
    """
    row = np.uint64(i)
    for part in range(2):
        rows[row, R_DECIMAL + part] = word(decimal_bits(b, p + 64 * part))
        rows[row, R_HEXADECIMAL + part] = word(hexadecimal_bits(b, p + 64 * part))
    key = _two_mixed(b, p, np.uint64(n))
    if n > 128:
        key = _two_mixed(b, p + 128, (key ^ (key >> _FOLD)) * _FACTORS[2])
    key = (key ^ (key >> _FOLD)) * _FACTORS[3]
    return (key ^ (key >> _FOLD)) | _1


@kernel
def pair_of(key: Eight) -> int:
    """Where the two forms begin that a line of this key may have."""
    return SEEN + word(key >> _PAIR) * (2 * FORM_WORDS)


@kernel
def _differs(b: Bytes, p: int, decimal: Eight, hexadecimal: Eight, forms: Words, at: int, part: int) -> Eight:
    """Where 64 bytes of a line, with digits where it is said, are not as the form says."""
    wrong = ~same_bits(b, p + 64 * part, forms, at + F_TEXT + 8 * part) & np.uint64(forms[at + F_SAME + part])
    wrong |= ~decimal & np.uint64(forms[at + F_DECIMAL + part])
    wrong |= ~hexadecimal & np.uint64(forms[at + F_HEXADECIMAL + part])
    return Eight(wrong)


@kernel
def _is_of(b: Bytes, p: int, n: int, key: Eight, rows: Words, i: int, forms: Words, at: int) -> bool:
    """Whether the line has all that those of the form at `at` share."""
    if np.uint64(forms[at + F_KEY]) != key or forms[at + F_LENGTH] != n:
        return False
    row = np.uint64(i)
    wrong = np.uint64(0)
    for part in range(2):
        decimal = np.uint64(rows[row, R_DECIMAL + part])
        wrong |= _differs(b, p, decimal, np.uint64(rows[row, R_HEXADECIMAL + part]), forms, at, part)
    if n > 128:
        for part in range(2, PARTS):
            begin = p + 64 * part
            wrong |= _differs(b, p, decimal_bits(b, begin), hexadecimal_bits(b, begin), forms, at, part)
    return word(wrong) == 0


@kernel
def like_before(b: Bytes, p: int, n: int, key: Eight, rows: Words, i: int, forms: Words) -> int:
    """The line b[p:p+n] into row `i` if it is of a form that is remembered: its OP_*, else -1."""
    at = pair_of(key)
    if not _is_of(b, p, n, key, rows, i, forms, at):
        at += FORM_WORDS
        if not _is_of(b, p, n, key, rows, i, forms, at):
            return -1
    row_at(forms, at + F_ROW, at + F_BEGINS, rows, i * W, p)
    small = add_numbers(b, p, forms, at + F_NUMBERS, rows, i * W)
    row = np.uint64(i)
    if small != 0 or rows[row, L_RET] < forms[at + F_LEAST]:
        return -1
    return word(rows[row, L_OP])
