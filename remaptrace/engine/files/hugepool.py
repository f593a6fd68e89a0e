"""The pool of huge pages behind hugetlbfs, MAP_HUGETLB, MFD_HUGETLB and SHM_HUGETLB (mm/hugetlb.c).

One pool, of the architecture's huge page size. Counts are huge pages: of `total`, `free` are in nobody's hands and
`reserved` of those are promised to a mapping; `surplus` exist beyond what the administrator asked for, at most
`nr_overcommit_hugepages`, and go back to the system when freed. `assumed` were added because a log proves them.

A *reserve map* lists ranges of page indices in order (struct resv_map, file_region). Of an object that is shared it
lists what is reserved; of a private mapping what its owner has used up.
"""

from __future__ import annotations

from ...abi.rows import RSF_ASSUMED
from ...machine.archwords import A_HUGE_SHIFT, A_INDEX_BITS, A_PAGE_SHIFT
from ...machine.limitrules import R_NR_HUGEPAGES, R_NR_OVERCOMMIT_HUGE, R_RAM_PAGES
from ..jit import kernel, ult
from ..pages.frames import block_free, frame, frame_block
from ..state import (
    F_FLAGS,
    F_INDEX,
    F_OWNER,
    F_REFS,
    FF_DIRTY,
    FF_HUGE,
    FF_RESTORE,
    FF_UPTODATE,
    G_FOLLOW,
    G_HT_ASSUMED,
    G_HT_FREE,
    G_HT_RESERVED,
    G_HT_SURPLUS,
    G_HT_TOTAL,
    G_RSFLAGS,
    H_ARCH,
    H_RULES,
    I_FOLIO,
    RV_FIRST,
    RV_REFS,
    RV_WORDS,
    V_END,
    V_PGOFF,
    V_RESV,
    V_START,
    Mem,
    kalloc,
    kfree,
)

RG_NEXT, RG_FROM, RG_TO, RG_WORDS = 0, 1, 2, 4  # one range [from, to) of a reserve map
UNMAPPED = -1
"""V_RESV of a child's area from which the owner took a page back: every new fault in it is SIGBUS."""


# ---- reserve maps ----------------------------------------------------------------------------


@kernel
def region_count(m: Mem, head: int, low: int, high: int) -> int:
    """Indices of [low, high) that the map lists; `head` is the arena index of its first link."""
    total = 0
    at = m[head]
    while at != 0 and m[at + RG_FROM] < high:
        if m[at + RG_TO] > low:
            total += min(m[at + RG_TO], high) - max(m[at + RG_FROM], low)
        at = m[at + RG_NEXT]
    return total


@kernel
def region_add(m: Mem, head: int, low: int, high: int) -> int:
    """List [low, high) in the map, joining what it touches; 0 if the arena is full, else 1."""
    link = head
    while m[link] != 0 and m[m[link] + RG_TO] < low:
        link = m[link] + RG_NEXT
    at = m[link]
    while at != 0 and m[at + RG_FROM] <= high:
        low = min(low, m[at + RG_FROM])
        high = max(high, m[at + RG_TO])
        m[link] = m[at + RG_NEXT]
        kfree(m, at, RG_WORDS)
        at = m[link]
    new = kalloc(m, RG_WORDS)
    if new == 0:
        return 0
    m[new + RG_FROM] = low
    m[new + RG_TO] = high
    m[new + RG_NEXT] = m[link]
    m[link] = new
    return 1


@kernel
def region_del(m: Mem, head: int, low: int, high: int) -> int:
    """Take [low, high) off the map; how many indices it listed of them."""
    gone = region_count(m, head, low, high)
    link = head
    while m[link] != 0 and m[m[link] + RG_FROM] < high:
        at = m[link]
        first = m[at + RG_FROM]
        last = m[at + RG_TO]
        if last <= low:
            link = at + RG_NEXT
            continue
        m[link] = m[at + RG_NEXT]
        kfree(m, at, RG_WORDS)
        if last > high:
            region_add(m, head, high, last)
        if first < low:
            region_add(m, head, first, low)
            link = m[link] + RG_NEXT
        if last > high:
            break
    return gone


@kernel
def resv_new(m: Mem) -> int:
    """An empty reserve map of a private mapping with one user; 0: arena full."""
    resv = kalloc(m, RV_WORDS)
    if resv != 0:
        m[resv + RV_REFS] = 1
    return resv


@kernel
def resv_get(m: Mem, resv: int) -> int:
    """One more area uses the map (0 and UNMAPPED are allowed)."""
    if resv > 0:
        m[resv + RV_REFS] += 1
    return resv


@kernel
def resv_put(m: Mem, resv: int) -> int:
    """One area less uses the map; the last one frees it."""
    if resv <= 0:
        return 0
    m[resv + RV_REFS] -= 1
    if m[resv + RV_REFS] == 0:
        region_del(m, resv + RV_FIRST, 0, 1 << 62)
        kfree(m, resv, RV_WORDS)
    return 0


@kernel
def resv_close(m: Mem, vma: int) -> int:
    """The area goes: what its owner had reserved and not used returns (hugetlb_vm_op_close)."""
    resv = m[vma + V_RESV]
    if resv > 0:
        shift = m[H_ARCH + A_HUGE_SHIFT] - m[H_ARCH + A_PAGE_SHIFT]
        low = m[vma + V_PGOFF] >> shift
        high = low + ((m[vma + V_END] - m[vma + V_START]) >> m[H_ARCH + A_HUGE_SHIFT])
        pool_unreserve(m, high - low - region_count(m, resv + RV_FIRST, low, high))
        resv_put(m, resv)
    m[vma + V_RESV] = 0
    return 0


