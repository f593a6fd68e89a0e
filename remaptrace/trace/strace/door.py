"""One strace log, read by whichever reader pays: line by line, or by compiled code with odd lines left to the first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from mmap import mmap

import numpy as np

from ...machinecode import ready
from ...machinecode.ready import Progress
from ..events import Trace, distinct
from ..unborn import orphans
from .model import UNBORN
from .origin import left_out_protections
from .read import Log, StraceReader
from .threads import groups_of, joined_note
from .toldsizes import sizes_told

COMPILED_FROM = 512 << 10
"""Bytes from which loading the compiled reader is earned back."""


def read_strace(
    data: bytes | memoryview,
    *,
    name: str,
    source: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
    threads_of: int | None = None,
    threads_told: Mapping[int, int] | None = None,
) -> Trace:
    """The trace that one log holds. `name` is its path; `source` its number for the column of sources.

    Large logs are read by compiled code, on `threads` threads (default: the processors, at most 4). What is
    read does not depend on it. `progress` is called with the phase "read", how much is done and the whole.
    Threads whose birth the log does not show are processes of their own unless other lines prove that they are
    not; then the log is read once more. `threads_of`: they all belong to this process, 0: to the first one.
    `threads_told`: whoever recorded said whose they are (thread: process).
    Raises InputError RT301 if the log has lines and none of them can be read.
    """
    log = _whole(data)

    def read(groups: dict[int, int]) -> StraceReader:
        reader: StraceReader
        small = b"\n > " in log[:COMPILED_FROM] or len(log) < COMPILED_FROM
        if small or not ready.pays("strace", len(log)):
            reader = StraceReader(log, name, source)
        else:
            from .fast import FastStraceReader  # numpy tables of the machine: small logs do without

            count = threads if threads is not None else min(os.cpu_count() or 1, 4)
            reader = FastStraceReader(log, name, source, count, progress)
        reader.model.groups = groups
        reader.model.one_process = threads_of
        reader.read_all()
        return reader

    reader = read(dict(threads_told or {}))
    trace = reader.finish()
    if threads_of is None and not threads_told and len(orphans(trace)) > 1:
        groups = groups_of(trace, log, reader.exits)
        if groups.leader:
            trace = read(groups.leader).finish()
            trace.notes.append(joined_note(groups))
    trace.file_sizes = sizes_told(log)
    if left_out := left_out_protections(reader.model.left_out_protections):
        trace.notes.append(left_out)
    if UNBORN in trace.notes and not _several_act(trace):
        trace.notes.remove(UNBORN)
    return trace


def _several_act(trace: Trace) -> bool:
    """Whether several processes without a birth have events: those that only wait have no address space here."""
    roots = np.flatnonzero(trace.tasks["parent"] < 0)
    acting = distinct(trace.columns["task"])
    return len(set(trace.tasks["pid"][np.intersect1d(roots, acting)].tolist())) > 1


def _whole(data: bytes | memoryview) -> Log:
    """`data` as something that can be searched: what stands behind a view of all of it, or a copy."""
    if isinstance(data, memoryview):
        behind = data.obj
        return behind if isinstance(behind, bytes | mmap) and len(behind) == data.nbytes else bytes(data)
    return data
