"""Page frames: allocation, reference counts and the bytes they hold.

A frame holds one fill byte and a list of exceptions, newest first: runs of bytes with one value. That
is enough for files filled page by page, for the zero page, for loads and stores of single bytes, and for
the zeroed rest of a truncated last page; and it makes copying a page (fork, copy on write) cost as much
as was ever stored in it.

`F_REFS` counts the PTEs that map the frame, plus one while it is in a page cache or swap cache;
`F_MAPCOUNT` counts the PTEs alone. The zero page is never counted.

A huge page is `HUGE` consecutive frames of which only the first (the *head*) is set up: it carries
the counts and the bytes of all, with offsets running through the whole huge page. `remaptrace.engine.pages.thp`
sets up the others when the huge page is split.
"""

from __future__ import annotations

from ...machine.limitrules import R_RAM_PAGES
from ..jit import kernel
from ..state import (
    ERR_FRAMES,
    F_BYTES,
    F_FILL,
    F_FLAGS,
    F_FOLIO,
    F_INDEX,
    F_INODE,
    F_LRU_NEXT,
    F_MAPCOUNT,
    F_OWNER,
    F_REFS,
    F_SLOT,
    F_WORDS,
    FF_ANON,
    FF_DIRTY,
    FF_EXCLUSIVE,
    FF_UPTODATE,
    FF_ZERO,
    G_RAM_USED,
    G_ZERO_FRAME,
    H_ERROR,
    H_FRAMES,
    H_FREEFRAME,
    H_FREEHUGE,
    H_MAXFRAMES,
    H_NFRAMES,
    H_RULES,
    Mem,
    kalloc,
    kfree,
)

B_NEXT, B_FROM, B_TO, B_VALUE, B_WORDS = 0, 1, 2, 3, 4  # an exception: bytes [from, to) have this value


@kernel
def frame(m: Mem, pfn: int) -> int:
    """The arena index of frame number `pfn`."""
    return m[H_FRAMES] + pfn * F_WORDS


@kernel
def frame_alloc(m: Mem) -> int:
    """The number of a zeroed frame with no references; 0 if RAM is used up (or frame numbers: H_ERROR)."""
    if m[G_RAM_USED] >= m[H_RULES + R_RAM_PAGES]:
        return 0
    pfn = m[H_FREEFRAME]
    if pfn != 0:
        f = m[H_FRAMES] + pfn * F_WORDS
        m[H_FREEFRAME] = m[f + F_LRU_NEXT]
        m[f + F_LRU_NEXT] = 0
    else:
        pfn = m[H_NFRAMES]
        if pfn >= m[H_MAXFRAMES]:
            m[H_ERROR] = ERR_FRAMES
            return 0
        m[H_NFRAMES] = pfn + 1
    m[G_RAM_USED] += 1
    return pfn


@kernel
def frame_block(m: Mem, count: int) -> int:
    """The first of `count` fresh consecutive frames, aligned to `count` (the frames of a huge page);
    0 as `frame_alloc`.
    """
    if m[G_RAM_USED] + count > m[H_RULES + R_RAM_PAGES]:
        return 0
    first = m[H_FREEHUGE]
    if first != 0:
        f = m[H_FRAMES] + first * F_WORDS
        m[H_FREEHUGE] = m[f + F_LRU_NEXT]
        m[f + F_LRU_NEXT] = 0
        m[G_RAM_USED] += count
        return first
    first = (m[H_NFRAMES] + count - 1) & ~(count - 1)
    if first + count > m[H_MAXFRAMES]:
        m[H_ERROR] = ERR_FRAMES
        return 0
    for pfn in range(m[H_NFRAMES], first):
        m[m[H_FRAMES] + pfn * F_WORDS + F_LRU_NEXT] = m[H_FREEFRAME]
        m[H_FREEFRAME] = pfn
    m[H_NFRAMES] = first + count
    m[G_RAM_USED] += count
    return first


