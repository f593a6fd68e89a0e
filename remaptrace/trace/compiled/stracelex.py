"""Strace lines to rows of numbers: the common forms, everything else marked for the plain reader.

A row (int64) has W words:

| word | meaning |
| --- | --- |
| L_OP | what the line is: an OP_* below, or OP_IGNORED + number of a call that is only counted |
| L_TID | thread id, -1 for none |
| L_TIME | time stamp in ns, and in L_CLOCK its kind (strace_lines.T_*) |
| L_STATE | ST_* bits |
| L_A0.. | six arguments |
| L_RET | result |
| L_ARG, L_SHOWN | text of the path in an argument and behind the result: begin << 24 | length, 0 none |
| L_BEGIN | where the line begins |
"""

from __future__ import annotations

import numpy as np

from ...abi.signals import SIGBUS, SIGSEGV
from .jit import Bytes, Words, entry, kernel
from .scan import (
    BAR,
    BLANK,
    CAPITALS,
    CLASSES,
    COLON,
    COMMA,
    DOT,
    EQUAL,
    GREATER,
    LEFT,
    LESS,
    LOWER_A,
    LOWER_F,
    LOWER_X,
    MINUS,
    NINE,
    QUESTION,
    QUOTE,
    RIGHT,
    SECOND,
    SLASH,
    SQUARE,
    STAR,
    T_CALLS,
    T_ERRORS,
    T_SYMBOLS,
    UNDERSCORE,
    UNSQUARE,
    UPPER_A,
    UPPER_Z,
    WORDS,
    ZERO,
    at,
    find_name,
    scan_annotation,
    scan_decimal,
    scan_fraction,
    scan_number,
    scan_string,
    skip_blanks,
    two_digits,
    word,
)

L_OP, L_TID, L_TIME, L_CLOCK, L_STATE, L_A0, L_RET, L_ARG, L_SHOWN, L_BEGIN = 0, 1, 2, 3, 4, 5, 11, 12, 13, 14
W = 15

OP_SLOW, OP_NOTE, OP_NOTE_OF_TASK, OP_FAULT = 0, 1, 2, 3
OP_OPENAT, OP_OPEN, OP_CLOSE = 4, 5, 6
OP_FCNTL, OP_IOCTL, OP_PRCTL, OP_ARCH_PRCTL = 7, 8, 9, 10  # of these a row is one that is only counted
OP_DUP, OP_DUP2, OP_DUP3, OP_FDCTL = 11, 12, 13, 14  # OP_FDCTL: a fcntl that may concern descriptors
OP_PLAIN = 16  # + row of the table of plain calls
OP_IGNORED = 64  # + number

ST_UNFINISHED, ST_RESUMED = 1, 2

P_KIND, P_LEAST, P_MOST, P_FD, P_PAGES, P_RETURNS = 0, 1, 2, 3, 4, 5
"""Columns of the table of plain calls. P_PAGES 1: an offset may be in pages (mmap2); P_RETURNS: see `calls`."""

_ANY, _ADDRESS, _ZERO = 0, 1, 2

TEXTS = (
    b" <unfinished ...>",
    b"--- SIG",
    b"} ---",
    b" {si_signo=SIG",
    b", si_code=",
    b", si_addr=",
    b"PR_",
    b"PR_SET_VMA",
    b"PR_SET_M",
    b"PR_SET_THP_DISABLE",
    b"PR_SET_SHADOW",
    b"ARCH_",
    b"ARCH_MAP_VDSO",
    b"ARCH_SHSTK_ENABLE",
    b"UFFDIO_",
    b"F_GET",
    b"F_SETL",
    b"<... ",
    b" resumed>",
    b"DRM",
    b"PAGEMAP",
    b"KVM_CREATE_V",
)
"""Texts that lines are compared with, by these numbers."""
(
    WORD_UNFINISHED,
    WORD_SIGNAL,
    WORD_SIGNAL_END,
    WORD_SIGNO,
    WORD_CODE,
    WORD_ADDRESS,
    WORD_PR,
    WORD_PR_VMA,
    WORD_PR_M,
    WORD_PR_THP,
    WORD_PR_SHADOW,
    WORD_ARCH,
    WORD_ARCH_VDSO,
    WORD_ARCH_SHSTK,
    WORD_UFFDIO,
    WORD_F_GET,
    WORD_F_SETL,
    WORD_RESUMED,
    WORD_RESUMED_END,
    WORD_DRM,
    WORD_PAGEMAP,
    WORD_KVM_CREATE,
) = range(22)

