"""Calls of 32-bit programs, which recorders name by the numbers of 64-bit ones: read as what they are, or left out.

perf trace and the tracepoints raw_syscalls know the number of a call alone, and name it by the table of 64-bit calls:
mmap2 of an i386 program (192) is shown as lgetxattr, munmap (91) as fchmod. What gives them away is an answer that no
lgetxattr has: the size of an attribute is at most 64 KiB (XATTR_SIZE_MAX), a mapping lies above and on a page. And an
exec of a 32-bit program, entered as 59, returns as 11 (arch/x86/kernel/process_64.c: compat_start_thread).

raw_syscalls prints all registers, which compat calls have zero-extended: there the calls are read by the table of i386.
perf trace prints the arguments that the other call has, which are not enough: they are left out, and said.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...abi.mman import MAP_ANONYMOUS
from ...counting import counted
from ..syscalls import I386, X86_64
from ..wording import NOT_COUNTED
from .records import (
    OP_ENTER,
    OP_EXEC,
    OP_EXIT,
    OP_FORK,
    OP_NEWTASK,
    R_A0,
    R_A3,
    R_A5,
    R_CALL,
    R_COMM,
    R_OP,
    R_TID,
    KernelText,
    text_of,
)

_MMAP2 = "lgetxattr"
_LARGEST = 1 << 16
"""Bytes of an extended attribute at most."""
_NAMED = 3


_EXECVE = "munmap"
"""Number 11, in the table of 64-bit calls."""
_RENAMED = {"mmap": "old_mmap"}  # its arguments are behind a pointer
_IN_TWO_REGISTERS = {"ftruncate64": ("ftruncate", (1,)), "fallocate": ("fallocate", (2, 4))}
"""Calls of i386 that pass 64-bit numbers in two registers: whose plan they have, and where those begin."""
_NUMBERS = {name: number for number, name in X86_64.items()}


def read_32_bit(text: KernelText) -> None:
    """Give the calls of 32-bit programs in a text of raw_syscalls their names and arguments, with a note."""
    if text.arch not in (None, "x86_64") or b"sys_enter_" in text.data or b"sys_enter: NR " not in text.data:
        return  # the first is found at once where calls have tracepoints of their own
    records, numbers = text.records, text.calls.numbers
    proofs = _mappings(text) | _narrow_execs(text)
    if not proofs.any():
        return
    theirs = _of_programs(text, proofs)
    named = {number: _NUMBERS[name] for name, number in numbers.items() if name in _NUMBERS}
    for column in np.flatnonzero(theirs).tolist():
        number = named.get(int(records[R_CALL, column]))
        if number is not None:
            _rename(text, column, I386.get(number, f"syscall_{number:#x}"))
    calls = theirs & (records[R_OP] == OP_ENTER)
    if (theirs | ~np.isin(records[R_OP], (OP_ENTER, OP_EXIT))).all():
        text.arch = "ia32"
    text.notes.append(
        f"{counted(int(calls.sum()), 'call')} of 32-bit programs ({_programs(text, calls)}), read by"
        " the numbers of i386: the"
        " recorder names them as 64-bit calls; their addresses are followed, but what ends at 4 GiB is simulated with"
        " --arch ia32 alone"
    )


def _mappings(text: KernelText) -> npt.NDArray[np.bool_]:
    """Returns of calls that are named lgetxattr and answer what only mmap2 of i386 does."""
    records = text.records
    answers = (records[R_OP] == OP_EXIT) & (records[R_CALL] == text.calls.numbers.get(_MMAP2, -1))
    answers &= (records[R_A0] > _LARGEST) & (records[R_A0] < 1 << 32) & (records[R_A0] & 4095 == 0)
    return np.asarray(answers)


def _programs(text: KernelText, chosen: npt.NDArray[np.bool_]) -> str:
    """The first names of programs of the records in `chosen`, as a note has them."""
    names = dict.fromkeys(
        text_of(text.data, span) for span in np.unique(text.records[R_COMM, chosen]).tolist() if span
    )
    return ", ".join(list(names)[:_NAMED]) + (", ..." if len(names) > _NAMED else "") or "unnamed"


def _narrow_execs(text: KernelText) -> npt.NDArray[np.bool_]:
    """Returns of execs as number 11, right behind the word that the exec succeeded."""
    records = text.records
    rows = np.flatnonzero(np.isin(records[R_OP], (OP_ENTER, OP_EXIT, OP_EXEC)))
    rows = rows[np.argsort(records[R_TID, rows], kind="stable")]
    found = np.zeros(records.shape[1], dtype=np.bool_)
    if len(rows) < 2:
        return found
    first, then = rows[:-1], rows[1:]
    fits = (records[R_OP, first] == OP_EXEC) & (records[R_OP, then] == OP_EXIT) & (records[R_A0, then] == 0)
    fits &= (records[R_TID, first] == records[R_TID, then]) & (
        records[R_CALL, then] == text.calls.numbers.get(_EXECVE, -1)
    )
    found[then[fits]] = True
    return found


def _of_programs(text: KernelText, proofs: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Entries and returns of the programs of which a record in `proofs` is, from exec to exec; children are alike."""
    records = text.records
    current: dict[int, int] = {}  # thread: number of its program
    first: list[int] = []  # program: the first that runs the same one, or itself
    narrow: set[int] = set()
    programs = np.full(records.shape[1], -1, dtype=np.int64)
    wanted = np.isin(records[R_OP], (OP_ENTER, OP_EXIT, OP_EXEC, OP_FORK, OP_NEWTASK))

    def begin(tid: int, of: int) -> int:
        current[tid] = len(first)
        first.append(first[of] if of >= 0 else len(first))
        return current[tid]

    for column in np.flatnonzero(wanted).tolist():
        op, tid = int(records[R_OP, column]), int(records[R_TID, column])
        mine = current[tid] if tid in current and op != OP_EXEC else begin(tid, -1)
        if op in (OP_FORK, OP_NEWTASK):
            begin(int(records[R_A0, column]), mine)
        elif op != OP_EXEC:
            programs[column] = mine
            if proofs[column]:
                narrow.add(first[mine])
    return np.isin(programs, [program for program, one in enumerate(first) if one in narrow])


