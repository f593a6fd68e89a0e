"""Follows the address spaces of a recording, event by event: what failed changed nothing, what was placed lies there.

Behind the arguments of shmat its row has the bytes of the segment, which the event itself does not tell.
"""

from __future__ import annotations

from ...abi.errnos import ENOMEM
from ...abi.kinds import (
    EVF_HAS_RET,
    K_BRK,
    K_EXEC,
    K_FORK,
    K_FORK_STEP,
    K_INIT_MM,
    K_INIT_VMA,
    K_MMAP,
    K_MPROTECT,
    K_MREMAP,
    K_MUNMAP,
    K_OLD_MMAP,
    K_PKEY_MPROTECT,
    K_REMAP_FILE_PAGES,
    K_SHMAT,
    K_SHMDT,
)
from ...abi.mman import CLONE_VM, MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, MREMAP_DONTUNMAP
from ...abi.rows import E_ARGS, E_FLAGS, E_KIND, E_RET, E_TASK
from ..jit import kernel, wrap
from ..state import V_END, V_NEXT, V_START, Mem, kalloc
from .areas import area_at, copied, copy_all, covered_from, cut, new_area, put_in, take_out
from .regions import begin_region
from .words import (
    A_BORN,
    A_FLAGS,
    A_OFFSET,
    A_PROT,
    A_TOKEN,
    MOST,
    PAGE,
    S_BRK,
    S_NEXT,
    S_USERS,
    SPACE_WORDS,
    W_EVENT,
    W_GONE,
    W_LAST_SPACE,
    W_SPACES,
    W_TASKS,
    end_of,
    failed,
    had_effect,
    page_up,
)

_HEAP = MAP_PRIVATE | MAP_ANONYMOUS


@kernel
def new_space(m: Mem) -> int:
    """An empty address space, the last of the list; 0: the arena is full."""
    space = kalloc(m, SPACE_WORDS)
    if space != 0:
        if m[W_LAST_SPACE] != 0:
            m[m[W_LAST_SPACE] + S_NEXT] = space
        else:
            m[W_SPACES] = space
        m[W_LAST_SPACE] = space
    return space


@kernel
def space_of(m: Mem, task: int) -> int:
    """The address space of `task`, made empty if nothing is known of it."""
    at = m[W_TASKS] + task
    if m[at] == 0:
        give(m, task, new_space(m))
    return m[at]


@kernel
def leave(m: Mem, task: int) -> int:
    """`task` has ended, or gets another address space: the tasks that still have its own."""
    space = m[m[W_TASKS] + task]
    if space == 0 or m[m[W_GONE] + task] != 0:
        return -1
    m[space + S_USERS] -= 1
    return m[space + S_USERS]


@kernel
def give(m: Mem, task: int, space: int) -> int:
    """From now on `space` is the address space of `task`, which lives; 0: the arena is full."""
    if space == 0:
        return 0
    leave(m, task)
    m[m[W_TASKS] + task] = space
    m[m[W_GONE] + task] = 0
    m[space + S_USERS] += 1
    return 0


@kernel
def _put(m: Mem, space: int, area: int) -> int:
    """Map `area`; new private memory is what passes for guards keep something about."""
    if put_in(m, space, area) == 0:
        begin_region(m, area)
    return 0


@kernel
def _mmap(m: Mem, space: int, a0: int, a1: int, a2: int, a3: int, a5: int, ret: int, flags: int) -> int:
    start = ret if flags & EVF_HAS_RET else a0 if a3 & MAP_FIXED else -1
    if start < 0:
        return 0
    token = 1 if a3 & MAP_ANONYMOUS == 0 or a3 & 1 else 0
    offset = start if a3 & MAP_ANONYMOUS else a5
    return _put(m, space, new_area(m, start, end_of(start, a1), a2 & 7, a3, token, offset, m[W_EVENT]))


@kernel
def _protect(m: Mem, space: int, start: int, end: int, prot: int) -> int:
    area = cut(m, space, start, end)
    while area != 0 and m[area + V_START] < end:
        m[area + A_PROT] = prot
        area = m[area + V_NEXT]
    return 0


@kernel
def _grow(m: Mem, space: int, area: int, end: int) -> int:
    """Memory of the same kind behind `area`, up to `end`."""
    offset = wrap(m[area + A_OFFSET] + m[area + V_END] - m[area + V_START])
    return _put(
        m,
        space,
        new_area(
            m,
            m[area + V_END],
            end,
            m[area + A_PROT],
            m[area + A_FLAGS],
            m[area + A_TOKEN],
            offset,
            m[W_EVENT],
        ),
    )


@kernel
def _moved(m: Mem, space: int, start: int, end: int, delta: int) -> int:
    """Copies of what lies in [start, end), `delta` bytes further, in a list by V_NEXT; 0: none."""
    head = 0
    tail = 0
    area = cut(m, space, start, end)
    while area != 0 and m[area + V_START] < end:
        copy = copied(m, area)
        if copy == 0:
            return head
        m[copy + V_START] += delta
        m[copy + V_END] += delta
        m[copy + A_BORN] = 0
        if tail != 0:
            m[tail + V_NEXT] = copy
        else:
            head = copy
        tail = copy
        area = m[area + V_NEXT]
    return head


