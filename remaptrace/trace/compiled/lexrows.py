"""A lexed strace line as a row of numbers: its words, the operations, and the texts that lines are compared with.

A row (int64) has W words:

| word | meaning |
| --- | --- |
| L_OP | what the line is: an OP_* below, or OP_IGNORED + number of a call that is only counted |
| L_TID | thread id, -1 for none |
| L_TIME | time stamp in ns, and in L_CLOCK its kind (abi.rows.T_*) |
| L_STATE | ST_* bits |
| L_A0.. | six arguments |
| L_RET | result |
| L_ARG, L_SHOWN | text of the path in an argument and behind the result: begin << 24 | length, 0 none |
| L_BEGIN | where the line begins |
| L_TOOK | how long the call lasted in ns, -1: not told |
"""

from __future__ import annotations

L_OP, L_TID, L_TIME, L_CLOCK, L_STATE, L_A0, L_RET, L_ARG, L_SHOWN, L_BEGIN = 0, 1, 2, 3, 4, 5, 11, 12, 13, 14
L_TOOK = 15
W = 16
OP_SLOW, OP_NOTE, OP_NOTE_OF_TASK, OP_FAULT = 0, 1, 2, 3
OP_OPENAT, OP_OPEN, OP_CLOSE = 4, 5, 6
OP_FCNTL, OP_IOCTL, OP_PRCTL, OP_ARCH_PRCTL = 7, 8, 9, 10  # of these a row is one that is only counted
OP_DUP, OP_DUP2, OP_DUP3, OP_FDCTL = 11, 12, 13, 14  # OP_FDCTL: a fcntl that may concern descriptors
OP_CLONE, OP_CLONE3, OP_FORK_CALL, OP_VFORK, OP_EXECVE, OP_EXIT_CALL, OP_EXIT_GROUP = (
    15,
    16,
    17,
    18,
    19,
    20,
    21,
)
OP_ENDED = 22  # +++ exited with 0 +++
OP_PLAIN = 24  # + row of the table of plain calls
OP_IGNORED = 64  # + number
ST_UNFINISHED, ST_RESUMED = 1, 2
P_KIND, P_LEAST, P_MOST, P_FD, P_PAGES, P_RETURNS = 0, 1, 2, 3, 4, 5
"""Columns of the table of plain calls. P_PAGES 1: an offset may be in pages (mmap2); P_RETURNS: see `abi.calls`."""

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
    b"child_stack=",
    b"flags=",
    b"pidfd",
    b" => {",
    b"+++ exited with ",
    b" +++",
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
    WORD_STACK,
    WORD_FLAGS,
    WORD_PIDFD,
    WORD_GIVES,
    WORD_ENDED,
    WORD_ENDED_END,
) = range(28)

SUMS, LONGEST_SUM = 256, 48
KNOWN_ROWS, KNOWN_WORDS = SUMS + 1, 2 + LONGEST_SUM // 8 + 1
"""What one thread remembers: rows of `lexparts.read_names`, and in the last one the second of the line before: the
eight bytes that begin it, the three behind them up to its point, its number, and in FEW_NUMBERS whether most lines of
late are of calls that are only counted: to read these is faster than to look for their forms."""
FEW_NUMBERS = 3