def _rename(text: KernelText, column: int, name: str) -> None:
    """Call `name` of i386 in `column`, with its arguments where the plans have them."""
    records = text.records
    entered = records[R_OP, column] == OP_ENTER
    if name in _IN_TWO_REGISTERS:
        name, halves = _IN_TWO_REGISTERS[name]
        if entered:
            registers = records[R_A0 : R_A0 + 6, column].tolist()
            values = [registers[low] | registers[low + 1] << 32 for low in halves]
            records[R_A0 + halves[0] : R_A0 + halves[0] + len(values), column] = values
    elif name == "mmap2" and entered and records[R_A3, column] & MAP_ANONYMOUS:
        records[R_A5, column] = 0  # whatever was in the register
    records[R_CALL, column] = text.calls.number(_RENAMED.get(name, name))


def leave_out_32_bit(text: KernelText) -> None:
    """Take the calls of such programs, and of the tasks that they make, out of `text`, with a note."""
    records = text.records
    if text.arch not in (None, "x86_64"):
        return
    answers = _mappings(text)
    if not answers.any():
        return
    tasks = set(records[R_TID, answers].tolist())
    births = (records[R_OP] == OP_FORK) | (records[R_OP] == OP_NEWTASK)
    for tid, child in zip(records[R_TID, births].tolist(), records[R_A0, births].tolist(), strict=True):
        if tid in tasks:
            tasks.add(child)
    theirs = np.isin(records[R_TID], list(tasks)) & ((records[R_OP] == OP_ENTER) | (records[R_OP] == OP_EXIT))
    shown = _programs(text, answers)
    text.records = records[:, ~theirs]
    if text.untold_returns is not None:
        text.untold_returns = text.untold_returns[~theirs]
    count = int((records[R_OP, theirs] == OP_ENTER).sum())
    text.notes.append(
        f"{counted(count, 'call')} of 32-bit programs ({shown}), left out: the recorder names them by numbers"
        " as 64-bit calls (mmap2 as lgetxattr, with an address for its answer);"
        f" whatever they mapped, {NOT_COUNTED} (strace tells their names)"
    )
