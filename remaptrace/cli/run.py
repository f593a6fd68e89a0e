"""`remaptrace run`: replay traces on a machine and report."""

from __future__ import annotations

from typing import Any

import click

from .options import (
    choice_options,
    maps_option,
    page_option,
    placing_options,
    process_options,
    report_option,
    rewrite_option,
)


@click.command("run")
@click.argument("traces", nargs=-1, required=True, metavar="TRACE...")
@process_options
@choice_options
@placing_options
@maps_option
@click.option(
    "-n",
    "--processes",
    default=3,
    show_default=True,
    metavar="N",
    help="Processes shown; 0: all, and all calls.",
)
@rewrite_option
@click.option(
    "--cache/--no-cache", default=False, help="Keep the parsed trace in the user's cache folder and reuse it."
)
@click.option(
    "--live", is_flag=True, help="With '-': show the state while the pipe is open, the report at its end."
)
@report_option("run")
@page_option
def command(**given: Any) -> int:
    """Replay each TRACE and report VMA counts, refused calls, fault outcomes and protections.

    A TRACE is a scenario (YAML), a strace, ftrace or perf recording, a recorded set or a folder of
    these; plain or compressed; '-' is standard input. Exit status 1: the replay differs from what was
    recorded or expected, or lines of the recording could not be read.
    """
    from .doing import run

    return run.run(**given)
