"""`remaptrace advise` on what has no calls: a map, two maps, a live process."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errorcodes import RT_MISSING, RT_USAGE
from ...errors import InputError, UsageError
from ...interrupts import answered
from ...report.formats import text
from .. import output as out
from .. import session
from .pages import is_page, write_page

if TYPE_CHECKING:
    from ...report.documents.advise import AdviseGrowth, AdviseMap
    from ...report.documents.diff import DiffRecordings
    from ...result.result import Result
    from ...trace.dumps.dump import Dump


def dumps_of(paths: tuple[str, ...]) -> list[Dump] | None:
    """The dumps that `paths` name; None if the first is none. UsageError if only some of them are."""
    from ...trace.dumps.door import dump_of_path

    found = [dump_of_path(path) or _inside(path) for path in paths]
    if all(d is None for d in found):
        return None
    for path, dump in zip(paths, found, strict=True):
        if dump is None:
            raise UsageError(
                RT_USAGE,
                f"'{path}' is no map, and another input is one",
                expected="one or two maps, or one trace",
            )
    return [d for d in found if d is not None]


def _inside(path: str) -> Dump | None:
    """The dump that stands further down in a text which is no log; None if there is none."""
    from ...trace.dumps.door import read_dump
    from ...trace.formats import HEAD, recognise
    from ...trace.opening import can_be_read_again, read_input

    if os.path.isdir(path) or not can_be_read_again(path):
        return None
    try:
        with open(path, "rb") as file:
            if recognise(file.read(HEAD)) not in (None, "maps"):
                return None
        data = read_input(path)
    except (OSError, InputError):
        return None  # who reads it says what is wrong
    return read_dump(data, path) if recognise(data) == "maps" else None


def advise_dumps(
    dumps: list[Dump], choice: session.Choice, form: str, output: str | None, rows: int, picture: bool
) -> None:
    """Report on one map, or on what grew from the first to the second."""
    from ...advice.dumped import dump_bill
    from ...report.facts.dump import dump_facts, growth_facts

    if len(dumps) > 2:
        raise UsageError(RT_USAGE, f"{len(dumps)} maps are named", expected="one, or an old and a new one")
    bills = [dump_bill(d) for d in dumps]
    if len(bills) == 2:
        grown = growth_facts(bills[0], bills[1])
        deliver_areas(grown, form, output, rows, picture, drawn=_drawn(dumps, choice, form, output, picture))
    else:
        facts = dump_facts(bills[0], *_limit(dumps[0], choice))
        deliver_areas(facts, form, output, rows, picture, drawn=_drawn(dumps, choice, form, output, picture))


def advise_process(
    pid: int,
    every: float | None,
    times: int,
    choice: session.Choice,
    form: str,
    output: str | None,
    rows: int,
    picture: bool,
) -> None:
    """Report on a running process, once or `times` looks apart by `every` seconds (0: until it ends)."""
    from ...advice.dumped import dump_bill
    from ...report.facts.dump import dump_facts, growth_facts

    first = dump_bill(read_process(pid))
    limit = _limit(first.dump, choice, live=True)
    if every is None:
        drawn = _drawn([first.dump], choice, form, output, picture)
        deliver_areas(dump_facts(first, *limit), form, output, rows, picture, drawn=drawn)
        return
    begun = time.monotonic()
    last, seconds, looks = first, 0.0, 1
    try:
        with answered(1):
            while not times or looks < times:
                time.sleep(every)
                now = dump_bill(read_process(pid))
                seconds = time.monotonic() - begun
                looks += 1
                sys.stderr.write(f"{seconds:8.1f} s  {now.total:,} VMAs  {now.total - last.total:+,}\n")
                last = now
    except InputError:
        sys.stderr.write(f"# process {pid} has ended\n")
    except KeyboardInterrupt:
        sys.stderr.write("\n")
    drawn = _drawn([first.dump, last.dump], choice, form, output, picture)
    deliver_areas(growth_facts(first, last, round(seconds, 3)), form, output, rows, picture, drawn=drawn)


def _drawn(
    dumps: Sequence[Dump], choice: session.Choice, form: str, output: str | None, picture: bool
) -> list[Result]:
    """The areas of maps as replays that make them, for a page."""
    if form != "rich" or not is_page(output, picture):
        return []
    from ...trace.dumps.dump import trace_of

    traces = [trace_of(dump, dump.path) for dump in dumps]
    return [session.replay_timed(t, choice.machine(t), None, changes=True)[0] for t in traces]


def read_process(pid: int) -> Dump:
    """The areas of a running process, with their flags where the kernel lets us see them.

    InputError RT200 if there is no such process or it is not ours to look at.
    """
    from ...lateclasses import replace
    from ...trace.dumps.proc import read_proc

    data, error = b"", OSError(errno.ESRCH, "no such process")
    for name in ("smaps", "maps"):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file:
                data = file.read()
        except OSError as e:
            error = e
            continue
        if data:
            break
    if not data:
        alive = os.path.exists(f"/proc/{pid}")
        problem = (error.strerror or "cannot be read") if alive else "there is no such process"
        if alive and error.errno == errno.ESRCH:
            problem = "it has no address space: a kernel thread, or a process that has ended"
        raise InputError(RT_MISSING, problem, f"/proc/{pid}/maps", expected="a running process of yours")
    dump = read_proc(data, f"/proc/{pid}/maps")
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
            program = comm.read().strip()
    except OSError:
        program = ""
    return replace(dump, pid=pid, program=program)


def _limit(dump: Dump, choice: session.Choice, live: bool = False) -> tuple[int, str]:
    """vm.max_map_count and who says so: the options, the dump itself, this system, the kernel's default."""
    from ...trace.events import TraceBuilder

    machine = choice.machine(TraceBuilder().finish())
    asked = int(machine.kernel.values["max_map_count"])
    if (choice.settings or {}).get("max_map_count") is not None:
        return asked, "as set"
    if dump.limit:
        return dump.limit, "the file's own"
    if live:
        try:
            with open("/proc/sys/vm/max_map_count", encoding="ascii") as file:
                return int(file.read()), "of this system"
        except (OSError, ValueError):
            pass
    return asked, "the kernel's default"


def deliver_areas(
    facts: AdviseMap | AdviseGrowth | DiffRecordings,
    form: str,
    output: str | None,
    rows: int,
    picture: bool = False,
    title: str = "remaptrace advise",
    drawn: Sequence[Result] = (),
) -> None:
    """Write facts of one list of areas, or of what grew between two, in the form that was asked for.

    `drawn`: what a page has pictures of, replayed with its changes.
    """
    parts = text("areas", form, facts)
    if parts is not None:
        out.write_text(parts, output)
    else:
        from ...report.rich.dump import dump_sheet, growth_sheet

        if facts["schema"] == "remaptrace/advise-map/1":
            sheet = dump_sheet(facts, out.width(), rows)
        else:
            sheet = growth_sheet(facts, out.width(), rows)
        if output is not None and is_page(output, picture):
            from ...report.html.tables import dump_tables, growth_tables

            tables = (
                dump_tables(facts) if facts["schema"] == "remaptrace/advise-map/1" else growth_tables(facts)
            )
            write_page(output, title, sheet, [facts], drawn, tables)
        else:
            out.show(sheet, output, title)
