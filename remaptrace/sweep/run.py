"""Running the jobs: on the cores of this machine, or on an existing dask cluster.

Either way rows come back in the order of the jobs, and each trace is read once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from .. import errorcodes as ec
from ..errors import InputError, ReplayError, UsageError
from ..parent import end_with_parent
from .jobs import Job, Key, Row, by_trace, read, run_jobs, run_on


def on_cores(
    jobs: Sequence[Job], workers: int | None = None, done: Container[Key] = frozenset()
) -> Iterator[Row]:
    """The rows of `jobs` in order, computed on `workers` cores (default: all); not those of `done`.

    Many traces are shared out among processes, a trace each: what small ones cost is plain Python, of which
    threads run one at a time. The cells of few traces are shared out among threads: machine code runs beside
    itself, and each trace is in memory once. ReplayError RT600 if the system ends a process of the sweep.
    """
    workers = workers or len(os.sched_getaffinity(0))
    groups = by_trace(jobs)
    if workers == 1:
        for group in groups:
            yield from run_jobs(group, done)
    elif len(groups) < 2 * workers:
        for group in groups:
            yield from _on_threads(group, workers, done)
    else:
        yield from _on_processes(groups, workers, done)


def _on_threads(group: Sequence[Job], workers: int, done: Container[Key]) -> Iterator[Row]:
    """The rows of one trace."""
    if len(group) == 1:
        yield from run_jobs(group, done)
        return
    trace = read(group[0])
    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(run_on, job, trace, done) for job in group]
        yield from (row for future in _in_turn(pool, waiting) if (row := future.result()) is not None)


def _on_processes(groups: Sequence[Sequence[Job]], workers: int, done: Container[Key]) -> Iterator[Row]:
    """The rows of many traces. At most twice as many groups as processes are begun before their turn."""
    yield from run_jobs(groups[0], done)  # here, so that the processes begin with everything loaded
    groups = groups[1:]
    with ProcessPoolExecutor(workers, get_context("fork"), _begin_worker) as pool:
        waiting: list[tuple[Sequence[Job], Future[list[Row]] | None]] = []
        rest = iter(groups)
        more = True
        try:
            while more or waiting:
                while more and len(waiting) < 2 * workers:
                    group = next(rest, None)
                    more = group is not None
                    if group is not None:  # what is no file may be open in this process alone
                        away = group[0].item.can_be_read_again()
                        waiting.append((group, pool.submit(_rows, group, done) if away else None))
                if waiting:
                    group, future = waiting.pop(0)
                    yield from run_jobs(group, done) if future is None else _of_worker(future, group)
        finally:
            for _, future in waiting:
                if future is not None:
                    future.cancel()


def _begin_worker() -> None:
    """Leave signals of the terminal to the process that is waited for, and end with it."""
    end_with_parent()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _rows(group: Sequence[Job], done: Container[Key]) -> list[Row]:
    return list(run_jobs(group, done))


def _of_worker(future: Future[list[Row]], group: Sequence[Job]) -> list[Row]:
    try:
        return future.result()
    except BrokenProcessPool:
        raise ReplayError(
            ec.RT_ARENA_FULL,
            "a process of the sweep was ended from outside, as systems do that run out of memory",
            path=group[0].trace,
            expected="fewer at once: -j 1; the rows that are there stay, and the next run goes on",
        ) from None


def _in_turn(pool: Executor, waiting: list[Future[Row | None]]) -> Iterator[Future[Row | None]]:
    try:
        yield from waiting
    finally:
        for future in waiting:
            future.cancel()


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
