"""What `remaptrace sweep` does."""

from __future__ import annotations

import sys
from itertools import product

from ...errors import EXIT_FINDINGS, EXIT_OK
from ...machine.kernel import parsed_settings
from ...machine.load import load_kernel
from ...machine.machine import Machine
from ...machine.versions.releases import default_for
from ...sweep.jobs import plan, without
from ...sweep.run import on_cores, on_dask
from ...sweep.tables import Table
from ...trace.detect import discover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def sweep(
    traces: tuple[str, ...],
    *,
    arch: tuple[str, ...] = (),
    kernel: tuple[str, ...] = (),
    settings: tuple[str, ...] = (),
    host: str | None = None,
    output: str | None = None,
    form: str = "csv",
    jobs: int | None = None,
    dask: str | None = None,
) -> int:
    """A row for every trace on every machine; the exit status."""
    overrides = parsed_settings(settings)
    for one_arch, one_kernel in product(arch, kernel):
        Machine.load(one_arch, one_kernel, overrides, host)  # a wrong name stops before the first replay
    for name in () if arch else kernel:
        load_kernel(name)
    for name in () if kernel else arch:
        Machine.load(name, default_for(name), overrides, host)
    cells = plan(discover(traces), arch, kernel, overrides, host)
    replayed = 0
    with Table(_path(output), sys.stdout, form) as table:
        rest = without(cells, table.done)
        done = frozenset(table.done)
        for row in on_dask(rest, dask, done=done) if dask else on_cores(rest, jobs, done):
            table.add(row)
            replayed += 1
    if replayed < len(cells):
        sys.stderr.write(f"{len(cells) - replayed} of {len(cells)} rows were there already\n")
    return EXIT_FINDINGS if table.errors else EXIT_OK


def _path(name: str | None) -> Path | None:
    if not name:
        return None
    from pathlib import Path

    return Path(name)
