"""How a line becomes a form: which of its digits others of the form may have otherwise.

The line was lexed, so that only its numbers must be found again. A digit may differ if the lexer would make the same of
the line but for one number of its row; where that is not sure it stays as it is, which is never wrong. So the first
digit of a number of several is not 0 (C would mean octal), what must be page aligned keeps its last digits, seconds
since 1970 keep their first two, and a time of day keeps its hour and minute.
"""

from __future__ import annotations

import numpy as np

from ....abi.kinds import RETURNS_ADDRESS, RETURNS_ANY, RETURNS_BREAK, RETURNS_ZERO
from ....abi.rows import T_ABSOLUTE, T_NONE, T_OF_DAY
from ..jit import Bytes, Eight, Words, eight, kernel, seldom
from ..lexrows import (
    L_A0,
    L_ARG,
    L_BEGIN,
    L_CLOCK,
    L_OP,
    L_RET,
    L_SHOWN,
    L_STATE,
    L_TID,
    L_TIME,
    L_TOOK,
    OP_ARCH_PRCTL,
    OP_CLONE,
    OP_DUP,
    OP_ENDED,
    OP_FAULT,
    OP_FCNTL,
    OP_IGNORED,
    OP_NOTE,
    OP_NOTE_OF_TASK,
    OP_PLAIN,
    P_FD,
    P_MOST,
    P_PAGES,
    P_RETURNS,
    ST_RESUMED,
    W,
)
from ..scan import (
    BLANK,
    COMMA,
    DOT,
    EQUAL,
    GREATER,
    LEFT,
    LESS,
    LOWER_A,
    LOWER_F,
    LOWER_X,
    NINE,
    QUOTE,
    RIGHT,
    SECOND,
    SQUARE,
    UNSQUARE,
    ZERO,
    is_digit,
    scan_annotation,
    scan_string,
    two_digits,
)
from ..wide import at, power_of_ten, scan_decimal, skip_blanks, word
from .digits import (
    LONGEST_DECIMAL,
    add_decimal,
    add_hexadecimal,
    decimals,
    hexadecimals,
    leave_open,
    leave_text_open,
    mark,
)
from .forms import (
    F_BEGINS,
    F_DECIMAL,
    F_HEXADECIMAL,
    F_KEY,
    F_LEAST,
    F_LENGTH,
    F_MISSES,
    F_NUMBERS,
    F_OTHER,
    F_ROW,
    F_SAME,
    F_TEXT,
    FORM_WORDS,
    LONGEST_FORM,
    PARTS,
    SEEN,
    bits_within,
    pair_of,
)
from .vectors import (
    DECIMALS,
    HEXADECIMALS,
    N_HEX_TARGETS,
    N_TARGETS,
)

_SEEN = np.uint64(SEEN - 1)
_LONGEST_HEX, _LONGEST_FD = 15, 9
"""Digits of numbers that cannot leave 63 bits, nor 31."""
_PAGE_DIGITS, _PAGE = 3, 4096
_SECONDS, _FIRST_SECONDS = 10, 2
_PATIENCE = 8
"""Lines that have the key of a form and are not of it for which it does not give way."""
_POINTER = 16  # hexadecimal digits of where a call was made


@kernel
def _clock(b: Bytes, p: int, q: int, forms: Words, form: int) -> int:
    """The time at `q`: the position behind, or -1."""
    clock = forms[form + F_ROW + L_CLOCK]
    kept = 0
    if clock == T_OF_DAY:
        kept = (two_digits(b, q) * 60 + two_digits(b, q + 3)) * 60 * SECOND
        add_decimal(b, p, q + 6, 2, L_TIME, SECOND, 0, forms, form)
        q += 8
    else:
        length = decimals(b, q)
        seconds, _behind = scan_decimal(b, q)
        if clock != T_ABSOLUTE and length <= 8:
            add_decimal(b, p, q, length, L_TIME, SECOND, 0, forms, form)
        elif clock == T_ABSOLUTE and length == _SECONDS and ZERO < at(b, q) < NINE:
            kept = two_digits(b, q) * power_of_ten(8) * SECOND
            add_decimal(b, p, q + _FIRST_SECONDS, 8, L_TIME, SECOND, 0, forms, form)
        else:
            kept = seconds * SECOND
        q += length
    if at(b, q) == DOT:
        length = decimals(b, q + 1)
        if length > 9:
            return -1
        add_decimal(b, p, q + 1, length, L_TIME, power_of_ten(9 - length), 0, forms, form)
        q += 1 + length
    return q if forms[form + F_ROW + L_TIME] == kept else -1


