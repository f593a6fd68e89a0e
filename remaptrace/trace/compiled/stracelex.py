"""Strace lines to rows of numbers: the common forms, everything else marked for the plain reader (rows: `lexrows`)."""

from __future__ import annotations

import numpy as np

from ...abi.kinds import RETURNS_ANY
from ...abi.signals import SIGBUS, SIGSEGV
from .alike.forms import LONGEST_FORM, R_END, R_KEY, SHORTEST_FORM, key_of, like_before
from .alike.remember import remember
from .calls.lexlives import lex_ended, lex_life, lex_life_resumed
from .jit import Bytes, Words, apart, eight, entry, kernel, newline_bits, trailing_zeros
from .lexhead import read_head
from .lexparts import begins, is_word, read_arguments, read_result
from .lexrows import (
    FEW_NUMBERS,
    L_A0,
    L_ARG,
    L_BEGIN,
    L_OP,
    L_SHOWN,
    L_STATE,
    L_TOOK,
    OP_ARCH_PRCTL,
    OP_CLONE,
    OP_DUP,
    OP_DUP2,
    OP_EXIT_GROUP,
    OP_FAULT,
    OP_FCNTL,
    OP_FDCTL,
    OP_IGNORED,
    OP_IOCTL,
    OP_NOTE,
    OP_NOTE_OF_TASK,
    OP_OPEN,
    OP_OPENAT,
    OP_PLAIN,
    OP_PRCTL,
    OP_SLOW,
    P_FD,
    P_LEAST,
    P_MOST,
    P_PAGES,
    P_RETURNS,
    ST_RESUMED,
    ST_UNFINISHED,
    SUMS,
    WORD_ADDRESS,
    WORD_ARCH,
    WORD_ARCH_SHSTK,
    WORD_ARCH_VDSO,
    WORD_CODE,
    WORD_DRM,
    WORD_F_GET,
    WORD_F_SETL,
    WORD_KVM_CREATE,
    WORD_PAGEMAP,
    WORD_PR,
    WORD_PR_SHADOW,
    WORD_PR_VMA,
    WORD_RESUMED,
    WORD_RESUMED_END,
    WORD_SIGNAL,
    WORD_SIGNAL_END,
    WORD_SIGNO,
    WORD_UFFDIO,
    WORD_UNFINISHED,
)
from .scan import (
    BLANK,
    CAPITALS,
    DOT,
    LEFT,
    LESS,
    MINUS,
    PLUS,
    QUOTE,
    RIGHT,
    T_SYMBOLS,
    UPPER_A,
    UPPER_Z,
    find_call,
    find_name,
    is_word_letter,
    newline_from,
    scan_annotation,
    scan_number,
    without_return,
)
from .wide import at, each, first_mark, without_first, word, zero_marks

_AT_ONCE = 64
"""Lines whose ends and keys are found before the first of them is read: what waits for the one does not wait for the
other, and a processor looks ahead over few lines only."""
_LOOKED_AT = 5
"""Of so many of them one is looked at to know whether most are of calls that are only counted."""
_LEFTS, _LESSES, _NO_KEY = each(LEFT), each(LESS), each(0)


@kernel
def _is_one_call(b: Bytes, p: int, end: int) -> bool:
    """True if no second call may stand behind the name that ends at `p`: no ``name(``, no ``<...`` from there on."""
    p += 1
    while p < end:
        x = eight(b, p)
        marks = zero_marks(x ^ _LEFTS) | zero_marks(x ^ _LESSES)
        while marks != 0:
            q = p + first_mark(marks)
            if q >= end:
                return True
            c = at(b, q)
            if c == LEFT and is_word_letter(at(b, q - 1)):
                return False
            if c == LESS and at(b, q + 1) == DOT and at(b, q + 2) == DOT:
                return False
            marks = without_first(marks)
        p += 8
    return True


