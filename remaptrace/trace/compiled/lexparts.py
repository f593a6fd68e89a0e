"""The parts of a call in a strace line: its arguments, its result."""

from __future__ import annotations

import numpy as np

from ...abi.kinds import RETURNS_ADDRESS, RETURNS_ANY, RETURNS_ZERO
from .jit import Bytes, Words, eight, kernel
from .lexrows import L_A0, L_ARG, L_RET, L_SHOWN, L_TOOK, LONGEST_SUM, SUMS
from .scan import (
    BAR,
    BLANK,
    CAPITALS,
    COMMA,
    DOT,
    EQUAL,
    GREATER,
    LEFT,
    LESS,
    LOWER_X,
    MINUS,
    QUESTION,
    QUOTE,
    RIGHT,
    SECOND,
    SLASH,
    STAR,
    T_ERRORS,
    T_SYMBOLS,
    UNDERSCORE,
    UNSQUARE,
    UPPER_A,
    UPPER_Z,
    ZERO,
    find_name,
    is_digit,
    scan_annotation,
    scan_number,
    scan_string,
)
from .wide import (
    ZEROS,
    at,
    below_digits,
    decimal_of,
    first_bytes,
    first_mark,
    no_digit_marks,
    power_of_ten,
    scan_decimal,
    skip_blanks,
    word,
)

_MAX_SPAN = 1 << 20
_FACTOR, _SHIFT = np.uint64(0x9E37_79B9_7F4A_7C15), np.uint64(40)
_LESS_THAN_A_SECOND = int.from_bytes(b" <0.", "little")


@kernel
def span_of(start: int, stop: int) -> int:
    """Begin and length in one word; 0 if the text is too long to be of interest."""
    if stop - start >= _MAX_SPAN:
        return 0
    return (start << 24) | (stop - start)


@kernel
def read_sum(b: Bytes, p: int, names: Words) -> tuple[int, int]:
    """Numbers and names joined by ``|``: value, position behind."""
    total = 0
    while True:
        c = at(b, p)
        if is_digit(c) or c == MINUS:
            v, p = scan_number(b, p)
            if p < 0:
                return v, -1
        elif c >= UPPER_A and c <= UPPER_Z:
            v, q = find_name(b, p, CAPITALS, names, T_SYMBOLS)
            if v == -1:
                v = _negative_name(b, p, q)
                if v == 0:
                    return v, -1
            p = q
        else:
            return total, -1
        total |= v
        if at(b, p) != BAR:
            return total, p
        p += 1


@kernel
def read_names(b: Bytes, p: int, names: Words, known: Words) -> tuple[int, int]:
    """`read_sum` of what begins with a name: value, position behind. `known` remembers texts.

    A row of it is the length of a text up to a comma, a parenthesis or a blank, its value, and its bytes with zeros
    behind them. What `read_sum` makes of a text that ends there hangs on nothing behind it.
    """
    n, left = 0, 8
    mixed = x = np.uint64(0)
    while left == 8 and n < LONGEST_SUM:
        x = eight(b, p + n)
        left = first_mark(below_digits(x))
        if left < 8:
            x = first_bytes(x, left)
        mixed = (mixed ^ x) * _FACTOR
        n += left
    last = at(b, p + n)
    if left == 8 or last not in (COMMA, RIGHT, BLANK):
        return read_sum(b, p, names)
    slot = word(mixed >> _SHIFT) & (SUMS - 1)
    same = known[slot, 0] == n and known[slot, 2 + (n >> 3)] == word(x)
    k = 0
    while same and k < n - left:
        same = word(eight(b, p + k)) == known[slot, 2 + (k >> 3)]
        k += 8
    if same:
        return word(known[slot, 1]), p + n
    v, q = read_sum(b, p, names)
    if q == p + n:
        known[slot, 0] = n
        known[slot, 1] = v
        for k in range(0, n - left, 8):
            known[slot, 2 + (k >> 3)] = word(eight(b, p + k))
        known[slot, 2 + (n >> 3)] = word(x)
    return v, q


@kernel
def _negative_name(b: Bytes, p: int, q: int) -> int:
    """AT_FDCWD, whose value cannot stand in the table; 0 for any other name."""
    if (
        q - p == 8
        and at(b, p) == 65
        and at(b, p + 1) == 84
        and at(b, p + 2) == UNDERSCORE
        and at(b, p + 3) == 70
        and at(b, p + 7) == 68
    ):
        return -100
    return 0


@kernel
def _skip_comment(b: Bytes, p: int, end: int) -> int:
    """The position behind `` /* text */`` at `p`, or `p` if there is none."""
    if at(b, p) != BLANK or at(b, p + 1) != SLASH or at(b, p + 2) != STAR:
        return p
    q = p + 3
    while q < end and not (at(b, q) == STAR and at(b, q + 1) == SLASH):
        q += 1
    return q + 2 if q < end else p


