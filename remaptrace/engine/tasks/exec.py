"""The address space that execve leaves, built from recorded maps or a scenario's initial areas (fs/exec.c).

A maps line does not say everything that decides later merges. What it leaves out follows from how the
kernel makes such areas (linux-6.x 1.1, and the rules found by replaying recordings):

* private areas that are or were writable are accounted (VM_ACCOUNT). A read-only piece of a file that
  touches another read-only piece of the same file at the next offset can only be apart because of that: it
  is the RELRO part of a library.
* the pieces of one file in one maps were mapped from one open file description.
* a shared area that may not be written was opened for reading only.
"""

from __future__ import annotations

from ...abi.kinds import EVF_ASSUMED, FILE_REGULAR, FILE_SHMEM
from ...abi.signals import ACC_WRITE
from ...abi.vmflags import (
    PERMS_FLAGS_SHIFT,
    PERMS_TOLD,
    VM_ACCESS,
    VM_ACCOUNT,
    VM_DONTCOPY,
    VM_DONTDUMP,
    VM_DONTEXPAND,
    VM_DROPPABLE,
    VM_EXEC,
    VM_GROWSDOWN,
    VM_HUGEPAGE,
    VM_IO,
    VM_LOCKED,
    VM_LOCKONFAULT,
    VM_MAYEXEC,
    VM_MAYREAD,
    VM_MAYSHARE,
    VM_MAYWRITE,
    VM_MERGEABLE,
    VM_MIXEDMAP,
    VM_NOHUGEPAGE,
    VM_NORESERVE,
    VM_PFNMAP,
    VM_RAND_READ,
    VM_SEALED,
    VM_SEQ_READ,
    VM_SHARED,
    VM_WIPEONFORK,
    VM_WRITE,
)
from ...machine.archwords import A_PAGE_SHIFT, A_TASK_SIZE
from ...machine.limitrules import R_SEAL_SYSTEM
from ...machine.rules import R_VVAR_MIXED
from ..account import vm_stat_account
from ..addr import page_floor
from ..areas.anonvma import anon_vma_prepare
from ..areas.vma import vma_alloc, vma_set_flags
from ..areas.vmaset import find_vma, insert_vma
from ..faults.fault import handle_access
from ..fds.descriptors import path_inode
from ..files.files import FMODE_READ, FMODE_WRITE, file_get, file_new, file_put
from ..files.inodes import inode_put
from ..jit import kernel, wrap
from ..marks import (
    MARK_ASSUMED,
    MARK_INITIAL,
    NAME_ANON,
    NAME_HEAP,
    NAME_PATH,
    NAME_SHMEM,
    NAME_STACK,
    NAME_VDSO,
    NAME_VSYSCALL,
    NAME_VVAR,
)
from ..pages.frames import frame
from ..pages.pgwalk import pte_lookup
from ..pages.pte import pte_pfn, pte_present
from ..state import (
    F_FLAGS,
    FF_CLEARED,
    G_COMMITTED,
    G_EVFLAGS,
    G_STRKINDS,
    G_UNPLACED,
    H_ARCH,
    H_RULES,
    I_NAME,
    I_TYPE,
    MM_BASE,
    MM_BRK,
    MM_END_DATA,
    MM_FAC,
    MM_FIRST,
    MM_LEGACY,
    MM_LOCKED,
    MM_STACK_PTR,
    MM_START_BRK,
    MM_START_DATA,
    O_INODE,
    OPS_ANON,
    OPS_FILE,
    OPS_SHMEM,
    OPS_SPECIAL,
    P_UNKNOWN,
    T_MM,
    T_PROC,
    V_END,
    V_FILE,
    V_FLAGS,
    V_INODE,
    V_MARK,
    V_NAME,
    V_NEXT,
    V_OPS,
    V_PGOFF,
    V_PREV,
    V_START,
    Mem,
)

_STACK_EXTRA = 128 << 10  # bytes of stack below the strings
_STRINGS_MOST = 2 << 20  # argv and envp take a quarter of the usual stack limit at most

_MAY_ALL = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC
_TOLD = (
    (_MAY_ALL | VM_GROWSDOWN | VM_ACCOUNT | VM_NORESERVE | VM_SEQ_READ | VM_RAND_READ | VM_DONTCOPY)
    | (VM_LOCKED | VM_LOCKONFAULT | VM_WIPEONFORK | VM_DONTDUMP | VM_HUGEPAGE | VM_NOHUGEPAGE)
    | (VM_MERGEABLE | VM_DROPPABLE | VM_SEALED)
)
"""Flags of an area that smaps tells and that need nothing else: no object, no registration, no key."""


@kernel
def _file_in(m: Mem, mm: int, path: int, kind: int, mode: int) -> int:
    """The description from which areas of `path` in `mm` come, owned by the caller; made if there is none."""
    vma = m[mm + MM_FIRST]
    while vma != 0:
        if m[vma + V_FILE] != 0 and m[m[vma + V_INODE] + I_NAME] == path:
            return file_get(m, m[vma + V_FILE])
        vma = m[vma + V_NEXT]
    inode = path_inode(m, path, FILE_SHMEM if kind == NAME_SHMEM else FILE_REGULAR, 0)
    o = file_new(m, inode, mode)
    inode_put(m, inode)
    return o


