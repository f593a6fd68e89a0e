"""The cells of a sweep: which trace on which machine, in which order, and the row each one gives."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..printable import printable

if TYPE_CHECKING:
    from ..trace.detect import Item

Row = dict[str, Any]

COLUMNS = (
    "trace",
    "arch",
    "kernel",
    "events",
    "processes",
    "peak_vmas",
    "end_vmas",
    "calls_refused",
    "minor_faults",
    "major_faults",
    "sigsegv",
    "sigbus",
    "other_outcomes",
    "page_tables",
    "skipped_lines",
    "seconds",
    "error",
)
"""The columns of a row. `error` is empty, or the code and words of what stopped the replay."""


@dataclass(frozen=True)
class Job:
    """One cell. `settings` are rule overrides as of --set."""

    item: Item
    arch: str
    kernel: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """What names the cell in a table: trace, architecture, kernel."""
        return cell(self.trace), self.arch, self.kernel

    @property
    def trace(self) -> str:
        """The path that names the trace in the table."""
        return self.item.paths[0]


def cell(text: str) -> str:
    """`text` as a table may hold it: a spreadsheet takes what begins with one of =+-@ for a formula."""
    text = printable(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def plan(
    items: Sequence[Item],
    arches: Sequence[str],
    kernels: Sequence[str],
    settings: Mapping[str, Any] | None = None,
) -> list[Job]:
    """Every combination, trace by trace, so that neighbours share what a reader has parsed."""
    cells = itertools.product(items, arches, kernels)
    return [Job(item, arch, kernel, settings or {}) for item, arch, kernel in cells]


def without(jobs: Iterable[Job], done: set[tuple[str, str, str]]) -> list[Job]:
    """The jobs whose rows are not in `done` yet."""
    return [job for job in jobs if job.key not in done]


def run_job(job: Job) -> Row:
    """Replay one cell and sum it up. A trace that cannot be read gives a row with `error`, never an exception."""
    from ..errors import RemapTraceError

    began = time.perf_counter()
    row: Row = dict.fromkeys(COLUMNS, 0) | {
        "trace": cell(job.trace),
        "arch": job.arch,
        "kernel": job.kernel,
        "error": "",
    }
    try:
        row |= _replayed(job)
    except RemapTraceError as error:
        row["error"] = str(error)
    row["seconds"] = round(time.perf_counter() - began, 3)
    return row


def _replayed(job: Job) -> Row:
    import numpy as np

    from ..abi import outcomes
    from ..engine.run.driver import replay
    from ..machine.machine import Machine

    trace = job.item.load()
    result = replay(trace, Machine.load(arch=job.arch, kernel=job.kernel, overrides=dict(job.settings)))
    columns = result.columns
    by_outcome = np.bincount(columns["outcome"], minlength=len(outcomes.NAMES))
    segv = outcomes.OUT_MAPERR, outcomes.OUT_ACCERR, outcomes.OUT_KERNELSEGV, outcomes.OUT_SPURIOUS
    known = {outcomes.OUT_NONE, outcomes.OUT_OK, outcomes.OUT_BUSERR, *segv}
    counts = columns["map_count"]
    return {
        "events": len(trace),
        "processes": len({int(pid) for pid in trace.tasks["pid"]}),
        "peak_vmas": int(counts.max(initial=0)),
        "end_vmas": int(counts[-1]) if len(counts) else 0,
        "calls_refused": int(((columns["ret"] < 0) & (columns["ret"] >= -4095)).sum()),
        "minor_faults": int(columns["minor"].sum()),
        "major_faults": int(columns["major"].sum()),
        "sigsegv": int(sum(by_outcome[i] for i in segv)),
        "sigbus": int(by_outcome[outcomes.OUT_BUSERR]),
        "other_outcomes": int(sum(n for i, n in enumerate(by_outcome) if i not in known)),
        "page_tables": int(result.totals.get("page_tables", 0)),
        "skipped_lines": len(trace.skipped),
    }
