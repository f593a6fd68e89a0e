"""Reading `perf trace` text: strace-like lines that leave out arguments equal to zero.

    5.201 ( 0.035 ms): thr/19141 mmap(len: 8392704, flags: PRIVATE|ANONYMOUS|STACK)       = 0x7fce49b9f000

Arguments are named, so each is put into its register by `PARAMETERS`. Faults (`-F all`) have an address
only where no file lies behind it, and never say whether they were reads or writes.
"""

from __future__ import annotations

import re

from ...abi.errnos import ERRNO_NAMES
from ...abi.mman import ADVICE, MAP, MREMAP, MS, PROT
from ...errorcodes import RT_KERNEL_LINE
from ..events import Skipped
from .plan import EXIT_CALLS, CallNames
from .records import LONGEST_LINE, OP_ENTER, OP_EXIT, OP_FAULT, R_TIME, KernelText, matrix, span
from .text import signed

_HEAD = re.compile(rb" *(?:(\d{1,12}\.\d+)|\?) \( *(?:(\d+\.\d+) ms)? *\): +(?:([^()=]*?)/(\d{1,9}) +)?")
_FAULT = re.compile(rb"(?:min|maj)fault \[([^\]]*)\] => (\S.*?) \((.)(.)\)")
_ADDRESS = re.compile(rb"(?:(?://anon|\[stack\]|\[heap\])@)?0x([0-9a-f]+)$")
_CALL = re.compile(rb"(\w+)\((.*?)\) +(=|\.\.\.) *(.*)")
_CONTINUED = re.compile(rb"\.\.\. \[continued\]: (\w+)\(.*?\)\) += *(.*)")
_ARGUMENT = re.compile(r"(\w+): (\"(?:[^\"\\]|\\.)*\"|[^,]*)")
_RESULT = re.compile(rb"(-?\d+|0x[0-9a-f]+)(?: ([A-Z0-9]+))?")
_SUMMARY = re.compile(
    rb" Summary of events:|.+ \(\d+\), \d+ events, |   (?:syscall  |-{10}|  +\(msec\)|\w+ +\d+ +\d+ +\d)"
)

PARAMETERS: dict[str, tuple[str, ...]] = {
    "mmap": ("addr", "len", "prot", "flags", "fd", "off"),
    "munmap": ("addr", "len"),
    "mprotect": ("start", "len", "prot"),
    "pkey_mprotect": ("start", "len", "prot", "pkey"),
    "mremap": ("addr", "old_len", "new_len", "flags", "new_addr"),
    "brk": ("brk",),
    "madvise": ("start", "len_in", "behavior"),
    "mlock": ("start", "len"),
    "mlock2": ("start", "len", "flags"),
    "munlock": ("start", "len"),
    "mlockall": ("flags",),
    "msync": ("start", "len", "flags"),
    "mincore": ("start", "len", "vec"),
    "remap_file_pages": ("start", "size", "prot", "pgoff", "flags"),
    "mseal": ("start", "len", "flags"),
    "shmget": ("key", "size", "shmflg"),
    "shmat": ("shmid", "shmaddr", "shmflg"),
    "shmdt": ("shmaddr",),
    "shmctl": ("shmid", "cmd"),
    "mbind": ("start", "len", "mode", "nmask", "maxnode", "flags"),
    "open": ("filename", "flags", "mode"),
    "openat": ("dfd", "filename", "flags", "mode"),
    "close": ("fd",),
    "dup": ("fildes",),
    "dup2": ("oldfd", "newfd"),
    "dup3": ("oldfd", "newfd", "flags"),
    "fcntl": ("fd", "cmd", "arg"),
    "memfd_create": ("uname", "flags"),
    "ftruncate": ("fd", "length"),
    "fallocate": ("fd", "mode", "offset", "len"),
    "close_range": ("fd", "max_fd", "flags"),
    "clone": ("clone_flags", "newsp", "parent_tidptr", "child_tidptr", "tls"),
    "clone3": ("uargs", "size"),
    "exit": ("error_code",),
    "exit_group": ("error_code",),
    "personality": ("personality",),
    "prctl": ("option", "arg2", "arg3", "arg4", "arg5"),
    "setuid": ("uid",),
    "userfaultfd": ("flags",),
    "pkey_alloc": ("flags", "init_val"),
    "pkey_free": ("pkey",),
}
"""Names of the registers of each call that an event is made of, as the tracepoints have them."""

