"""The calls that are recorded, by number for each architecture, and the seccomp filter that stops only for them."""

from __future__ import annotations

import struct

from ..abi.calls import ALONE, CALLS
from ..abi.calls import COUNTED as AND_COUNTED
from ..abi.prctl import PR_SET_MDWE, PR_SET_MEMORY_MERGE, PR_SET_MM, PR_SET_THP_DISABLE, PR_SET_VMA
from ..trace.syscalls import TABLES
from .libc import AUDIT_ARCHES

SERIAL = frozenset((*(call.name for call in CALLS.values() if call.order != ALONE), "map_shadow_stack"))
"""Calls of the threads of a process that are let in one after the other: what they do to an address space then has
one order. Calls that may wait for another thread are not among them."""

COUNTED = frozenset(
    (*(call.name for call in CALLS.values() if call.order == AND_COUNTED), "execve", "execveat")
)
"""Calls behind which the kernel's counters are read."""

_OTHERS = """
    shmget shmctl ipc open openat openat2 creat close dup dup2 dup3 close_range memfd_create memfd_secret
    io_uring_setup perf_event_open ftruncate ftruncate64 fallocate pidfd_open personality setrlimit
    prlimit64 setuid setreuid setresuid setuid32 setreuid32 setresuid32 execve execveat vfork exit
    set_mempolicy_home_node uselib modify_ldt process_mrelease
    """.split()

RECORDED = SERIAL | COUNTED | frozenset(_OTHERS)

ONLY_WITH: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "prctl": (0, 0xFFFFFFFF, (PR_SET_VMA, PR_SET_MM, PR_SET_THP_DISABLE, PR_SET_MDWE, PR_SET_MEMORY_MERGE)),
    "fcntl": (1, 0xFFFFFFFF, (0, 2, 1030, 1033)),
    "fcntl64": (1, 0xFFFFFFFF, (0, 2, 1030, 1033)),
    "ioctl": (1, 0xFF00, (0xAA00,)),
    "bpf": (0, 0xFFFFFFFF, (0,)),
    "socket": (0, 0xFFFFFFFF, (17,)),
    "arch_prctl": (0, 0xFFFFFFFF, (0x2001, 0x2002, 0x2003, 0x5001)),
}
"""Calls that are recorded only with some commands: argument, mask, values (F_DUPFD F_SETFD F_DUPFD_CLOEXEC F_ADD_SEALS;
UFFDIO_*; BPF_MAP_CREATE; AF_PACKET; ARCH_MAP_VDSO_*, ARCH_SHSTK_ENABLE)."""

COMPAT = {0xC000003E: 0x40000003}
"""The other architecture whose programs run too: x86_64 runs i386."""


def audit_arch(machine: str) -> int:
    """AUDIT_ARCH_* of an architecture; KeyError if its calls are not known by number."""
    return {name: number for number, name in AUDIT_ARCHES.items()}[machine]


def is_recorded(name: str, args: tuple[int, ...]) -> bool:
    """True if a call of this name with these arguments is recorded."""
    only = ONLY_WITH.get(name)
    if only is None:
        return name in RECORDED
    argument, mask, values = only
    return args[argument] & mask in values


_LD, _JEQ, _JA, _AND, _RET = 0x20, 0x15, 0x05, 0x54, 0x06
_ALLOW, _TRACE = 0x7FFF0000, 0x7FF00000


def seccomp_filter(machine: str) -> bytes:
    """A classic BPF program: RET_TRACE for the recorded calls of `machine` and its compat programs, else ALLOW."""
    first = audit_arch(machine)
    blocks = [(arch, _block(AUDIT_ARCHES[arch])) for arch in (first, COMPAT.get(first, 0)) if arch]
    code: list[tuple[int, int, int, int]] = [(_LD, 0, 0, 4)]
    for arch, block in blocks:
        code += [(_JEQ, 1, 0, arch), (_JA, 0, 0, len(block)), *block]
    code.append((_RET, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *one) for one in code)


def _block(machine: str) -> list[tuple[int, int, int, int]]:
    """The instructions for one architecture, which end in ALLOW."""
    code: list[tuple[int, int, int, int]] = [(_LD, 0, 0, 0)]
    for number, name in TABLES[machine].items():
        if name in ONLY_WITH:
            argument, mask, values = ONLY_WITH[name]
            tests = [one for value in values for one in ((_JEQ, 0, 1, value), (_RET, 0, 0, _TRACE))]
            body = [(_LD, 0, 0, 16 + 8 * argument), (_AND, 0, 0, mask), *tests, (_RET, 0, 0, _ALLOW)]
            code += [(_JEQ, 0, len(body), number), *body]
        elif name in RECORDED:
            code += [(_JEQ, 0, 1, number), (_RET, 0, 0, _TRACE)]
    return [*code, (_RET, 0, 0, _ALLOW)]
