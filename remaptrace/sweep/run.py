"""Running the jobs: on the cores of this machine, or on an existing dask cluster.

Either way rows come back in the order of the jobs, and each trace is read once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator, Sequence

from .. import errorcodes as ec
from ..errors import InputError, RemapTraceError, ReplayError, UsageError
from .crew import WorkerLost, in_order
from .jobs import Job, Key, Row, by_trace, read, run_jobs, run_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..trace.events import Trace

Groups = Sequence[Sequence[Job]]


def on_cores(
    jobs: Sequence[Job], workers: int | None = None, done: Container[Key] = frozenset()
) -> Iterator[Row]:
    """The rows of `jobs` in order, computed on `workers` cores (default: all); not those of `done`.

    Traces are shared out among processes, a trace each. The cells of fewer traces than processes are shared out behind
    one reading: processes that are forked then share the trace. ReplayError RT600 if the system ends one of them.
    """
    workers = workers or len(os.sched_getaffinity(0))
    groups = by_trace(jobs)
    if workers == 1:
        for group in groups:
            yield from run_jobs(group, done)
    elif len(groups) < workers:
        for group in groups:
            yield from _cells(group, workers, done)
    else:
        yield from _traces(groups, workers, done)


def _cells(group: Sequence[Job], workers: int, done: Container[Key]) -> Iterator[Row]:
    """The rows of one trace."""
    if len(group) == 1:
        yield from run_jobs(group, done)
        return
    trace = read(group[0])
    if not isinstance(trace, RemapTraceError):
        from ..engine.run.driver import prepare

        prepare(trace)
    yield from _shared_out([[job] for job in group], lambda cell: list(_row(cell[0], trace, done)), workers)


def _row(job: Job, trace: Trace | RemapTraceError, done: Container[Key]) -> Iterator[Row]:
    row = run_on(job, trace, done)
    if row is not None:
        yield row


def _traces(groups: Groups, workers: int, done: Container[Key]) -> Iterator[Row]:
    """The rows of many traces."""
    from ..engine.run.engines import is_compiled

    if len(groups) >= 2 * workers or not is_compiled():
        yield from run_jobs(groups[0], done)  # here, so that the processes begin with everything loaded
        groups = groups[1:]

    def rows(group: Sequence[Job]) -> Iterable[Row]:
        return _rows(group, done) if len(group) == 1 else run_jobs(group, done)

    yield from _shared_out(groups, rows, workers, _must_stay)


def _must_stay(group: Sequence[Job]) -> bool:
    """What is no file may be open in this process alone."""
    return not group[0].item.can_be_read_again()


def _shared_out(
    groups: Groups,
    work: Callable[[Sequence[Job]], Iterable[Row]],
    workers: int,
    here: Callable[[Sequence[Job]], bool] = lambda _: False,
) -> Iterator[Row]:
    try:
        yield from in_order(groups, work, workers, here)
    except WorkerLost as lost:
        raise ReplayError(
            ec.RT_ARENA_FULL,
            "a process of the sweep was ended from outside, as systems do that run out of memory",
            path=groups[lost.number][0].trace,
            expected="fewer at once: -j 1; the rows that are there stay, and the next run goes on",
        ) from None


def _rows(group: Sequence[Job], done: Container[Key]) -> list[Row]:
    return list(run_jobs(group, done))


def on_dask(
    jobs: Sequence[Job], address: str, timeout: str = "20s", done: Container[Key] = frozenset()
) -> Iterator[Row]:
    """The rows of `jobs` in order, computed by the workers of the dask scheduler at `address`; not those of `done`.

    A job whose worker is lost is run again elsewhere (dask.distributed does that). The workers must
    see the same trace files under the same absolute paths. Raises UsageError (RT813) without the extra
    `distributed`, InputError (RT814) if there is no scheduler at `address`.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(
            ec.RT_DISTRIBUTED,
            "a cluster needs the extra `distributed`",
            expected="pip install 'remaptrace[distributed]'",
        ) from None
    try:
        client = Client(address, timeout=timeout)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            ec.RT_SCHEDULER, "no dask scheduler answers", path=address, found=str(error)
        ) from error
    with client:
        groups = by_trace([job.for_elsewhere() for job in jobs])
        if len(groups) < 2 * sum(client.ncores().values()):  # too few to share out whole
            groups = [[job] for group in groups for job in group]
        # a group is a task: nothing is shared, so a lost worker costs only its cells
        futures = [client.submit(_rows, group, done, pure=False, retries=3) for group in groups]
        for future in futures:
            yield from future.result()
