"""One call as a line that the reader of strace text takes: raw numbers, with paths where descriptors are."""

from __future__ import annotations

import errno
import struct

from ..abi.calls import CALLS, EVENTS, OWN_WAY
from ..abi.prctl import PR_SET_MM, PR_SET_VMA
from ..lateclasses import dataclass, field
from . import memory

_HEX = "0123456789abcdef"
_FDS = {  # arguments that are descriptors
    **{
        call.name: at
        for call in CALLS.values()
        if call.kind and call.read != OWN_WAY
        for at, arg in enumerate(EVENTS[call.kind].args)
        if arg.form == "fd"
    },
    **dict.fromkeys("dup dup2 dup3 fcntl fcntl64 ioctl process_madvise".split(), 0),
    "mmap2": 4,
}
_ARGUMENTS = {
    **{call.name: len(call.parameters) for call in CALLS.values()},
    "ftruncate64": 3,  # of 32-bit programs: the length takes two
}
"""How many registers of a call are shown."""
_RETURNS_FD = frozenset(
    "open openat openat2 creat dup dup2 dup3 memfd_create memfd_secret userfaultfd pidfd_open fcntl fcntl64"
    " io_uring_setup perf_event_open bpf socket".split()
)
_UFFD = {
    0x3F: "API", 0x00: "REGISTER", 0x01: "UNREGISTER", 0x02: "WAKE", 0x03: "COPY", 0x04: "ZEROPAGE", 0x05: "MOVE",
    0x06: "WRITEPROTECT", 0x07: "CONTINUE", 0x08: "POISON",
}  # fmt: skip
_ARCH_COMMANDS = {
    0x2001: "ARCH_MAP_VDSO_X32",
    0x2002: "ARCH_MAP_VDSO_32",
    0x2003: "ARCH_MAP_VDSO_64",
    0x5001: "ARCH_SHSTK_ENABLE",
}
_RESTARTS = {512: "ERESTARTSYS", 513: "ERESTARTNOINTR", 514: "ERESTARTNOHAND", 516: "ERESTART_RESTARTBLOCK"}


@dataclass
class Entry:
    """A call that a task has entered: its arguments as text, made while what they point to is there."""

    name: str
    args: tuple[int, ...]
    words: str
    time: int  # ns
    wide: bool = True  # 64-bit registers
    flags: int = 0  # CLONE_* of a fork
    notes: list[str] = field(default_factory=list)


def quoted(raw: bytes) -> str:
    """A string between quotes."""
    return '"' + _escaped(raw, '"\\') + '"'


def shown_path(path: bytes) -> str:
    """What stands behind a descriptor, as ``-y`` shows it."""
    deleted = path.endswith(b" (deleted)")
    inner = _escaped(path.removesuffix(b" (deleted)"), "<>\\")
    return f"<{inner}>" + ("(deleted)" if deleted else "")


def _escaped(raw: bytes, special: str) -> str:
    out = []
    for byte in raw:
        if 32 <= byte < 127 and chr(byte) not in special:
            out.append(chr(byte))
        else:
            out.append(f"\\x{_HEX[byte >> 4]}{_HEX[byte & 15]}")
    return "".join(out)


def entered(tid: int, name: str, args: tuple[int, ...], wide: bool, time: int) -> Entry:
    """The entry of one call of the stopped task `tid`. `wide`: of a 64-bit program."""
    entry = Entry(name, args, "", time, wide)
    special = _SPECIAL.get(name)
    if special is not None:
        entry.words = special(tid, entry)
    else:
        count = _ARGUMENTS.get(name, 6)
        entry.words = ", ".join(_word(tid, name, at, value) for at, value in enumerate(args[:count]))
    return entry


def _word(tid: int, name: str, at: int, value: int) -> str:
    if _FDS.get(name) == at:
        return _fd(tid, value)
    return hex(value)


def _fd(tid: int, value: int) -> str:
    fd = value & 0xFFFFFFFF
    fd = fd - (1 << 32) if fd >> 31 else fd
    path = memory.descriptor_path(tid, fd) if fd >= 0 else None
    return f"{fd}{shown_path(path)}" if path is not None else str(fd)


