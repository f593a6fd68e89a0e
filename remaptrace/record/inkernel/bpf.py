"""Small programs in the kernel: an assembler for them, maps, loading and attaching; by bpf(2) alone.

Numbers from include/uapi/linux/bpf.h. Everything goes when its descriptors are closed, also by SIGKILL.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from collections.abc import Iterator

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_BPF = {"x86_64": 321}

_MAP_CREATE, _MAP_LOOKUP, _MAP_UPDATE, _PROG_LOAD, _RAW_TRACEPOINT_OPEN = 0, 1, 2, 5, 17
HASH, ARRAY, LRU_HASH, RINGBUF = 1, 2, 9, 27
_RAW_TRACEPOINT = 17
_BUSY, _DISCARD = 1 << 31, 1 << 30

# helpers: kernel/trace/bpf_trace.c, kernel/bpf/helpers.c
LOOKUP, UPDATE, DELETE, KTIME, PID_TGID, CURRENT_TASK, READ_KERNEL, RINGBUF_OUTPUT = (
    1,
    2,
    3,
    5,
    14,
    35,
    113,
    130,
)
R0, R1, R2, R3, R4, R6, R7, R8, R9, FP = 0, 1, 2, 3, 4, 6, 7, 8, 9, 10


def bpf(machine: str, command: int, attributes: bytes) -> int:
    """One bpf(2) call; what it returns. OSError where the kernel refuses."""
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    result: int = _libc.syscall(_BPF[machine], command, buffer, len(attributes))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


class Program:
    """Instructions with named places to jump to."""

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, int | str, int]] = []
        self._places: dict[str, int] = {}

    def op(self, code: int, to: int = 0, by: int = 0, off: int | str = 0, imm: int = 0) -> None:
        """Any instruction; `off` may be the name of a place."""
        self._code.append((code, to, by, off, imm))

    def place(self, name: str) -> None:
        """The next instruction has this name."""
        self._places[name] = len(self._code)

    def copy(self, to: int, by: int) -> None:
        """to = by"""
        self.op(0xBF, to, by)

    def number(self, to: int, value: int) -> None:
        """to = value, of 32 bits with sign"""
        self.op(0xB7, to, imm=value)

    def add(self, to: int, value: int) -> None:
        """to += value"""
        self.op(0x07, to, imm=value)

    def load(self, to: int, by: int, off: int, size: int = 8) -> None:
        """to = *(by + off)"""
        self.op(0x79 if size == 8 else 0x61, to, by, off)

    def store(self, to: int, off: int, by: int, size: int = 8) -> None:
        """*(to + off) = by"""
        self.op(0x7B if size == 8 else 0x63, to, by, off)

    def put(self, off: int, value: int) -> None:
        """*(frame + off) = value, of 32 bits"""
        self.op(0x62, FP, 0, off, value)

    def count(self, to: int, off: int, more: int) -> None:
        """*(to + off) += more, in one step for all processors; by r1"""
        self.number(R1, more)
        self.op(0xDB, to, R1, off)

    def zero(self, off: int) -> None:
        """*(frame + off) = 0, of 64 bits"""
        self.op(0x7A, FP, 0, off, 0)

    def if_equal(self, left: int, value: int, place: str) -> None:
        """Go to `place` if left == value."""
        self.op(0x15, left, 0, place, value)

    def if_unequal(self, left: int, value: int, place: str) -> None:
        """Go to `place` if left != value."""
        self.op(0x55, left, 0, place, value)

    def go(self, place: str) -> None:
        """Go to `place`."""
        self.op(0x05, 0, 0, place)

    def map_of(self, to: int, fd: int) -> None:
        """to = the map behind a descriptor"""
        self.op(0x18, to, 1, 0, fd)
        self.op(0, 0)

    def frame(self, to: int, off: int) -> None:
        """to = frame + off"""
        self.copy(to, FP)
        self.add(to, off)

    def call(self, helper: int) -> None:
        """r0 = helper(r1, ...)"""
        self.op(0x85, imm=helper)

    def read(self, off: int, size: int, base: int, at: int) -> None:
        """Read `size` bytes of the kernel at `base` (r4 or higher) + `at` into the frame at `off`."""
        self.frame(R1, off)
        self.number(R2, size)
        self.copy(R3, base)
        self.add(R3, at)
        self.call(READ_KERNEL)

    def end(self) -> None:
        """return 0"""
        self.number(R0, 0)
        self.op(0x95)

    def code(self) -> bytes:
        """The instructions as the kernel takes them."""
        out = []
        for number, (code, to, by, off, imm) in enumerate(self._code):
            offset = self._places[off] - number - 1 if isinstance(off, str) else off
            out.append(struct.pack("=BBhi", code, by << 4 | to, offset, imm))
        return b"".join(out)


class Kernel:
    """What was made in the kernel; `close` gives it all back."""

    def __init__(self, machine: str) -> None:
        self.machine = machine
        self._fds: list[int] = []

    def _kept(self, fd: int) -> int:
        self._fds.append(fd)
        return fd

    def map(self, kind: int, key: int, value: int, entries: int) -> int:
        """A new map."""
        return self._kept(
            bpf(
                self.machine, _MAP_CREATE, struct.pack("=IIIIIII16s", kind, key, value, entries, 0, 0, 0, b"")
            )
        )

    def update(self, fd: int, key: bytes, value: bytes) -> None:
        """Put a value into a map."""
        keys, values = (
            ctypes.create_string_buffer(key, len(key)),
            ctypes.create_string_buffer(value, len(value)),
        )
        attributes = struct.pack("=IxxxxQQQ", fd, ctypes.addressof(keys), ctypes.addressof(values), 0)
        bpf(self.machine, _MAP_UPDATE, attributes)

    def lookup(self, fd: int, key: bytes, size: int) -> bytes:
        """The value of a key."""
        keys, values = ctypes.create_string_buffer(key, len(key)), ctypes.create_string_buffer(size)
        attributes = struct.pack("=IxxxxQQQ", fd, ctypes.addressof(keys), ctypes.addressof(values), 0)
        bpf(self.machine, _MAP_LOOKUP, attributes)
        return values.raw

    def attach(self, tracepoint: str, program: Program) -> None:
        """Load a program and run it at a tracepoint, with the tracepoint's own arguments."""
        code, licence = program.code(), ctypes.create_string_buffer(b"Dual MIT/GPL")
        text = ctypes.create_string_buffer(code, len(code))
        attributes = struct.pack(
            "=IIQQIIQII16s", _RAW_TRACEPOINT, len(code) // 8, ctypes.addressof(text), ctypes.addressof(licence),
            0, 0, 0, 0, 0, b"remaptrace",
        )  # fmt: skip
        fd = self._kept(bpf(self.machine, _PROG_LOAD, attributes))
        name = ctypes.create_string_buffer(tracepoint.encode())
        self._kept(
            bpf(self.machine, _RAW_TRACEPOINT_OPEN, struct.pack("=QIxxxx", ctypes.addressof(name), fd))
        )

    def close(self) -> None:
        """Detach, unload, free."""
        for fd in reversed(self._fds):
            os.close(fd)
        self._fds.clear()


class Ring:
    """The reading side of a ring buffer of `size` bytes (kernel/bpf/ringbuf.c)."""

    def __init__(self, fd: int, size: int) -> None:
        page = mmap.PAGESIZE
        self._size = size
        self._consumer = mmap.mmap(fd, page)
        self._rest = mmap.mmap(fd, page + 2 * size, prot=mmap.PROT_READ, offset=page)

    def records(self) -> Iterator[bytes]:
        """What is there, record by record, in the order in which room was taken."""
        page = mmap.PAGESIZE
        (at,) = struct.unpack_from("=Q", self._consumer, 0)
        (end,) = struct.unpack_from("=Q", self._rest, 0)
        while at < end:
            place = page + at % self._size
            (length,) = struct.unpack_from("=I", self._rest, place)
            if length & _BUSY:
                break
            size = length & ~_DISCARD
            if not length & _DISCARD:
                yield self._rest[place + 8 : place + 8 + size]
            at += size + 8 + 7 & ~7
            struct.pack_into("=Q", self._consumer, 0, at)

    def close(self) -> None:
        """Unmap it."""
        self._consumer.close()
        self._rest.close()
