"""Notes on recorded refusals whose reason the log does not show: the possible ones, and what would decide."""

from __future__ import annotations

import numpy as np

from ...abi.calls import KIND_NAMES
from ...abi.errnos import errno_name
from ...abi.mman import PROT_WRITE
from ...engine.why import WHY_LIMIT_MET, WHY_NOT_SHOWN, WHY_TAKEN
from ...result.result import Result
from ...trace.wording import Place, place
from ..words import number


def refusal_notes(result: Result) -> list[str]:
    """One sentence for each way in which a refusal rests on not knowing, with its first line and its numbers."""
    why = result.columns["why"]
    notes = []
    for reason in (WHY_LIMIT_MET, WHY_TAKEN, WHY_NOT_SHOWN):
        events = np.flatnonzero(why == reason)
        if len(events):
            more = f", and {number(len(events) - 1)} more" if len(events) > 1 else ""
            notes.append(_note(result, int(events[0]), reason, more))
    return notes


def _note(result: Result, event: int, reason: int, more: str) -> str:
    trace, columns = result.trace, result.columns
    kind = KIND_NAMES[int(trace.columns["kind"][event])]
    errno = errno_name(-int(columns["ret"][event]))
    head = f"{kind} refused with {errno} at {_spot(place(trace, event))}{more}: "
    limit = int(result.machine.kernel.values["max_map_count"])
    missing = limit - int(columns["map_count"][event])
    if reason == WHY_LIMIT_MET:
        return (
            f"{head}nothing that the log shows stands in the way, so the process was at vm.max_map_count: "
            f"{number(missing)} or {number(missing + 1)} areas were there that the log does not show; "
            "--maps brings them"
        )
    if reason == WHY_NOT_SHOWN:
        writable = int(trace.columns["a2"][event]) & PROT_WRITE if kind == "mprotect" else 0
        commit = "; the commit limit, which memory made writable is charged to" if writable else ""
        hole = "a part of the range was not mapped"
        causes = f"vm.max_map_count was met; {hole}" if kind in ("mprotect", "madvise") else hole
        return (
            f"{head}the log does not show what was mapped there, nor what else stood in the way. Possible, the "
            f"likeliest first: {causes}{commit}. --maps of that moment decides"
        )
    mapped = data = ""
    if "total_vm" in columns:
        page = result.machine.page_size
        total, private = (int(columns[name][event]) * page >> 10 for name in ("total_vm", "data_vm"))
        mapped, data = f", with {number(total)} KiB mapped", f", with {number(private)} KiB of data"
    return (
        f"{head}the log does not show which limit was met, so the refusal is taken from it. Possible, the likeliest "
        f"first: RLIMIT_AS (ulimit -v){mapped}; RLIMIT_DATA (ulimit -d){data}; the commit limit "
        f"(vm.overcommit_memory); vm.max_map_count, if {number(missing)} more areas were there. /proc/PID/limits and "
        f"CommitLimit of /proc/meminfo decide{'' if mapped else '; advise has the sizes'}"
    )


def _spot(at: Place) -> str:
    return f"line {number(at['line'])}" if at["line"] else f"event {number(at['event'])}"