@kernel
def _flags_of(m: Mem, perms: int, kind: int) -> int:
    """VM flags of a maps line: access, what may be granted, and what its kind of area always has."""
    access = perms & VM_ACCESS
    sealed = VM_SEALED if m[H_RULES + R_SEAL_SYSTEM] != 0 else 0  # VM_SEALED_SYSMAP
    if kind == NAME_VVAR:
        pages = VM_MIXEDMAP if m[H_RULES + R_VVAR_MIXED] != 0 else VM_PFNMAP
        return access | VM_MAYREAD | pages | VM_IO | VM_DONTEXPAND | VM_DONTDUMP | sealed
    if kind == NAME_VDSO:
        return access | _MAY_ALL | VM_DONTEXPAND | sealed
    if perms & VM_SHARED:
        if perms & VM_WRITE:
            return access | _MAY_ALL | VM_SHARED | VM_MAYSHARE
        return access | VM_MAYREAD | VM_MAYEXEC | VM_MAYSHARE
    flags = access | _MAY_ALL
    if kind == NAME_STACK:
        flags |= VM_GROWSDOWN | VM_ACCOUNT
    if perms & VM_WRITE:
        flags |= VM_ACCOUNT
    return flags


@kernel
def _mark_relro(m: Mem, vma: int, pages: int) -> int:
    """Account a read-only piece that only accounting can keep apart from the piece below it."""
    below = m[vma + V_PREV]
    if below == 0 or m[vma + V_FILE] == 0 or m[below + V_FILE] != m[vma + V_FILE]:
        return 0
    if m[below + V_END] != m[vma + V_START] or m[below + V_FLAGS] != m[vma + V_FLAGS]:
        return 0
    below_pages = (m[below + V_END] - m[below + V_START]) >> m[H_ARCH + A_PAGE_SHIFT]
    if m[below + V_PGOFF] + below_pages != m[vma + V_PGOFF] or m[vma + V_FLAGS] & VM_SHARED:
        return 0
    vma_set_flags(m, vma, m[vma + V_FLAGS] | VM_ACCOUNT)
    m[G_COMMITTED] += pages
    return 0


@kernel
def _touch(m: Mem, task: int, start: int, end: int) -> int:
    """Write to the pages of [start, end) as the kernel does."""
    for addr in range(start, end, 1 << m[H_ARCH + A_PAGE_SHIFT]):
        handle_access(m, task, addr, ACC_WRITE, 1, 0)
    return 0


@kernel
def _clear_bss(m: Mem, task: int, vma: int) -> int:
    """Touch the page where .bss begins, known by the area `vma` behind it (padzero in load_elf_binary).

    It is the last page of the last piece of a program or its interpreter, if that is writable. Maps do not show
    whether the segment ends within that page: a later fault does (FF_CLEARED).
    """
    data = m[vma + V_PREV]
    if data == 0 or m[data + V_OPS] != OPS_FILE or m[data + V_FILE] == m[vma + V_FILE]:
        return 0
    if m[data + V_FLAGS] & (VM_WRITE | VM_SHARED) == VM_WRITE:
        end = m[data + V_END]
        page = end - (1 << m[H_ARCH + A_PAGE_SHIFT])
        _touch(m, task, page, end)
        p = pte_lookup(m, m[task + T_MM], page)
        if p != 0 and pte_present(m, m[p]) != 0:
            m[frame(m, pte_pfn(m, m[p])) + F_FLAGS] |= FF_CLEARED
    return 0


@kernel
def _free_part(m: Mem, mm: int, start: int, end: int) -> int:
    """Where the first free page of [start, end) is, if another one than `start`; 0: `start`; -1: there is none.

    Lines of maps that were recorded on smaller pages share pages here, and addresses of a larger machine lie beyond.
    """
    if start < 0 or end <= start or end > m[H_ARCH + A_TASK_SIZE]:
        return -1
    at = start
    vma = find_vma(m, mm, at)
    while vma != 0 and m[vma + V_START] <= at:
        at = m[vma + V_END]
        if at >= end:
            return -1
        vma = m[vma + V_NEXT]
    return at if at != start else 0


@kernel
def _end_of_gap(m: Mem, mm: int, start: int, end: int) -> int:
    """`end`, or where the next area above the free page at `start` begins."""
    vma = find_vma(m, mm, start)
    return min(end, m[vma + V_START]) if vma != 0 else end