@kernel
def _read_signal(b: Bytes, p: int, end: int, rows: Words, i: int, names: Words, words: Words) -> int:
    """``--- SIGX {...} ---``: OP_NOTE for a signal without an address of interest, OP_FAULT, or OP_SLOW."""
    if not begins(b, p, end, words, WORD_SIGNAL):
        return OP_SLOW
    p += 4
    number, q = find_name(b, p, CAPITALS, names, T_SYMBOLS)
    if number < 0 or at(b, q) != BLANK:
        return OP_SLOW
    if number not in (SIGBUS, SIGSEGV):
        if not begins(b, end - 5, end, words, WORD_SIGNAL_END) or at(b, q + 1) != 123 or end - 5 <= q:
            return OP_SLOW
        return OP_NOTE
    if not begins(b, q, end, words, WORD_SIGNO):  # " {si_signo=SIG"
        return OP_SLOW
    p = q + word(words[WORD_SIGNO, 0])
    while at(b, p) >= UPPER_A and at(b, p) <= UPPER_Z:
        p += 1
    if not begins(b, p, end, words, WORD_CODE):  # ", si_code="
        return OP_SLOW
    p += word(words[WORD_CODE, 0])
    code, q = find_name(b, p, CAPITALS, names, T_SYMBOLS)
    if code <= 0 or code >= 0x80 or not begins(b, q, end, words, WORD_ADDRESS):  # ", si_addr="
        return OP_SLOW
    address, p = scan_number(b, q + word(words[WORD_ADDRESS, 0]))
    if p < 0 or not is_word(b, p, end, words, WORD_SIGNAL_END):
        return OP_SLOW
    rows[i, L_A0] = number
    rows[i, L_A0 + 1] = code
    rows[i, L_A0 + 2] = address
    return OP_FAULT


@kernel
def _second_argument(b: Bytes, p: int, end: int) -> int:
    """Where the second argument begins of a call whose first begins at `p`, or -1."""
    while p < end and at(b, p) != BLANK:
        if at(b, p) == QUOTE:
            return -1
        if at(b, p) == LESS:
            _start, _stop, p = scan_annotation(b, p, end)
            if p < 0:
                return -1
        else:
            p += 1
    return p + 1 if p + 1 < end else -1


@kernel
def _only_counted(b: Bytes, p: int, second: int, end: int, op: int, words: Words) -> bool:
    """True if a call of `MAYBE` is one that is only counted. Its arguments begin at `p` and `second`."""
    if op == OP_PRCTL:
        number = WORD_PR_VMA
        while number <= WORD_PR_SHADOW and not begins(b, p, end, words, number):
            number += 1
        return number > WORD_PR_SHADOW and begins(b, p, end, words, WORD_PR)
    if op == OP_ARCH_PRCTL:
        if begins(b, p, end, words, WORD_ARCH_VDSO) or begins(b, p, end, words, WORD_ARCH_SHSTK):
            return False
        return begins(b, p, end, words, WORD_ARCH)
    if second < 0:
        return False
    if op == OP_IOCTL:
        if begins(b, second, end, words, WORD_UFFDIO) or begins(b, second, end, words, WORD_DRM):
            return False
        if begins(b, second, end, words, WORD_KVM_CREATE):
            return False
        return UPPER_A <= at(b, second) <= UPPER_Z and not begins(b, second, end, words, WORD_PAGEMAP)
    return begins(b, second, end, words, WORD_F_GET) or begins(b, second, end, words, WORD_F_SETL)


