"""What VMAs and page tables cost in bytes on a machine, and what a recording of calls alone does not tell."""

from __future__ import annotations

from ...result.result import Result, Snapshot
from ...trace.events import Trace, has_accesses

_OF_PAGES = ("page_tables", "page_table_bytes", "frames_in_use", "frames_ever", "swap_used")
"""Totals of the machine that page faults decide."""


def not_recorded(trace: Trace) -> list[str]:
    """What the recorder of `trace` could not see, so that the replay knows nothing of it: null in the facts.

    Which pages a program touched decides all three; the few that calls populate are no answer.
    """
    if not trace.recorded or has_accesses(trace):
        return []
    return ["faults", "residence", "page_tables"]


def memory_facts(result: Result, peak: Snapshot | None) -> dict[str, int | None]:
    """Records and tables of the process with the most VMAs, at that moment, and counts of the whole machine.

    A VMA record is a vm_area_struct of the machine's kernel (rules vma_bytes, vma_bytes_32); what hangs
    on it (anon_vma_chain, tree nodes of kernels that keep them apart) is not counted. None: not recorded.
    """
    machine = result.machine
    seen = not not_recorded(result.trace)
    out: dict[str, int | None] = {}
    if peak is not None:
        size = machine.kernel.values["vma_bytes" if machine.arch.word_bits == 64 else "vma_bytes_32"]
        count = int(peak.facts.get("areas", len(peak.vmas)))
        tables = int(peak.facts.get("page_tables", 0)) + 1
        out = {
            "vmas": count,
            "vma_bytes": count * size,
            "page_tables": tables if seen else None,
            "page_table_bytes": tables * machine.page_size if seen else None,
            "rss_pages": sum(r["rss"] for r in peak.facts.get("resident", ())) if seen else None,
        }
    totals = {f"machine_{k}": v if seen or k not in _OF_PAGES else None for k, v in result.totals.items()}
    return {**out, **totals}
