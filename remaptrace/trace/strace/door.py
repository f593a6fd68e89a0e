"""One strace log, read by whichever reader pays: line by line, or by compiled code with odd lines left to the first."""

from __future__ import annotations

import os
from mmap import mmap

from ...machinecode import ready
from ...machinecode.ready import Progress
from ..events import Trace
from .read import Log, StraceReader

COMPILED_FROM = 512 << 10
"""Bytes from which loading the compiled reader is earned back."""


def read_strace(
    data: bytes | memoryview,
    *,
    name: str,
    source: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Trace:
    """The trace that one log holds. `name` is its path; `source` its number for the column of sources.

    Large logs are read by compiled code, on `threads` threads (default: the processors, at most 4). What is
    read does not depend on it. `progress` is called with the phase "read", how much is done and the whole.
    Raises InputError RT301 if the log has lines and none of them can be read.
    """
    log = _whole(data)
    reader: StraceReader
    if b"\n > " in log[:COMPILED_FROM] or len(log) < COMPILED_FROM or not ready.pays("strace", len(log)):
        reader = StraceReader(log, name, source)
    else:
        from .fast import FastStraceReader  # numpy tables of the machine: small logs do without

        if threads is None:
            threads = min(os.cpu_count() or 1, 4)
        reader = FastStraceReader(log, name, source, threads, progress)
    reader.read_all()
    return reader.finish()


def _whole(data: bytes | memoryview) -> Log:
    """`data` as something that can be searched: what stands behind a view of all of it, or a copy."""
    if isinstance(data, memoryview):
        behind = data.obj
        return behind if isinstance(behind, bytes | mmap) and len(behind) == data.nbytes else bytes(data)
    return data