_EPOCH_FROM = 100_000_000
_T_NONE, _T_ABSOLUTE, _T_OF_DAY, _T_RELATIVE = 0, 1, 2, 3
_MAX_SPAN = 1 << 20


@kernel
def _span(start: int, stop: int) -> int:
    """Begin and length in one word; 0 if the text is too long to be of interest."""
    if stop - start >= _MAX_SPAN:
        return 0
    return (start << 24) | (stop - start)


@kernel
def _is_digit(c: int) -> bool:
    return ZERO <= c <= NINE


@kernel
def _read_head(b: Bytes, p: int, end: int, rows: Words, i: int) -> int:
    """The columns in front of a call, see strace_lines.read_head: where the call begins, or -1."""
    rows[i, L_TID] = -1
    rows[i, L_CLOCK] = _T_NONE
    rows[i, L_TIME] = 0
    q = p
    if (
        at(b, p) == SQUARE
        and at(b, p + 1) == 112
        and at(b, p + 2) == 105
        and at(b, p + 3) == 100
        and at(b, p + 4) == BLANK
    ):
        tid, q = scan_decimal(b, skip_blanks(b, p + 5))
        if q < 0 or at(b, q) != UNSQUARE or at(b, q + 1) != BLANK:
            return -1
        rows[i, L_TID] = tid
        p = skip_blanks(b, q + 1)
    elif _is_digit(at(b, p)):
        tid, q = scan_decimal(b, p)
        if q < 0:
            return -1
        if at(b, q) == LESS:
            while q < end and at(b, q) != GREATER:
                q += 1
            q += 1
            if at(b, q) != BLANK:
                return -1
        if at(b, q) == BLANK:
            if tid >= _EPOCH_FROM:
                return -1
            rows[i, L_TID] = tid
            p = skip_blanks(b, q)
    elif at(b, p) == BLANK:
        p = skip_blanks(b, p)
        if not _is_digit(at(b, p)) or at(b, p + 2) == COLON:
            return -1
    if _is_digit(at(b, p)):
        if at(b, p + 2) == COLON:
            hour, minute, second = two_digits(b, p), two_digits(b, p + 3), two_digits(b, p + 6)
            if hour < 0 or minute < 0 or second < 0 or at(b, p + 5) != COLON:
                return -1
            fraction, q = scan_fraction(b, p + 8)
            if q < 0 or at(b, q) != BLANK:
                return -1
            rows[i, L_TIME] = (hour * 3600 + minute * 60 + second) * SECOND + fraction
            rows[i, L_CLOCK] = _T_OF_DAY
        else:
            seconds, q = scan_decimal(b, p)
            if q < 0 or seconds > 9 * SECOND:
                return -1
            fraction, q = scan_fraction(b, q)
            if q < 0 or at(b, q) != BLANK:
                return -1
            rows[i, L_TIME] = seconds * SECOND + fraction
            rows[i, L_CLOCK] = _T_ABSOLUTE if seconds >= _EPOCH_FROM else _T_RELATIVE
        p = skip_blanks(b, q)
        if at(b, p) == LEFT:  # (+ 0.000556): -r beside another clock
            return -1
    if at(b, p) == SQUARE:
        p = _skip_brackets(b, p)
    return p


@kernel
def _skip_brackets(b: Bytes, p: int) -> int:
    """The position behind ``[   9] `` and ``[00007f623c388ca3] ``; -1 if brackets hold something else."""
    q = p + 1
    while at(b, q) == BLANK or _is_digit(at(b, q)):
        q += 1
    if at(b, q) == UNSQUARE and q - p <= 13 and q - p > 1:
        if at(b, q + 1) != BLANK:
            return -1
        p = skip_blanks(b, q + 1)
        if at(b, p) != SQUARE:
            return p
    q = p + 1
    if at(b, q) == QUESTION:
        while at(b, q) == QUESTION:
            q += 1
    else:
        while _is_digit(at(b, q)) or (at(b, q) >= LOWER_A and at(b, q) <= LOWER_F):
            q += 1
    if at(b, q) != UNSQUARE or at(b, q + 1) != BLANK or q - p < 9 or q - p > 17:
        return -1
    return skip_blanks(b, q + 1)