@kernel
def init_vma(m: Mem, task: int, start: int, end: int, perms: int, offset: int, file: int, name: int) -> int:
    """Add one line of recorded maps to the address space of `task`; 0.

    `perms` has 1 r, 2 w, 4 x, 8 shared, and flags if smaps told them (PERMS_TOLD); `offset` is in bytes; `file`
    and `name` are string numbers, 0 none.
    """
    mm = m[task + T_MM]
    assumed = m[G_EVFLAGS] & EVF_ASSUMED
    proc = m[task + T_PROC]
    if assumed == 0:
        m[proc + P_UNKNOWN] = 0
    elif m[proc + P_UNKNOWN] == 0:
        m[proc + P_UNKNOWN] = 2
    shift = m[H_ARCH + A_PAGE_SHIFT]
    kind = m[m[G_STRKINDS] + (name if name != 0 else file)]
    if name == 0 and file == 0:
        kind = NAME_ANON
    if kind == NAME_VSYSCALL:
        return 0
    page = 1 << shift
    placed = _free_part(m, mm, start & -page, wrap(end + page - 1) & -page)
    if placed != 0 or (start | end) & (page - 1) != 0:
        m[G_UNPLACED] += 1
    if placed < 0:
        return 0
    low = start & -page
    start = max(low, placed)
    offset = (offset & -page) + start - low
    end = _end_of_gap(m, mm, start, wrap(end + page - 1) & -page)
    o = 0
    inode = 0
    ops = OPS_ANON
    pgoff = start >> shift
    if kind in (NAME_VVAR, NAME_VDSO):
        ops = OPS_SPECIAL
        pgoff = 0
    elif file != 0 and kind in (NAME_PATH, NAME_SHMEM):
        mode = FMODE_READ | FMODE_WRITE if perms & VM_SHARED and perms & VM_WRITE else FMODE_READ
        o = _file_in(m, mm, file, kind, mode)
        inode = m[o + O_INODE]
        ops = m[inode + I_TYPE]
        pgoff = offset >> shift
    elif perms & VM_SHARED:
        o = _file_in(m, mm, file, NAME_SHMEM, FMODE_READ | FMODE_WRITE)
        inode = m[o + O_INODE]
        ops = OPS_SHMEM
        pgoff = offset >> shift
    flags = _flags_of(m, perms, kind)
    if perms & PERMS_TOLD:
        flags = (flags & ~_TOLD) | ((perms >> PERMS_FLAGS_SHIFT) & _TOLD)
    vma = vma_alloc(m, mm, start, end, flags, pgoff, o, inode, ops)
    file_put(m, o)
    if vma == 0:
        return 0
    m[vma + V_NAME] = name if kind in (NAME_VVAR, NAME_VDSO) else 0
    m[vma + V_MARK] = MARK_ASSUMED if assumed else MARK_INITIAL
    insert_vma(m, mm, vma)
    pages = (end - start) >> shift
    vm_stat_account(m, mm, flags, pages)
    if flags & VM_LOCKED:
        m[mm + MM_LOCKED] += pages
    if flags & VM_ACCOUNT:
        m[G_COMMITTED] += pages
    elif perms & PERMS_TOLD == 0 and (flags & (VM_WRITE | VM_EXEC)) == 0:
        _mark_relro(m, vma, pages)
    if kind == NAME_PATH and flags & VM_EXEC and m[mm + MM_START_DATA] == 0:
        # The lowest code is the program's own; maps do not tell where data begins and ends behind it.
        m[mm + MM_START_DATA] = end
        m[mm + MM_END_DATA] = end
    _clear_bss(m, task, vma)
    if kind == NAME_STACK:  # the strings of argv and envp; below them setup_arg_pages adds _STACK_EXTRA
        _touch(m, task, max(start + _STACK_EXTRA, end - _STRINGS_MOST), end)
        if not start <= m[mm + MM_STACK_PTR] <= end:  # nobody told
            m[mm + MM_STACK_PTR] = end - (1 << shift)
    elif kind == NAME_HEAP:
        if m[mm + MM_START_BRK] == 0:
            m[mm + MM_START_BRK] = start
        m[mm + MM_BRK] = end
        anon_vma_prepare(
            m, mm, vma
        )  # nobody leaves a heap untouched: a child's does not grow in one piece with it
    return 0


@kernel
def init_mm(m: Mem, task: int, start_brk: int, brk: int, mmap_base: int, stack_ptr: int, legacy: int) -> int:
    """Set what maps do not show; a 0 leaves the machine's own value. `legacy`: 1 bottom-up, 2 top-down."""
    mm = m[task + T_MM]
    top = m[H_ARCH + A_TASK_SIZE]
    if 0 < start_brk < top:
        m[mm + MM_START_BRK] = start_brk
        if brk == 0 and m[mm + MM_BRK] < start_brk:
            m[mm + MM_BRK] = start_brk
    if 0 < brk < top:
        m[mm + MM_BRK] = brk
    if 0 < mmap_base <= top:
        m[mm + MM_BASE] = page_floor(m, mmap_base)
        m[mm + MM_FAC] = m[mm + MM_BASE]
    if 0 < stack_ptr < top:
        m[mm + MM_STACK_PTR] = stack_ptr
    if legacy != 0:
        m[mm + MM_LEGACY] = 1 if legacy == 1 else 0
    return 0
