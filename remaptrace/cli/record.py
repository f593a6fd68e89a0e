"""`remaptrace record`: a program, or a running process, as a recorded set; then its replay."""

from __future__ import annotations

import re
import sys

import click

from ..errorcodes import RT_USAGE
from ..errors import RemapTraceError, UsageError
from ..sizes import parse_size
from .options import seconds_of


@click.command("record", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("program", nargs=-1, type=click.UNPROCESSED, metavar="[--] CMD [ARG...]")
@click.option("-o", "--output", metavar="DIR", help="The new set. Default: remaptrace-PROGRAM-PID.")
@click.option(
    "--with", "backend", type=click.Choice(["auto", "trace", "ptrace", "perf"]), default="auto", show_default=True,
    help="trace: tracefs, as root. ptrace: own tracer, needs no rights. perf: perf record.",
)  # fmt: skip
@click.option(
    "--counts", default="auto", show_default=True, metavar="auto|all|N|no",
    help="Read the kernel's counters behind every call, every Nth, or not at all.",
)  # fmt: skip
@click.option("--stacks", is_flag=True, help="Record who called: with perf.")
@click.option(
    "--call-graph", "unwind", type=click.Choice(["dwarf", "fp"]),
    help="As --stacks, followed by debug information (the default; any program) or frame pointers (cheaper; programs"
    " that have them).",
)  # fmt: skip
@click.option("--follow/--no-follow", default=True, show_default=True, help="Attach to children too.")
@click.option("--limit", metavar="SIZE", help="Stop recording, not the program, at this size (k, M, G).")
@click.option("--replay/--no-replay", default=True, show_default=True, help="Run the set afterwards.")
@click.option("-p", "--pid", type=click.IntRange(1), metavar="PID", help="Record a running process.")
@click.option(
    "--for", "seconds", callback=seconds_of, metavar="SECONDS", help="With -p: how long (5, 500ms, 2m)."
)
def command(
    program: tuple[str, ...],
    output: str | None,
    backend: str,
    counts: str,
    stacks: bool,
    unwind: str | None,
    follow: bool,
    limit: str | None,
    replay: bool,
    pid: int | None,
    seconds: float | None,
) -> int:
    """Record a program with its maps, calls, page faults and counters, and replay it.

    The set is a folder that every command reads without options. The program keeps its terminal, its signals and its
    exit status, which is also this command's; 125: the recording failed. Without rights ptrace is used; as root
    tracefs, which costs less and sees page faults too. One line tells which.
    """
    from ..record.session import record
    from ..record.wish import FAILED, Wish

    if bool(program) == bool(pid):
        raise UsageError(RT_USAGE, "say what to record", expected="a command, or -p PID")
    if counts not in ("auto", "all", "no") and not re.fullmatch(r"[1-9]\d{0,8}", counts):
        raise UsageError(RT_USAGE, f"--counts {counts}", expected="auto, all, no, or every how many calls")
    if seconds is not None and not pid:
        raise UsageError(RT_USAGE, "--for goes with -p", expected="-p PID --for SECONDS")
    wish = Wish(
        program, pid or 0, seconds, backend, counts, stacks or unwind is not None, unwind or "dwarf",
        follow, size_of(limit), output,
    )  # fmt: skip
    try:
        done = record(wish, _say)
    except RemapTraceError as error:
        from ..report.errortext import error_text

        sys.stderr.write(error_text(error))
        return FAILED
    if "exec_error" in done.facts:
        return done.status
    _say(f"recorded {done.folder}")
    if replay:
        _replay(str(done.folder))
    return done.status


def size_of(text: str | None) -> int:
    """``64M`` in bytes; 0 for None. UsageError RT501 for anything else."""
    if text is None:
        return 0
    found = parse_size(text)
    if found is None or found < 0:
        raise UsageError(RT_USAGE, f"--limit {text}", expected="a size as 500k, 64M or 1G")
    return found


def _say(text: str) -> None:
    sys.stderr.write(f"remaptrace: {text}\n")
    sys.stderr.flush()


def _replay(folder: str) -> None:
    """The report of the new set; what it finds is no failure of the program."""
    from .entry import run_command

    run_command(["run", folder])
