"""`remaptrace sweep`: many traces on many machines, as a table."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import click

from ..errors import EXIT_FINDINGS, EXIT_OK
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
def command(
    traces: tuple[str, ...],
    arch: tuple[str, ...],
    kernel: tuple[str, ...],
    settings: tuple[str, ...],
    host: str | None,
    output: str | None,
    form: str,
    jobs: int | None,
    dask: str | None,
) -> int:
    """Replay every TRACE on every combination of --arch and --kernel; one row each, in that order.

    Where none is named a trace is replayed on the machine that it comes from. Rows appear as soon as they are
    complete. A table that is there already is gone on with: cells that it has are not replayed again, unless
    they have an `error`. Exit status 1: the table has rows with an `error`.
    """
    from ..machine.kernel import parsed_settings
    from ..machine.load import load_kernel
    from ..machine.machine import Machine
    from ..machine.versions.releases import default_for
    from ..sweep.jobs import plan, without
    from ..sweep.run import on_cores, on_dask
    from ..sweep.tables import Table
    from ..trace.detect import discover

    overrides = parsed_settings(settings)
    for one_arch, one_kernel in itertools.product(arch, kernel):
        Machine.load(one_arch, one_kernel, overrides, host)  # a wrong name stops before the first replay
    for name in () if arch else kernel:
        load_kernel(name)
    for name in () if kernel else arch:
        Machine.load(name, default_for(name), overrides, host)
    cells = plan(discover(traces), arch, kernel, overrides, host)
    replayed = 0
    with Table(Path(output) if output else None, sys.stdout, form) as table:
        rest = without(cells, table.done)
        done = frozenset(table.done)
        for row in on_dask(rest, dask, done=done) if dask else on_cores(rest, jobs, done):
            table.add(row)
            replayed += 1
    if replayed < len(cells):
        click.echo(f"{len(cells) - replayed} of {len(cells)} rows were there already", err=True)
    return EXIT_FINDINGS if table.errors else EXIT_OK