@kernel
def _head(b: Bytes, p: int, end: int, forms: Words, form: int) -> int:
    """Thread, time and numbers between brackets: where what they stand in front of begins, or -1."""
    q = skip_blanks(b, p + 5 if at(b, p) == SQUARE else p)  # [pid 5]
    row = form + F_ROW
    if forms[row + L_TID] >= 0:
        length = decimals(b, q)
        if length <= 8:
            add_decimal(b, p, q, length, L_TID, 1, 0, forms, form)
            if forms[row + L_TID] != 0:
                return -1
        q += length
        if at(b, q) == LESS:  # its name: blanks and parentheses may be in it
            while q < end and at(b, q) != GREATER:
                q += 1
            q += 1
        elif at(b, q) == UNSQUARE:
            q += 1
        q = skip_blanks(b, q)
    if forms[row + L_CLOCK] != T_NONE:
        q = _clock(b, p, q, forms, form)
        if q < 0:
            return -1
        q = skip_blanks(b, q)
    while at(b, q) == SQUARE:
        length = hexadecimals(b, q + 1)
        if length == _POINTER and at(b, q + 1 + length) == UNSQUARE:
            mark(forms, form, F_HEXADECIMAL, q + 1 - p, length)
        while q < end and at(b, q) != UNSQUARE:
            q += 1
        q = skip_blanks(b, q + 1)
    return q


@kernel
def _argument(b: Bytes, p: int, q: int, k: int, of_file: bool, forms: Words, form: int) -> bool:
    """Argument `k` begins with a digit at `q`. False: it is not what the row says."""
    hexadecimal = at(b, q) == ZERO and at(b, q + 1) == LOWER_X
    first = q + 2 if hexadecimal else q
    length = hexadecimals(b, first) if hexadecimal else decimals(b, first)
    if at(b, first + length) not in (COMMA, RIGHT, LESS, BLANK):
        return True
    if hexadecimal:
        if of_file or length > _LONGEST_HEX:
            return True
        added = add_hexadecimal(b, p, first, length, L_A0 + k, 0, forms, form)
    else:
        if at(b, q) == ZERO or length > (_LONGEST_FD if of_file else LONGEST_DECIMAL):
            return True
        added = add_decimal(b, p, first, length, L_A0 + k, 1, 1, forms, form)
    return added == 0 or word(forms[form + F_ROW + L_A0 + k]) == 0


@kernel
def _arguments(b: Bytes, p: int, q: int, end: int, op: int, plain: Words, forms: Words, form: int) -> int:
    """The arguments from `q` on: the position of what ends them, or -1."""
    fd_index = 0 if op >= OP_DUP else -1
    last = 6
    if op >= OP_PLAIN:
        fd_index = word(plain[op - OP_PLAIN, P_FD])
        last = min(word(plain[op - OP_PLAIN, P_MOST]), 5 if plain[op - OP_PLAIN, P_PAGES] else 6)
    k = 0
    while q < end:
        if k < last and is_digit(at(b, q)) and not _argument(b, p, q, k, k == fd_index, forms, form):
            return -1
        while q < end and at(b, q) not in (COMMA, RIGHT, BLANK):
            if at(b, q) == QUOTE:
                behind = scan_string(b, q, end) + 1
                if behind == 0:
                    return -1
                q = leave_text_open(b, p, q, behind, forms, form)
            elif at(b, q) == LESS:
                _start, _stop, behind = scan_annotation(b, q, end)
                if behind < 0:
                    return -1
                q = leave_text_open(b, p, q, behind, forms, form)
            else:
                q += 1
        if at(b, q) != COMMA:
            return q
        q += 2
        k += 1
    return -1


@kernel
def _result(b: Bytes, p: int, q: int, end: int, returns: int, forms: Words, form: int) -> bool:
    """The result behind the parenthesis at `q`. False: it is not what the row says."""
    q = skip_blanks(b, q + 1) + 2
    if at(b, q - 2) != EQUAL or not is_digit(at(b, q)) or returns == RETURNS_ZERO:
        return True
    before = word(forms[form + F_ROW + L_RET])
    if at(b, q) == ZERO and at(b, q + 1) == LOWER_X:
        length = hexadecimals(b, q + 2)
        if length > _LONGEST_HEX:
            return True
        bits = 0
        if returns == RETURNS_ADDRESS:
            bits = 4 * _PAGE_DIGITS
            length -= _PAGE_DIGITS
        if length > 0 and (returns != RETURNS_BREAK or before >= _PAGE):
            add_hexadecimal(b, p, q + 2, length, L_RET, bits, forms, form)
    elif at(b, q) != ZERO and returns == RETURNS_ANY and decimals(b, q) <= LONGEST_DECIMAL:
        add_decimal(b, p, q, decimals(b, q), L_RET, 1, 1, forms, form)
    if returns == RETURNS_BREAK and before >= _PAGE:
        forms[form + F_LEAST] = _PAGE
    while is_digit(at(b, q)) or LOWER_A <= at(b, q) <= LOWER_F or at(b, q) == LOWER_X:
        q += 1
    if at(b, q) == LESS:
        _start, _stop, behind = scan_annotation(b, q, end)
        if behind < 0:
            return False
        leave_text_open(b, p, q, behind, forms, form)
    return word(forms[form + F_ROW + L_RET]) in (0, before)


