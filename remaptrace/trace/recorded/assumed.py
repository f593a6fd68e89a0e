"""What execve mapped, assumed: for logs of calls whose exec left neither maps nor page faults.

Where the program headers of what was executed are at hand, they tell its areas (`execareas`). Otherwise a dynamic
program shows where its own and its interpreter's data segments lie when the loader makes their RELRO parts
read-only: two mprotect calls on memory that no call of the log mapped. Around these the areas that execve
always makes are assumed, four for each file, the vdso's and the stack, so that VMA counts start right. Their
sizes are guesses of one page; every such area is marked as assumed. Whether a program has an area of .bss beside
its data nothing in a log tells.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...abi import kinds as ev
from ...counting import counted
from ..events import Trace, firsts, has_accesses, one_of, rows_where
from ..insertion import Insert, insert
from ..wording import NOT_COUNTED
from .elf import Files
from .execareas import (
    PAGE,
    STACK_TOP,
    Row,
    exec_areas,
    mapped_below,
    special_areas,
    stack_area,
    unplaced_special,
    usual_interpreter,
)
from .loader import Start, first_calls_of_all

if TYPE_CHECKING:
    import numpy.typing as npt


_R, _RW, _RX = 1, 3, 5
_FIXED_BASE = 0x400000
"""Where linkers put programs that are not position-independent."""

_LIKE_X86_64 = ("x86_64", "arm64-4k", "riscv64-sv48", "riscv64-sv57")
"""Machines whose programs are laid out so: an address space of 47 bits and more, pages of 4 KiB."""

_LARGE = 3
"""Pages of RELRO from which a program nearly always has an area of .bss: 85 of 91 programs of a distribution that have
so many, 33 of 60 with two pages, 132 of 988 with one."""
_MAY_MISS = "; one of .bss may be missing"
_LIKELY = "; that it has one of .bss is told from its size"

_STACK_SPREAD = (1 << 34) + (128 << 20)
"""Bytes below the end of user space where a stack ends: 22 bits of pages of x86-64, and what it grows by."""

_ITSELF = ("/proc/self/exe", "/proc/thread-self/exe")
"""Paths of whatever the process runs: on this machine they are the program that replays."""

_MADE, _ASSUMED = ev.EVF_MADE, ev.EVF_MADE | ev.EVF_ASSUMED


def assume_execs(trace: Trace, string: Callable[[str], int], folder: Path | None = None) -> None:
    """Insert the areas behind every exec without maps; `folder` is where the log lies.

    A log that begins behind an exec, and one whose files are not at hand, gets assumed areas if it has no
    page faults, which tell more.
    """
    if not trace.recorded or not len(trace):
        return
    files, seen = Files(folder, trace.arch), has_accesses(trace)
    like_x86 = trace.arch is None or trace.arch.startswith(_LIKE_X86_64)
    touched: _Touched | None = None
    inserts: list[Insert] = []
    starts = _starts(trace)
    shown = first_calls_of_all(trace, [(before, task) for before, task, _ in starts])
    for (before, task, program), start in zip(starts, shown, strict=True):
        placed = exec_areas(program, start, files, string)
        if not isinstance(placed, str) and not (placed.unplaced and seen):
            inserts.append(Insert(before, ev.K_INIT_MM, task, (start.brk, 0, placed.base, 0, 0), flags=_MADE))
            inserts += [Insert(before, ev.K_INIT_VMA, task, row, flags=_MADE) for row in placed.known]
            assumed = placed.assumed
            if seen:
                touched = touched or _Touched(trace)
                assumed = [*assumed[:-1], _stack_touched(touched.behind(before, task), assumed[-1])]
            inserts += [Insert(before, ev.K_INIT_VMA, task, row, flags=_ASSUMED) for row in assumed]
            _note(trace, placed.note)
            continue
        if isinstance(placed, str) and placed:
            _note(trace, placed)
        rows, sort = ([], "") if seen or not like_x86 else _guessed(start, program, files, string)
        inserts += [Insert(before, ev.K_INIT_VMA, task, row, flags=_ASSUMED) for row in rows]
        if rows:
            _note(
                trace,
                f"{counted(len(rows), 'area')} assumed behind the exec of {program}: the log has no"
                " maps of that moment,"
                f" and {'no file of this machine fits' if placed else 'the program is not at hand'}{sort}",
            )
        elif seen and trace.columns["kind"][before - 1] == ev.K_EXEC:
            _note(
                trace,
                f"of what the exec of {program} mapped only pages are known that the log shows being touched:"
                f" where there was another area, {NOT_COUNTED} (--maps brings it)",
            )
        elif trace.columns["kind"][before - 1] == ev.K_EXEC:
            _note(
                trace,
                f"what the exec of {program} mapped (program, loader, stack) is not in the log, and nothing shows"
                f" where: {NOT_COUNTED} (--maps brings it)",
            )
    insert(trace, inserts)


class _Touched:
    """Where each process touched memory, program by program: sorted once for all execs."""

    def __init__(self, trace: Trace) -> None:
        kinds = trace.columns["kind"]
        events = np.flatnonzero(np.isin(kinds, (ev.K_READ, ev.K_WRITE, ev.K_FAULT, ev.K_EXEC)))
        self._trace, self._pid_of = trace, trace.tasks["pid"]
        pids = self._pid_of[trace.columns["task"][events]]
        order = np.argsort(pids, kind="stable")
        self._pids, self._events = pids[order], events[order]

    def behind(self, before: int, task: int) -> npt.NDArray[np.int64]:
        """Addresses that the process of `task` touched from event `before` up to its next exec."""
        pid = self._pid_of[task]
        first, last = (int(np.searchsorted(self._pids, pid, side)) for side in ("left", "right"))
        mine = self._events[first:last]
        mine = mine[np.searchsorted(mine, before) :]
        execs = np.flatnonzero(self._trace.columns["kind"][mine] == ev.K_EXEC)
        return self._trace.columns["a0"][mine[: execs[0]] if len(execs) else mine].astype(np.int64)


def _stack_touched(places: npt.NDArray[np.int64], stack: Row) -> Row:
    """The assumed `stack` moved to where `places` touched behind the exec lie that can only be of one.

    What execve itself wrote there (arguments and environment) takes no fault: the end is a few pages higher. Without
    such a fault the stack stays where it is assumed.
    """
    top = stack[1]
    of_stack = places[(places >= top - _STACK_SPREAD) & (places < top)]
    if not len(of_stack):
        return stack
    end = (int(of_stack.max()) & -PAGE) + PAGE
    return (end - (top - stack[0]), end, *stack[2:])


def _note(trace: Trace, text: str) -> None:
    if text not in trace.notes:
        trace.notes.append(text)


def _starts(trace: Trace) -> list[tuple[int, int, str]]:
    """(event in front of which areas go, task, program): execs without maps, logs that begin behind one."""
    kind, task, ret = trace.columns["kind"], trace.columns["task"], trace.columns["ret"]
    out: list[tuple[int, int, str]] = []
    execs = rows_where(lambda kind: kind == ev.K_EXEC, kind)
    execs = execs[(ret[execs] >= 0) & (trace.columns["a1"][execs] == 0)]
    for event in execs.tolist():
        path = trace.strings[int(trace.columns["a0"][event])]
        if path in _ITSELF:
            path = _running(trace, event) or "(program)"
        out.append((event + 1, int(task[event]), path or "(program)"))
    roots = trace.tasks["parent"] < 0
    first = firsts(task, len(trace.tasks))
    first = first[first >= 0]
    begins = first[(kind[first] == ev.K_BRK) & (trace.columns["a0"][first] == 0) & (ret[first] > 0)]
    for event in begins.tolist():
        if roots[int(task[event])]:
            out.append((event, int(task[event]), "(program)"))
    return sorted(out)


def _running(trace: Trace, event: int) -> str:
    """What the process ran that executes /proc/self/exe at `event`; empty where the log does not show it."""
    columns, pids = trace.columns, trace.tasks["pid"].tolist()
    programs: dict[int, str] = {}
    before = {name: columns[name][:event] for name in ("kind", "task", "a0", "ret")}
    events = rows_where(lambda kind: one_of(kind, (ev.K_EXEC, ev.K_FORK)), before["kind"])
    words = (before[name][events].tolist() for name in ("kind", "task", "a0", "ret"))
    for kind, task, a0, ret in zip(*words, strict=True):
        if kind == ev.K_FORK:
            programs[pids[a0]] = programs.get(pids[task], "")
        elif ret >= 0 and trace.strings[a0] not in _ITSELF:
            programs[pids[task]] = trace.strings[a0]
    return programs.get(pids[int(columns["task"][event])], "")


def _guessed(start: Start, path: str, files: Files, string: Callable[[str], int]) -> tuple[list[Row], str]:
    """Areas that execve must have made, by address, and what kind of program they are of."""
    program = string(path)
    top = max((high for _, high in start.mapped), default=0)
    below = [r for r in start.relros if r[1] <= start.brk]
    above = [r for r in start.relros if start.mapped and r[0] >= top and r[0] > start.brk]
    if below and above and above[-1][0] >= 1 << 32:
        rows = _segments(below[0], program, start.brk)
        sort = _MAY_MISS
        if (below[0][1] - below[0][0]) // PAGE >= _LARGE and rows[-1][1] + PAGE <= start.brk:
            rows.append((rows[-1][1], rows[-1][1] + PAGE, _RW, 0, 0, 0))
            sort = _LIKELY
        loader = usual_interpreter(start, rows, files, string)
        if not loader:
            loader = _segments(above[0], string("(interpreter)"), STACK_TOP)
        low = loader[0][0]
        rows += special_areas(low, mapped_below(start, low), string)
        return [*rows, *loader, stack_area(string)], sort
    if start.libraries or not start.calls or start.brk >= 1 << 32 or (not start.brk and top):
        return [], ""
    return _static(start, below, program, string), "; it is taken to be static"


def _static(
    start: Start, below: list[tuple[int, int]], program: int, string: Callable[[str], int]
) -> list[Row]:
    """Areas of a static program: headers, code, read-only data, data, .bss, the vdso's and the stack."""
    relro = below[0] if below else (_FIXED_BASE + 3 * PAGE, _FIXED_BASE + 4 * PAGE)
    rows = _segments(relro, program, start.brk or STACK_TOP)
    data = rows[-1][1]
    if not below:  # nothing shows a RELRO part, which would come apart from the data
        rows[-1] = (*rows[-1][:3], 3 * PAGE, *rows[-1][4:])
    if not start.brk or data + PAGE <= start.brk:
        rows.append((data, data + PAGE, _RW, 0, 0, 0))
    if start.first > 1 << 32:
        return [*rows, *special_areas(start.first + 8 * PAGE, start.first, string), stack_area(string)]
    return [*rows, *unplaced_special(string), stack_area(string)]


def _segments(relro: tuple[int, int], file: int, limit: int) -> list[Row]:
    """Headers, code, read-only data and the data segment that `relro` begins."""
    start = relro[0] - 3 * PAGE
    rows: list[Row] = [
        (start + i * PAGE, start + (i + 1) * PAGE, perms, i * PAGE, file, 0)
        for i, perms in enumerate((_R, _RX, _R))
    ]
    # its own page of the file is repeated, as linkers lay it out, so that it continues nothing
    rows.append((relro[0], max(relro[1], min(relro[1] + PAGE, limit)), _RW, 2 * PAGE, file, 0))
    return rows
