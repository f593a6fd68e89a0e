"""Comparing a Result with what was recorded: answers, counters, maps at exit, signals and page faults.

What is compared, each with its own tally:

* ``answers``: the recorded result of every memory call against the simulated one;
* ``map_counts``: the VMA count that a recorder read after a call (`Trace.truth`);
* ``counters``: total_vm, data_vm, stack_vm and locked_vm at the same moments, all four equal or not. Text
  without page faults does not show a stack grow; there a larger recorded stack is no difference;
* ``map_lines`` and ``map_files``: recorded /proc/PID/maps, line by line and as a whole: addresses,
  protection, offset, which file, names in brackets;
* ``map_flags``: the VmFlags line of each area that a recorded smaps has, where the replay has the same area
  and did not assume it. What no call changes is left out: sd, and lf before it had a name; of text without page
  faults also ac of private memory that is not writable, which tells that it was written before;
* ``faults``: recorded page faults and signals against the outcome of the same access.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from os.path import splitext
from typing import Any

import numpy as np
import numpy.typing as npt

from ..abi import kinds as ev
from ..abi.errnos import ERRNO_NOT_SHOWN
from ..abi.rows import RSF_DEAD, RSF_UNMODELLED
from ..lateclasses import replace
from ..trace.events import (
    MapsFile,
    MapsRow,
    Trace,
    are_memory_calls,
    has_accesses,
    occurs,
    one_of,
    rows_where,
)
from ..trace.opening import last_name
from ..trace.wording import event_text, place, result_text
from .agreement import FIRST, CheckOutcome, Disagreement, Tally
from .elsewhere import is_nameless, only_in, same_flags
from .faults import compared_faults, race_notes, raced_faults
from .ground import ground_of
from .result import PIECE, Result, VmaRow

_COUNTERS = ("total_vm", "data_vm", "stack_vm", "locked_vm")
_SHOWN_NAMES = ("[heap]", "[stack]", "[vdso]", "[vvar]", "[vvar_vclock]")

Bools = npt.NDArray[np.bool_]


def check_recorded(result: Result, name: str = "", path: str = "", seconds: float = 0.0) -> CheckOutcome:
    """How far `result` agrees with the recording that it replays.

    Only what the recording says is compared; a tally is there only if something was. Counters need a
    replay with ``counters=True``.
    """
    trace = result.trace
    tallies: dict[str, Tally] = {}
    found: list[Disagreement] = []
    compared, agree = _answered(result)
    every = (_answers(result, compared, agree), _counts(result), _counters(result), _maps(result))
    for what, tally, disagreements in chain.from_iterable(every):
        if tally.total:
            tallies[what] = tally
            found += disagreements
    raced = raced_faults(result)
    faults, same, words = compared_faults(result, raced)
    if len(faults):
        _, tallies["faults"], disagreements = _tally(trace, "faults", faults, same, words)
        found += disagreements
    found.sort(key=lambda d: d.event if d.event >= 0 else len(trace))
    source = trace.sources[0] if trace.sources else ""
    return CheckOutcome(
        name=name or trace.name or splitext(last_name(source))[0],
        path=path or source,
        kind="set",
        tallies=tallies,
        disagreements=tuple(found[:FIRST]),
        skipped=len(trace.skipped),
        notes=(*trace.notes, *result.notes, *race_notes(len(raced))),
        seconds=seconds,
        arch=result.machine.arch.label,
        kernel=result.machine.kernel.name,
        ground=ground_of(result, agree, faults[same], tallies),
    )


Found = Iterator[tuple[str, Tally, list[Disagreement]]]


def _differ(trace: Trace, what: str, event: int, expected: str, simulated: str) -> Disagreement:
    where = place(trace, event)
    return Disagreement(
        what, event, where["tid"], where["file"], where["line"], event_text(trace, event), expected, simulated
    )


def _tally(
    trace: Trace, what: str, compared: npt.NDArray[np.int64], equal: Bools, words: Any
) -> tuple[str, Tally, list[Disagreement]]:
    """The tally of `compared` events, and the first disagreements; `words(i)` gives both sides."""
    wrong = np.flatnonzero(~equal)[:FIRST].tolist()
    found = [_differ(trace, _FIELD[what], int(compared[i]), *words(i)) for i in wrong]
    return what, Tally(int(equal.sum()), len(equal)), found


_FIELD = {"answers": "result", "map_counts": "map_count", "counters": "counters", "faults": "outcome"}


_BELIEVED = (ev.K_IO_SETUP, ev.K_IO_DESTROY)
"""Calls whose recorded answers the replay takes: rings that lie in no log decide them."""


def _answered(result: Result) -> tuple[Bools, Bools]:
    """Of every event whether its recorded result is compared, and whether it came out equal."""
    compared, agree = np.zeros(len(result.trace), dtype=bool), np.zeros(len(result.trace), dtype=bool)
    for first in range(0, len(compared), PIECE):
        part = slice(first, first + PIECE)
        compared[part], agree[part] = _answered_in(result, part)
    if not result.followed:
        events = np.flatnonzero(compared)
        agree[events] |= _placed_by_itself(result, events)
    agree &= compared
    return compared, agree


def _answered_in(result: Result, part: slice) -> tuple[Bools, Bools]:
    """For the events of `part`: whether it is compared, whether both sides answer alike."""
    columns = result.trace.columns
    flags, kinds = columns["flags"][part], columns["kind"][part]
    skip = ev.EVF_INJECTED | ev.EVF_MADE | ev.EVF_UNFINISHED
    wanted = are_memory_calls(kinds) & ~one_of(kinds, _BELIEVED)
    wanted &= ((flags & ev.EVF_HAS_RET) != 0) & ((flags & skip) == 0)
    wanted &= (result.columns["flags"][part] & (RSF_UNMODELLED | RSF_DEAD)) == 0
    recorded, simulated = columns["ret"][part], result.columns["ret"][part]
    if _is_one(recorded, simulated):
        return wanted, wanted
    some_error = (recorded == -ERRNO_NOT_SHOWN) & (simulated < 0) & (simulated > -ERRNO_NOT_SHOWN)
    return wanted, (recorded == simulated) | some_error


def _is_one(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    """Whether both are the same memory: a replay whose answers are all as recorded has the column of its trace."""
    ours, theirs = one.__array_interface__, other.__array_interface__
    same = all(ours[key] == theirs[key] for key in ("typestr", "shape", "strides"))
    return same and ours["data"][0] == theirs["data"][0]  # the other word of it: who may write


_PLACING = (ev.K_MMAP, ev.K_OLD_MMAP, ev.K_MREMAP, ev.K_SHMAT)


def _placed_by_itself(result: Result, compared: npt.NDArray[np.int64]) -> Bools:
    """Which calls succeed on both sides though their addresses differ: where the machine places is its own answer.

    A break is compared with what was asked, which stands in the relocations (`trace.predicting`).
    """
    columns, relocations = result.trace.columns, result.trace.relocations
    kinds = columns["kind"][compared]
    recorded, simulated = columns["ret"][compared], result.columns["ret"][compared]
    placed = np.isin(kinds, _PLACING) & (recorded > 0) & (simulated > 0)
    brk = kinds == ev.K_BRK
    asked = columns["a0"][compared].astype(np.int64)
    first = brk & (asked == 0)
    there = asked.copy()
    if relocations is not None and brk.any():
        mine = relocations[(relocations["arg"] == 0) & (columns["kind"][relocations["event"]] == ev.K_BRK)]
        known = np.isin(compared, mine["event"]) & brk
        rows = mine[np.searchsorted(mine["event"], compared[known])]
        there[known] = result.columns["ret"][rows["source"]] + rows["addend"]
    moved = brk & ~first & ((recorded == asked) == (simulated == there))
    equal: Bools = placed | moved | (first & (recorded > 0) & (simulated > 0))
    return equal


def _answers(result: Result, compared: Bools, agree: Bools) -> Found:
    trace, kinds = result.trace, result.trace.columns["kind"]
    found: list[Disagreement] = []
    for event in rows_where(lambda one, other: one != other, compared, agree)[:FIRST].tolist():
        sides = (columns["ret"][event] for columns in (trace.columns, result.columns))
        expected, simulated = (result_text(int(ret), int(kinds[event])) for ret in sides)
        found.append(_differ(trace, _FIELD["answers"], event, expected, simulated))
    yield "answers", Tally(int(np.count_nonzero(agree)), int(np.count_nonzero(compared))), found


def _truth(result: Result) -> tuple[npt.NDArray[np.void], npt.NDArray[np.int64]] | None:
    """Rows of truth whose task has an address space, and their events."""
    truth = result.trace.truth
    if truth is None or not len(truth):
        return None
    events = truth["event"].astype(np.int64)
    alive = result.columns["map_count"][events] >= 0
    return truth[alive], events[alive]


def _counts(result: Result) -> Found:
    known = _truth(result)
    if known is None:
        return
    truth, events = known
    got = result.columns["map_count"][events]

    def words(i: int) -> tuple[str, str]:
        return f"{truth['map_count'][i]} areas", f"{got[i]} areas"

    yield _tally(result.trace, "map_counts", events, truth["map_count"] == got, words)


def _counters(result: Result) -> Found:
    known = _truth(result)
    if known is None or "total_vm" not in result.columns:
        return
    truth, events = known
    grown = np.zeros(len(events), dtype=np.int64)
    if not has_accesses(result.trace):
        grown = np.maximum(truth["stack_vm"] - result.columns["stack_vm"][events], 0)
    equal = np.ones(len(events), dtype=bool)
    for name in _COUNTERS:
        hidden = grown if name in ("total_vm", "stack_vm") else 0
        equal &= truth[name] == result.columns[name][events] + hidden

    def words(i: int) -> tuple[str, str]:
        pairs = [(n, int(truth[n][i]), int(result.columns[n][events[i]])) for n in _COUNTERS]
        pairs = [p for p in pairs if p[1] != p[2]]
        return ", ".join(f"{n} {a}" for n, a, _ in pairs), ", ".join(f"{n} {b}" for n, _, b in pairs)

    yield _tally(result.trace, "counters", events, equal, words)


# ---- maps ------------------------------------------------------------------------------------


def _maps(result: Result) -> Found:
    trace = result.trace
    files = agree_files = lines = agree_lines = flags = agree_flags = 0
    flaws: list[Disagreement] = []
    found: list[Disagreement] = []
    sees_growth = has_accesses(trace)
    told = _shows_files(trace)
    for recorded in trace.maps:
        shot = result.observed.get(recorded.event) if recorded.event >= 0 else None
        if shot is None:
            continue
        areas = tuple(shot.vmas)
        seen = recorded if sees_growth else _stack_as(recorded, areas)
        pairs = list(compare_maps(seen, areas, told=told))
        wrong = [p for p in pairs if p[0] != p[1]]
        files += 1
        agree_files += not wrong
        for row, area in _told_flags(recorded, areas):
            flags += 1
            if same_flags(row.vmflags, area, sees_writes=sees_growth):
                agree_flags += 1
            elif len(flaws) < FIRST:
                call = f"flags of {row.start:x}-{row.end:x} {row.name} in the {recorded.moment} maps of {recorded.tid}"
                sides = (only_in(row.vmflags, area.vmflags), only_in(area.vmflags, row.vmflags))
                flaws.append(
                    Disagreement("flags", recorded.event, recorded.tid, recorded.path, 0, call, *sides)
                )
        lines += len(pairs)
        agree_lines += len(pairs) - len(wrong)
        for number, (expected, simulated) in enumerate(wrong[:FIRST]):
            call = f"{recorded.moment} maps of {recorded.tid}, difference {number + 1} of {len(wrong)}"
            found.append(
                Disagreement(
                    "maps", recorded.event, recorded.tid, recorded.path, 0, call, expected, simulated
                )
            )
    yield "map_lines", Tally(agree_lines, lines), found[:FIRST]
    yield "map_files", Tally(agree_files, files), []
    yield "map_flags", Tally(agree_flags, flags), flaws


def _told_flags(recorded: MapsFile, areas: tuple[VmaRow, ...]) -> Iterator[tuple[MapsRow, VmaRow]]:
    """Recorded and simulated areas with the same borders, of which the recording tells the flags."""
    by_start = {area.start: area for area in areas if not area.assumed}
    for row in recorded.rows:
        area = by_start.get(row.start)
        if row.vmflags and area is not None and area.end == row.end:
            yield row, area


def _shows_files(trace: Trace) -> bool:
    """Whether a trace shows descriptors come and go; if not, one that it maps again may be of another file."""
    return occurs(trace.columns["kind"], (ev.K_OPEN, ev.K_CLOSE, ev.K_CLOSE_RANGE, ev.K_KNOWN_FD))


def compare_maps(
    recorded: MapsFile, areas: tuple[VmaRow, ...], *, told: bool = True
) -> Iterator[tuple[str, str]]:
    """Recorded and simulated line by line, aligned by start address, in words; equal words agree.

    Lines of one recorded file must be lines of one simulated object and the other way round. An object without a name
    may be one file with others (/dev/zero has many), and where no descriptor is `told`, any. [vsyscall] is no area.
    """
    rows = [row for row in recorded.rows if row.name != "[vsyscall]"]
    to_object: dict[tuple[str, int, str], int] = {}
    to_file: dict[int, tuple[str, int, str]] = {}
    left: dict[int, MapsRow] = {row.start: row for row in rows}
    right: dict[int, VmaRow] = {area.start: area for area in areas}
    for start in sorted(left.keys() | right.keys()):
        row, area = left.get(start), right.get(start)
        expected = _row_words(row, area) if row else "no area"
        simulated = _area_words(area) if area else "no area"
        if row and area:
            key = (row.dev, row.inode, row.name) if row.inode else ("", 0, "")
            nameless = is_nameless(area)
            if row.inode and area.inode and not (nameless and row.name.startswith("/dev/zero")):
                same = (nameless and not told) or to_file.setdefault(area.inode, key) == key
                if not nameless:
                    same &= to_object.setdefault(key, area.inode) == area.inode
                if not same:
                    simulated += f" (another file: {area.file})"
                    expected += f" {row.name}"
            elif bool(row.inode) != bool(area.inode):
                expected += f" {row.name or 'anonymous'}"
                simulated += f" {area.file or 'anonymous'}"
        yield expected, simulated


def _stack_as(recorded: MapsFile, areas: tuple[VmaRow, ...]) -> MapsFile:
    """`recorded` with its stack no larger than the simulated one: the text does not show its growth."""
    stack = next((area for area in areas if area.name == "[stack]"), None)
    if stack is None:
        return recorded
    rows = tuple(
        replace(row, start=max(row.start, stack.start))
        if row.name == stack.name and row.end == stack.end
        else row
        for row in recorded.rows
    )
    return replace(recorded, rows=rows)


def _is_shown(name: str) -> bool:
    """Whether a name says what an area is, or is the one that the program gave it."""
    return name in _SHOWN_NAMES or name.startswith(("[anon:", "[anon_shmem:"))


def _row_words(row: MapsRow, area: VmaRow | None = None) -> str:
    name = f" {row.name}" if _is_shown(row.name) else ""
    if area is not None and area.name in ("[anon:?]", "[anon_shmem:?]") and name:
        name = f" {area.name}"  # the log shows where the name stood, not what it was
    return f"{row.start:x}-{row.end:x} {row.perms} {row.offset:08x}{name}"


def _area_words(area: VmaRow) -> str:
    name = f" {area.name}" if _is_shown(area.name) else ""
    return f"{area.start:x}-{area.end:x} {area.perms} {area.offset:08x}{name}"
