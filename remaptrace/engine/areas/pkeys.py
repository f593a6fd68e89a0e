"""Protection keys: which ones an address space has handed out, and what a thread's register denies.

arch/x86/mm/pkeys.c, arch/x86/include/asm/pkeys.h; answers of 6.1, 6.12 and 7.2 with keys, of 6.18 without. Without keys
the first pkey_alloc of an address space is EINVAL and every later one ENOSPC: the only key, 0, was handed out then
and cannot be given back, for it is at once the (unset) execute-only key.
"""

from __future__ import annotations

from ...abi.errnos import EINVAL, ENOSPC, ENOSYS
from ...abi.mman import PKEY_DISABLE_ACCESS, PKEY_DISABLE_WRITE
from ...abi.signals import ACC_EXEC, ACC_WRITE
from ...abi.vmflags import PKEY_SHIFT, VM_PKEY
from ...machine.callrules import R_PKEY_CALLS
from ...machine.rules import R_PKEYS
from ..jit import kernel
from ..state import G_REGISTER_UNKNOWN, H_RULES, MM_PKEYS, MM_XO_KEY, T_MM, T_PKRU, V_FLAGS, V_START, Mem
from .vmaset import find_vma

PKRU_INIT = 0x55555554  # all keys but 0 deny access


@kernel
def pkru_of(m: Mem, task: int) -> int:
    """The thread's PKRU register, 32 bits."""
    return m[task + T_PKRU] ^ PKRU_INIT


@kernel
def set_pkru(m: Mem, task: int, value: int) -> int:
    """Load the thread's PKRU register; the value."""
    m[task + T_PKRU] = (value & 0xFFFF_FFFF) ^ PKRU_INIT
    return value & 0xFFFF_FFFF


@kernel
def _set_rights(m: Mem, task: int, key: int, rights: int) -> int:
    """Give the thread these rights (PKEY_DISABLE_*) over a key."""
    return set_pkru(m, task, (pkru_of(m, task) & ~(3 << (2 * key))) | rights << (2 * key))


@kernel
def _map(m: Mem, mm: int) -> int:
    """The keys handed out, a bit each; key 0 is from the start where there are keys."""
    return m[mm + MM_PKEYS] ^ (1 if m[H_RULES + R_PKEYS] != 0 else 0)


@kernel
def _lowest_free(m: Mem, mm: int) -> int:
    """Hand out the lowest key that is free: it, or -1."""
    keys = max(m[H_RULES + R_PKEYS], 1)
    for key in range(keys):
        if _map(m, mm) >> key & 1 == 0:
            m[mm + MM_PKEYS] ^= 1 << key
            return key
    return -1


@kernel
def pkey_is_allocated(m: Mem, mm: int, key: int) -> int:
    """1 for a key that a program may name (mm_pkey_is_allocated): not the execute-only one."""
    keys = m[H_RULES + R_PKEYS]
    if key < 0 or key >= keys or m[mm + MM_XO_KEY] == key + 1:
        return 0
    return _map(m, mm) >> key & 1


@kernel
def execute_only_key(m: Mem, task: int) -> int:
    """The key that denies reading, made at its first use; 0 where none can be had."""
    if m[H_RULES + R_PKEYS] == 0:
        return 0
    mm = m[task + T_MM]
    if m[mm + MM_XO_KEY] == 0:
        key = _lowest_free(m, mm)
        if key < 0:
            return 0
        m[mm + MM_XO_KEY] = key + 1
        _set_rights(m, task, key, PKEY_DISABLE_ACCESS)  # whatever the register had for it
    key = m[mm + MM_XO_KEY] - 1
    if pkru_of(m, task) >> (2 * key) & PKEY_DISABLE_ACCESS == 0:
        _set_rights(m, task, key, PKEY_DISABLE_ACCESS)
    return key


@kernel
def pkey_denies(m: Mem, task: int, addr: int, access: int) -> int:
    """1 if the key of the area at `addr` denies a load or store; fetches are never denied.

    A recording does not show the register, so that nothing is denied there.
    """
    if m[H_RULES + R_PKEYS] == 0 or access == ACC_EXEC or m[G_REGISTER_UNKNOWN] != 0:
        return 0
    vma = find_vma(m, m[task + T_MM], addr)
    if vma == 0 or m[vma + V_START] > addr:
        return 0
    rights = pkru_of(m, task) >> (2 * ((m[vma + V_FLAGS] & VM_PKEY) >> PKEY_SHIFT))
    denied = PKEY_DISABLE_ACCESS | (PKEY_DISABLE_WRITE if access == ACC_WRITE else 0)
    return 1 if rights & denied else 0


@kernel
def sys_pkey_alloc(m: Mem, task: int, flags: int, rights: int) -> int:
    """pkey_alloc(flags, rights): the key, or -EINVAL, -ENOSPC."""
    if m[H_RULES + R_PKEY_CALLS] == 0:
        return -ENOSYS
    if flags != 0 or rights & ~(PKEY_DISABLE_ACCESS | PKEY_DISABLE_WRITE):
        return -EINVAL
    key = _lowest_free(m, m[task + T_MM])
    if key < 0:
        return -ENOSPC
    if m[H_RULES + R_PKEYS] == 0:
        return -EINVAL
    _set_rights(m, task, key, rights)
    return key


@kernel
def sys_pkey_free(m: Mem, task: int, key: int) -> int:
    """pkey_free(key): 0, or -EINVAL. Areas keep a key that was freed; PKRU stays."""
    if m[H_RULES + R_PKEY_CALLS] == 0:
        return -ENOSYS
    mm = m[task + T_MM]
    if pkey_is_allocated(m, mm, key) == 0:
        return -EINVAL
    m[mm + MM_PKEYS] ^= 1 << key
    return 0
