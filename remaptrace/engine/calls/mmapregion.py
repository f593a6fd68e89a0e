"""The new area of an mmap: room for it, its charge, its file's own method, joining it to its neighbours (mmap_region).

linux-6.x 2, linux-2.6.21 2. What comes before, the checks of the call and the choice of the address, is `mmap`.
"""

from __future__ import annotations

from ...abi.errnos import (
    EACCES,
    EINVAL,
    ENOMEM,
)
from ...abi.mman import OVERCOMMIT_ALWAYS
from ...abi.vmflags import (
    VM_ACCOUNT,
    VM_DROPPABLE,
    VM_HUGETLB,
    VM_LOCKED,
    VM_LOCKONFAULT,
    VM_MAYSHARE,
    VM_NORESERVE,
    VM_SHARED,
)
from ...machine.archwords import A_PAGE_SHIFT
from ...machine.callrules import R_KSM_PROCESS
from ...machine.limitrules import R_OVERCOMMIT
from ...machine.rules import (
    R_FIXED_KEEPS_OLD,
    R_FPUT_LATE,
    R_LIMIT_BEFORE_UNMAP,
    R_NORESERVE_FLAG,
)
from ..account import (
    accountable,
    beyond_limits,
    charge,
    may_expand_vm,
    uncharge,
    vm_stat_account,
)
from ..addr import page_align
from ..areas.merge import VMG_NEXT, VMG_PREV, merge_new, vmg_init
from ..areas.mergeable import VM_SPECIAL
from ..areas.vma import vma_alloc, vma_set_flags
from ..areas.vmaset import find_vma, link_vma
from ..faults.special import map_special
from ..fds.hugefiles import hugetlb_mmap
from ..files.files import FMODE_READ, FMODE_WRITE, file_get, file_new, file_put
from ..files.hugepool import resv_new
from ..files.inodes import inode_new, inode_put
from ..files.special import special_flags
from ..jit import apart, kernel, seldom
from ..state import (
    G_COMMITTED,
    G_EVENT,
    H_ARCH,
    H_RULES,
    I_BORN,
    I_CHARGED,
    I_SHMID,
    I_TYPE,
    MM_KSM,
    MM_LOCKED,
    O_INODE,
    OPS_ANON,
    OPS_FILE,
    OPS_HUGETLB,
    OPS_SHMEM,
    OPS_ZERO,
    T_MM,
    V_END,
    V_FILE,
    V_FLAGS,
    V_NEXT,
    V_OPS,
    V_RESV,
    V_START,
    Mem,
    kalloc,
    kfree,
)
from ..why import (
    WHY_ARENA,
    WHY_MDWE,
    refuse,
)
from .mmapflags import (
    late_errors,
)
from .mprotect import map_deny_write_exec
from .munmap import VMS_ACCOUNTED, VMS_CHARGED, VMS_NEXT, VMS_PAGES, VMS_PREV, vms_complete, vms_gather
from .prctl import KSM_BEFORE, ksm_flags


@kernel
def shmem_object(m: Mem, task: int, size: int, flags: int, kind: int) -> int:
    """An open file of a new shmem object of `size` bytes, charged as a whole unless VM_NORESERVE.

    The caller owns the reference; 0 if the charge is refused or the arena is full.
    """
    pages = page_align(m, size) >> m[H_ARCH + A_PAGE_SHIFT]
    charged = 0 if flags & VM_NORESERVE else pages
    if charged != 0 and charge(m, task, charged) == 0:
        return 0
    inode = inode_new(m, kind, size)
    if inode == 0:
        m[G_COMMITTED] -= charged
        refuse(m, WHY_ARENA, 0)
        return 0
    m[inode + I_CHARGED] = charged
    m[inode + I_BORN] = m[G_EVENT]
    file = file_new(m, inode, FMODE_READ | FMODE_WRITE)
    inode_put(m, inode)
    return file


@kernel
def _mapped_pages(m: Mem, mm: int, start: int, end: int) -> int:
    """Mapped pages in [start, end) (count_vma_pages_range)."""
    size = 0
    vma = find_vma(m, mm, start)
    while vma != 0 and m[vma + V_START] < end:
        size += min(m[vma + V_END], end) - max(m[vma + V_START], start)
        vma = m[vma + V_NEXT]
    return size >> m[H_ARCH + A_PAGE_SHIFT]


