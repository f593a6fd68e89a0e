"""Names of system calls as traces of many years and machines print them.

A call has one meaning under several names: ``old_mmap`` of i386 and arm, ``svr4_mmap`` of MIPS, ``_exit``, a number
where the tracer is older than the call. `CallNames` turns what a log prints into the name that the tables of
`calls` know. A name that is none of these and not among the calls that leave address spaces alone is unknown:
it is counted and named, never taken for harmless.
"""

from __future__ import annotations

import re
from functools import cache

from ..syscalls import TABLES

ALIASES: dict[bytes, bytes] = {
    b"old_mmap": b"mmap",
    b"oldmmap": b"mmap",
    b"mmap64": b"mmap",
    b"old_mmap_pgoff": b"mmap2",
    b"mmap_pgoff": b"mmap2",
    b"mmap_4koff": b"mmap2",
    b"_exit": b"exit",
    b"clone2": b"clone",
    b"execv": b"execve",
    b"ftruncate64_time32": b"ftruncate64",
}
"""Other names of calls that the reader knows; arguments in the same places."""

_PREFIXES = (
    b"svr4_",
    b"sysv_",
    b"bsd43_",
    b"posix_",
    b"osf_",
    b"linux_",
    b"sys32_",
    b"sys_",
    b"old_",
    b"compat_sys_",
    b"__x64_sys_",
    b"__ia32_sys_",
    b"__arm64_sys_",
)
"""Personalities and entry points in front of a name: the call is the same."""

_OTHER_HARMLESS = """
_llseek _newselect _sysctl accept access acct afs_syscall arm_fadvise64_64 arm_sync_file_range atomic_barrier
atomic_cmpxchg_32 bdflush break breakpoint cachectl capget clock_adjtime64 clock_getres_time32
clock_gettime32 clock_nanosleep_time32 clock_settime32 creat cacheflush dipc epoll_ctl_old epoll_wait_old fadvise64
fadvise64_64 fstat64 fstatat64 fstatfs64 ftime futex_time32 futex_time64 get_kernel_syms get_mempolicy
get_thread_area get_tls getcpu getdomainname getdtablesize gethostname getpagesize getpmsg getresgid32
getresuid32 getunwind getxgid getxpid getxuid gtty idle io_cancel io_getevents io_pgetevents io_submit ioperm
iopl kern_features lchown32 listxattrat lock lookup_dcookie lstat64 memory_ordering mpx multiplexer
newfstatat newlstat newstat newuname nfsservctl nice numa oldfstat oldlstat oldolduname oldstat olduname
old_select old_readdir pciconfig_iobase pciconfig_read pciconfig_write pread pwrite perfctr perfmonctl ppc_fadvise64_64
prlimit prof profil ptrace putpmsg query_module quotactl readdir recv recvmmsg_time32 recvmmsg_time64
restart_syscall riscv_flush_icache riscv_hwprobe rtas rt_sigtimedwait_time32 s390_guarded_storage
s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr s390_sthyi sched_get_affinity sched_set_affinity
semtimedop semtimedop_time32 send set_tls set_zone_reclaim setdomainname sethae sgetmask sigaction sigaltstack
signal sigpending sigprocmask sigreturn sigsuspend sigwait socketcall spill ssetmask stat64 statfs64 stime stty
swapcontext switch_endian sync_file_range2 sys_debug_setcontext syscall sysmips timerfd timerfd_gettime32
timerfd_settime32 truncate truncate64 ugetrlimit ulimit umount unused usr26 usr32 ustat utimensat_time32
utimesat utrap_install vserver waitpid waitpgid uretprobe uprobe exit_group getrlimit time tuxcall ni_syscall
pselect6_time32 ppoll_time32 prctl io_pgetevents_time64 shmctl64 memfd_secret
"""
"""Calls outside the tables of numbers that leave address spaces alone."""

NEW_CALLS: dict[int, bytes] = {
    number: name.encode() for number, name in TABLES["x86_64"].items() if number >= 424
}
"""Calls that an older strace prints as ``syscall_0x1ce(...)``: one number on every architecture."""

_OFFSETS = (0, 4000, 5000, 6000, 110, 1024)
"""What MIPS (o32, n64, n32), Alpha and Itanium add to the numbers of new calls."""

_ARM_PRIVATE: dict[int, bytes] = {
    0xF0001: b"breakpoint",
    0xF0002: b"cacheflush",
    0xF0003: b"usr26",
    0xF0004: b"usr32",
    0xF0005: b"set_tls",
    0xF0006: b"get_tls",
}
"""Calls of 32-bit ARM alone (arch/arm/include/uapi/asm/unistd.h), none of which touches an area."""

_X32 = 0x40000000
_NUMBER = re.compile(rb"(?:syscall_|SYS_)(0x[0-9a-fA-F]{1,16}|0|[1-9]\d{0,17})\Z")


@cache
def harmless() -> frozenset[bytes]:
    """Names of calls that exist somewhere and are not known to concern memory (`calls` takes precedence)."""
    names = {name.encode() for table in TABLES.values() for name in table.values()}
    return frozenset(names | {name.encode() for name in _OTHER_HARMLESS.split()})


class CallNames:
    """What the names of one log mean. `arch` names the table of numbers, empty: numbers below 424 stay unknown."""

    def __init__(self, known: frozenset[bytes], arch: str = "") -> None:
        self._known = known
        self._table = TABLES.get(arch, {})
        self._meant: dict[bytes, bytes] = {}

    def real(self, name: bytes) -> bytes:
        """The name under which the tables of `calls`, or the list of harmless calls, have a call."""
        meant = self._meant.get(name)
        if meant is None:
            meant = self._look_up(name)
            if len(self._meant) < 10_000:
                self._meant[name] = meant
        return meant

    def is_known(self, name: bytes) -> bool:
        """True for a real name that concerns memory, or is known not to."""
        return name in self._known or name in harmless() or name.startswith(b"?")

    def _look_up(self, name: bytes) -> bytes:
        match = _NUMBER.match(name)
        if match is not None:
            return self._by_number(int(match.group(1), 0), name)
        if name in ALIASES:
            return ALIASES[name]
        if name in self._known or name in harmless():
            return name
        for prefix in _PREFIXES:
            rest = name.removeprefix(prefix)
            if rest != name:
                rest = ALIASES.get(rest, rest)
                if rest in self._known or rest in harmless():
                    return rest
        return name

    def _by_number(self, number: int, name: bytes) -> bytes:
        if number in _ARM_PRIVATE:
            return _ARM_PRIVATE[number]
        number &= ~_X32
        in_table = self._table.get(number)
        if in_table is not None:
            return ALIASES.get(in_table.encode(), in_table.encode())
        for offset in _OFFSETS:
            found = NEW_CALLS.get(number - offset)
            if found is not None:
                return found
        return name
