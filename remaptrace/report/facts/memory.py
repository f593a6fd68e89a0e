"""What VMAs and page tables cost in bytes on a machine."""

from __future__ import annotations

from ...result.result import Result, Snapshot


def memory_facts(result: Result, peak: Snapshot | None) -> dict[str, int]:
    """Records and tables of the process with the most VMAs, at that moment, and counts of the whole machine.

    A VMA record is a vm_area_struct of the machine's kernel (rules vma_bytes, vma_bytes_32); what hangs
    on it (anon_vma_chain, tree nodes of kernels that keep them apart) is not counted.
    """
    machine = result.machine
    out: dict[str, int] = {}
    if peak is not None:
        size = machine.kernel.values["vma_bytes" if machine.arch.word_bits == 64 else "vma_bytes_32"]
        count = int(peak.facts.get("areas", len(peak.vmas)))
        tables = int(peak.facts.get("page_tables", 0)) + 1
        out = {
            "vmas": count,
            "vma_bytes": count * size,
            "page_tables": tables,
            "page_table_bytes": tables * machine.page_size,
            "rss_pages": sum(r["rss"] for r in peak.facts.get("resident", ())),
        }
    return {**out, **{f"machine_{k}": v for k, v in result.totals.items()}}
