"""The few kernel interfaces of recording that Python does not offer: ptrace, waitpid with __WALL, prctl, seccomp."""

from __future__ import annotations

import ctypes
import os
import platform
import struct

from ..lateclasses import dataclass

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.syscall.restype = ctypes.c_long

# include/uapi/linux/ptrace.h
TRACEME, CONT, DETACH, SYSCALL, SETOPTIONS, GETEVENTMSG, GETSIGINFO = 0, 7, 17, 24, 0x4200, 0x4201, 0x4202
SEIZE, INTERRUPT, LISTEN, GET_SYSCALL_INFO = 0x4206, 0x4207, 0x4208, 0x420E
O_SYSGOOD, O_FORK, O_VFORK, O_CLONE, O_EXEC, O_EXIT, O_SECCOMP, O_EXITKILL = 1, 2, 4, 8, 16, 64, 128, 1 << 20
EV_FORK, EV_VFORK, EV_CLONE, EV_EXEC, EV_EXIT, EV_SECCOMP, EV_STOP = 1, 2, 3, 4, 6, 7, 128
INFO_ENTRY, INFO_EXIT, INFO_SECCOMP = 1, 2, 3

WALL = 0x40000000
_NO_NEW_PRIVS, _SECCOMP_SET_MODE_FILTER = 38, 1

AUDIT_ARCHES = {
    0xC000003E: "x86_64",
    0x40000003: "i386",
    0xC00000B7: "aarch64",
    0xC00000F3: "riscv64",
    0xC0000102: "loongarch64",
}
"""Architectures whose system calls we know by number, by AUDIT_ARCH_* (include/uapi/linux/audit.h)."""

_SECCOMP = {"x86_64": 317, "i386": 354}  # elsewhere the generic 277


def ptrace(request: int, tid: int, addr: int = 0, data: int = 0) -> int:
    """One request. OSError where the kernel refuses; ESRCH: the task is gone or runs."""
    result: int = _libc.ptrace(request, tid, addr, data)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def wait_any() -> tuple[int, int]:
    """(tid, status) of any child or tracee that changed; (0, 0) if a signal came first.

    ChildProcessError if none is left.
    """
    status = ctypes.c_int()
    tid: int = _libc.waitpid(-1, ctypes.byref(status), WALL)
    if tid < 0:
        number = ctypes.get_errno()
        if number == 4:  # EINTR: Python's signal handlers run now
            return 0, 0
        raise OSError(number, os.strerror(number))
    return tid, status.value


def event_message(tid: int) -> int:
    """The number that goes with a ptrace event: a child's tid, a former tid, an exit status."""
    word = ctypes.c_ulong()
    ptrace(GETEVENTMSG, tid, 0, ctypes.addressof(word))
    return word.value


def signal_info(tid: int) -> tuple[int, int, int]:
    """(si_signo, si_code, si_addr) of the signal about to be delivered."""
    buffer = ctypes.create_string_buffer(128)
    ptrace(GETSIGINFO, tid, 0, ctypes.addressof(buffer))
    signo, _errno, code = struct.unpack_from("=iii", buffer.raw, 0)
    (address,) = struct.unpack_from("=Q" if ctypes.sizeof(ctypes.c_void_p) == 8 else "=I", buffer.raw, 16)
    return signo, code, address


@dataclass(frozen=True)
class SyscallInfo:
    """What PTRACE_GET_SYSCALL_INFO (5.3) tells. `args` at an entry and a seccomp stop, `ret` at an exit."""

    op: int
    arch: int
    ip: int
    sp: int
    nr: int = -1
    args: tuple[int, ...] = ()
    ret: int = 0


_info = ctypes.create_string_buffer(128)


def syscall_info(tid: int) -> SyscallInfo:
    """The call that the stopped task `tid` enters or leaves. OSError EIO, EINVAL before Linux 5.3."""
    ptrace(GET_SYSCALL_INFO, tid, len(_info), ctypes.addressof(_info))
    raw = _info.raw
    op, arch, ip, sp = struct.unpack_from("=B3xIQQ", raw, 0)
    if op in (INFO_ENTRY, INFO_SECCOMP):
        nr, *args = struct.unpack_from("=Q6Q", raw, 24)
        return SyscallInfo(op, arch, ip, sp, nr, tuple(args))
    if op == INFO_EXIT:
        return SyscallInfo(op, arch, ip, sp, ret=struct.unpack_from("=q", raw, 24)[0])
    return SyscallInfo(op, arch, ip, sp)


def install_filter(program: bytes) -> None:
    """Put this process and all that come of it under a seccomp filter. OSError if it may not.

    Without CAP_SYS_ADMIN that needs no_new_privs: set-uid programs then run without their rights.
    """
    count = len(program) // 8
    code = ctypes.create_string_buffer(program, len(program))
    pointer = struct.pack("@HP", count, ctypes.addressof(code))
    header = ctypes.create_string_buffer(pointer, len(pointer))
    number = _SECCOMP.get(machine(), 277)
    for privileged in (True, False):
        if not privileged and _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
            break
        if _libc.syscall(number, _SECCOMP_SET_MODE_FILTER, 0, header) == 0:
            return
    error = ctypes.get_errno()
    raise OSError(error, os.strerror(error))


def machine() -> str:
    """The architecture of this process: i386 under setarch or a 32-bit Python too."""
    name = platform.machine()
    if name in ("i486", "i586", "i686") or (name == "x86_64" and ctypes.sizeof(ctypes.c_void_p) == 4):
        return "i386"
    return name
