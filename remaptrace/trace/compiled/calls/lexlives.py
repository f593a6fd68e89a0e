"""Lines of births, of execve and of ends to rows of numbers: the usual forms, everything else is the plain reader's.

| line | row |
| --- | --- |
| fork, vfork, clone, clone3 | L_A0: CLONE_* flags without the signal; L_RET: who is born |
| execve | L_ARG: the path as it was given |
| exit, exit_group | L_A0: the low byte of the status; they do not return |
| ``+++ exited with 3 +++`` | L_A0: the status, at most 255 |

A birth in two parts has its flags in the first and may show in the second what the kernel wrote.
"""

from __future__ import annotations

from ....abi.kinds import RETURNS_ANY
from ....abi.mman import CLONE_PIDFD, CLONE_VFORK, CLONE_VM
from ..jit import Bytes, Words, kernel
from ..lexparts import begins, is_word, read_result, read_sum, span_of
from ..lexrows import (
    L_A0,
    L_ARG,
    L_RET,
    L_SHOWN,
    L_STATE,
    OP_CLONE,
    OP_CLONE3,
    OP_ENDED,
    OP_EXECVE,
    OP_EXIT_CALL,
    OP_SLOW,
    OP_VFORK,
    ST_UNFINISHED,
    WORD_ENDED,
    WORD_ENDED_END,
    WORD_FLAGS,
    WORD_GIVES,
    WORD_PIDFD,
    WORD_STACK,
    WORD_UNFINISHED,
)
from ..scan import (
    BLANK,
    COMMA,
    DOT,
    EQUAL,
    LEFT_BRACE,
    LOWER_A,
    LOWER_Z,
    QUESTION,
    QUOTE,
    RIGHT,
    RIGHT_BRACE,
    SLASH,
    SQUARE,
    STAR,
    UNDERSCORE,
    UNSQUARE,
    UPPER_A,
    UPPER_Z,
    is_digit,
    scan_number,
    scan_string,
)
from ..wide import at, scan_decimal, skip_blanks, word

_SIGNAL = 0xFF  # of the flags: what the parent is sent at the end


@kernel
def _skip_name(b: Bytes, p: int) -> int:
    """The position behind small letters and underscores."""
    while LOWER_A <= at(b, p) <= LOWER_Z or at(b, p) == UNDERSCORE:
        p += 1
    return p


@kernel
def _skip_word(b: Bytes, p: int) -> int:
    """The position behind letters, digits and underscores."""
    c = at(b, p)
    while is_digit(c) or LOWER_A <= c <= LOWER_Z or UPPER_A <= c <= UPPER_Z or c == UNDERSCORE:
        p += 1
        c = at(b, p)
    return p


@kernel
def _skip_listed(b: Bytes, p: int) -> int:
    """The position behind ``[123]`` at `p`, or -1."""
    _number, p = scan_decimal(b, p + 1)
    return p + 1 if p >= 0 and at(b, p) == UNSQUARE else -1


@kernel
def _skip_members(b: Bytes, p: int, end: int, words: Words) -> int:
    """The position behind ``, name=value`` as often as it stands at `p`; -1: one that the plain reader looks at."""
    while at(b, p) == COMMA and at(b, p + 1) == BLANK:
        p += 2
        if begins(b, p, end, words, WORD_PIDFD):
            return -1
        first = p
        p = _skip_name(b, p)
        if p == first or at(b, p) != EQUAL:
            return -1
        first = p + 1
        p = _skip_listed(b, first) if at(b, first) == SQUARE else _skip_word(b, first)
        if p <= first:
            return -1
    return p


@kernel
def _end_of_birth(
    b: Bytes, p: int, end: int, rows: Words, i: int, op: int, names: Words, words: Words
) -> int:
    """What stands behind the flags, or behind ``resumed>``, up to the end of the line: `op` or OP_SLOW."""
    if op == OP_CLONE3:
        if begins(b, p, end, words, WORD_GIVES):  # " => {"
            p += word(words[WORD_GIVES, 0])
            if begins(b, p, end, words, WORD_PIDFD):
                return OP_SLOW
            p = _skip_name(b, p)
            if at(b, p) != EQUAL or at(b, p + 1) != SQUARE:
                return OP_SLOW
            p = _skip_listed(b, p + 1)
            if p < 0 or at(b, p) != RIGHT_BRACE:
                return OP_SLOW
            p += 1
        if at(b, p) != COMMA or at(b, p + 1) != BLANK:
            return OP_SLOW
        _size, p = scan_decimal(b, p + 2)
    elif op == OP_CLONE:
        p = _skip_members(b, p, end, words)
    if p < 0 or at(b, p) != RIGHT or not read_result(b, p + 1, end, rows, i, names, RETURNS_ANY):
        return OP_SLOW
    return op if rows[i, L_RET] > 0 and rows[i, L_SHOWN] == 0 else OP_SLOW


