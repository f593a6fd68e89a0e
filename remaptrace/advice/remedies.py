"""What would help, measured: the rewritten trace is replayed and its VMAs are counted."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator

import numpy as np

from ..abi.kinds import K_REMAP_FILE_PAGES
from ..abi.mman import OVERCOMMIT_NEVER
from ..defaults import DEFAULT_KERNEL
from ..engine.run.driver import Progress, replay
from ..lateclasses import dataclass
from ..machine.machine import Machine
from ..machine.rules import RULES
from ..result.result import Result
from ..rewrite.equivalence import allowed_alike
from ..rewrite.passes import PASSES, may_change, rewrite
from ..rewrite.rows import Rows, rows_of
from ..trace.cutting import kin, part_of
from ..trace.events import Trace
from .patterns import HOLES

NATIVE_KERNEL = "linux-2.6.21"
"""Where remap_file_pages is measured without its emulation."""


@dataclass(frozen=True)
class Remedy:
    """One way to need fewer VMAs. `before` and `after`: the peak of the process without and with it.

    Both are counted on `machine`, which is another kernel than the user's where his has not got what
    the remedy needs. `allowed_alike`: every access of the trace is allowed or refused as before.
    """

    name: str  # of the pass; "limit" for raising vm.max_map_count
    label: str
    machine: Machine
    before: int
    after: int
    changed: dict[str, int]  # what the pass did, in numbers
    allowed_alike: bool
    refused_calls: int  # more calls refused than before
    notes: tuple[str, ...] = ()

    @property
    def saved(self) -> float:
        """The share of the VMAs that is saved, 0 to 1."""
        return 1 - self.after / self.before if self.before else 0.0


_LABELS = {
    "guards": "guard regions (Linux 6.13)",
    "rfp": "per-PTE protections and offsets (2007)",
    "rfp-guards": "per-PTE protections (hypothetical)",
    "merge-order": "protections changed in one call",
    "dontneed": "MADV_DONTNEED instead of munmap",
    "no-nohugepage": "without MADV_NOHUGEPAGE",
    "no-names": "without names of memory",
}
HYPOTHETICAL = ("native", "rfp", "rfp-guards")
"""What only kernels of the past, or none, have."""
_KERNELS = {"rfp": "linux-2.6.21-rfp-intended", "rfp-guards": "linux-2.6.21-rfp-private"}


def remedies(
    result: Result,
    task: int,
    arch: str,
    follow: bool | None,
    progress: Progress | None = None,
    patterns: Collection[str] = (HOLES,),
) -> list[Remedy]:
    """Every remedy that changes something for the process of `task`: what exists first, the most helpful of it.

    `result` is the replay of the trace as it is; `arch` the architecture by the name that other kernels
    know it by; `patterns` those of the areas at the peak. The limit comes last: raising it saves nothing.
    """
    trace, machine = result.trace, result.machine
    own = _peak(result, trace, task)
    collecting = gc.isenabled()
    gc.disable()  # a row an event and areas by the thousand: all live, and looked through again and again
    try:
        found = [
            r
            for r in _measured(_alone(result, task, follow), task, arch, follow, progress, patterns)
            if any(r.changed.values())
        ]
    finally:
        if collecting:
            gc.enable()
    found.sort(key=lambda r: (r.name in HYPOTHETICAL, -r.saved))
    limit = Remedy("limit", "raise vm.max_map_count", machine, own, own, {}, True, 0)
    return [
        *(r for r in found if r.name not in HYPOTHETICAL),
        limit,
        *(r for r in found if r.name in HYPOTHETICAL),
    ]


def _alone(result: Result, task: int, follow: bool | None) -> Result:
    """`result` without the events of other programs, where a replay shows that they made no difference to it."""
    machine = result.machine
    if machine.kernel.values["overcommit_memory"] == OVERCOMMIT_NEVER:
        return result  # what others have is what it may not have
    events = kin(result.trace, task)
    part = part_of(result.trace, events)
    if part is None:
        return result
    alone = replay(part, machine, follow=follow, ends=False)
    equal = all(
        np.array_equal(alone.columns[name], result.columns[name][events])
        for name in ("ret", "outcome", "map_count")
    )
    return alone if equal else result


def _measured(
    result: Result,
    task: int,
    arch: str,
    follow: bool | None,
    progress: Progress | None,
    patterns: Collection[str],
) -> Iterator[Remedy]:
    trace = result.trace
    calls = int((trace.columns["kind"] == K_REMAP_FILE_PAGES).sum())
    emulated = (
        RULES["remap_file_pages"].choices[result.machine.kernel.values["remap_file_pages"]] == "emulated"
    )
    if calls and emulated:
        machine = Machine.load(arch, NATIVE_KERNEL)
        native = replay(trace, machine, follow=follow, progress=progress, ends=False)
        yield Remedy(
            "native",
            "native remap_file_pages (before 4.0)",
            machine,
            _peak(result, trace, task),
            _peak(native, trace, task),
            {"remap_file_pages": calls},
            allowed_alike(result, native, np.arange(len(trace))).equal,
            max(0, _refused(native) - _refused(result)),
        )
    rows: Rows | None = None
    for name in PASSES:
        if not may_change(trace, name) or (name == "dontneed" and HOLES not in patterns):
            continue
        rows = rows or rows_of(trace, result.columns["ret"])
        rewritten = rewrite(trace, [name], result.columns["ret"], rows)
        if not any(rewritten.counts.values()):
            continue
        machine = _machine_for(name, result.machine, arch)
        same = machine is result.machine
        before = result if same else replay(trace, machine, follow=follow, progress=progress, ends=False)
        after = replay(rewritten.trace, machine, follow=follow, progress=progress, ends=False)
        alike = allowed_alike(before, after, rewritten.origin).equal
        yield Remedy(
            name,
            _LABELS.get(name, PASSES[name].about),
            machine,
            _peak(before, trace, task),
            _peak(after, rewritten.trace, task),
            dict(rewritten.counts),
            alike,
            max(0, _refused(after) - _refused(before)),
            rewritten.notes,
        )


def _machine_for(name: str, own: Machine, arch: str) -> Machine:
    """The user's machine where it has what the pass needs, else the one on which the pass makes sense."""
    if name == "guards":
        rule = RULES["guard_regions"]
        if own.kernel.values["guard_regions"] != rule.choices.index("none"):
            return own
        return Machine.load(arch, DEFAULT_KERNEL)  # its own has no guard regions
    kernel = _KERNELS.get(name)
    return own if kernel is None else Machine.load(arch, kernel)


def _peak(result: Result, trace: Trace, task: int) -> int:
    pids = trace.tasks["pid"]
    mine = np.asarray(pids[trace.columns["task"]] == pids[task])
    return int(result.columns["map_count"][mine].max(initial=0))


def _refused(result: Result) -> int:
    returned = result.columns["ret"]
    return int(((returned < 0) & (returned >= -4095)).sum())
