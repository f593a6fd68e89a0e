"""`remaptrace check`: replay everything that has its truth with it, and compare."""

from __future__ import annotations

from typing import Any

import click

from .options import choice_options, maps_option, page_option, placing_options, process_options, report_option


@click.command("check")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@process_options
@choice_options
@placing_options
@maps_option
@click.option(
    "-n",
    "--differences",
    default=3,
    show_default=True,
    metavar="N",
    help="Differences shown in full for each source; 0: all kept.",
)
@click.option(
    "--max",
    "bounds",
    multiple=True,
    metavar="MEASURE=N",
    help="Fail when a source needs more: peak_vmas, memory_calls, refused_calls, minor_faults, major_faults.",
)
@click.option(
    "--baseline", type=click.Path(), metavar="FILE", help="Fail when a measure is above that of FILE."
)
@click.option(
    "--write-baseline", type=click.Path(), metavar="FILE", help="Write every measure of each source."
)
@click.option("--kselftest-exit", is_flag=True, help="Exit status of kselftest: 0 pass, 1 fail, 4 skip.")
@report_option("check")
@page_option
def command(**given: Any) -> int:
    """Replay every scenario and recorded set in each PATH and compare with its truth.

    The truth is what a scenario expects, and what recorders saw: results, VMA counts, maps at exit,
    fault outcomes. Every expected field is compared. Exit status 1 on any disagreement.
    """
    from .doing import check

    return check.check(**given)