@kernel
def _may_expand(m: Mem, task: int, file: int, vm: int, pages: int) -> int:
    """0, or -ENOMEM if a limit refuses `pages` more.

    Shared anonymous memory is charged by its object: a recorded refusal may be that charge's, which comes later.
    """
    if (
        file == 0
        and vm & (VM_SHARED | VM_NORESERVE) == VM_SHARED
        and m[H_RULES + R_OVERCOMMIT] != OVERCOMMIT_ALWAYS
    ):
        why = beyond_limits(m, task, vm, pages)
    else:
        why = may_expand_vm(m, task, vm, pages)
    return refuse(m, why, ENOMEM) if why != 0 else 0


@kernel
def _make_room(m: Mem, task: int, file: int, addr: int, length: int, vm: int) -> int:
    """Limits, the unmapping of what is in the way, and the charge (VMS_CHARGED): 0 or -errno.

    Three orders: 6.12 splits, checks, charges, unmaps; 6.1 checks the limits, unmaps, charges; 2.6
    unmaps, checks, charges. A refusal after the unmapping leaves a hole.
    """
    mm = m[task + T_MM]
    pages = length >> m[H_ARCH + A_PAGE_SHIFT]
    keeps = m[H_RULES + R_FIXED_KEEPS_OLD]
    first = m[H_RULES + R_LIMIT_BEFORE_UNMAP]
    error = 0
    if keeps == 0 and first != 0:
        error = _may_expand(m, task, file, vm, pages - _mapped_pages(m, mm, addr, addr + length))
        if error != 0:
            return error
    error = vms_gather(m, mm, addr, addr + length)
    if error != 0:
        return error if keeps != 0 else -ENOMEM
    if keeps != 0:
        error = _may_expand(m, task, file, vm, pages - m[VMS_PAGES])
    else:
        vms_complete(m, mm)
        if first == 0:
            error = _may_expand(m, task, file, vm, pages)
    if error != 0:
        return error
    m[VMS_CHARGED] = 0
    if accountable(vm) != 0:
        if keeps != 0:  # the charge of what is replaced passes to the new area
            pages -= m[VMS_ACCOUNTED]
        if charge(m, task, pages) == 0:
            return -ENOMEM
        m[VMS_CHARGED] = pages
        if keeps != 0:
            m[VMS_ACCOUNTED] = 0
    vms_complete(m, mm)
    return 0


@kernel
def _new_area(
    m: Mem, task: int, file: int, addr: int, length: int, vm: int, pgoff: int, noreserve: int
) -> int:
    """Link a new area for the range: it, or -errno. `noreserve` (VM_NORESERVE or 0): do not charge."""
    mm = m[task + T_MM]
    ops = OPS_ANON
    made = 0
    if file != 0:
        ops = m[m[file + O_INODE] + I_TYPE]
    if vm & VM_SHARED and (file == 0 or ops == OPS_ZERO):
        made = shmem_object(m, task, length, noreserve, OPS_SHMEM)
        if made == 0:
            return -ENOMEM
        file = made
        ops = OPS_SHMEM
    inode = m[file + O_INODE] if file != 0 and ops != OPS_ZERO else 0
    vma = vma_alloc(m, mm, addr, addr + length, vm, pgoff, file, inode, ops)
    file_put(m, made)
    if vma != 0 and vm & (VM_HUGETLB | VM_MAYSHARE | VM_NORESERVE) == VM_HUGETLB:
        m[vma + V_RESV] = resv_new(m)
    if vma == 0 or link_vma(m, mm, vma, m[VMG_PREV], m[VMG_NEXT]) < 0:
        return refuse(m, WHY_ARENA, ENOMEM)
    return vma


@kernel
def late_ksm(m: Mem, file: int) -> int:
    """1 if the flag of PR_SET_MEMORY_MERGE waits for the file's own mmap method (can_set_ksm_flags_early)."""
    return 1 if file != 0 and m[m[file + O_INODE] + I_TYPE] == OPS_FILE else 0


@seldom
def _hold_files(m: Mem, mm: int, start: int, end: int) -> int:
    """One more reference to the files of the huge pages in [start, end): a list for `_put_files`."""
    held = 0
    vma = find_vma(m, mm, start)
    while vma != 0 and m[vma + V_START] < end:
        if m[vma + V_OPS] == OPS_HUGETLB and m[vma + V_FILE] != 0:
            one = kalloc(m, 2)
            if one == 0:
                break
            m[one] = held
            m[one + 1] = file_get(m, m[vma + V_FILE])
            held = one
        vma = m[vma + V_NEXT]
    return held