_OPEN = {
    "RDONLY": 0,
    "WRONLY": 1,
    "RDWR": 2,
    "CREAT": 0o100,
    "EXCL": 0o200,
    "NOCTTY": 0o400,
    "TRUNC": 0o1000,
    "APPEND": 0o2000,
    "NONBLOCK": 0o4000,
    "DIRECTORY": 0o200000,
    "NOFOLLOW": 0o400000,
    "CLOEXEC": 0o2000000,
}
_CLONE = {
    "VM": 0x100,
    "FS": 0x200,
    "FILES": 0x400,
    "SIGHAND": 0x800,
    "VFORK": 0x4000,
    "PARENT": 0x8000,
    "THREAD": 0x10000,
    "SYSVSEM": 0x40000,
    "SETTLS": 0x80000,
    "PARENT_SETTID": 0x100000,
    "CHILD_CLEARTID": 0x200000,
    "CHILD_SETTID": 0x1000000,
}
_FCNTL = {"DUPFD": 0, "SETFD": 2, "DUPFD_CLOEXEC": 1030, "ADD_SEALS": 1033}
_MEMFD = {"CLOEXEC": 1, "ALLOW_SEALING": 2, "HUGETLB": 4}


def _upper(names: dict[str, int]) -> dict[str, int]:
    return {name.upper(): value for name, value in names.items()}


_WORDS: dict[str, dict[str, int]] = {
    "prot": _upper(PROT),
    "behavior": _upper(ADVICE),
    "clone_flags": _CLONE,
    "dfd": {"CWD": -100},
    "cmd": _FCNTL,
}
_FLAG_WORDS: dict[str, dict[str, int]] = {
    "mmap": _upper(MAP),
    "mremap": _upper(MREMAP),
    "msync": _upper(MS),
    "open": _OPEN,
    "openat": _OPEN,
    "dup3": _OPEN,
    "memfd_create": _MEMFD,
}
_PREFIX = re.compile(r"^(?:PROT|MAP|MADV|MREMAP|MS|O|CLONE|F|MFD|AT_FD)_")
_ERRORS = {name: number for number, name in ERRNO_NAMES.items()}


def looks_like_perf_trace(line: bytes) -> bool:
    """True if `line` has the form of a perf trace line, or of its summary."""
    head = _HEAD.match(line)
    if head is not None:
        rest = line[head.end() :]
        return bool(_CALL.match(rest) or _CONTINUED.match(rest) or _FAULT.match(rest))
    return line.startswith(b" Summary of events:")


def perf_trace_records(data: bytes, source: int = 0) -> KernelText:
    """The records of a perf trace text: an entry and a return for each line of a call."""
    reader = _PerfTrace(data, source)
    start = 0
    for line_number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            reader.line(line, line_number, start)
        start += len(line) + 1
    return reader.finish()