@kernel
def _duration(b: Bytes, p: int, end: int, forms: Words, form: int) -> bool:
    """How long the call took, at the end of the line. False: it is not what the row says."""
    if forms[form + F_ROW + L_TOOK] < 0 or at(b, end - 1) != GREATER:
        return True
    q = end - 1
    while is_digit(at(b, q - 1)):
        q -= 1
    length = end - 1 - q
    first = q - 1
    if at(b, first) != DOT or length > 9:
        return True
    while is_digit(at(b, first - 1)):
        first -= 1
    seconds, _behind = scan_decimal(b, first)
    add_decimal(b, p, q, length, L_TOOK, power_of_ten(9 - length), 0, forms, form)
    return word(forms[form + F_ROW + L_TOOK]) == seconds * SECOND


@kernel
def _numbers(b: Bytes, p: int, end: int, op: int, plain: Words, forms: Words, form: int) -> bool:
    """Find the numbers of a line of other than faults and lives. False: it becomes no form."""
    q = _head(b, p, end, forms, form)
    if q < 0:
        return False
    if op >= OP_IGNORED or op in (OP_NOTE, OP_NOTE_OF_TASK) or OP_FCNTL <= op <= OP_ARCH_PRCTL:
        while op >= OP_IGNORED and q < end and at(b, q) != LEFT:  # its name
            q += 1
        leave_open(b, p, q, end, op >= OP_IGNORED, forms, form)
        return True
    if forms[form + F_ROW + L_STATE] == ST_RESUMED:
        while q < end and at(b, q) != GREATER:
            q += 1
        q += 2 if at(b, q + 1) == BLANK else 1
    else:
        while q < end and at(b, q) != LEFT:
            q += 1
        q = _arguments(b, p, q + 1, end, op, plain, forms, form)
        if q < 0:
            return False
    if at(b, q) != RIGHT:
        return True
    returns = word(plain[op - OP_PLAIN, P_RETURNS]) if op >= OP_PLAIN else RETURNS_ANY
    return _result(b, p, q, end, returns, forms, form) and _duration(b, p, end, forms, form)


@seldom
def remember(
    b: Bytes, p: int, n: int, key: Eight, rows: Words, i: int, op: int, plain: Words, forms: Words
) -> int:
    """Make a form of the line b[p:p+n], which row `i` is of, with `op`: once it was seen before."""
    if op == OP_FAULT or OP_CLONE <= op <= OP_ENDED:  # rows of their own: no form gives way to these
        return 0
    seen = word(key & _SEEN)
    if np.uint64(forms[seen]) != key:
        forms[seen] = word(key)
        return 0
    form = first = pair_of(key)
    if np.uint64(forms[form + F_KEY]) == key or np.uint64(forms[form + FORM_WORDS + F_KEY]) == key:
        forms[first + F_MISSES] += 1
        if forms[first + F_MISSES] < _PATIENCE:  # lines that differ in more each time
            return 0
    if forms[form + F_KEY] != 0:
        form += FORM_WORDS * word(forms[first + F_OTHER])
        other = 1 - word(forms[first + F_OTHER])
    else:
        other = 1
    for k in range(FORM_WORDS):
        forms[form + k] = 0
    for k in range(
        DECIMALS
    ):  # numbers that are not there add nothing, each to another word: they wait for none
        forms[form + F_NUMBERS + N_TARGETS] |= k << 8 * k
    for k in range(HEXADECIMALS):
        forms[form + F_NUMBERS + N_HEX_TARGETS] |= (DECIMALS + k) << 8 * k
    forms[first + F_OTHER], forms[first + F_MISSES] = other, 0
    for k in range(W):
        forms[form + F_ROW + k] = rows[i, k]
    row = form + F_ROW
    forms[row + L_OP] = op
    forms[row + L_BEGIN] = 0
    if rows[i, L_ARG] != 0:
        forms[row + L_ARG] -= p << 24
        forms[form + F_BEGINS + L_ARG - L_ARG] = -1
    if rows[i, L_SHOWN] != 0:
        forms[row + L_SHOWN] -= p << 24
        forms[form + F_BEGINS + L_SHOWN - L_ARG] = -1
    forms[form + F_BEGINS + L_BEGIN - L_ARG] = -1
    forms[form + F_LEAST] = -1 << 63
    if not _numbers(b, p, p + n, op, plain, forms, form):
        return 0
    for k in range(LONGEST_FORM // 8):
        forms[form + F_TEXT + k] = word(eight(b, p + 8 * k))
    for part in range(PARTS):
        others = np.uint64(forms[form + F_DECIMAL + part] | forms[form + F_HEXADECIMAL + part])
        forms[form + F_SAME + part] = word(bits_within(n, part) & ~others)
    forms[form + F_LENGTH] = n
    forms[form + F_KEY] = word(key)
    return 1
