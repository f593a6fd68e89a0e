"""What execve mapped, assumed: for logs of calls whose exec left neither maps nor page faults.

A dynamic program shows where its own and its interpreter's data segments lie when the loader makes their RELRO
parts read-only: two mprotect calls on memory that no call of the log mapped. Around these the areas
that execve always makes are assumed, four for each file, the vdso's and the stack, so that VMA counts start
right. Their sizes are guesses of one page; every such area is marked as assumed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...abi import kinds as ev
from ..events import Trace, has_accesses
from ..insertion import Insert, insert

_PAGE = 4096
_STACK_TOP, _STACK_PAGES = 0x7FFFFFFFF000, 33
_SCANNED = 2000
"""Events behind an exec among which the loader's calls are looked for."""

_R, _RW, _RX = 1, 3, 5


@dataclass(frozen=True)
class _Found:
    """RELRO ranges of the program and its interpreter, and the first break."""

    program: tuple[int, int]
    interpreter: tuple[int, int]
    brk: int


def assume_execs(trace: Trace, string: Callable[[str], int]) -> None:
    """Insert the areas behind every exec, or first event, of a log without maps and accesses."""
    if not trace.recorded or not len(trace) or has_accesses(trace):
        return
    inserts: list[Insert] = []
    for before, task, program in _starts(trace):
        found = _loader_calls(trace, before, task)
        if found is None:
            continue
        rows = _areas(found, string(program), string("(interpreter)"), string)
        inserts += [
            Insert(before, ev.K_INIT_VMA, task, row, flags=ev.EVF_MADE | ev.EVF_ASSUMED) for row in rows
        ]
        trace.notes.append(
            f"{len(rows)} areas assumed behind the exec of {program}: the log has no maps of that moment"
        )
    insert(trace, inserts)


def _starts(trace: Trace) -> list[tuple[int, int, str]]:
    """(event in front of which areas go, task, program): execs without maps, logs that begin behind one."""
    kind, task, ret = trace.columns["kind"], trace.columns["task"], trace.columns["ret"]
    out: list[tuple[int, int, str]] = []
    execs = (kind == ev.K_EXEC) & (ret >= 0) & (trace.columns["a1"] == 0)
    for event in np.flatnonzero(execs).tolist():
        out.append((event + 1, int(task[event]), trace.strings[int(trace.columns["a0"][event])]))
    first = int(task[0])
    if (
        kind[0] == ev.K_BRK
        and trace.columns["a0"][0] == 0
        and ret[0] > 0
        and trace.tasks["parent"][first] < 0
    ):
        out.append((0, first, "(program)"))
    return sorted(out)


def _loader_calls(trace: Trace, start: int, task: int) -> _Found | None:
    """What the loader of the program that starts at event `start` did to memory that no call mapped."""
    columns = trace.columns
    pids = trace.tasks["pid"]
    stop = min(start + _SCANNED, len(trace))
    mine = start + np.flatnonzero(pids[columns["task"][start:stop]] == pids[task])
    mapped: list[tuple[int, int]] = []
    relros: list[tuple[int, int]] = []
    brk = 0
    for event in mine.tolist():
        kind, a0, a1, ret = (int(columns[c][event]) for c in ("kind", "a0", "a1", "ret"))
        if kind in (ev.K_EXEC, ev.K_EXIT) and ret >= 0:
            break
        if kind == ev.K_BRK and not brk:
            brk = ret
        elif kind == ev.K_MMAP and ret > 0:
            mapped.append((ret, ret + a1))
        elif kind == ev.K_MPROTECT and ret == 0 and int(columns["a2"][event]) == 1:
            if not any(low < a0 + a1 and a0 < high for low, high in mapped):
                relros.append((a0, a0 + a1))
    below = [r for r in relros if r[1] <= brk]
    above = [r for r in relros if mapped and r[0] >= max(high for _, high in mapped) and r[0] > brk]
    if not below or not above or above[-1][0] < 1 << 32:
        return None
    return _Found(below[0], above[0], brk)


def _areas(
    found: _Found, program: int, interpreter: int, string: Callable[[str], int]
) -> list[tuple[int, ...]]:
    """Arguments of K_INIT_VMA: start, end, permissions, offset, file, name; by address."""
    rows = _segments(found.program, program, found.brk)
    low = found.interpreter[0] - 3 * _PAGE
    rows.append((low - 8 * _PAGE, low - 4 * _PAGE, _R, 0, 0, string("[vvar]")))
    rows.append((low - 4 * _PAGE, low - 2 * _PAGE, _R, 0, 0, string("[vvar_vclock]")))
    rows.append((low - 2 * _PAGE, low, _RX, 0, 0, string("[vdso]")))
    rows += _segments(found.interpreter, interpreter, _STACK_TOP)
    rows.append((_STACK_TOP - _STACK_PAGES * _PAGE, _STACK_TOP, _RW, 0, 0, string("[stack]")))
    return rows


def _segments(relro: tuple[int, int], file: int, limit: int) -> list[tuple[int, ...]]:
    """Headers, code, read-only data and the data segment that `relro` begins."""
    start = relro[0] - 3 * _PAGE
    rows: list[tuple[int, ...]] = [
        (start + i * _PAGE, start + (i + 1) * _PAGE, perms, i * _PAGE, file, 0)
        for i, perms in enumerate((_R, _RX, _R))
    ]
    # its own page of the file is repeated, as linkers lay it out, so that it continues nothing
    rows.append((relro[0], max(relro[1], min(relro[1] + _PAGE, limit)), _RW, 2 * _PAGE, file, 0))
    return rows
