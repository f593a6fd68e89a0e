"""What a form says of digits: which numbers of the row they are, or that nobody asks for them."""

from __future__ import annotations

import numpy as np

from ..jit import Bytes, Words, eight, kernel
from ..scan import (
    BLANK,
    COLON,
    COMMA,
    DOT,
    EQUAL,
    LEFT,
    LEFT_BRACE,
    LESS,
    LOWER_A,
    LOWER_F,
    LOWER_X,
    MINUS,
    PLUS,
    SLASH,
    SQUARE,
    ZERO,
    is_digit,
)
from ..wide import ZEROS, at, decimal_of, hex_of, power_of_ten, word
from .forms import F_DECIMAL, F_DECIMALS, F_HEXADECIMAL, F_HEXADECIMALS, F_NUMBERS, F_ROW
from .vectors import (
    DECIMALS,
    HEXADECIMALS,
    N_FEWEST,
    N_HEX_MASKS,
    N_HEX_PLACES,
    N_HEX_SCALES,
    N_HEX_SHIFTS,
    N_HEX_TARGETS,
    N_PLACES,
    N_SCALES,
    N_SHIFTS,
    N_TARGETS,
)

LONGEST_DECIMAL = 16
"""Digits of what is two numbers at most."""
_1 = np.uint64(1)


@kernel
def decimals(b: Bytes, p: int) -> int:
    q = p
    while is_digit(at(b, q)):
        q += 1
    return q - p


@kernel
def hexadecimals(b: Bytes, p: int) -> int:
    q = p
    while is_digit(at(b, q)) or LOWER_A <= at(b, q) <= LOWER_F:
        q += 1
    return q - p


@kernel
def mark(forms: Words, form: int, which: int, first: int, length: int) -> int:
    """Say which digits bytes first..first+length-1 of the line may be."""
    for k in range(first, first + length):
        place = form + which + (k >> 6)
        forms[place] = word(np.uint64(forms[place]) | _1 << np.uint64(k & 63))
    return 0


@kernel
def add_decimal(
    b: Bytes, p: int, q: int, length: int, target: int, scale: int, whole: int, forms: Words, form: int
) -> int:
    """So many decimal digits at `q` are times `scale` part of word `target` of the row.

    `whole` 1: a number as C writes it, without zeros in front of it. 0: it is not, there is no room for it.
    """
    many = word(forms[form + F_DECIMALS])
    if length == 0 or length > LONGEST_DECIMAL or many + (length + 7) // 8 > DECIMALS:
        return 0
    done, said = 0, form + F_NUMBERS
    while done < length:
        some = min(8, length - done)
        weight = scale * power_of_ten(length - done - some)
        forms[said + N_PLACES] |= (q - p + done) << 8 * many
        forms[said + N_TARGETS] ^= (target ^ many) << 8 * many
        forms[said + N_SHIFTS + many] = 64 - 8 * some
        forms[said + N_SCALES + many] = weight
        forms[said + N_FEWEST + many] = (
            power_of_ten(some - 1) if whole == 1 and done == 0 and length > 1 else 0
        )
        forms[form + F_ROW + target] -= decimal_of(eight(b, q + done) ^ ZEROS, some) * weight
        many += 1
        done += some
    forms[form + F_DECIMALS] = many
    mark(forms, form, F_DECIMAL, q - p, length)
    return 1


@kernel
def add_hexadecimal(
    b: Bytes, p: int, q: int, length: int, target: int, bits: int, forms: Words, form: int
) -> int:
    """The same of hexadecimal digits, shifted by so many bits."""
    many = word(forms[form + F_HEXADECIMALS])
    if length == 0 or many + (length + 7) // 8 > HEXADECIMALS:
        return 0
    done, said = 0, form + F_NUMBERS
    while done < length:
        some = min(8, length - done)
        weight = bits + 4 * (length - done - some)
        forms[said + N_HEX_PLACES] |= (q - p + done) << 8 * many
        forms[said + N_HEX_TARGETS] ^= (target ^ (DECIMALS + many)) << 8 * many
        forms[said + N_HEX_SHIFTS + many] = 64 - 8 * some
        forms[said + N_HEX_SCALES + many] = weight
        forms[said + N_HEX_MASKS + many] = -1
        forms[form + F_ROW + target] -= hex_of(eight(b, q + done), some) << weight
        many += 1
        done += some
    forms[form + F_HEXADECIMALS] = many
    mark(forms, form, F_HEXADECIMAL, q - p, length)
    return 1


@kernel
def _begins_number(c: int) -> bool:
    """Whether digits behind `c` are a number by themselves."""
    if c in (BLANK, LEFT, COMMA, EQUAL, LESS, SQUARE):
        return True
    return c in (LEFT_BRACE, DOT, MINUS, PLUS, COLON, SLASH)


@kernel
def leave_open(b: Bytes, p: int, q: int, end: int, all_digits: bool, forms: Words, form: int) -> int:
    """Numbers from `q` on are of no interest: any others may stand there. A last ``d`` tells a notice, see `lex_line`.

    With `all_digits` also digits of names.
    """
    while q < end:
        length = 1
        if is_digit(at(b, q)) and (all_digits or _begins_number(at(b, q - 1))):
            if at(b, q) == ZERO and at(b, q + 1) == LOWER_X:
                q += 2
                length = hexadecimals(b, q)
                mark(forms, form, F_HEXADECIMAL, q - p, length if q + length < end else max(length - 1, 0))
            else:
                length = decimals(b, q)
                mark(forms, form, F_DECIMAL, q - p, length)
        q += length
    return 0


@kernel
def leave_text_open(b: Bytes, p: int, q: int, end: int, forms: Words, form: int) -> int:
    """Digits of a path or text from `q` to `end` may differ: the row tells where it stands, not what it says."""
    while q < end:
        if is_digit(at(b, q)):
            mark(forms, form, F_DECIMAL, q - p, 1)
        q += 1
    return end