@kernel
def read_arguments(
    b: Bytes,
    p: int,
    end: int,
    rows: Words,
    i: int,
    fd_index: int,
    string_index: int,
    names: Words,
    known: Words,
) -> tuple[int, int]:
    """The arguments from `p` on into row `i`: how many, and the position of what ends them, or -1."""
    count = 0
    if at(b, p) == RIGHT:
        return count, p
    while count < 6:
        c = at(b, p)
        if c == QUOTE:
            q = scan_string(b, p, end)
            if q < 0 or at(b, q + 1) == DOT or count != string_index:
                return count, -1
            rows[i, L_ARG] = span_of(p + 1, q)
            v = 0
            p = q + 1
        else:
            v, p = read_names(b, p, names, known) if UPPER_A <= c <= UPPER_Z else read_sum(b, p, names)
            if p < 0:
                return count, -1
            if at(b, p) == LESS:
                if at(b, p + 1) == LESS:
                    return count, -1
                start, stop, p = scan_annotation(b, p, end)
                if p < 0:
                    return count, -1
                if count == fd_index:
                    rows[i, L_ARG] = span_of(start, stop)
            elif at(b, p) == BLANK:
                p = _skip_comment(b, p, end)
        if count == fd_index:
            if v < -0x8000_0000 or v > 0xFFFF_FFFF:
                return count, -1
            if v >= 0x8000_0000:
                v -= 1 << 32
        rows[i, L_A0 + count] = v
        count += 1
        if at(b, p) == COMMA and at(b, p + 1) == BLANK:
            p += 2
        elif at(b, p) == RIGHT or at(b, p) == BLANK:
            return count, p
        else:
            return count, -1
    return count, -1


@kernel
def begins(b: Bytes, p: int, end: int, words: Words, number: int) -> bool:
    """True if the bytes of a text stand at `p`. A row of `words`: its length, its bytes, which bits count."""
    length = word(words[number, 0])
    if end - p < length or (word(eight(b, p)) ^ words[number, 1]) & words[number, 4] != 0:
        return False
    if length <= 8:
        return True
    if (word(eight(b, p + 8)) ^ words[number, 2]) & words[number, 5] != 0:
        return False
    return length <= 16 or (word(eight(b, p + 16)) ^ words[number, 3]) & words[number, 6] == 0


@kernel
def is_word(b: Bytes, p: int, end: int, words: Words, number: int) -> bool:
    """True if exactly the bytes of a word stand from `p` to the line's end."""
    return end - p == words[number, 0] and begins(b, p, end, words, number)


@kernel
def read_result(b: Bytes, p: int, end: int, rows: Words, i: int, names: Words, returns: int) -> bool:
    """`` = result`` and what may stand behind it: True if all of it is plain.

    `returns` is what calls of this name return, see P_RETURNS.
    """
    p = skip_blanks(b, p)
    if at(b, p) != EQUAL or at(b, p + 1) != BLANK or at(b, p + 2) == QUESTION:
        return False
    digits = p + 3 if at(b, p + 2) == MINUS else p + 2
    if at(b, digits) == ZERO and is_digit(at(b, digits + 1)):
        return False  # no result is printed in octal
    hexadecimal = at(b, p + 3) == LOWER_X
    v, p = scan_number(b, p + 2)
    if p < 0 or (hexadecimal and v < 0):
        return False
    rows[i, L_SHOWN] = 0
    if at(b, p) == LESS:
        start, stop, p = scan_annotation(b, p, end)
        if p < 0 or v < 0:  # no error has a path
            return False
        if (
            at(b, start) != SLASH and at(b, stop - 1) != UNSQUARE
        ):  # neither </a> nor <pipe:[5]>: <unfinished ...>
            return False
        rows[i, L_SHOWN] = span_of(start, stop)
    elif v == -1 and at(b, p) == BLANK and at(b, p + 1) == 69:  # E
        number, q = find_name(b, p + 1, CAPITALS, names, T_ERRORS)
        if number <= 0:
            return False
        v = -number
        p = q
        if at(b, p) == BLANK and at(b, p + 1) == LEFT:
            if at(b, p + 2) == 73 and at(b, p + 3) == 78:  # (INJECTED)
                return False
            p += 2
            while p < end and at(b, p) != RIGHT and at(b, p) != LEFT:
                p += 1
            if p >= end or at(b, p) == LEFT:
                return False
            p += 1
    elif v == -1:
        return False  # an error that is spelled otherwise, or not shown
    rows[i, L_RET] = v
    if returns != RETURNS_ANY and not _can_return(returns, v):
        return False
    if p == end:
        return True
    rows[i, L_TOOK] = _duration(b, p, end)
    return word(rows[i, L_TOOK]) >= 0


@kernel
def _can_return(returns: int, v: int) -> bool:
    """As `plaincalls.can_return`, for what is not RETURNS_ANY."""
    if -4095 <= v < 0:
        return True
    if returns == RETURNS_ADDRESS:
        return v >= 0 and v & 4095 == 0
    return v == 0 or (returns != RETURNS_ZERO and v >= 4096)


@kernel
def _duration(b: Bytes, p: int, end: int) -> int:
    """The nanoseconds of `` <0.000123>`` if that and no more stands from `p` to the line's end, else -1."""
    if word(eight(b, p)) & 0xFFFF_FFFF == _LESS_THAN_A_SECOND:
        x = eight(b, p + 4) ^ ZEROS
        n = first_mark(no_digit_marks(x))
        if 0 < n < 8 and at(b, p + 4 + n) == GREATER and p + 5 + n == end:
            return decimal_of(x, n) * power_of_ten(9 - n)
    if at(b, p) != BLANK or at(b, p + 1) != LESS or not is_digit(at(b, p + 2)):
        return -1
    p += 2
    seconds, q = scan_decimal(b, p)
    if q < 0 or q - p > 9 or at(b, q) != DOT:
        return -1
    p = q + 1
    fraction, q = scan_decimal(b, p)
    if q != end - 1 or q - p > 9 or at(b, q) != GREATER:
        return -1
    return seconds * SECOND + fraction * power_of_ten(9 - (q - p))