@kernel
def lex_line(
    b: Bytes, p: int, end: int, rows: Words, i: int, names: Words, plain: Words, words: Words, known: Words
) -> int:
    """One line b[p:end] into row `i`; its OP_*."""
    p = read_head(b, p, end, rows, i, known)
    if p < 0 or p >= end:
        return OP_SLOW
    rows[i, L_STATE] = 0
    rows[i, L_ARG] = 0
    rows[i, L_SHOWN] = 0
    rows[i, L_TOOK] = -1
    c = at(b, p)
    if c == MINUS:
        return _read_signal(b, p, end, rows, i, names, words)
    if c == PLUS:
        return lex_ended(b, p, end, rows, i, words)
    if c == LESS:
        if not begins(b, p, end, words, WORD_RESUMED):
            return OP_SLOW
        p += 5
        rows[i, L_STATE] = ST_RESUMED
    op, q = find_call(b, p, names)
    if op <= 0:
        return OP_SLOW
    if rows[i, L_STATE] == ST_RESUMED:
        if not begins(b, q, end, words, WORD_RESUMED_END):
            return OP_SLOW
        if op >= OP_IGNORED:
            return OP_NOTE_OF_TASK if _is_one_call(b, q, end) else OP_SLOW
        p = q + 9
        if at(b, p) == BLANK:
            p += 1
        if OP_FCNTL <= op <= OP_ARCH_PRCTL:
            return op if _is_one_call(b, q, end) else OP_SLOW
        if OP_CLONE <= op <= OP_EXIT_GROUP:
            return lex_life_resumed(b, q + 9, end, rows, i, op, names, words)
        if at(b, p) != RIGHT:
            return OP_SLOW
        returns = plain[op - OP_PLAIN, P_RETURNS] if op >= OP_PLAIN else RETURNS_ANY
        return op if read_result(b, p + 1, end, rows, i, names, returns) else OP_SLOW
    if at(b, q) != LEFT:
        return OP_SLOW
    if op >= OP_IGNORED:
        if at(b, end - 1) == 100:  # "strace: Process 5 attached" ends in d
            return OP_SLOW
        return op if _is_one_call(b, q, end) else OP_SLOW
    if OP_FCNTL <= op <= OP_ARCH_PRCTL:
        if at(b, end - 1) == 100:
            return OP_SLOW
        second = _second_argument(b, q + 1, end)
        if _only_counted(b, q + 1, second, end, op, words):
            return op if _is_one_call(b, q, end) else OP_SLOW
        if op != OP_FCNTL or second < 0 or at(b, second) != 70:  # F
            return OP_SLOW
        op = OP_FDCTL
    if OP_CLONE <= op <= OP_EXIT_GROUP:
        return lex_life(b, q + 1, end, rows, i, op, names, words)
    return _lex_call(b, q + 1, end, rows, i, op, names, plain, words, known)


@kernel
def _lex_call(
    b: Bytes,
    p: int,
    end: int,
    rows: Words,
    i: int,
    op: int,
    names: Words,
    plain: Words,
    words: Words,
    known: Words,
) -> int:
    """The rest of a call whose arguments begin at `p`."""
    fd_index = -1
    least = 1
    if op >= OP_PLAIN:
        fd_index = plain[op - OP_PLAIN, P_FD]
        least = plain[op - OP_PLAIN, P_LEAST]
    elif op >= OP_DUP:
        fd_index = 0
        least = 1 if op == OP_DUP else 2 if op == OP_DUP2 else 3
    for k in range(6):
        rows[i, L_A0 + k] = 0
    string_index = 1 if op == OP_OPENAT else 0 if op == OP_OPEN else -1
    count, p = read_arguments(b, p, end, rows, i, fd_index, string_index, names, known)
    if p < 0 or count < least:
        return OP_SLOW
    if op >= OP_PLAIN:
        for k in range(plain[op - OP_PLAIN, P_MOST], count):
            rows[i, L_A0 + k] = 0
        if plain[op - OP_PLAIN, P_PAGES] and (rows[i, L_A0 + 5] != 0 or count < 6):
            return OP_SLOW
    elif string_index >= 0 and (count < string_index + 2 or rows[i, L_ARG] == 0):
        return OP_SLOW
    if at(b, p) == BLANK:
        rows[i, L_STATE] = ST_UNFINISHED
        return op if is_word(b, p, end, words, WORD_UNFINISHED) else OP_SLOW
    returns = plain[op - OP_PLAIN, P_RETURNS] if op >= OP_PLAIN else RETURNS_ANY
    return op if read_result(b, p + 1, end, rows, i, names, returns) else OP_SLOW


