"""Which protection the pages of an address space really have: the VMA's, or one of their own.

Read from Python, never changes the state. A page's protection is that of its VMA, except

* under a guard marker (MADV_GUARD_INSTALL): none;
* in a VMA with VM_MANYPROTS, where the PTE decides: its bits while present, the protection saved in a
  file PTE while absent (the RFP series, sections 1 and 3).

Write-protection that the fault handler lifts in silence (COW, clean pages under dirty tracking) is no
protection in this sense, unless VM_MANYPROTS makes it one.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...abi.vmflags import VM_MANYPROTS
from ...machine.archwords import A_PAGE_SHIFT
from ...result.arearow import perms_text
from ...result.result import ProtectionRange, Protections
from ..pages import pgwalk, pte
from ..state import H_ARCH, MM_TABLES, V_END, V_FLAGS, V_START
from .inspect import vmas

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_LETTERS = ("---", "r--", "-w-", "rw-", "--x", "r-x", "-wx", "rwx")  # r + 2w + 4x


def protections(m: Any, mm: int) -> Protections:
    """Effective protections of all pages of `mm` that have a PTE, and the ranges that differ from their VMA."""
    if m[mm + MM_TABLES] == 0:
        return Protections({}, ())  # no page has a PTE
    counts: dict[str, int] = {}
    ranges: list[ProtectionRange] = []
    size = 1 << m[H_ARCH + A_PAGE_SHIFT]
    for vma in vmas(m, mm):
        flags = int(m[vma + V_FLAGS])
        own = perms_text(flags)
        for addr, pages, word in ptes(m, mm, int(m[vma + V_START]), int(m[vma + V_END])):
            letters, reason = _page(m, flags, own, word)
            key = letters + own[3]
            counts[key] = counts.get(key, 0) + pages
            if letters == own[:3]:
                continue
            last = ranges[-1] if ranges else None
            end = addr + pages * size
            if last and (last.end, last.vma, last.pte, last.reason) == (addr, own, letters, reason):
                ranges[-1] = ProtectionRange(last.start, end, own, letters, reason)
            else:
                ranges.append(ProtectionRange(addr, end, own, letters, reason))
    return Protections(counts, tuple(ranges))


def ptes(m: Any, mm: int, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(address, pages, word) of every PTE in [start, end) that is not empty; a huge page is one of many pages."""
    size = 1 << m[H_ARCH + A_PAGE_SHIFT]
    addr = start
    while True:
        addr = pgwalk.next_leaf(m, mm, addr, end)
        if addr >= end:
            return
        stop = pgwalk.span_end(m, addr, end)
        slot = pgwalk.pmd_lookup(m, mm, addr)
        if slot and m[slot] == pgwalk.HUGE_ENTRY:
            yield addr, (stop - addr) // size, int(m[pgwalk.pmd_word(m, slot)])
        else:
            p = pgwalk.pte_lookup(m, mm, addr)
            for i in range((stop - addr) // size):
                word = int(m[p + i])
                if not pte.pte_none(m, word):
                    yield addr + i * size, 1, word
        addr = stop


def _page(m: Any, flags: int, own: str, word: int) -> tuple[str, str]:
    """Letters of one page and the reason where they are not the VMA's."""
    present = pte.pte_present(m, word)
    if not present and pte.pte_guard(m, word):
        return "---", "guard"
    if not flags & VM_MANYPROTS:
        return own[:3], ""
    if present:
        return _LETTERS[pte.pte_rights(m, word)], "pte"
    if pte.pte_file(m, word):
        saved = pte.mk_pte_prot(m, 0, pte.file_pte_prot(m, word))
        return _LETTERS[pte.pte_rights(m, saved)], "file pte"
    return own[:3], ""  # swapped out: the VMA's protection decides when it comes back