def _at(tid: int, value: int) -> str:
    """A descriptor of a directory, or AT_FDCWD."""
    if value & 0xFFFFFFFF == 0xFFFFFF9C:
        path = memory.working_directory(tid)
        return "-100" + (shown_path(path) if path is not None else "")
    return _fd(tid, value)


def _string(tid: int, address: int) -> str:
    raw = memory.read_string(tid, address)
    return quoted(raw) if raw is not None else hex(address)


def _open(tid: int, entry: Entry) -> str:
    return f"{_string(tid, entry.args[0])}, {hex(entry.args[1])}, {hex(entry.args[2])}"


def _openat(tid: int, entry: Entry) -> str:
    return f"{_at(tid, entry.args[0])}, {_string(tid, entry.args[1])}, {hex(entry.args[2])}, {hex(entry.args[3])}"


def _openat2(tid: int, entry: Entry) -> str:
    how = memory.read_bytes(tid, entry.args[2], 8)
    flags = f"{{flags={hex(int.from_bytes(how, 'little'))}}}" if how is not None else hex(entry.args[2])
    return f"{_at(tid, entry.args[0])}, {_string(tid, entry.args[1])}, {flags}, {entry.args[3]}"


def _execve(tid: int, entry: Entry) -> str:
    return f"{_string(tid, entry.args[0])}, {hex(entry.args[1])}, {hex(entry.args[2])}"


def _execveat(tid: int, entry: Entry) -> str:
    return f"{_at(tid, entry.args[0])}, {_string(tid, entry.args[1])}, {hex(entry.args[2])}, {hex(entry.args[3])}"


def _memfd(tid: int, entry: Entry) -> str:
    return f"{_string(tid, entry.args[0])}, {hex(entry.args[1])}"


def _clone(_tid: int, entry: Entry) -> str:
    entry.flags = entry.args[0]
    return ", ".join(map(hex, entry.args[:5]))


def _clone3(tid: int, entry: Entry) -> str:
    flags = memory.read_bytes(tid, entry.args[0], 8)
    if flags is None:
        return f"{hex(entry.args[0])}, {entry.args[1]}"
    entry.flags = int.from_bytes(flags, "little")
    return f"{{flags={hex(entry.flags)}}}, {entry.args[1]}"


def _rlimit(tid: int, address: int, size: int) -> str:
    raw = memory.read_bytes(tid, address, 2 * size) if address else None
    if raw is None:
        return hex(address)
    soft, hard = struct.unpack("=QQ" if size == 8 else "=II", raw)
    if size == 4:
        soft, hard = (value if value != 0xFFFFFFFF else (1 << 64) - 1 for value in (soft, hard))
    return f"{{rlim_cur={soft}, rlim_max={hard}}}"


def _setrlimit(tid: int, entry: Entry) -> str:
    return f"{entry.args[0]}, {_rlimit(tid, entry.args[1], 8 if entry.wide else 4)}"


def _prlimit(tid: int, entry: Entry) -> str:
    return f"{entry.args[0]}, {entry.args[1]}, {_rlimit(tid, entry.args[2], 8)}, {hex(entry.args[3])}"


def _process_madvise(tid: int, entry: Entry) -> str:
    word, count = 8 if entry.wide else 4, min(entry.args[2], 1024)
    raw = memory.read_bytes(tid, entry.args[1], 2 * word * count) if count else b""
    if raw is None:
        ranges = hex(entry.args[1])
    else:
        numbers = struct.unpack(f"={2 * count}{'Q' if word == 8 else 'I'}", raw)
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        ranges = "[" + ", ".join(f"{{iov_base={hex(b)}, iov_len={n}}}" for b, n in pairs) + "]"
    return f"{_fd(tid, entry.args[0])}, {ranges}, {entry.args[2]}, {hex(entry.args[3])}, {hex(entry.args[4])}"


