"""`remaptrace sweep`: many traces on many machines, as a table."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..defaults import DEFAULT_ARCH, DEFAULT_KERNEL
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
@click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="Threads. [default: one a core]")
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

    Rows appear as soon as they are complete. A table that is there already is gone on with: cells
    that it has are not replayed again. Exit status 1: some trace could not be replayed (column `error`).
    """
    from ..machine.kernel import parsed_settings
    from ..machine.machine import Machine
    from ..sweep.jobs import plan, without
    from ..sweep.run import on_dask, on_threads
    from ..sweep.tables import Table
    from ..trace.detect import discover

    overrides = parsed_settings(settings)
    arches, kernels = arch or (DEFAULT_ARCH,), kernel or (DEFAULT_KERNEL,)
    for one_arch in arches:
        for one_kernel in kernels:
            Machine.load(one_arch, one_kernel, overrides, host)  # a wrong name stops before the first replay
    cells = plan(discover(traces), arches, kernels, overrides)
    failed = 0
    with Table(Path(output) if output else None, sys.stdout, form) as table:
        rest = without(cells, table.done)
        for row in on_dask(rest, dask) if dask else on_threads(rest, jobs):
            table.add(row)
            failed += bool(row["error"])
    if len(rest) < len(cells):
        click.echo(f"{len(cells) - len(rest)} of {len(cells)} rows were there already", err=True)
    return EXIT_FINDINGS if failed else EXIT_OK
