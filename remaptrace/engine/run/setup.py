"""What a replay needs in the arena before its first event: tasks, names, references between events."""

from __future__ import annotations

import numpy as np

from ... import errorcodes as ec
from ...abi import vmanames
from ...abi.kinds import EVF_MADE, K_FORK
from ...errors import ReplayError
from ...machine.limitrules import R_NR_HUGEPAGES
from ...trace.events import Trace, distinct, has_accesses, holds_somewhere
from .. import marks
from ..state import (
    G_FOLLOW,
    G_NEXT_RELOCATION,
    G_NEXT_RETSOURCE,
    G_NO_ACCESSES,
    G_NO_FORKS,
    G_NPATHS,
    G_NTASKS,
    G_PATHS,
    G_REGISTER_UNKNOWN,
    G_RELOCATIONS,
    G_RETSOURCES,
    G_STRKINDS,
    G_TASKS,
    H_RULES,
    T_PID,
    T_TID,
    T_WORDS,
    kalloc,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_BRACKETED = {
    "[heap]": marks.NAME_HEAP,
    "[stack]": marks.NAME_STACK,
    "[vvar]": marks.NAME_VVAR,
    "[vvar_vclock]": marks.NAME_VVAR,
    "[vdso]": marks.NAME_VDSO,
    "[vsyscall]": marks.NAME_VSYSCALL,
}
_SHMEM_PREFIXES = ("/memfd:", "/dev/shm/", "/dev/zero", "/SYSV", "/anon_hugepage", "/run/")


def name_kind(text: str) -> int:
    """Which kind of area a name in a maps file stands for, or which kind of name it is, as a NAME_* of the engine."""
    if text.startswith("anon") and text[4:5] in (":", "@", "!"):
        if text == vmanames.UNREADABLE:
            return marks.NAME_VMA_UNREADABLE
        known = text.startswith(vmanames.POINTER) or vmanames.is_valid(text)
        return marks.NAME_VMA if known else marks.NAME_VMA_REFUSED
    if text.startswith("["):
        return _BRACKETED.get(text, marks.NAME_ANON)
    if text.startswith(_SHMEM_PREFIXES):
        return marks.NAME_SHMEM
    return marks.NAME_PATH if text else marks.NAME_ANON


def set_up(m: Any, trace: Trace, follow: bool) -> None:
    """Fill the arena's tables for `trace`."""
    m[G_FOLLOW] = 1 if follow else 0
    m[G_NO_ACCESSES] = 1 if trace.recorded and not has_accesses(trace) else 0
    m[G_NO_FORKS] = 1 if trace.recorded and _lacks_forks(trace) else 0
    if m[H_RULES + R_NR_HUGEPAGES]:
        from ..files.hugepool import pool_start

        pool_start(m)
    m[G_REGISTER_UNKNOWN] = 1 if trace.recorded else 0
    _tasks(m, trace)
    _strings(m, trace.strings)
    _references(m, trace)


def _lacks_forks(trace: Trace) -> bool:
    """Whether no line of the recording shows a birth, though it has processes that came out of nowhere."""
    if int((trace.tasks["parent"] < 0).sum()) <= 1:
        return False
    columns = trace.columns["kind"], trace.columns["flags"]
    return not holds_somewhere(lambda kind, flags: (kind == K_FORK) & ((flags & EVF_MADE) == 0), *columns)


def _alloc(m: Any, words: int) -> int:
    p = kalloc(m, max(words, 1))
    if p == 0:
        raise ReplayError(ec.RT_ARENA_FULL, "the trace's tables do not fit into the arena")
    return p


def _tasks(m: Any, trace: Trace) -> None:
    count = len(trace.tasks)
    table = _alloc(m, count)
    ids = zip(trace.tasks["tid"].tolist(), trace.tasks["pid"].tolist(), strict=True)
    for i, (tid, pid) in enumerate(ids):
        task = _alloc(m, T_WORDS)
        m[task + T_TID] = tid
        m[task + T_PID] = pid
        m[table + i] = task
    m[G_TASKS] = table
    m[G_NTASKS] = count


def _strings(m: Any, strings: list[str]) -> None:
    m[G_NPATHS] = len(strings)
    m[G_PATHS] = _alloc(m, len(strings))
    kinds = m[G_STRKINDS] = _alloc(m, len(strings))
    for i, text in enumerate(strings):
        m[kinds + i] = name_kind(text)


def _references(m: Any, trace: Trace) -> None:
    """Relocations as rows (event, argument, row of the source, addend), sources as rows (event, result)."""
    table = trace.relocations
    sources = distinct(table["source"]) if table is not None else np.zeros(0, dtype=np.int64)
    results = _alloc(m, 2 * len(sources) + 1)
    for i, source in enumerate(sources.tolist()):
        m[results + 2 * i] = source
    m[results + 2 * len(sources)] = -1
    m[G_RETSOURCES] = m[G_NEXT_RETSOURCE] = results
    count = 0 if table is None else len(table)
    rows = _alloc(m, 4 * count + 1)
    if table is not None:
        slots = results + 2 * np.searchsorted(sources, table["source"])
        columns = (table["event"].tolist(), table["arg"].tolist(), slots.tolist(), table["addend"].tolist())
        for at, reference in zip(range(rows, rows + 4 * count, 4), zip(*columns, strict=True), strict=True):
            m[at], m[at + 1], m[at + 2], m[at + 3] = reference
    m[rows + 4 * count] = -1
    m[G_RELOCATIONS] = m[G_NEXT_RELOCATION] = rows