@kernel
def frame_free(m: Mem, pfn: int) -> int:
    """Give back a frame without references; its contents are gone."""
    f = m[H_FRAMES] + pfn * F_WORDS
    if m[f + F_BYTES] != 0:
        bytes_free(m, m[f + F_BYTES])
        m[f + F_BYTES] = 0
    m[f + F_REFS] = 0
    m[f + F_MAPCOUNT] = 0
    m[f + F_FLAGS] = 0
    m[f + F_INODE] = 0
    m[f + F_INDEX] = 0
    m[f + F_FILL] = 0
    m[f + F_SLOT] = 0
    m[f + F_OWNER] = 0
    m[f + F_FOLIO] = 0
    m[f + F_LRU_NEXT] = m[H_FREEFRAME]
    m[H_FREEFRAME] = pfn
    m[G_RAM_USED] -= 1
    return 0


@kernel
def block_free(m: Mem, first: int, count: int) -> int:
    """Give back a huge page that was never split; its head has no references."""
    frame_free(m, first)
    f = m[H_FRAMES] + first * F_WORDS
    m[H_FREEFRAME] = m[f + F_LRU_NEXT]
    m[f + F_LRU_NEXT] = m[H_FREEHUGE]
    m[H_FREEHUGE] = first
    m[G_RAM_USED] -= count - 1
    return 0


@kernel
def frame_anon(m: Mem, mm: int, index: int) -> int:
    """A zeroed private page for linear index `index`, mapped once, exclusive and dirty; 0: no memory."""
    pfn = frame_alloc(m)
    if pfn == 0:
        return 0
    f = m[H_FRAMES] + pfn * F_WORDS
    m[f + F_REFS] = 1
    m[f + F_MAPCOUNT] = 1
    m[f + F_FLAGS] = FF_ANON | FF_EXCLUSIVE | FF_DIRTY | FF_UPTODATE
    m[f + F_INDEX] = index
    m[f + F_OWNER] = mm
    return pfn


@kernel
def frame_map(m: Mem, pfn: int) -> int:
    """Count one more PTE of `pfn` (not for the zero page)."""
    f = m[H_FRAMES] + pfn * F_WORDS
    m[f + F_REFS] += 1
    m[f + F_MAPCOUNT] += 1
    return 0


@kernel
def frame_unmap(m: Mem, pfn: int) -> int:
    """Count one PTE of `pfn` less; the last reference frees the frame."""
    f = m[H_FRAMES] + pfn * F_WORDS
    if m[f + F_FLAGS] & FF_ZERO:
        return 0
    m[f + F_MAPCOUNT] -= 1
    m[f + F_REFS] -= 1
    if m[f + F_REFS] == 0:
        frame_free(m, pfn)
    return 0


@kernel
def frame_put(m: Mem, pfn: int) -> int:
    """Drop a reference that is not a PTE's (page cache, swap cache); the last one frees the frame."""
    f = m[H_FRAMES] + pfn * F_WORDS
    m[f + F_REFS] -= 1
    if m[f + F_REFS] == 0:
        frame_free(m, pfn)
    return 0


@kernel
def zero_frame(m: Mem) -> int:
    """The shared zero page's frame number, set up at the first use."""
    pfn = m[G_ZERO_FRAME]
    if pfn == 0:
        pfn = m[H_NFRAMES]
        m[H_NFRAMES] = pfn + 1
        m[G_ZERO_FRAME] = pfn
        f = m[H_FRAMES] + pfn * F_WORDS
        m[f + F_REFS] = 1
        m[f + F_FLAGS] = FF_ZERO | FF_UPTODATE
    return pfn


# ---- bytes -----------------------------------------------------------------------------------


