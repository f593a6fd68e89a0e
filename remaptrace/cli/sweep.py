"""`remaptrace sweep`: many traces on many machines, as a table."""

from __future__ import annotations

from typing import Any

import click

from .options import machine_options


@click.command("sweep")
@click.argument("traces", nargs=-1, required=True, metavar="TRACE...")
@machine_options(several=True)
@click.option(
    "-o", "--output", type=click.Path(), metavar="FILE", help="The table: .csv, .jsonl or .parquet."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("csv", "jsonl")),
    default="csv",
    show_default=True,
    help="Without -o.",
)
@click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="Cores to use. [default: all]")
@click.option("--dask", metavar="tcp://HOST:PORT", help="Use the workers of this dask scheduler.")
def command(**given: Any) -> int:
    """Replay every TRACE on every combination of --arch and --kernel; one row each, in that order.

    Where none is named a trace is replayed on the machine that it comes from. Rows appear as soon as they are
    complete. A table that is there already is gone on with: cells that it has are not replayed again, unless
    they have an `error`. Exit status 1: the table has rows with an `error`.
    """
    from .doing import sweep

    return sweep.sweep(**given)
