"""One address space as some program wrote it out, whatever its form; and the trace that holds it alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...abi.kinds import EVF_MADE
from ...counting import be, counted
from ...errorcodes import RT_MAPS
from ...errors import InputError
from ...lateclasses import dataclass, field
from ..events import MapsFile, MapsRow, Trace, TraceBuilder
from ..recorded.areas import is_gate
from ..recorded.mapsfile import initial_rows

UNKNOWN_PERMS = "????"
"""Permissions of an area whose dump does not show them."""


@dataclass(frozen=True)
class Failed:
    """A request for memory whose refusal a dump tells of: `what` asked, for how many bytes (-1: not said).

    `line`: where it stands; `errno`: its name, "" if not said; `own`: a bound that the program gave itself, in words:
    the kernel refused nothing.
    """

    line: int
    what: str
    bytes: int = -1
    errno: str = ""
    own: str = ""


@dataclass(frozen=True)
class Dump:
    """The areas of one process, by address, without gate areas. Addresses, offsets and sizes in bytes.

    `flags` (VM_* as in abi.vmflags) and `resident` are per area, empty where the dump has none; `limit`: of
    the system, as the dump says it, 0: not said; `counted`: how many areas the dump says there were, -1: not
    said; `fault`: the address whose access ended the program, -1: not said; `missing`: what dumps of this form
    do not show, in words; `complete` False: areas may be left out; `failed`: what it says was refused; `limits`:
    bounds that it prints, in bytes, by name (AS, DATA, CommitLimit, Committed_AS, MemTotal, -1: none); `notes`: what
    was done to read it.
    """

    form: str
    path: str
    rows: tuple[MapsRow, ...]
    lines: tuple[int, ...] = ()
    flags: tuple[int, ...] = ()
    resident: tuple[int, ...] = ()
    limit: int = 0
    counted: int = -1
    fault: int = -1
    pid: int = 0
    program: str = ""
    missing: tuple[str, ...] = ()
    complete: bool = True
    page_size: int = 4096
    failed: Failed | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def shows_perms(self) -> bool:
        """Whether the dump tells who may read, write and execute."""
        return all(row.perms != UNKNOWN_PERMS for row in self.rows)


def without_gates(rows: Sequence[MapsRow], lines: Sequence[int]) -> tuple[list[MapsRow], list[int]]:
    """`rows` and their `lines` without what /proc prints behind the VMAs and no kernel counts."""
    kept = [(r, n) for r, n in zip(rows, lines, strict=True) if not is_gate(r) and r.start < 1 << 63]
    return [r for r, _ in kept], [n for _, n in kept]


def checked(rows: Sequence[MapsRow], lines: Sequence[int], path: str) -> None:
    """InputError RT325 at the first area that no address space can hold: empty, unaligned, overlapping."""
    before = 0
    for at, row in enumerate(rows):
        line = lines[at] if at < len(lines) else 0
        problem = ""
        if row.start >= row.end:
            problem = "the area ends where it begins or before"
        elif row.start % 4096 or row.end % 4096:
            problem = "the area is not page aligned"
        elif at and row.start < before:
            problem = "the area overlaps the one before it, or lies below it"
        if problem:
            raise InputError(
                RT_MAPS,
                problem,
                path,
                line,
                text=f"{row.start:x}-{row.end:x} {row.perms} {row.name}",
                expected="areas in the order of their addresses, each once",
            )
        before = row.end


def trace_of(dump: Dump, name: str) -> Trace:
    """A trace of one process that has these areas and does nothing. InputError RT325 without permissions."""
    if not dump.shows_perms:
        raise InputError(
            RT_MAPS,
            f"a {dump.form} shows no permissions, so nothing can be replayed on these areas",
            dump.path,
            expected="`remaptrace advise`, which counts them; or /proc/PID/maps",
        )
    builder = TraceBuilder()
    task = builder.task(dump.pid or 1, dump.pid or 1, dump.program)
    file = MapsFile(dump.path, dump.pid, "start", dump.rows, named=False)
    for kind, row, args in initial_rows(file, task, builder.string, 0):
        builder.event(kind, row, args, flags=EVF_MADE)
    count = len(dump.rows)
    notes = [f"{dump.path}: a {dump.form} of {counted(count, 'area')}, no calls: nothing is replayed on them"]
    if dump.counted > count:
        told = f"{dump.counted:,} areas" + (f", limit {dump.limit:,}" if dump.limit else "")
        less = dump.counted - count
        notes.append(f"the {dump.form} itself counted {told}: {less:,} of them {be(less)} not in the text")
    elif not dump.complete:
        notes.append(f"the {dump.form} may leave areas out")
    notes += dump.notes
    if dump.missing:
        notes.append(f"a {dump.form} does not show {', '.join(dump.missing)}")
    return builder.finish(
        format="maps", name=name, sources=[dump.path], recorded=True, notes=notes, maps=[file]
    )