@kernel
def _mremap(m: Mem, space: int, old: int, old_size: int, size: int, flags: int, target: int) -> int:
    old_end = end_of(old, old_size)
    new_size = page_up(size)
    if target == old:
        if old + new_size < old_end:
            take_out(m, space, old + new_size, old_end)
        elif old_end > old:
            last = area_at(m, space, old_end - 1)
            if last != 0:
                _grow(m, space, last, old + new_size)
        return 0
    fits = 0 <= target <= MOST
    copy = _moved(m, space, old, min(old_end, old + new_size), target - old) if fits else 0
    if flags & MREMAP_DONTUNMAP == 0:
        take_out(m, space, old, old_end)
    last = 0
    while copy != 0:
        after = m[copy + V_NEXT]
        last = copy
        _put(m, space, copy)
        copy = after
    if last != 0 and m[last + V_END] < target + new_size:
        _grow(m, space, last, target + new_size)
    return 0


@kernel
def _brk(m: Mem, space: int, ret: int) -> int:
    before = page_up(m[space + S_BRK])
    after = page_up(ret)
    if m[space + S_BRK] != 0:
        if after > before:
            _put(m, space, new_area(m, before, after, 3, _HEAP, 0, before, m[W_EVENT]))
        else:
            take_out(m, space, after, before)
    m[space + S_BRK] = ret
    return 0


@kernel
def _rearrange(m: Mem, space: int, start: int, size: int, pgoff: int) -> int:
    start &= -PAGE
    end = end_of(start, size & -PAGE)
    area = cut(m, space, start, end)
    while area != 0 and m[area + V_START] < end:
        m[area + A_OFFSET] = wrap(pgoff * PAGE + (m[area + V_START] - start))
        area = m[area + V_NEXT]
    return 0


@kernel
def _fork(m: Mem, space: int, child: int, flags: int) -> int:
    if flags & CLONE_VM:
        return give(m, child, space)
    copy = new_space(m)
    if copy == 0:
        return 0
    m[copy + S_BRK] = m[space + S_BRK]
    copy_all(m, space, copy)
    return give(m, child, copy)


@kernel
def _call(m: Mem, ev: Mem, row: int, kind: int, space: int, ret: int, flags: int) -> int:
    """Apply a call that had an effect."""
    a0 = ev[row + E_ARGS]
    a1 = ev[row + E_ARGS + 1]
    a2 = ev[row + E_ARGS + 2]
    a3 = ev[row + E_ARGS + 3]
    if kind in (K_MMAP, K_OLD_MMAP):
        _mmap(m, space, a0, a1, a2, a3, ev[row + E_ARGS + 5], ret, flags)
    elif kind == K_MUNMAP:
        take_out(m, space, a0, end_of(a0, a1))
    elif kind in (K_MPROTECT, K_PKEY_MPROTECT):
        _protect(m, space, a0, end_of(a0, a1), a2 & 7)
    elif kind == K_REMAP_FILE_PAGES:
        _rearrange(m, space, a0, a1, a3)
    elif kind == K_SHMDT:
        area = area_at(m, space, a0)
        if area != 0 and m[area + A_TOKEN] < 0:
            take_out(m, space, m[area + V_START], m[area + V_END])
    elif kind == K_INIT_VMA:
        token = 1 if ev[row + E_ARGS + 4] != 0 else 0
        offset = a3 if token != 0 else a0
        _put(m, space, new_area(m, a0, a1, a2 & 7, 1 if a2 & 8 else 2, token, offset, m[W_EVENT]))
    elif kind == K_INIT_MM:
        m[space + S_BRK] = a1
    elif flags & EVF_HAS_RET:
        if kind == K_MREMAP:
            _mremap(m, space, a0, a1, a2, a3, ret)
        elif kind == K_BRK:
            _brk(m, space, ret)
        elif kind == K_SHMAT:
            size = ev[row + E_ARGS + 5]
            _put(m, space, new_area(m, ret, end_of(ret, size), 3, 1, -1 - a0, 0, m[W_EVENT]))
    return 0


@kernel
def follow(m: Mem, ev: Mem, row: int) -> int:
    """Apply the event in `ev[row..]`."""
    kind = ev[row + E_KIND]
    task = ev[row + E_TASK]
    ret = ev[row + E_RET]
    flags = ev[row + E_FLAGS]
    if failed(flags, ret):
        if kind == K_MPROTECT and ret == -ENOMEM and had_effect(flags):
            space = space_of(m, task)  # a hole was met: what lies before it has changed
            start = ev[row + E_ARGS]
            end = covered_from(m, space, start, end_of(start, ev[row + E_ARGS + 1]))
            _protect(m, space, start, end, ev[row + E_ARGS + 2] & 7)
    elif kind in (K_FORK, K_FORK_STEP):
        _fork(m, space_of(m, task), ev[row + E_ARGS], ev[row + E_ARGS + 1] if kind == K_FORK else 0)
    elif kind == K_EXEC:
        give(m, task, new_space(m))
    elif K_MMAP <= kind <= K_OLD_MMAP or kind in (K_INIT_VMA, K_INIT_MM):
        _call(m, ev, row, kind, space_of(m, task), ret, flags)
    return 0
