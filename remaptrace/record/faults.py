"""User page faults for those without root: the kernel's software event, and what became of the page.

The event tells address, instruction and time, not the kind of access. The tracer asks /proc/PID/pagemap for the page
while the process stands at its next memory call: a private page that is the process's own was written, one that is
still the file's or the zero page was read. What that does not tell stays unknown.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from bisect import bisect_right
from collections.abc import Callable, Sequence

from ..lateclasses import dataclass, field
from .counters import read_proc
from .facts import sysctl

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_NUMBERS = {"x86_64": 298, "i386": 336}  # elsewhere the generic 241

_SOFTWARE, _PAGE_FAULTS = 1, 2
_IP, _TID, _TIME, _ADDR = 1, 2, 4, 8
_INHERIT, _EXCLUDE_KERNEL, _EXCLUDE_HV, _USE_CLOCKID = 1 << 1, 1 << 5, 1 << 6, 1 << 25
_FD_CLOEXEC, _SET_OUTPUT, _CLOCK_MONOTONIC = 8, 0x2405, 1
_SAMPLE, _LOST = 9, 2
_HEAD, _TAIL = 1024, 1032
_PRESENT, _FILE, _EXCLUSIVE = 1 << 63, 1 << 61, 1 << 56
_MOST_AREAS = 2000

Fault = tuple[int, int, int, int]
"""Time in ns, tid, address, instruction."""


def open_event(pid: int, cpu: int, machine: str) -> int:
    """A descriptor that samples every user page fault of `pid`. OSError if it may not."""
    flags = _INHERIT | _EXCLUDE_KERNEL | _EXCLUDE_HV | _USE_CLOCKID
    attributes = struct.pack(
        "=IIQQQQQIIQQQQIiQIHH", _SOFTWARE, 112, _PAGE_FAULTS, 1, _IP | _TID | _TIME | _ADDR, 0, flags,
        0, 0, 0, 0, 0, 0, 0, _CLOCK_MONOTONIC, 0, 0, 0, 0,
    )  # fmt: skip
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    number = _NUMBERS.get(machine, 241)
    fd: int = _libc.syscall(number, buffer, pid, cpu, -1, _FD_CLOEXEC)
    if fd < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return fd


def faults_refused(machine: str) -> str | None:
    """Why this process may not sample its page faults; None if it may."""
    try:
        os.close(open_event(os.getpid(), -1, machine))
    except OSError as error:
        level = sysctl("kernel/perf_event_paranoid")
        return f"{error.strerror}; kernel.perf_event_paranoid is {level}, 2 or less would let them"
    return None


@dataclass
class _Ring:
    fd: int
    memory: mmap.mmap
    size: int


@dataclass
class FaultRings:
    """The rings of one recording, one a processor. `write` takes the lines."""

    write: Callable[[str], None]
    offset: int  # added to CLOCK_MONOTONIC
    lost: int = 0
    begun: int = 1 << 62  # monotonic ns before which faults are not the program's
    known: int = 0
    unknown: int = 0
    pending: dict[int, list[Fault]] = field(default_factory=dict)
    _rings: list[_Ring] = field(default_factory=list)
    _fds: list[int] = field(default_factory=list)

    def open(self, tids: Sequence[int], machine: str) -> None:
        """Sample the faults of `tids` and all they give birth to. OSError if the kernel does not grant it."""
        import fcntl

        try:
            for cpu in sorted(_online()):
                first = -1
                for tid in tids:
                    fd = open_event(tid, cpu, machine)
                    self._fds.append(fd)
                    if first < 0:
                        first = fd
                        self._rings.append(_ring(fd))
                    else:
                        fcntl.ioctl(fd, _SET_OUTPUT, first)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Give everything back."""
        for ring in self._rings:
            ring.memory.close()
        for fd in self._fds:
            os.close(fd)
        self._rings, self._fds = [], []

    def drain(self) -> None:
        """Take what the rings hold."""
        for ring in self._rings:
            head, tail = struct.unpack_from("=QQ", ring.memory, _HEAD)
            while tail < head:
                kind, size = self._record(ring, tail)
                if size < 8:
                    self.lost += 1
                    tail = head
                    break
                if kind == _LOST:
                    self.lost += struct.unpack("=Q", self._bytes(ring, tail + 16, 8))[0]
                elif kind == _SAMPLE:
                    ip, pid, tid, time, addr = struct.unpack("=QIIQQ", self._bytes(ring, tail + 8, 32))
                    if time >= self.begun:
                        self.pending.setdefault(pid, []).append((time, tid, addr, ip))
                tail += size
            struct.pack_into("=Q", ring.memory, _TAIL, tail)

    def _record(self, ring: _Ring, at: int) -> tuple[int, int]:
        kind, _misc, size = struct.unpack("=IHH", self._bytes(ring, at, 8))
        return kind, size

    def _bytes(self, ring: _Ring, at: int, count: int) -> bytes:
        start = at % ring.size
        base = mmap.PAGESIZE + start
        if start + count <= ring.size:
            return ring.memory[base : base + count]
        part = ring.size - start
        return ring.memory[base : base + part] + ring.memory[mmap.PAGESIZE : mmap.PAGESIZE + count - part]

    def settle(self, pid: int, tid: int) -> None:
        """Write the faults of process `pid`, whose task `tid` stands still, with what they were."""
        self.drain()
        faults = self.pending.pop(pid, None)
        if faults:
            faults.sort()
            self._write(pid, faults, kinds(pid, tid, faults))

    def finish(self) -> None:
        """Write the faults of processes that are gone: their kind is unknown."""
        self.drain()
        for pid, faults in self.pending.items():
            faults.sort()
            self._write(pid, faults, ["x" if ip == addr else "?" for _, _, addr, ip in faults])
        self.pending.clear()

    def _write(self, pid: int, faults: list[Fault], found: list[str]) -> None:
        lines = []
        for (time, tid, addr, ip), kind in zip(faults, found, strict=True):
            self.unknown += kind == "?"
            self.known += kind != "?"
            lines.append(f"{time + self.offset} {pid} {tid} {addr:x} {ip:x} {kind}\n")
        self.write("".join(lines))


