"""What a replay found: one immutable object of columns and snapshots."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..trace.events import Trace


@dataclass(frozen=True)
class VmaRow:
    """One area of a snapshot. Addresses and offset in bytes; `vm_flags` as in engine.vmflags."""

    start: int
    end: int
    perms: str  # as in /proc/PID/maps
    offset: int
    file: str | None  # name as a scenario or /proc shows it; None: private anonymous
    vm_flags: int
    vmflags: str  # as in smaps
    inode: int = 0  # identity of the object, 0: none
    name: str = ""  # [heap], [stack], ...
    anon_vma: int = 0
    assumed: bool = False
    born: int = -1  # the event that made it; -1: unknown


@dataclass(frozen=True)
class PagesRow:
    """State of a range of pages, one letter a page, as the `pages` step reports it."""

    addr: int
    pages: str
    access: str
    file_pages: tuple[int | None, ...]
    pte: tuple[int, ...] = ()


@dataclass(frozen=True)
class ProtectionRange:
    """Neighbouring pages whose effective protection is not that of their VMA. Addresses in bytes."""

    start: int
    end: int
    vma: str  # as /proc/PID/maps shows the VMA: "rw-s"
    pte: str  # what the PTE allows: "r--", "---"
    reason: (
        str  # "pte" (per-PTE protection), "file pte", "guard", "clean" (write-protected by dirty tracking)
    )


@dataclass(frozen=True)
class Protections:
    """Effective protection of the pages of one address space that have a PTE.

    `pages` counts by protection and sharing as the PTE and the fault handler decide it, letters as in
    /proc/PID/maps; write-protection that a fault silently lifts (COW, clean file pages) is no difference.
    """

    pages: dict[str, int]
    differing: tuple[ProtectionRange, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """A whole address space at one moment."""

    event: int  # behind which event; -1: at the end
    task: int
    vmas: tuple[VmaRow, ...]
    name: str = ""
    pages: PagesRow | None = None
    facts: dict[str, Any] = field(default_factory=dict)  # mm step, brk, mmap_base, tables, rss, ...
    protections: Protections | None = None


@dataclass(frozen=True)
class Result:
    """One Trace on one Machine.

    Columns have one row an event: `ret` int64, `outcome` uint8, `minor`/`major` int32,
    `map_count` int32, `value` int16, `flags` uint8, `why` uint8; `total_vm`, `data_vm`, `stack_vm`,
    `locked_vm` int64 pages, only if the replay was asked for counters (truth checks).
    """

    trace: Trace
    machine: Any  # remaptrace.machine.Machine
    columns: dict[str, npt.NDArray[np.integer[Any]]]
    snapshots: tuple[Snapshot, ...]
    observed: dict[int, Snapshot]  # event number -> what an observing event saw
    totals: dict[str, int]  # page tables, peak map_count, frames, ...
    notes: tuple[str, ...] = ()
