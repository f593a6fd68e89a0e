"""Replays a trace in a User-mode Linux guest and what it asks of the host on the host's kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..abi.kinds import (
    K_CLOSE,
    K_CLOSE_RANGE,
    K_DUP,
    K_EXEC,
    K_EXECUTE,
    K_FAULT,
    K_KNOWN_FD,
    K_MARK,
    K_MEMFD,
    K_MPROTECT,
    K_MUNMAP,
    K_OPEN,
    K_PREAD,
    K_READ,
    K_UNMODELLED,
    K_WRITE,
)
from ..engine.marks import ALIVE
from ..engine.run.driver import replay
from ..engine.state import G_NTASKS, G_TASKS, MM_ID, T_ALIVE, T_MM
from ..errorcodes import RT_HOST
from ..errors import UsageError
from ..lateclasses import dataclass
from ..lateclasses import replace as dc_replace
from ..machine.archwords import A_TASK_SIZE
from ..machine.machine import Machine
from ..result.result import Result
from ..trace.events import Trace
from .flush import Space, flush, flush_forced
from .hosttrace import PAGE, STUBS, HostTrace, Stub, access_of
from .relocate import fit
from .today import Today

_NO_PAGES = frozenset(
    (K_OPEN, K_CLOSE, K_DUP, K_MEMFD, K_PREAD, K_KNOWN_FD, K_CLOSE_RANGE, K_UNMODELLED, K_MARK)
)


@dataclass(frozen=True)
class UmlRun:
    """Both sides of a guest's trace.

    `calls` counts the host calls by name, `batches` the runs of the stub that made them; `window` tells
    whether one window and remap_file_pages were used instead of page-wise mmap. `origin` has for each event of the
    host the guest's event that brought it about.
    """

    guest: Result
    host: Result
    calls: dict[str, int]
    batches: int
    window: bool
    origin: npt.NDArray[np.int64]


class _Deriver:
    """Watches a guest's replay and builds the host's trace."""

    def __init__(self, trace: Trace, host: HostTrace, task_size: int) -> None:
        self.columns = trace.columns
        self.lines = trace.columns.get("line")
        self.tasks = trace.tasks
        self.host = host
        self.task_size = task_size
        self.spaces: dict[int, Space] = {}  # by MM_ID
        self.rows: dict[int, int] = {}  # MM_ID: task row of the host trace
        self.owner: dict[int, int] = {}  # guest task row: MM_ID
        self.made: list[tuple[int, int]] = []  # guest event, host events behind it

    def __call__(self, m: Any, event: int) -> None:
        self._derive(m, event)
        self.made.append((event, len(self.host.b.rows)))

    def _derive(self, m: Any, event: int) -> None:
        row = int(self.columns["task"][event])
        kind = int(self.columns["kind"][event])
        line = int(self.lines[event]) if self.lines is not None else 0
        self._births(m, row, kind, line)
        self._deaths(m, line)
        mm = self._mm(m, row)
        if mm == 0 or m[mm + MM_ID] not in self.spaces:
            return
        space, target = self.spaces[m[mm + MM_ID]], self.rows[m[mm + MM_ID]]
        addr = int(self.columns["a0"][event])
        if kind in (K_READ, K_WRITE, K_EXECUTE, K_FAULT):
            self._access(m, mm, space, target, kind, event, line)
        elif kind in (K_MUNMAP, K_MPROTECT):
            end = addr + (int(self.columns["a1"][event]) + PAGE - 1 & -PAGE)
            self.host.send(target, flush(m, mm, space, max(addr, 0), max(end, 0)), line)
        elif kind not in _NO_PAGES:
            self.host.send(target, flush(m, mm, space, 0, self.task_size), line)

    def _mm(self, m: Any, row: int) -> int:
        task = m[m[G_TASKS] + row]
        return int(m[task + T_MM]) if m[task + T_ALIVE] == ALIVE else 0

    def _births(self, m: Any, row: int, kind: int, line: int) -> None:
        """Host processes for guest address spaces that are new: the first, a fork's, an exec's."""
        for other in range(m[G_NTASKS]):
            mm = self._mm(m, other)
            if mm == 0 or self.owner.get(other) == m[mm + MM_ID]:
                continue
            number = m[mm + MM_ID]
            before = self.owner.get(other)
            self.owner[other] = number
            if number in self.spaces:
                continue
            space = self.spaces[number] = Space()
            tid = int(self.tasks["tid"][other])
            if kind == K_EXEC and before is not None:
                self.rows[number] = self.rows[before]
                self.host.clear(self.rows[number], line)
                continue
            parent = self.owner.get(row)
            if not self.rows:
                self.rows[number] = self.host.start(tid, line)
            else:
                parent_row = self.rows[parent] if parent in self.rows else next(iter(self.rows.values()))
                self.rows[number] = self.host.fork(parent_row, tid, line)
                self.host.send_all(self.rows[number], flush_forced(m, mm, space), line)

    def _deaths(self, m: Any, line: int) -> None:
        for other in [o for o in self.owner if self._mm(m, o) == 0]:
            number = self.owner.pop(other)
            if number not in self.owner.values():
                self.host.exit(self.rows[number], line)
                del self.spaces[number]

    def _access(self, m: Any, mm: int, space: Space, target: int, kind: int, event: int, line: int) -> None:
        addr = int(self.columns["a0"][event])
        pages = max(int(self.columns["a2"][event]), 1) if kind != K_FAULT else 1
        if kind == K_FAULT:
            kind = access_of(int(self.columns["a1"][event]))
        for at in range(addr, addr + pages * PAGE, PAGE):
            page = at & -PAGE
            self.host.send(target, flush(m, mm, space, page, page + PAGE), line)
            if page in space.words and 0 <= page < self.task_size:
                self.host.access(target, kind, at, line)


def replay_uml(
    trace: Trace,
    machine: Machine,
    *,
    window: bool | None = None,
    follow: bool | None = None,
    changes: bool = False,
) -> UmlRun:
    """Replay `trace` in the guest `machine`, whose `host` must be given, and its host calls on that host.

    `window`: map guest memory through one window and remap_file_pages (default: where the host kernel
    knows protections in PTEs), else page by page. `follow` as in `replay`, for the guest.
    `changes` keeps the changes of areas of both. Raises UsageError
    RT407 for a machine without a host or an architecture that is not User-mode Linux, RT410 for a
    recording that does not fit; ReplayError as `replay`.
    """
    if machine.host is None or not machine.arch.host_arch:
        raise UsageError(
            RT_HOST,
            "a guest needs a User-mode Linux architecture and a host",
            expected="--arch um-... --host KERNEL",
        )
    stub = machine.arch.data.get("stub")
    if window is None:
        window = stub is None and machine.host.kernel.values["rfp_protections"] != 0
    if window and stub is not None:
        raise UsageError(
            RT_HOST,
            "User-mode Linux of 6.x has no window: it maps page by page",
            found=f"guest {machine.kernel.name}",
            expected="a 2.6 guest, or page-wise calls",
        )
    task_size = machine.arch.words[A_TASK_SIZE]
    pages = Stub(**stub["pages"]) if stub is not None else STUBS[machine.arch.word_bits]
    host = HostTrace(pages, task_size, machine.kernel.values["ram_pages"], window)
    trace = fit(trace, task_size)
    watcher: _Deriver | Today
    if stub is None:
        watcher = _Deriver(trace, host, task_size)
    else:
        keys = machine.host.kernel.values["pkeys"] != 0
        watcher = Today(trace, host, stub["flush"] == "at_once", keys)
    guest = replay(trace, machine, follow=follow, engine="interpreted", watch=watcher, changes=changes)
    derived = host.b.finish(
        name=f"{trace.name} on the host", sources=list(trace.sources), format="derived", recorded=False
    )
    result = replay(derived, machine.host, changes=changes)
    made = ", ".join(f"{count:,} {name}" for name, count in sorted(host.calls.items()))
    runs = f", in {host.batches:,} run{'s' * (host.batches != 1)} of the stub" if pages.batch else ""
    note = f"host calls of User-mode Linux: {made or 'none'}{runs}"
    result = dc_replace(result, notes=(note, *result.notes))
    events, ends = np.array(watcher.made or [(0, 0)], dtype=np.int64).T
    origin = np.repeat(events, np.diff(ends, prepend=0))
    return UmlRun(guest, result, dict(host.calls), host.batches, window, origin)