@kernel
def hugefile_shift(m: Mem, inode: int) -> int:
    """log2 of the page size of a file of hugetlbfs."""
    return m[inode + I_FOLIO] if m[inode + I_FOLIO] != 0 else m[H_ARCH + A_HUGE_SHIFT]


# ---- counts ----------------------------------------------------------------------------------


@kernel
def pool_resize(m: Mem, count: int) -> int:
    """Write `count` to nr_hugepages (set_max_huge_pages): what is in use becomes surplus, RAM bounds the rest."""
    most = m[H_RULES + R_RAM_PAGES] >> m[H_ARCH + A_INDEX_BITS]
    count = most if ult(most, count) else count
    persistent = m[G_HT_TOTAL] - m[G_HT_SURPLUS]
    if count > persistent:
        took = min(m[G_HT_SURPLUS], count - persistent)
        m[G_HT_SURPLUS] -= took
        more = count - persistent - took
        m[G_HT_TOTAL] += more
        m[G_HT_FREE] += more
        return 0
    least = max(count, m[G_HT_RESERVED] + m[G_HT_TOTAL] - m[G_HT_FREE])
    gone = max(0, min(persistent - least, m[G_HT_FREE]))
    m[G_HT_TOTAL] -= gone
    m[G_HT_FREE] -= gone
    persistent -= gone
    if persistent > count:
        m[G_HT_SURPLUS] += persistent - count
    return 0


@kernel
def pool_start(m: Mem) -> int:
    """The pool as the machine has it at the first event."""
    m[G_HT_TOTAL] = 0
    m[G_HT_FREE] = 0
    m[G_HT_SURPLUS] = 0
    return pool_resize(m, m[H_RULES + R_NR_HUGEPAGES])


@kernel
def pool_believe(m: Mem, count: int) -> int:
    """While a log is followed: `count` more pages, because what it shows needs them."""
    m[G_HT_TOTAL] += count
    m[G_HT_FREE] += count
    m[G_HT_ASSUMED] += count
    m[G_RSFLAGS] |= RSF_ASSUMED
    return 0


@kernel
def pool_reserve(m: Mem, count: int) -> int:
    """Promise `count` pages, with surplus ones where the free do not do (hugetlb_acct_memory); 1, or 0."""
    missing = m[G_HT_RESERVED] + count - m[G_HT_FREE]
    if missing > 0:
        if m[G_HT_SURPLUS] + missing > m[H_RULES + R_NR_OVERCOMMIT_HUGE]:
            return 0
        if (m[G_HT_TOTAL] + missing) << m[H_ARCH + A_INDEX_BITS] > m[H_RULES + R_RAM_PAGES]:
            return 0
        m[G_HT_SURPLUS] += missing
        m[G_HT_TOTAL] += missing
        m[G_HT_FREE] += missing
    m[G_HT_RESERVED] += count
    return 1


@kernel
def pool_unreserve(m: Mem, count: int) -> int:
    """Take back a promise of `count` pages; as many surplus pages go (return_unused_surplus_pages)."""
    m[G_HT_RESERVED] -= count
    gone = min(count, m[G_HT_SURPLUS], m[G_HT_FREE])
    if gone > 0:
        m[G_HT_SURPLUS] -= gone
        m[G_HT_TOTAL] -= gone
        m[G_HT_FREE] -= gone
    return 0


@kernel
def _take(m: Mem, reserved: int) -> int:
    """Count one page as used: 1, or 0 if there is none (dequeue_hugetlb_folio_vma, alloc_surplus_hugetlb_folio)."""
    if m[G_HT_FREE] > 0 and (reserved == 1 or m[G_HT_FREE] > m[G_HT_RESERVED]):
        m[G_HT_FREE] -= 1
    elif m[G_HT_SURPLUS] < m[H_RULES + R_NR_OVERCOMMIT_HUGE]:
        m[G_HT_SURPLUS] += 1
        m[G_HT_TOTAL] += 1
    else:
        return 0
    if reserved == 1:
        m[G_HT_RESERVED] -= 1
    return 1


@kernel
def hugepage_alloc(m: Mem, reserved: int, index: int) -> int:
    """The head of a zeroed page of the pool without references; `reserved` 1: a promise is kept with it. 0: none.

    A followed log shows what its accesses did, so a pool that is too small there is taken to be larger.
    """
    if m[G_HT_FREE] == 0 and m[G_HT_SURPLUS] >= m[H_RULES + R_NR_OVERCOMMIT_HUGE] and m[G_FOLLOW] != 0:
        pool_believe(m, 1)
    if _take(m, reserved) == 0:
        return 0
    head = frame_block(m, 1 << m[H_ARCH + A_INDEX_BITS])
    if head == 0:
        return 0
    f = frame(m, head)
    m[f + F_FLAGS] = FF_UPTODATE | FF_HUGE | FF_DIRTY
    m[f + F_INDEX] = index
    return head


@kernel
def hugepage_put(m: Mem, head: int) -> int:
    """Drop a reference to a page of the pool; the last one gives it back (free_huge_folio)."""
    f = frame(m, head)
    m[f + F_REFS] -= 1
    if m[f + F_REFS] > 0:
        return 0
    if m[f + F_FLAGS] & FF_RESTORE:
        m[G_HT_RESERVED] += 1
    m[f + F_OWNER] = 0
    block_free(m, head, 1 << m[H_ARCH + A_INDEX_BITS])
    if m[G_HT_SURPLUS] > 0:
        m[G_HT_SURPLUS] -= 1
        m[G_HT_TOTAL] -= 1
    else:
        m[G_HT_FREE] += 1
    return 0