class _PerfTrace:
    def __init__(self, data: bytes, source: int) -> None:
        self._data = data
        self._source = source
        self._calls = CallNames()
        self._rows: list[tuple[int, ...]] = []
        self._skipped: list[Skipped] = []
        self._faults = [0, 0]  # taken, without an address
        self._summary = 0
        self._untimed: dict[int, list[int]] = {}  # tid -> returns whose calls began before the recording

    def line(self, line: bytes, line_number: int, offset: int) -> None:
        head = _HEAD.match(line) if len(line) <= LONGEST_LINE else None
        if head is None:
            if _SUMMARY.match(line):
                self._summary += 1
            else:
                self._skip(line, line_number)
            return
        tid = int(head[4] or 1)
        start = round(float(head[1]) * 1e6) if head[1] else -1
        end = start + round(float(head[2]) * 1e6) if head[1] and head[2] and len(head[2]) < 13 else start
        if start >= 0 and tid in self._untimed:
            self._settle(tid, start)
        comm = span(offset + head.start(3), offset + head.end(3)) if head[3] else 0
        rest = line[head.end() :]
        tail = (line_number, comm)
        continued = _CONTINUED.match(rest)
        if continued is not None:
            call = self._calls.number(continued[1].decode())
            if end < 0:
                self._untimed.setdefault(tid, []).append(len(self._rows))
            self._rows.append((OP_EXIT, tid, 0, end, call, _result(continued[2]), 0, 0, 0, 0, 0, *tail))
            return
        fault = _FAULT.match(rest)
        if fault is not None:
            self._fault(fault, (tid, 0, start), tail)
            return
        called = _CALL.match(rest)
        if called is None:
            self._skip(line, line_number)
            return
        name = called[1].decode()
        registers = _registers(name, called[2].decode("utf-8", "replace"))
        if registers is None:
            self._skip(line, line_number)
            return
        call = self._calls.number(name)
        self._rows.append((OP_ENTER, tid, 0, start, call, *registers, *tail))
        if called[3] == b"=" and not called[4].startswith(b"?") and name not in EXIT_CALLS:
            self._rows.append((OP_EXIT, tid, 0, end, call, _result(called[4]), 0, 0, 0, 0, 0, *tail))

    def _settle(self, tid: int, time: int) -> None:
        """Returns without a time came right before their thread's next call."""
        for number in self._untimed.pop(tid):
            row = self._rows[number]
            self._rows[number] = (*row[:R_TIME], time, *row[R_TIME + 1 :])

    def _fault(self, fault: re.Match[bytes], head: tuple[int, ...], tail: tuple[int, ...]) -> None:
        if fault[4] == b"k":  # the kernel's own access
            return
        address = _ADDRESS.match(fault[2])
        if address is None:
            self._faults[1] += 1
            return
        self._faults[0] += 1
        self._rows.append((OP_FAULT, *head, 0, signed(int(address[1], 16)), 4, 0, 0, 0, 0, *tail))

    def _skip(self, line: bytes, line_number: int) -> None:
        text = line[:200].decode("utf-8", "replace")
        expected = "TIME ( DURATION ms): COMM/TID CALL(arguments) = result"
        self._skipped.append(Skipped(self._source, line_number, 1, RT_KERNEL_LINE, text, expected))

    def finish(self) -> KernelText:
        """All records so far."""
        notes: list[str] = []
        if self._faults[0]:
            notes.append(
                f"perf trace does not tell reads from writes: {self._faults[0]} faults taken as reads"
            )
        if self._faults[1]:
            notes.append(
                f"{self._faults[1]} faults in files were left out: perf trace prints a file offset, not the address"
            )
        if self._summary:
            notes.append(f"{self._summary} lines of perf trace -s are a summary: no events in them")
        for tid in list(self._untimed):
            self._settle(tid, max(row[R_TIME] for row in self._rows))
        # A call that was interrupted is printed late, with the time of its entry: order by time.
        self._rows.sort(key=lambda row: row[R_TIME])
        return KernelText(self._data, matrix(self._rows), self._calls, skipped=self._skipped, notes=notes)


def _result(text: bytes) -> int:
    """A result as perf trace prints it: nothing for a child's 0, `-1 ENOENT (...)` for an error."""
    found = _RESULT.match(text)
    if found is None:
        return 0
    value = int(found[1], 16) if found[1].startswith(b"0x") else int(found[1])
    error = _ERRORS.get(found[2].decode(), 0) if found[2] and value == -1 else 0
    return -error if error else signed(value)


def _registers(call: str, arguments: str) -> tuple[int, ...] | None:
    """The six registers of a call from its named arguments, or None where a value has no known name."""
    names = PARAMETERS.get(call, ())
    registers = [0] * 6
    seen: set[str] = set()
    for name, value in _ARGUMENT.findall(arguments):
        seen.add(name)
        if name not in names:
            continue
        number = _value(call, name, value.strip())
        if number is None:
            return None
        registers[names.index(name)] = signed(number)
    if call == "mmap" and "fd" not in seen and registers[3] & MAP["anonymous"]:
        registers[4] = -1
    return tuple(registers)


def _value(call: str, name: str, text: str) -> int | None:
    """A number, or names of flags joined by `|`."""
    if text.startswith('"'):
        return 0
    words = _FLAG_WORDS.get(call, {}) if name == "flags" else _WORDS.get(name, {})
    total = 0
    for word in text.split("|"):
        plain = word.split("<")[0].strip()  # fd: 3</etc/passwd>
        try:
            total |= int(plain, 16) if plain.startswith("0x") else int(plain)
            continue
        except ValueError:
            pass
        value = words.get(plain, words.get(_PREFIX.sub("", plain)))
        if value is None:
            return None
        total |= value
    return total