@apart
def _lex_all(
    b: Bytes,
    start: int,
    stop: int,
    rows: Words,
    n: int,
    last: int,
    names: Words,
    plain: Words,
    words: Words,
    known: Words,
) -> int:
    """Lines of b[start:stop] into rows n..last-1, each by itself: the row behind, whose L_BEGIN is the next line."""
    bits, at_bits = newline_bits(b, start), start
    while start < stop and n < last:
        while bits == 0:
            at_bits += 64
            bits = newline_bits(b, at_bits)
        newline = at_bits + word(trailing_zeros(bits))
        bits = without_first(bits)
        end = without_return(b, start, newline)
        rows[n, L_BEGIN] = start
        op = OP_SLOW
        if end > start:
            op = lex_line(b, start, end, rows, n, names, plain, words, known)
        rows[n, L_OP] = op
        start = newline + 1
        n += 1
    rows[n, L_BEGIN] = start
    return n


@kernel
def _lex_by_forms(
    b: Bytes,
    start: int,
    stop: int,
    rows: Words,
    first: int,
    last: int,
    names: Words,
    plain: Words,
    words: Words,
    known: Words,
    forms: Words,
) -> int:
    """`_lex_all`, where lines like a line before are read by comparing. Ends and keys of all lines are found first."""
    n = first
    while start < stop and n < last:
        newline = newline_from(b, start)
        end = without_return(b, start, newline)
        key = _NO_KEY
        if SHORTEST_FORM <= end - start <= LONGEST_FORM:
            key = key_of(b, start, end - start, rows, n)
        row = np.uint64(n)
        rows[row, L_BEGIN] = start
        rows[row, R_END] = end
        rows[row, R_KEY] = word(key)
        start = newline + 1
        n += 1
    for i in range(first, n):
        row = np.uint64(i)
        p, end, key = word(rows[row, L_BEGIN]), word(rows[row, R_END]), np.uint64(rows[row, R_KEY])
        if key == 0 or like_before(b, p, end - p, key, rows, i, forms) < 0:
            rows[i, L_BEGIN] = p
            _lex_all(b, p, p + 1, rows, i, i + 1, names, plain, words, known)
            if key != 0 and rows[i, L_OP] != OP_SLOW:
                remember(b, p, end - p, key, rows, i, word(rows[i, L_OP]), plain, forms)
    rows[n, L_BEGIN] = start
    return n


@kernel
def lex_rows(
    b: Bytes,
    start: int,
    stop: int,
    rows: Words,
    names: Words,
    plain: Words,
    words: Words,
    known: Words,
    forms: Words,
) -> int:
    """See `lex_lines`."""
    n = 0
    limit = len(rows) - 1
    rows[0, L_BEGIN] = start
    while start < stop and n < limit:
        first, last = n, min(n + _AT_ONCE, limit)
        if known[SUMS, FEW_NUMBERS] != 0:
            n = _lex_all(b, start, stop, rows, n, last, names, plain, words, known)
        else:
            n = _lex_by_forms(b, start, stop, rows, n, last, names, plain, words, known, forms)
        start = word(rows[n, L_BEGIN])
        numbers = others = 0
        for i in range(first, n, _LOOKED_AT):
            op = rows[np.uint64(i), L_OP]
            numbers += 1 if OP_OPENAT <= op < OP_IGNORED else 0
            others += 1 if op >= OP_IGNORED or 0 < op < OP_OPENAT else 0
        known[SUMS, FEW_NUMBERS] = 1 if numbers < others else 0
    return n


@entry(
    "int64(uint8[::1], int64, int64, int64[:, ::1], int64[:, :, ::1], int64[:, ::1], int64[:, ::1], int64[:, ::1],"
    " int64[::1])"
)
def lex_lines(
    b: Bytes,
    start: int,
    stop: int,
    rows: Words,
    names: Words,
    plain: Words,
    words: Words,
    known: Words,
    forms: Words,
) -> int:
    """Lex the lines of b[start:stop], which ends in a newline with `SLACK` bytes behind it. Fills a row a line.

    All rows but the last may be used: of the row behind those of lines L_BEGIN is where the next line begins.
    `known` and `forms` are what this thread remembers (see `lexparts`, `alike`). Gives the number of lines.
    """
    return lex_rows(b, start, stop, rows, names, plain, words, known, forms)