@kernel
def _lex_birth(b: Bytes, p: int, end: int, rows: Words, i: int, op: int, names: Words, words: Words) -> int:
    flags = 0
    if op == OP_VFORK:
        flags = CLONE_VM | CLONE_VFORK
    elif op in (OP_CLONE, OP_CLONE3):
        if op == OP_CLONE3:
            if at(b, p) != LEFT_BRACE:
                return OP_SLOW
            p += 1
        elif begins(b, p, end, words, WORD_STACK):  # "child_stack="
            p = _skip_word(b, p + word(words[WORD_STACK, 0]))
            if at(b, p) != COMMA or at(b, p + 1) != BLANK:
                return OP_SLOW
            p += 2
        if not begins(b, p, end, words, WORD_FLAGS):  # "flags="
            return OP_SLOW
        flags, p = read_sum(b, p + word(words[WORD_FLAGS, 0]), names)
        if p < 0:
            return OP_SLOW
        p = _skip_members(b, p, end, words)
        if p < 0 or (
            op == OP_CLONE and flags & CLONE_PIDFD != 0
        ):  # the kernel stored a descriptor, see the plain reader
            return OP_SLOW
        if op == OP_CLONE3:
            if at(b, p) != RIGHT_BRACE:
                return OP_SLOW
            p += 1
    rows[i, L_A0] = flags & ~_SIGNAL
    if is_word(b, p, end, words, WORD_UNFINISHED):
        rows[i, L_STATE] = ST_UNFINISHED
        return op
    return _end_of_birth(b, p, end, rows, i, op, names, words)


@kernel
def _skip_strings(b: Bytes, p: int, end: int) -> int:
    """The position behind ``["ls", "-l"..., ...]`` at `p`, or -1."""
    if at(b, p) != SQUARE:
        return -1
    p += 1
    if at(b, p) == UNSQUARE:
        return p + 1
    while p < end:
        if at(b, p) == QUOTE:
            p = scan_string(b, p, end)
            if p < 0:
                return -1
            p += 1
        elif at(b, p) != DOT:
            return -1
        if at(b, p) == DOT:
            if at(b, p + 1) != DOT or at(b, p + 2) != DOT:
                return -1
            p += 3
        if at(b, p) == UNSQUARE:
            return p + 1
        if at(b, p) != COMMA or at(b, p + 1) != BLANK:
            return -1
        p += 2
    return -1


@kernel
def _lex_execve(b: Bytes, p: int, end: int, rows: Words, i: int, names: Words, words: Words) -> int:
    if at(b, p) != QUOTE:
        return OP_SLOW
    q = scan_string(b, p, end)
    if q < 0 or at(b, q + 1) != COMMA or at(b, q + 2) != BLANK:
        return OP_SLOW
    rows[i, L_ARG] = span_of(p + 1, q)
    p = _skip_strings(b, q + 3, end)
    if p < 0 or at(b, p) != COMMA or at(b, p + 1) != BLANK:
        return OP_SLOW
    _place, p = scan_number(b, p + 2)
    if p < 0:
        return OP_SLOW
    if at(b, p) == BLANK and at(b, p + 1) == SLASH and at(b, p + 2) == STAR and at(b, p + 3) == BLANK:
        _count, p = scan_decimal(b, p + 4)  # /* 23 vars */
        if p < 0 or at(b, p) != BLANK:
            return OP_SLOW
        p = _skip_word(b, p + 1)
        if at(b, p) != BLANK or at(b, p + 1) != STAR or at(b, p + 2) != SLASH:
            return OP_SLOW
        p += 3
    if is_word(b, p, end, words, WORD_UNFINISHED):
        rows[i, L_STATE] = ST_UNFINISHED
        return OP_EXECVE
    return _end_of_execve(b, p, end, rows, i, names)


@kernel
def _end_of_execve(b: Bytes, p: int, end: int, rows: Words, i: int, names: Words) -> int:
    if at(b, p) != RIGHT or not read_result(b, p + 1, end, rows, i, names, RETURNS_ANY):
        return OP_SLOW
    return OP_EXECVE if rows[i, L_RET] <= 0 and rows[i, L_SHOWN] == 0 else OP_SLOW


@kernel
def _lex_exit(b: Bytes, p: int, end: int, rows: Words, i: int, op: int) -> int:
    status, p = scan_number(b, p)
    if p < 0 or at(b, p) != RIGHT:
        return OP_SLOW
    p = skip_blanks(b, p + 1)
    if at(b, p) != EQUAL or at(b, p + 1) != BLANK or at(b, p + 2) != QUESTION or p + 3 != end:
        return OP_SLOW
    rows[i, L_A0] = status & 0xFF
    return op


@kernel
def lex_life(b: Bytes, p: int, end: int, rows: Words, i: int, op: int, names: Words, words: Words) -> int:
    """The rest of a call from OP_CLONE to OP_EXIT_GROUP whose arguments begin at `p`: its OP_*, or OP_SLOW."""
    for k in range(6):
        rows[i, L_A0 + k] = 0
    if op >= OP_EXIT_CALL:
        return _lex_exit(b, p, end, rows, i, op)
    if op == OP_EXECVE:
        return _lex_execve(b, p, end, rows, i, names, words)
    return _lex_birth(b, p, end, rows, i, op, names, words)


@kernel
def lex_life_resumed(
    b: Bytes, p: int, end: int, rows: Words, i: int, op: int, names: Words, words: Words
) -> int:
    """What stands behind ``resumed>`` of such a call."""
    if op >= OP_EXIT_CALL:
        return OP_SLOW
    if op != OP_CLONE3 and at(b, p) == BLANK:
        p += 1
    if op == OP_EXECVE:
        return _end_of_execve(b, p, end, rows, i, names)
    return _end_of_birth(b, p, end, rows, i, op, names, words)


@kernel
def lex_ended(b: Bytes, p: int, end: int, rows: Words, i: int, words: Words) -> int:
    """``+++ exited with 3 +++`` at `p`: OP_ENDED, or OP_SLOW."""
    if not begins(b, p, end, words, WORD_ENDED):
        return OP_SLOW
    status, p = scan_decimal(b, p + word(words[WORD_ENDED, 0]))
    if p < 0 or not is_word(b, p, end, words, WORD_ENDED_END):
        return OP_SLOW
    rows[i, L_A0] = min(status, 255)
    return OP_ENDED
