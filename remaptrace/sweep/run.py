"""Running the jobs: threads on this machine, or an existing dask cluster.

Either way rows come back in the order of the jobs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from .. import errorcodes as ec
from ..errors import InputError, UsageError
from .jobs import Job, Row, run_job


def on_threads(jobs: Sequence[Job], workers: int | None = None) -> Iterator[Row]:
    """The rows of `jobs` in order, computed by `workers` threads (default: one a core).

    Compiled kernels release the interpreter lock. At most twice as many jobs as threads are begun
    before their turn, so memory stays bounded.
    """
    workers = workers or len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(workers) as pool:
        waiting: list[Future[Row]] = []
        rest = iter(jobs)
        try:
            for job in rest:
                waiting.append(pool.submit(run_job, job))
                if len(waiting) >= 2 * workers:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()


def on_dask(jobs: Sequence[Job], address: str, timeout: str = "20s") -> Iterator[Row]:
    """The rows of `jobs` in order, computed by the workers of the dask scheduler at `address`.

    A job whose worker is lost is run again elsewhere (dask.distributed does that). The workers must
    see the same trace files. Raises UsageError (RT813) without the extra `distributed`, InputError
    (RT814) if there is no scheduler at `address`.
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
        # every cell is its own task: nothing is shared, so a lost worker costs only its cells
        futures = [client.submit(run_job, job, pure=False, retries=3) for job in jobs]
        for future in futures:
            yield future.result()
