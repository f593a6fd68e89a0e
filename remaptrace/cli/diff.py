"""`remaptrace diff`: one trace on two or more machines."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..errorcodes import RT_USAGE
from ..errors import EXIT_FINDINGS, EXIT_OK, UsageError
from ..report.formats import text
from . import output as out
from . import session
from .answers.moments import EventNumber, Line, event_of
from .answers.pages import is_page, write_page
from .answers.rewriting import rewritten
from .options import (
    file_options,
    machine_options,
    page_option,
    placing_options,
    process_options,
    report_option,
    rewrite_option,
)

if TYPE_CHECKING:
    from ..machine.machine import Machine
    from ..machine.system.options import Configurations
    from ..report.documents.diff import Diff
    from ..result.diff import SideBySide
    from ..result.result import Result, Snapshot
    from ..trace.events import Trace
    from ..uml import UmlRun

_FIELDS = ("results", "addresses", "outcomes", "faults", "counts", "values", "protections")
_EXPLAINED_UP_TO = 300_000
"""Events in front of the first difference up to which its reason is looked for (about ten replays of them)."""


@click.command("diff")
@click.argument("traces", nargs=-1, required=True, metavar="TRACE [AFTER]")
@process_options
@machine_options(several=True)
@file_options(several=True)
@placing_options
@click.option("--only", multiple=True, type=click.Choice(_FIELDS), help="Compare only this; may be repeated.")
@click.option(
    "--ignore", multiple=True, type=click.Choice(_FIELDS), help="Do not compare this; may be repeated."
)
@click.option(
    "--at",
    type=EventNumber(),
    metavar="EVENT|FILE:LINE",
    help="Compare page protections behind this event or line. [default: at the peak]",
)
@rewrite_option
@click.option("--explain/--no-explain", default=True, help="Find the rule behind the first difference.")
@click.option("-n", "--rows", default=6, show_default=True, metavar="N", help="Rows of each table; 0: all.")
@report_option("diff")
@page_option
def command(
    threads_of: int | None,
    traces: tuple[str, ...],
    placing: str | None,
    only: tuple[str, ...],
    ignore: tuple[str, ...],
    at: int | Line | None,
    rewrites: tuple[str, ...],
    explain: bool,
    rows: int,
    form: str,
    output: str | None,
    picture: bool,
    **given: Any,
) -> int:
    """Replay TRACE on two or more machines and show what differs; the first is the base.

    With a second recording AFTER: what the two runs needed, matched by process and purpose of areas.
    Machines are the product of all --arch and --kernel. '--set KEY=VALUE' changes all of them, but for the
    forms '--set 2:KEY=VALUE', which changes the second. Exit status 1 if anything differs.
    """
    if len(traces) > 2:
        raise UsageError(RT_USAGE, f"{len(traces)} traces are named", expected="one trace, or two recordings")
    trace = traces[0]
    loaded = [t for _, t in session.load_traces([trace], threads_of=threads_of)]
    if len(loaded) != 1:
        raise UsageError(RT_USAGE, f"'{trace}' holds {len(loaded)} traces", expected="one trace; name it")
    if len(traces) == 2:
        return _two(loaded[0], traces[1], placing, form, output, rows, picture, given)
    machines = _machines(loaded[0], given)
    loaded = [rewritten(loaded[0], rewrites)]
    fields = [f for f in (only or _FIELDS) if f not in ignore]
    if not fields:
        raise UsageError(RT_USAGE, "--only and --ignore leave nothing to compare")
    start = time.perf_counter()
    changes = form == "rich" and output is not None and is_page(output, picture)
    results, peaks = _replay_all(loaded[0], machines, placing, at, changes)
    from ..result.diff import side_by_side

    found = side_by_side(results, fields)
    if explain:
        found = _explained(found, placing)
    from ..report.facts.diff import diff_facts

    hosts = _hosts(loaded[0], machines, placing)
    facts = diff_facts(found, peaks, time.perf_counter() - start, _configurations(given["config"]), hosts)
    if changes and output is not None:
        from ..report.rich.diff import diff_sheet

        sheet = diff_sheet(facts, out.width(), rows)
        from ..report.html.tables import diff_tables

        title = f"remaptrace diff {trace}"
        write_page(output, title, sheet, [facts], found.results, diff_tables(facts), machines=True)
    else:
        _deliver(facts, form, output, rows)
    return EXIT_OK if found.equal else EXIT_FINDINGS


def _two(
    old: Trace,
    path: str,
    placing: str | None,
    form: str,
    output: str | None,
    rows: int,
    picture: bool,
    given: Mapping[str, Any],
) -> int:
    """Two recordings, each on its own machine, or both on the one that the options name."""
    from .answers.recordings import diff_recordings

    if any(len(given[name]) > 1 for name in ("arch", "kernel", "config", "sysctl", "cmdline")):
        raise UsageError(RT_USAGE, "two traces on several machines", expected="two traces, or two machines")
    loaded = [t for _, t in session.load_traces([path])]
    if len(loaded) != 1:
        raise UsageError(RT_USAGE, f"'{path}' holds {len(loaded)} traces", expected="one trace; name it")
    arch, kernel, config, sysctl, cmdline = (
        (given[name] or (None,))[0] for name in ("arch", "kernel", "config", "sysctl", "cmdline")
    )
    choice = session.chosen(arch, kernel, given["settings"], given["host"], config, sysctl, cmdline)
    return diff_recordings(old, loaded[0], choice, placing, form, output, rows, picture)


def _machines(trace: Trace, given: Mapping[str, Any]) -> list[Machine]:
    """The machines to compare; UsageError when there is only one."""
    settings: tuple[str, ...] = given["settings"]
    shared = tuple(s for s in settings if not _row_of(s))
    own = [(_row_of(s), s.partition(":")[2]) for s in settings if _row_of(s)]
    names = list(itertools.product(given["arch"] or (None,), given["kernel"] or (None,)))
    configs: tuple[str, ...] = given["config"]
    if configs and not (given["arch"] or given["kernel"]):
        names = []
    if len(configs) > 1 and len(names) == 1:  # the kernel or architecture of all of them
        columns: list[_Column] = [(*names[0], c) for c in configs]
    else:
        columns = [(a, k, None) for a, k in names] + [(None, None, c) for c in configs]
    sysctls: tuple[str | None, ...] = given["sysctl"] or (None,)
    cmdlines: tuple[str | None, ...] = given["cmdline"] or (None,)
    rows = max([len(columns), len(sysctls), len(cmdlines), *(row for row, _ in own)])
    if len(columns) == 1:
        columns *= rows
    beyond = next((row for row, _ in own if row > len(columns)), 0)
    if len(columns) > 1 and beyond:
        text = f"--set {beyond}: names a machine that is not there"
        raise UsageError(RT_USAGE, text, found=f"{len(columns)} machines")
    if len(columns) < 2:
        expected = "a second --kernel, --arch, --config, --sysctl, --cmdline or --set 2:KEY=VALUE"
        raise UsageError(RT_USAGE, "a diff needs two machines", expected=expected)
    sysctls = _one_each(sysctls, len(columns), "--sysctl")
    cmdlines = _one_each(cmdlines, len(columns), "--cmdline")
    out = []
    files = zip(columns, sysctls, cmdlines, strict=True)
    for row, ((arch, kernel, config), sysctl, cmdline) in enumerate(files, 1):
        mine = shared + tuple(s for r, s in own if r == row)
        choice = session.chosen(arch, kernel, mine, given["host"], config, sysctl, cmdline)
        out.append(choice.machine(trace))
    return out


_Column = tuple[str | None, str | None, str | None]
"""Architecture, kernel and .config of a machine."""


def _one_each(files: tuple[str | None, ...], machines: int, option: str) -> tuple[str | None, ...]:
    if len(files) == 1:
        return files * machines
    if len(files) != machines:
        text = f"{len(files)} {option} for {machines} machines"
        raise UsageError(RT_USAGE, text, expected="one for all, or one each")
    return files


def _configurations(paths: Sequence[str]) -> Configurations | None:
    """What two or more .config files differ in; None for fewer."""
    if len(paths) < 2:
        return None
    from ..machine.system.configfiles import read_config
    from ..machine.system.options import compared

    return compared([read_config(path).options for path in paths])


def _row_of(setting: str) -> int:
    """N of ``N:KEY=VALUE``, else 0."""
    head, colon, _ = setting.partition(":")
    return int(head) if colon and head.isdecimal() else 0


def _replay_all(
    trace: Trace,
    machines: list[Machine],
    placing: str | None,
    given: int | Line | None,
    changes: bool = False,
) -> tuple[list[Result], list[Snapshot | None]]:
    """One replay a machine, with a snapshot at the moment to compare: `given`, or the base's peak."""
    at = None if given is None else event_of(trace, given)
    peak = "last" if at is None else ""
    base, _ = session.replay_timed(trace, machines[0], placing, changes=changes, peak=peak)
    moment = at if at is not None else session.peak_event(base)
    wanted = [] if moment is None else [moment]
    results = [base]
    for machine in machines[1:]:
        results.append(session.replay_timed(trace, machine, placing, observe_at=wanted, changes=changes)[0])
    if moment is not None:
        results[0] = session.with_look(base, moment)
    return results, [r.observed.get(moment) if moment is not None else None for r in results]


def _hosts(trace: Trace, machines: list[Machine], placing: str | None) -> list[UmlRun | None]:
    """What each guest asks of its host; None for a machine that is none. Empty where none is."""
    if all(machine.host is None for machine in machines):
        return []
    from ..uml import replay_uml

    follow = session.follows(placing)
    return [replay_uml(trace, m, follow=follow) if m.host is not None else None for m in machines]


def _explained(found: SideBySide, placing: str | None) -> SideBySide:
    from ..blame import blame

    reasons, follow = {}, session.follows(placing)
    for i, diff in enumerate(found.diffs):
        if 0 <= diff.first < _EXPLAINED_UP_TO:
            reasons[i] = blame(found.trace, diff.left.machine, diff.right.machine, diff.first, follow)
    return found.with_reasons(reasons)


def _deliver(facts: Diff, form: str, path: str | None, rows: int) -> None:
    parts = text("diff", form, facts)
    if parts is not None:
        out.write_text(parts, path)
    else:
        from ..report.rich.diff import diff_sheet

        out.show(diff_sheet(facts, out.width(), rows), path, "remaptrace diff")
