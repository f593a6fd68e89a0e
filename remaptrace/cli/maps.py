"""`remaptrace maps`: an address space at any moment of a replay."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..errorcodes import RT_MOMENT, RT_USAGE
from ..errors import UsageError
from . import output as out
from . import session
from .answers.moments import WITH_EVENTS, EventNumber, Line, event_of
from .options import (
    choice_options,
    format_option,
    output_option,
    placing_options,
    process_options,
)

if TYPE_CHECKING:
    from ..machine.machine import Machine
    from ..result.result import Snapshot
    from ..trace.events import Trace


def _address(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """A number, decimal or 0x hexadecimal, of at most 64 bits."""
    if value is None:
        return None
    try:
        number = int(value, 0)
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 64:
        raise UsageError(
            RT_USAGE,
            f"{value!r} is not an address",
            expected="a number of at most 64 bits, such as 0x40000000",
        )
    return number


@click.command("maps")
@click.argument("trace", metavar="TRACE")
@process_options
@choice_options
@placing_options
@click.option(
    "--at",
    type=EventNumber(),
    metavar="EVENT|FILE:LINE",
    help="Behind this event (counted from 0) or line. [default: the end]",
)
@click.option(
    "--pid", type=int, metavar="P", help="Of this process. [default: that of the event, or with most VMAs]"
)
@click.option("--smaps", is_flag=True, help="With resident pages and VmFlags of each area.")
@click.option("--pte", callback=_address, metavar="ADDR", help="Only the PTE word of ADDR, bit by bit.")
@click.option(
    "--maps",
    "maps",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="/proc/PID/maps files, as in run.",
)
@format_option("rich", "plain", "json")
@output_option
def command(
    threads_of: int | None,
    trace: str,
    choice: session.Choice,
    placing: str | None,
    at: int | Line | None,
    pid: int | None,
    smaps: bool,
    pte: int | None,
    maps: tuple[str, ...],
    form: str,
    output: str | None,
) -> None:
    """Show /proc/PID/maps of a simulated process.

    Without --at: at the end of the trace, or right before the process exits.
    """
    found = [t for _, t in session.load_traces([trace], threads_of=threads_of, maps=maps)]
    if len(found) != 1:
        raise UsageError(RT_USAGE, f"'{trace}' holds {len(found)} traces", expected="one trace; name it")
    machine = choice.machine(found[0])
    if at is None and form != "json" and not smaps and pte is None:
        _show_areas(found[0], machine, placing, pid, output)
        return
    moment = None if at is None else event_of(found[0], at)
    event = _moment(found[0], machine, placing, moment, pid)
    snapshot = _snapshot(found[0], machine, placing, event)
    _announce(found[0], event)
    if pte is not None:
        _show_pte(found[0], machine, placing, event, snapshot, pte, form, output)
        return
    from ..report import mapstext
    from ..trace.wording import place

    known = mapstext.identities(found[0].maps)
    if form == "json":
        from ..report.jsontext import to_json

        out.write_text([to_json(mapstext.maps_facts(snapshot, place(found[0], event)))], output)
    elif smaps:
        out.write_text(mapstext.smaps_text(snapshot, machine.page_size, known), output)
    else:
        out.write_text(mapstext.maps_lines(snapshot.vmas, known), output)


def _show_areas(
    trace: Trace, machine: Machine, placing: str | None, pid: int | None, path: str | None
) -> None:
    """The areas at the end, from the log of their changes: which process has most and what it has, in one replay."""
    import numpy as np

    from ..abi.kinds import K_EXIT
    from ..report.mapstext import identities, maps_lines

    if pid is None and not len(trace):
        raise UsageError(RT_MOMENT, "the trace has no event", trace.name, expected=WITH_EVENTS)
    result, _ = session.replay_timed(trace, machine, placing, ends=False, changes=True)
    counts = np.asarray(result.columns["map_count"])
    if pid is None:
        pid = int(trace.tasks["pid"][trace.columns["task"][int(counts.argmax())]])
    event = _last_of(trace, pid, len(trace) - 1, "")
    assert result.changes is not None
    behind = event - (int(trace.columns["kind"][event]) == K_EXIT)
    rows = result.changes.areas_at(behind, int(trace.columns["task"][event])) or ()
    _announce(trace, event)
    out.write_text(maps_lines(rows, identities(trace.maps)), path)


def _moment(trace: Trace, machine: Machine, placing: str | None, at: int | None, pid: int | None) -> int:
    """The event to look behind (or before, if it is an exit)."""

    count = len(trace)
    if not count:
        raise UsageError(RT_MOMENT, "the trace has no event", trace.name, expected=WITH_EVENTS)
    last = count - 1 if at is None else at
    tasks = trace.columns["task"][: last + 1]
    if pid is None:
        if at is not None:
            return at
        result, _ = session.replay_timed(trace, machine, placing)
        top = int(result.columns["map_count"].argmax())
        pid = int(trace.tasks[int(tasks[top])]["pid"])
    return _last_of(trace, pid, last, "" if at is None else f" up to event {at}")


def _last_of(trace: Trace, pid: int, last: int, when: str) -> int:
    """The last event up to `last` of a process."""
    import numpy as np

    mine = np.flatnonzero(trace.tasks["pid"] == pid)
    events = np.flatnonzero(np.isin(trace.columns["task"][: last + 1], mine))
    if not len(events):
        known = sorted({int(p) for p in trace.tasks["pid"]})
        some = ", ".join(map(str, known[:8])) + (", ..." if len(known) > 8 else "")
        raise UsageError(
            RT_MOMENT, f"process {pid} has no event{when}", trace.name, expected=f"one of: {some}"
        )
    return int(events[-1])


def _snapshot(trace: Trace, machine: Machine, placing: str | None, event: int) -> Snapshot:
    from ..abi.kinds import K_EXIT
    from ..trace.cutting import first_events

    exits = int(trace.columns["kind"][event]) == K_EXIT
    look = {"observe_before": [event]} if exits else {"observe_at": [event]}
    result, _ = session.replay_timed(first_events(trace, event + 1), machine, placing, ends=False, **look)
    return result.observed[event]


def _announce(trace: Trace, event: int) -> None:
    """Say on standard error whose areas these are and when: the data itself has no room for it."""
    from ..abi.kinds import K_EXIT
    from ..report.phrases import event_place
    from ..trace.wording import place

    where = place(trace, event)
    word = "before" if int(trace.columns["kind"][event]) == K_EXIT else "behind"
    sys.stderr.write(f"# {word} {event_place(where)}\n")


def _show_pte(
    trace: Trace,
    machine: Machine,
    placing: str | None,
    event: int,
    snapshot: Snapshot,
    addr: int,
    form: str,
    path: str | None,
) -> None:
    from ..abi.kinds import K_EXIT
    from ..engine.look import ptedecode
    from ..report.jsontext import to_json
    from ..report.mapstext import pte_sheet
    from ..trace.cutting import first_events, with_pages

    until = event if int(trace.columns["kind"][event]) == K_EXIT else event + 1
    looked = with_pages(first_events(trace, until), int(trace.columns["task"][event]), addr, 1)
    result, _ = session.replay_timed(looked, machine, placing)
    pages = result.observed[len(looked) - 1].pages
    word = pages.pte[0] if pages else 0
    row = next((r for r in snapshot.vmas if r.start <= addr < r.end), None)
    kind = ptedecode.kind(machine.arch, word)
    fields = ptedecode.decode(machine.arch, word)
    if form == "json":
        facts = {
            "schema": "remaptrace/pte/1",
            "addr": addr,
            "word": word,
            "kind": kind,
            "fields": [vars(f) for f in fields],
        }
        out.write_text([to_json(facts)], path)
    elif form == "plain":
        out.write_text([pte_sheet(addr, row, word, kind, fields, 10_000).text()], path)
    else:
        out.show(pte_sheet(addr, row, word, kind, fields, out.width()), path, f"PTE of {addr:#x}")
