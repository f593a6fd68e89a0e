"""What a replay found: one immutable object of columns and snapshots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..abi.attributes import attributes
from ..abi.kinds import EVF_HAS_RET
from ..abi.rows import RSF_DIVERGED
from ..display import html_table, one_line
from ..lateclasses import dataclass, field
from ..trace.events import Trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ..arrowstream import ArrowTable
    from .changes import Changes


PIECE = 1 << 18
"""Events that are looked at together: what is made of all of a large recording at once would double its memory."""


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
    opened: int = 0  # identity of the open file description, which decides merging; 0: as `inode` and `file`
    pgoff: int = (
        -1
    )  # pages; of anonymous memory too, which mremap takes along; -1: as `offset`, or its address
    attributes: tuple[int, ...] = (
        attributes()
    )  # identities that keep it apart, as abi.attributes has them, 0: none
    fork_child: bool = False  # its anon_vma chain has more than one entry


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
    vmas: Sequence[VmaRow]
    name: str = ""
    pages: PagesRow | None = None
    facts: dict[str, Any] = field(default_factory=dict)  # mm step, brk, mmap_base, tables, rss, ...
    protections: Protections | None = None


@dataclass(frozen=True, repr=False)
class Result:
    """One Trace on one Machine.

    Itself a table for polars, pandas, pyarrow and duckdb (``__arrow_c_stream__``), with the columns of `table`.

    Columns have one row an event: `ret` int64, `outcome` uint8, `minor`/`major` int32,
    `map_count` int32, `value` int16, `flags` uint8, `why` uint8; `total_vm`, `data_vm`, `stack_vm`,
    `locked_vm` int64 pages, only if the replay was asked for counters (truth checks); `rss` int64, the pages that are
    present in the task's address space (VmRSS: without those of hugetlbfs), if it was asked for counters or changes.
    """

    trace: Trace
    machine: Any  # remaptrace.machine.Machine
    columns: dict[str, npt.NDArray[np.integer[Any]]]
    snapshots: tuple[Snapshot, ...]
    observed: dict[int, Snapshot]  # event number -> what an observing event saw
    totals: dict[str, int]  # page tables, peak map_count, frames, ...
    notes: tuple[str, ...] = ()
    at_refusals: Mapping[int, tuple[int, int, int]] = field(default_factory=dict)
    """Refused events of a followed recording: total_vm, data_vm, locked_vm then, pages."""
    most: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """pid: the most total_vm and data_vm it ever had, pages; of recordings with refusals only."""
    followed: bool = True  # addresses that the kernel chose were taken from the recording
    changes: Changes | None = None  # every change of areas, if the replay was asked for it
    looks: Callable[[int], Snapshot | None] | None = (
        None  # the address space behind an event, by replaying up to it
    )

    def __repr__(self) -> str:
        return one_line("Result", {"": self.trace.name or "unnamed", **self._facts()})

    def _repr_html_(self) -> str:
        return html_table(f"Result of {self.trace.name}", self._facts())

    def _facts(self) -> dict[str, object]:
        counts, flags = self.columns["map_count"], self.trace.columns["flags"]
        known = (flags & EVF_HAS_RET) != 0
        differs = int(((self.columns["flags"] & RSF_DIVERGED) != 0).sum())
        return {
            "events": f"{len(self.trace):,}",
            "machine": self.machine.name,
            "peak VMAs": f"{int(counts.max()):,}" if len(counts) and counts.max() >= 0 else "none",
            "recorded answers": f"{int(known.sum()):,}",
            "that differ": f"{differs:,}",
        }

    def vmas(self, at: int | None = None, pid: int | None = None) -> Sequence[VmaRow]:
        """The areas of an address space.

        `at` is an event: those of its task behind it (replayed up to there unless it was observed). Without it:
        those of process `pid`, or of the only process, at its end. LookupError if there is no such address space.
        """
        if at is not None:
            if not 0 <= at < len(self.trace):
                raise LookupError(f"event {at}: the trace has events 0 to {len(self.trace) - 1}")
            if self.changes is not None:
                found = self.changes.areas_at(at, int(self.trace.columns["task"][at]))
                if found is None:
                    raise LookupError(f"behind event {at} its task has no address space")
                return found
            shot = self.observed.get(at)
            if shot is None and self.looks is not None:
                shot = self.looks(at)
            if shot is None:
                raise LookupError(f"behind event {at} its task has no address space")
            return shot.vmas
        tasks = self.trace.tasks
        last = {int(tasks[s.task]["pid"]): s for s in self.snapshots if s.task >= 0}
        if pid is None:
            if len(last) != 1:
                raise LookupError(f"{len(last)} processes: name one with pid= ({', '.join(map(str, last))})")
            (pid,) = last
        if pid not in last:
            raise LookupError(f"no process {pid} ({', '.join(map(str, last))})")
        return last[pid].vmas

    def table(self) -> ArrowTable:
        """The result as columns, one row an event: what happened, and what this machine answered."""
        from .columns import result_table

        return result_table(self)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table().__arrow_c_stream__(requested_schema)

    def to_pandas(self) -> Any:
        """`table` as a pandas DataFrame. ImportError where pandas is not installed."""
        return self.table().to_pandas()

    def to_polars(self) -> Any:
        """`table` as a polars DataFrame. ImportError where polars is not installed."""
        return self.table().to_polars()

    def to_arrow(self) -> Any:
        """`table` as a pyarrow Table. ImportError where pyarrow is not installed."""
        return self.table().to_arrow()