def _mbind(tid: int, entry: Entry) -> str:
    raw = (
        memory.read_bytes(tid, entry.args[3], 8 if entry.wide else 4)
        if entry.args[3] and entry.args[4]
        else None
    )
    nodes = f"[{hex(int.from_bytes(raw, 'little'))}]" if raw is not None else "NULL"
    head = ", ".join(map(hex, entry.args[:3]))
    return f"{head}, {nodes}, {entry.args[4]}, {hex(entry.args[5])}"


def _prctl(tid: int, entry: Entry) -> str:
    option = entry.args[0] & 0xFFFFFFFF
    if option == PR_SET_VMA:
        name = _string(tid, entry.args[4]) if entry.args[4] else "NULL"
        return f"{hex(option)}, {', '.join(map(hex, entry.args[1:4]))}, {name}"
    shown = "PR_SET_MM" if option == PR_SET_MM else hex(option)
    return f"{shown}, {', '.join(map(hex, entry.args[1:5]))}"


_RANGE = ("range={start=", "len=", "mode=")
_MEMBERS: dict[str, tuple[str, ...]] = {
    "API": ("api=", "features="),
    "UNREGISTER": ("start=", "len="),
    "WAKE": ("start=", "len="),
    "COPY": ("dst=", "src=", "len=", "mode="),
    "MOVE": ("dst=", "src=", "len=", "mode="),
    **dict.fromkeys(("REGISTER", "ZEROPAGE", "WRITEPROTECT", "CONTINUE", "POISON"), _RANGE),
}
"""Members of the structure behind each UFFDIO_* that the caller fills, 64 bits each (linux/userfaultfd.h)."""


def _ioctl(tid: int, entry: Entry) -> str:
    command = entry.args[1]
    what = _UFFD.get(command & 0xFF)
    if what is None:
        return f"{_fd(tid, entry.args[0])}, {hex(command)}, {hex(entry.args[2])}"
    members = _MEMBERS[what]
    raw = memory.read_bytes(tid, entry.args[2], 8 * len(members))
    shown = hex(entry.args[2])
    if raw is not None:
        values = struct.unpack(f"={len(members)}Q", raw)
        pairs = [name + hex(value) for name, value in zip(members, values, strict=True)]
        if members is _RANGE:
            pairs[1] += "}"
        shown = "{" + ", ".join(pairs) + "}"
    return f"{_fd(tid, entry.args[0])}, UFFDIO_{what}, {shown}"


def _bpf(_tid: int, entry: Entry) -> str:
    return f"BPF_MAP_CREATE, {hex(entry.args[1])}, {entry.args[2]}"


def _arch_prctl(_tid: int, entry: Entry) -> str:
    return f"{_ARCH_COMMANDS.get(entry.args[0], hex(entry.args[0]))}, {hex(entry.args[1])}"


_SPECIAL = {
    "open": _open, "creat": _open, "openat": _openat, "openat2": _openat2, "execve": _execve, "execveat": _execveat,
    "memfd_create": _memfd, "clone": _clone, "clone3": _clone3, "setrlimit": _setrlimit, "prlimit64": _prlimit,
    "process_madvise": _process_madvise, "mbind": _mbind, "prctl": _prctl, "ioctl": _ioctl, "arch_prctl": _arch_prctl,
    "bpf": _bpf,
}  # fmt: skip


def result(tid: int, entry: Entry, value: int) -> str:
    """What stands behind ``=`` for a call that returned `value`."""
    if -4095 <= value < 0:
        if -value in _RESTARTS:
            return f"? {_RESTARTS[-value]} (To be restarted)"
        name = errno.errorcode.get(-value)
        return f"-1 {name}" if name is not None else str(value)
    if entry.name in _RETURNS_FD:
        command = entry.args[1] & 0xFFFFFFFF
        if not entry.name.startswith("fcntl") or command in (0, 1030):
            path = memory.descriptor_path(tid, value)
            return f"{value}{shown_path(path) if path is not None else ''}"
    return hex(value)