def _online() -> set[int]:
    out: set[int] = set()
    with open("/sys/devices/system/cpu/online", encoding="ascii") as file:
        for part in file.read().strip().split(","):
            first, _, last = part.partition("-")
            out |= set(range(int(first), int(last or first) + 1))
    return out


def _ring(fd: int) -> _Ring:
    """The largest ring that the limits allow: 2 MiB down to 64 KiB."""
    for pages in (512, 256, 128, 64, 32, 16):
        try:
            return _Ring(fd, mmap.mmap(fd, (pages + 1) * mmap.PAGESIZE), pages * mmap.PAGESIZE)
        except OSError as error:
            last = error
    raise last


def kinds(pid: int, tid: int, faults: Sequence[Fault]) -> list[str]:
    """What each fault was: w, r, x (a fetch) or ?, told by what the pages are now."""
    out = ["x" if ip == addr else "?" for _, _, addr, ip in faults]
    pages: dict[int, list[int]] = {}
    shift = mmap.PAGESIZE.bit_length() - 1
    for number, (_, _, addr, _) in enumerate(faults):
        pages.setdefault(addr >> shift, []).append(number)
    try:
        fd = os.open(f"/proc/{tid}/pagemap", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return out
    shared: _Shared | None = None
    try:
        for page, numbers in pages.items():
            try:
                raw = os.pread(fd, 8, page * 8)
            except (OSError, OverflowError):
                continue
            entry = int.from_bytes(raw, "little") if len(raw) == 8 else 0
            if not entry & _PRESENT:
                continue
            last = "r"
            if not entry & _FILE:
                last = "w" if entry & _EXCLUSIVE else "r"
            else:
                shared = shared or _Shared(tid)
                if shared.may_be(page << shift):
                    continue
            if out[numbers[-1]] == "?":
                out[numbers[-1]] = last
            if last == "w" and len(numbers) == 2 and faults[numbers[0]][1] == faults[numbers[1]][1]:
                if out[numbers[0]] == "?":
                    out[numbers[0]] = "r"  # a write would not have faulted again
    finally:
        os.close(fd)
    return out


class _Shared:
    """Which addresses of a process lie in shared areas."""

    def __init__(self, tid: int) -> None:
        lines = (read_proc(tid, "maps") or b"").split(b"\n")
        self._starts: list[int] = []
        self._private: list[tuple[int, bool]] = []
        self._readable = 0 < len(lines) <= _MOST_AREAS
        for line in lines if self._readable else ():
            span, _, rest = line.partition(b" ")
            start, _, end = span.partition(b"-")
            if end:
                self._starts.append(int(start, 16))
                self._private.append((int(end, 16), rest[3:4] == b"p"))

    def may_be(self, address: int) -> bool:
        """True if the address is in a shared area, or nobody knows."""
        at = bisect_right(self._starts, address) - 1
        if at < 0:
            return True
        end, private = self._private[at]
        return address >= end or not private
