"""The cells of a sweep: which trace on which machine, in which order, and the row each one gives."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from ..errors import RemapTraceError
from ..lateclasses import dataclass, field, replace
from ..printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from ..machine.machine import Machine
    from ..trace.detect import Item
    from ..trace.events import Trace

Row: TypeAlias = "dict[str, Any]"
Key = tuple[str, str, str]
"""What names a cell in a table: trace, architecture, kernel."""

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
"""The columns of a row. `error` is empty, or the code and words of what stopped the replay.

What nobody counted is None, an empty cell: all numbers of a replay that was stopped, and what page faults alone
tell where the recorder did not see them.
"""

_OF_ACCESSES = (
    *("minor_faults", "major_faults", "sigsegv", "sigbus", "other_outcomes"),
    "page_tables",
)


@dataclass(frozen=True)
class Job:
    """One cell. Without `arch` or `kernel` ("") the source's own is taken. `settings` are rules as of --set."""

    item: Item
    arch: str = ""
    kernel: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    host: str | None = None
    name: str = ""  # of the trace in the table, where `item` has another path

    @property
    def key(self) -> Key:
        """The cell's name, as far as it is known before the trace is read."""
        return cell(self.trace), self.arch, self.kernel

    @property
    def trace(self) -> str:
        """The path that names the trace in the table."""
        return self.name or self.item.paths[0]

    @property
    def is_named(self) -> bool:
        """True if the machine is known without a look at the source."""
        return bool(self.arch and self.kernel)

    def for_elsewhere(self) -> Job:
        """The same cell with paths that hold in every working directory; the table keeps the name given."""
        item = self.item
        paths = tuple(os.path.abspath(path) for path in item.paths)
        maps = tuple(os.path.abspath(path) for path in item.maps)
        return replace(self, item=replace(item, paths=paths, maps=maps), name=self.trace)


def cell(text: str) -> str:
    """`text` as a table may hold it: a spreadsheet takes what begins with one of =+-@ for a formula."""
    text = printable(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def plan(
    items: Sequence[Item],
    arches: Sequence[str],
    kernels: Sequence[str],
    settings: Mapping[str, Any] | None = None,
    host: str | None = None,
) -> list[Job]:
    """Every combination, trace by trace, so that neighbours share what a reader has parsed.

    No architectures, or no kernels: the source's own.
    """
    cells = itertools.product(items, arches or ("",), kernels or ("",))
    return [Job(item, arch, kernel, settings or {}, host) for item, arch, kernel in cells]


def without(jobs: Iterable[Job], done: Container[Key]) -> list[Job]:
    """The jobs whose rows are not in `done` yet. Of those that take the source's own machine nobody knows here."""
    return [job for job in jobs if not job.is_named or job.key not in done]


def by_trace(jobs: Iterable[Job]) -> list[list[Job]]:
    """The jobs in groups of neighbours that read the same trace."""
    return [list(group) for _, group in itertools.groupby(jobs, key=lambda job: (job.item, job.name))]


def run_job(job: Job) -> Row:
    """Replay one cell and sum it up. A trace that cannot be read gives a row with `error`, never an exception."""
    return next(run_jobs([job]))


def run_jobs(jobs: Sequence[Job], done: Container[Key] = ()) -> Iterator[Row]:
    """The rows of cells of one trace, which is read once; without those that `done` has."""
    trace: Trace | RemapTraceError | None = None
    for job in jobs:
        began = time.perf_counter()
        trace = trace if trace is not None else read(job)
        row = run_on(job, trace, done)
        if row is not None:
            row["seconds"] = round(time.perf_counter() - began, 3)
            yield row


def read(job: Job) -> Trace | RemapTraceError:
    """The trace of a cell, or why there is none."""
    try:
        trace = job.item.load()
    except RemapTraceError as error:
        return error
    if job.name:  # a folder's name may tell the kernel: as it was given, wherever it is read
        trace.sources = [job.name if path == job.item.paths[0] else path for path in trace.sources]
    return trace


def run_on(job: Job, trace: Trace | RemapTraceError, done: Container[Key] = ()) -> Row | None:
    """The row of a cell whose trace is read, with the seconds that it took here; None if `done` has it."""
    began = time.perf_counter()
    row: Row = dict.fromkeys(COLUMNS) | {
        "trace": cell(job.trace),
        "arch": job.arch,
        "kernel": job.kernel,
        "error": "",
    }
    from ..machine.own import own_machine, refuse_foreign

    try:
        if isinstance(trace, RemapTraceError):
            raise trace
        refuse_foreign(trace, job.arch or None)
        machine = own_machine(trace, job.arch or None, job.kernel or None, job.settings, job.host)
        row |= {"arch": job.arch or machine.arch.label, "kernel": job.kernel or machine.kernel.name}
        if (row["trace"], row["arch"], row["kernel"]) in done:
            return None
        row |= _replayed(trace, machine)
    except RemapTraceError as error:
        row["error"] = printable(str(error))
    row["seconds"] = round(time.perf_counter() - began, 3)
    return row


def _end_of_the_largest(trace: Trace, counts: Any) -> int:
    """The last VMA count of the process that had the most, as `run` shows it."""
    import numpy as np

    if not len(counts):
        return 0
    if len(trace.tasks) == 1:
        mine = counts[counts >= 0]
        return int(mine[-1]) if len(mine) else 0
    pids = trace.tasks["pid"][trace.columns["task"]]
    mine = counts[(pids == pids[int(np.argmax(counts))]) & (counts >= 0)]
    return int(mine[-1]) if len(mine) else 0


def _replayed(trace: Trace, machine: Machine) -> Row:
    import numpy as np

    from ..abi import outcomes
    from ..engine.run.driver import replay
    from ..trace.events import has_accesses

    result = replay(trace, machine, pages=False)
    columns = result.columns
    by_outcome = np.bincount(columns["outcome"], minlength=len(outcomes.NAMES))
    segv = outcomes.OUT_MAPERR, outcomes.OUT_ACCERR, outcomes.OUT_KERNELSEGV, outcomes.OUT_SPURIOUS
    known = {outcomes.OUT_NONE, outcomes.OUT_OK, outcomes.OUT_BUSERR, *segv}
    counts = columns["map_count"]
    unseen = dict.fromkeys(_OF_ACCESSES) if trace.recorded and not has_accesses(trace) else {}
    return {
        "events": len(trace),
        "processes": len(set(trace.tasks["pid"].tolist())),
        "peak_vmas": int(counts.max(initial=0)),
        "end_vmas": _end_of_the_largest(trace, counts),
        "calls_refused": int(((columns["ret"] < 0) & (columns["ret"] >= -4095)).sum()),
        "minor_faults": int(columns["minor"].sum()),
        "major_faults": int(columns["major"].sum()),
        "sigsegv": int(sum(by_outcome[i] for i in segv)),
        "sigbus": int(by_outcome[outcomes.OUT_BUSERR]),
        "other_outcomes": int(sum(n for i, n in enumerate(by_outcome) if i not in known)),
        "page_tables": int(result.totals.get("page_tables", 0)),
        "skipped_lines": len(trace.skipped),
    } | unseen