@kernel
def byte_load(m: Mem, pfn: int, offset: int) -> int:
    """The byte at `offset` of frame `pfn`."""
    f = m[H_FRAMES] + pfn * F_WORDS
    b = m[f + F_BYTES]
    while b != 0:
        if m[b + B_FROM] <= offset < m[b + B_TO]:
            return m[b + B_VALUE]
        b = m[b + B_NEXT]
    return m[f + F_FILL]


@kernel
def byte_store(m: Mem, pfn: int, offset: int, value: int) -> int:
    """Store a byte at `offset` of frame `pfn`."""
    f = m[H_FRAMES] + pfn * F_WORDS
    b = m[f + F_BYTES]
    if b == 0 and m[f + F_FILL] == value:
        return 0
    while b != 0:
        if m[b + B_FROM] <= offset < m[b + B_TO]:
            if m[b + B_TO] == m[b + B_FROM] + 1:
                m[b + B_VALUE] = value
                return 0
            break
        b = m[b + B_NEXT]
    return _exception(m, f, offset, offset + 1, value)


@kernel
def _exception(m: Mem, f: int, start: int, end: int, value: int) -> int:
    """Put a new exception in front of the list of frame `f`."""
    b = kalloc(m, B_WORDS)
    if b == 0:
        return 0
    m[b + B_NEXT] = m[f + F_BYTES]
    m[b + B_FROM] = start
    m[b + B_TO] = end
    m[b + B_VALUE] = value
    m[f + F_BYTES] = b
    return 0


UNTOLD_BYTE = -1
"""A byte that was stored and that nobody told: what a load of it answers."""


@kernel
def bytes_fill(m: Mem, pfn: int, start: int, end: int, value: int) -> int:
    """Set bytes [start, end) of frame `pfn` to `value`."""
    f = m[H_FRAMES] + pfn * F_WORDS
    if m[f + F_BYTES] == 0 and m[f + F_FILL] == value:
        return 0
    return _exception(m, f, start, end, value)


@kernel
def bytes_free(m: Mem, b: int) -> int:
    """Give back a list of exceptions."""
    while b != 0:
        following = m[b + B_NEXT]
        kfree(m, b, B_WORDS)
        b = following
    return 0


@kernel
def bytes_copy(m: Mem, target: int, source: int) -> int:
    """Copy the contents of frame `source` into the fresh frame `target`."""
    to = m[H_FRAMES] + target * F_WORDS
    f = m[H_FRAMES] + source * F_WORDS
    m[to + F_FILL] = m[f + F_FILL]
    m[to + F_BYTES] = bytes_clone(m, m[f + F_BYTES])
    return 0


@kernel
def bytes_window(m: Mem, target: int, at: int, source: int, low: int, high: int) -> int:
    """Copy bytes [low, high) of frame `source` to offset `at` of frame `target`."""
    f = m[H_FRAMES] + source * F_WORDS
    bytes_fill(m, target, at, at + high - low, m[f + F_FILL])
    count = 0
    b = m[f + F_BYTES]
    while b != 0:
        count += 1
        b = m[b + B_NEXT]
    for i in range(count):  # the oldest first: what stands in front of the list holds
        b = m[f + F_BYTES]
        for _ in range(count - 1 - i):
            b = m[b + B_NEXT]
        first = max(m[b + B_FROM], low)
        last = min(m[b + B_TO], high)
        if first < last:
            bytes_fill(m, target, at + first - low, at + last - low, m[b + B_VALUE])
    return 0


@kernel
def bytes_clone(m: Mem, b: int) -> int:
    """A copy of the list of exceptions `b`, in the same order."""
    first = 0
    last = 0
    while b != 0:
        copy = kalloc(m, B_WORDS)
        if copy == 0:
            return first
        m[copy + B_FROM] = m[b + B_FROM]
        m[copy + B_TO] = m[b + B_TO]
        m[copy + B_VALUE] = m[b + B_VALUE]
        if last == 0:
            first = copy
        else:
            m[last + B_NEXT] = copy
        last = copy
        b = m[b + B_NEXT]
    return first