@seldom
def _put_files(m: Mem, held: int) -> int:
    """Undo `_hold_files`."""
    while held != 0:
        one = held
        held = m[one]
        file_put(m, m[one + 1])
        kfree(m, one, 2)
    return 0


@kernel
def mmap_region(m: Mem, task: int, file: int, addr: int, length: int, vm: int, pgoff: int) -> int:
    """Map [addr, addr + length) with flags `vm`, replacing what is there: `addr` or -errno; see `_map_region`.

    The files of what is replaced are put when the call returns (fput, 3.6), so that the huge pages which their
    objects hold are not there for the new mapping.
    """
    held = 0
    if vm & VM_HUGETLB and m[H_RULES + R_FPUT_LATE] != 0:
        held = _hold_files(m, m[task + T_MM], addr, addr + length)
    result = _map_region(m, task, file, addr, length, vm, pgoff)
    if held != 0:
        _put_files(m, held)
    return result


@apart
def _ask_file(m: Mem, task: int, file: int, length: int, vm: int, pgoff: int, segment: int) -> int:
    """The new area's flags after the file's own mmap method, or -errno. `segment`: I_SHMID before the unmapping."""
    error = late_errors(m, file, vm)
    if segment != 0 and m[m[file + O_INODE] + I_SHMID] == 0:  # it went with its last area (shm_mmap)
        error = -EINVAL
    if error == 0 and vm & VM_HUGETLB:
        error = hugetlb_mmap(m, m[file + O_INODE], vm, pgoff, length)
    if error != 0:
        return error
    return special_flags(m, task, file, vm, pgoff, length >> m[H_ARCH + A_PAGE_SHIFT])


@kernel
def _map_region(m: Mem, task: int, file: int, addr: int, length: int, vm: int, pgoff: int) -> int:
    """Map [addr, addr + length) with flags `vm`, replacing what is there: `addr` or -errno.

    `file` 0: anonymous, shared if `vm` says so. A refusal by the file's method or by the charge of
    shared anonymous memory comes after the unmapping and leaves a hole.
    """
    mm = m[task + T_MM]
    if map_deny_write_exec(m, mm, vm, vm) != 0:
        return refuse(m, WHY_MDWE, EACCES)
    segment = m[m[file + O_INODE] + I_SHMID] if file != 0 else 0
    error = _make_room(m, task, file, addr, length, vm)
    if error != 0:
        return error
    if file != 0:
        vm = _ask_file(m, task, file, length, vm, pgoff, segment)
        if vm < 0:
            uncharge(m, m[VMS_CHARGED])
            return vm
    if accountable(vm) != 0:
        vm |= VM_ACCOUNT
    vm = ksm_flags(m, mm, vm, KSM_BEFORE) if late_ksm(m, file) == 0 else vm
    reserve = vm & VM_NORESERVE
    if m[H_RULES + R_NORESERVE_FLAG] == 0:
        vm &= ~VM_NORESERVE
    m[VMG_PREV] = m[VMS_PREV]
    m[VMG_NEXT] = m[VMS_NEXT]
    vma = 0
    if file != 0 or vm & VM_SHARED == 0:
        vmg_init(m, addr, addr + length, pgoff, vm, file)
        vma = merge_new(m, mm)
    joined = vma
    if vma == 0:
        vma = _new_area(m, task, file, addr, length, vm, pgoff, reserve)
        if vma < 0:
            uncharge(m, m[VMS_CHARGED])
            return vma
    pages = length >> m[H_ARCH + A_PAGE_SHIFT]
    vm_stat_account(m, mm, vm, pages)
    if m[mm + MM_KSM] != 0 and joined == 0:  # an area that grows keeps its flags (__mmap_new_vma)
        flags = ksm_flags(m, mm, m[vma + V_FLAGS], m[H_RULES + R_KSM_PROCESS])
        if flags != m[vma + V_FLAGS]:
            vma_set_flags(m, vma, flags)
    if vm & VM_LOCKED:
        if m[vma + V_FLAGS] & (VM_SPECIAL | VM_DROPPABLE):
            vma_set_flags(m, vma, m[vma + V_FLAGS] & ~(VM_LOCKED | VM_LOCKONFAULT))
        else:
            m[mm + MM_LOCKED] += pages
    map_special(m, mm, vma, addr, addr + length)
    return addr