@kernel
def _read_sum(b: Bytes, p: int, names: Words) -> tuple[int, int]:
    """Numbers and names joined by ``|``: value, position behind."""
    total = 0
    while True:
        c = at(b, p)
        if _is_digit(c) or c == MINUS:
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
def _read_arguments(
    b: Bytes, p: int, end: int, rows: Words, i: int, fd_index: int, string_index: int, names: Words
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
            rows[i, L_ARG] = _span(p + 1, q)
            v = 0
            p = q + 1
        else:
            v, p = _read_sum(b, p, names)
            if p < 0:
                return count, -1
            if at(b, p) == LESS:
                if at(b, p + 1) == LESS:
                    return count, -1
                start, stop, p = scan_annotation(b, p, end)
                if p < 0:
                    return count, -1
                if count == fd_index:
                    rows[i, L_ARG] = _span(start, stop)
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
def _begins(b: Bytes, p: int, end: int, words: Bytes, number: int) -> bool:
    """True if the bytes of a word stand at `p`. A row of `words` is a word's length and its bytes."""
    length = word(words[number, 0])
    if end - p < length:
        return False
    k = 0
    while k < length and at(b, p + k) == words[number, k + 1]:
        k += 1
    return k == length


@kernel
def _is_word(b: Bytes, p: int, end: int, words: Bytes, number: int) -> bool:
    """True if exactly the bytes of a word stand from `p` to the line's end."""
    return end - p == words[number, 0] and _begins(b, p, end, words, number)


@kernel
def _read_result(b: Bytes, p: int, end: int, rows: Words, i: int, names: Words, returns: int) -> bool:
    """`` = result`` and what may stand behind it: True if all of it is plain.

    `returns` is what calls of this name return, see P_RETURNS.
    """
    p = skip_blanks(b, p)
    if at(b, p) != EQUAL or at(b, p + 1) != BLANK or at(b, p + 2) == QUESTION:
        return False
    hexadecimal = at(b, p + 3) == LOWER_X
    v, p = scan_number(b, p + 2)
    if p < 0 or (hexadecimal and v < 0):
        return False
    rows[i, L_SHOWN] = 0
    if at(b, p) == LESS:
        start, stop, p = scan_annotation(b, p, end)
        if p < 0:
            return False
        rows[i, L_SHOWN] = _span(start, stop)
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
    if returns != _ANY and not _can_return(returns, v):
        return False
    return p == end or _is_duration(b, p, end)


@kernel
def _can_return(returns: int, v: int) -> bool:
    """As `calls.can_return`, for what is not ANY."""
    if -4095 <= v < 0:
        return True
    if returns == _ADDRESS:
        return v >= 0 and v & 4095 == 0
    return v == 0 or (returns != _ZERO and v >= 4096)


@kernel
def _is_duration(b: Bytes, p: int, end: int) -> bool:
    """True if `` <0.000123>`` and no more stands from `p` to the line's end."""
    if at(b, p) != BLANK or at(b, p + 1) != LESS or not _is_digit(at(b, p + 2)):
        return False
    p += 2
    while _is_digit(at(b, p)):
        p += 1
    if at(b, p) != DOT or not _is_digit(at(b, p + 1)):
        return False
    p += 1
    while _is_digit(at(b, p)):
        p += 1
    return p == end - 1 and at(b, p) == GREATER


@kernel
def _is_one_call(b: Bytes, p: int, end: int) -> bool:
    """True if no second call may stand behind the name that ends at `p`: no ``name(`` from there on."""
    p += 1
    while p < end:
        if at(b, p) == LEFT and CLASSES[np.uint64(at(b, p - 1))] & WORDS:
            return False
        p += 1
    return True


@kernel
def _read_signal(b: Bytes, p: int, end: int, rows: Words, i: int, names: Words, words: Bytes) -> int:
    """``--- SIGX {...} ---``: OP_NOTE for a signal without an address of interest, OP_FAULT, or OP_SLOW."""
    if not _begins(b, p, end, words, WORD_SIGNAL):
        return OP_SLOW
    p += 4
    number, q = find_name(b, p, CAPITALS, names, T_SYMBOLS)
    if number < 0 or at(b, q) != BLANK:
        return OP_SLOW
    if number not in (SIGBUS, SIGSEGV):
        if not _begins(b, end - 5, end, words, WORD_SIGNAL_END) or at(b, q + 1) != 123 or end - 5 <= q:
            return OP_SLOW
        return OP_NOTE
    if not _begins(b, q, end, words, WORD_SIGNO):  # " {si_signo=SIG"
        return OP_SLOW
    p = q + word(words[WORD_SIGNO, 0])
    while at(b, p) >= UPPER_A and at(b, p) <= UPPER_Z:
        p += 1
    if not _begins(b, p, end, words, WORD_CODE):  # ", si_code="
        return OP_SLOW
    p += word(words[WORD_CODE, 0])
    code, q = find_name(b, p, CAPITALS, names, T_SYMBOLS)
    if code <= 0 or code >= 0x80 or not _begins(b, q, end, words, WORD_ADDRESS):  # ", si_addr="
        return OP_SLOW
    address, p = scan_number(b, q + word(words[WORD_ADDRESS, 0]))
    if p < 0 or not _is_word(b, p, end, words, WORD_SIGNAL_END):
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
def _only_counted(b: Bytes, p: int, second: int, end: int, op: int, words: Bytes) -> bool:
    """True if a call of `MAYBE` is one that is only counted. Its arguments begin at `p` and `second`."""
    if op == OP_PRCTL:
        number = WORD_PR_VMA
        while number <= WORD_PR_SHADOW and not _begins(b, p, end, words, number):
            number += 1
        return number > WORD_PR_SHADOW and _begins(b, p, end, words, WORD_PR)
    if op == OP_ARCH_PRCTL:
        if _begins(b, p, end, words, WORD_ARCH_VDSO) or _begins(b, p, end, words, WORD_ARCH_SHSTK):
            return False
        return _begins(b, p, end, words, WORD_ARCH)
    if second < 0:
        return False
    if op == OP_IOCTL:
        if _begins(b, second, end, words, WORD_UFFDIO) or _begins(b, second, end, words, WORD_DRM):
            return False
        if _begins(b, second, end, words, WORD_KVM_CREATE):
            return False
        return UPPER_A <= at(b, second) <= UPPER_Z and not _begins(b, second, end, words, WORD_PAGEMAP)
    return _begins(b, second, end, words, WORD_F_GET) or _begins(b, second, end, words, WORD_F_SETL)


@kernel
def lex_line(
    b: Bytes, p: int, end: int, rows: Words, i: int, names: Words, plain: Words, words: Bytes
) -> int:
    """One line b[p:end] into row `i`; its OP_*."""
    p = _read_head(b, p, end, rows, i)
    if p < 0 or p >= end:
        return OP_SLOW
    rows[i, L_STATE] = 0
    rows[i, L_ARG] = 0
    rows[i, L_SHOWN] = 0
    c = at(b, p)
    if c == MINUS:
        return _read_signal(b, p, end, rows, i, names, words)
    if c == LESS:
        if not _begins(b, p, end, words, WORD_RESUMED):
            return OP_SLOW
        p += 5
        rows[i, L_STATE] = ST_RESUMED
    op, q = find_name(b, p, WORDS, names, T_CALLS)
    if op <= 0:
        return OP_SLOW
    if rows[i, L_STATE] == ST_RESUMED:
        if not _begins(b, q, end, words, WORD_RESUMED_END):
            return OP_SLOW
        if op >= OP_IGNORED:
            return OP_NOTE_OF_TASK if _is_one_call(b, q, end) else OP_SLOW
        p = q + 9
        if at(b, p) == BLANK:
            p += 1
        if OP_FCNTL <= op <= OP_ARCH_PRCTL:
            return op if _is_one_call(b, q, end) else OP_SLOW
        if at(b, p) != RIGHT:
            return OP_SLOW
        returns = plain[op - OP_PLAIN, P_RETURNS] if op >= OP_PLAIN else _ANY
        return op if _read_result(b, p + 1, end, rows, i, names, returns) else OP_SLOW
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
    return _lex_call(b, q + 1, end, rows, i, op, names, plain, words)


@kernel
def _lex_call(
    b: Bytes, p: int, end: int, rows: Words, i: int, op: int, names: Words, plain: Words, words: Bytes
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
    count, p = _read_arguments(b, p, end, rows, i, fd_index, string_index, names)
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
        return op if _is_word(b, p, end, words, WORD_UNFINISHED) else OP_SLOW
    returns = plain[op - OP_PLAIN, P_RETURNS] if op >= OP_PLAIN else _ANY
    return op if _read_result(b, p + 1, end, rows, i, names, returns) else OP_SLOW


@entry("int64(uint8[::1], int64[::1], int64, int64[:, ::1], int64[:, :, ::1], int64[:, ::1], uint8[:, ::1])")
def lex_lines(
    b: Bytes, ends: Words, first: int, rows: Words, names: Words, plain: Words, words: Bytes
) -> int:
    """Lex the lines that end at the newlines `ends`; the first begins at `first`. Fills a row a line."""
    start = first
    for i in range(len(ends)):
        end = ends[i]
        stop = end
        if stop > start and at(b, stop - 1) == 13:
            stop -= 1
        rows[i, L_BEGIN] = start
        rows[i, L_OP] = lex_line(b, start, stop, rows, i, names, plain, words) if stop > start else OP_SLOW
        start = end + 1
    return 0
