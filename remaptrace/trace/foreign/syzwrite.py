"""Writes a trace as a program of syzkaller: a seed for its corpus.

Areas at fixed addresses are moved, each group of them by a multiple of 2 MiB, into the data area of syz-executor,
which is unmapped first. What such a program cannot do (accesses, observations, forks, a file opened anew, addresses
at the end of user space) stands in it as a comment, which the first line counts; calls on addresses that the kernel
chose are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...abi import kinds as ev
from ...abi import mman as names
from ...abi.calls import EVENTS
from ...abi.rows import E_ARGS, E_KIND
from ...counting import counted
from ...errors import InputError
from ..events import Trace
from ..wording import event_text, not_expressible
from .syzkaller import DATA_SIZE, PLANS, RELATIVE

_HUGE = 1 << 21
_PAGE = 4096
_ROOM = DATA_SIZE - _HUGE  # bytes for the program's areas; names and bytes to write lie behind
_U64 = (1 << 64) - 1
_TOP = 0x7000_0000_0000  # from here on lie stacks and the end of user space: nothing of it can be moved
_COMMENTED = (
    *ev.ACCESSES, ev.K_DUMP, ev.K_PAGES, ev.K_MM, ev.K_SNAPSHOT, ev.K_HUGEPAGES, ev.K_PREAD, ev.K_FORK_WAIT,
    ev.K_FORK_STEP,
)  # fmt: skip
_BY_READER = (ev.K_INIT_MM, ev.K_INIT_VMA)
_ADDRESSES: dict[int, tuple[int, ...]] = {
    kind: tuple(i for i, argument in enumerate(EVENTS[kind].args) if argument.form == "addr")
    for kind, _ in PLANS.values()
    if kind != ev.K_BRK  # the break is where the executor has it
}
_WORDS = {ev.K_PKEY_MPROTECT: "pkey_mprotect"}


def write_syzkaller(trace: Trace) -> Iterator[str]:
    """The lines of the program. InputError RT221 for what no program of syzkaller can do."""
    writer = _Writer(trace)
    yield from writer.lines


class _Writer:
    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.rows: list[list[int]] = trace.rows(0, len(trace)).tolist()
        self.refs = set()
        if trace.relocations is not None:
            self.refs = {(int(r["event"]), int(r["arg"])) for r in trace.relocations}
        self.moved = self._groups()
        self.fds: dict[int, str] = {}
        self.segments: dict[int, str] = {}
        self.made = 0
        whole = f"&(0x{RELATIVE:x}/0x{_ROOM:x})=nil, 0x{_ROOM:x}"
        body = [f"munmap({whole})\n"]
        for event, row in enumerate(self.rows):
            if row[E_KIND] in _BY_READER:
                continue
            if row[E_KIND] == ev.K_FORK:
                raise self._refuse(event, "makes a task that lives on beside its parent")
            body += self._event(event, row)
        left_out = sum(line.startswith("#") for line in body)
        head = (
            f"# {_comment(trace.name or 'program')}, written by remaptrace;"
            f" {counted(left_out, 'step')} as comments\n"
        )
        self.lines = [head, *body]

    def _refuse(self, event: int, why: str) -> InputError:
        return not_expressible(
            self.trace,
            event,
            f"event {event} {why}: {event_text(self.trace, event)}",
            "calls on files and on memory at fixed addresses, as programs of syzkaller have them",
        )

    # -- addresses ----------------------------------------------------------------------------

    def _groups(self) -> list[tuple[int, int, int]]:
        """(first byte, end, where it comes to lie) of each group of addresses that programs name."""
        ranges = []
        for event, row in enumerate(self.rows):
            for position in _ADDRESSES.get(row[E_KIND], ()):
                at, length = row[E_ARGS + position], row[E_ARGS + (2 if position == 4 else 1)]
                if (event, position) not in self.refs and 0 < at < _TOP:
                    ranges.append((at, at + (length if 0 < length <= DATA_SIZE else _PAGE)))
        groups: list[tuple[int, int]] = []
        for start, end in sorted(ranges):
            if groups and start <= groups[-1][1] + _HUGE:
                groups[-1] = groups[-1][0], max(groups[-1][1], end)
            else:
                groups.append((start, end))
        out, free = [], 0
        for start, end in groups:
            first, last = start // _HUGE * _HUGE, -(-end // _HUGE) * _HUGE
            out.append((first, last, RELATIVE + free))
            free += last - first
        if free > _ROOM:
            raise not_expressible(
                self.trace,
                -1,
                f"the addresses of this trace take {free >> 20} MiB",
                "at most 14 MiB: the data area of syz-executor without its end, where names lie",
            )
        return out

    def _pointer(self, event: int, position: int, value: int, length: int) -> str:
        if (event, position) in self.refs:
            raise self._refuse(
                event, "names an address that the kernel chose, which no resource of syzkaller is"
            )
        if value == 0:
            return "0x0"
        for first, last, to in self.moved:
            if first <= value < last:
                size = f"/0x{length:x}" if 0 < length <= DATA_SIZE else ""
                return f"&(0x{value - first + to:x}{size})=nil"
        return f"0x{value & _U64:x}"

    # -- calls --------------------------------------------------------------------------------

    def _event(self, event: int, row: list[int]) -> list[str]:
        kind, a = row[E_KIND], row[E_ARGS : E_ARGS + 6]
        if kind in _COMMENTED or self._beyond(event, kind, a):
            return [f"# {_comment(event_text(self.trace, event))}\n"]
        special = _SPECIAL.get(kind)
        if special is not None:
            return special(self, event, a)
        name = next((word for word, (known, _) in PLANS.items() if known == kind), None)
        if name is None:
            raise self._refuse(event, "has no call in programs of syzkaller")
        words = []
        for position in range(len(PLANS[name][1])):
            value = a[position]
            if position in _ADDRESSES.get(kind, ()):
                length = 0 if kind in (ev.K_SHMAT, ev.K_SHMDT) else a[2 if position == 4 else 1]
                words.append(self._pointer(event, position, value, length))
            elif EVENTS[kind].args[position].form == "fd":
                words.append(self._fd(value))
            elif kind in (ev.K_SHMAT, ev.K_SHMCTL) and position == 0:
                words.append(self.segments.get(value, f"0x{value & _U64:x}"))
            else:
                words.append(f"0x{value & _U64:x}")
        if kind == ev.K_MINCORE:
            words.append(f'&(0x{RELATIVE + DATA_SIZE - _PAGE:x})=""/4096')
        if kind == ev.K_REMAP_FILE_PAGES and a[4] & names.RFP_CHGPROT:
            raise self._refuse(event, "asks for MAP_CHGPROT, which no released kernel has")
        made = ""
        if kind == ev.K_SHMGET:
            self.segments[len(self.segments)] = made = self._resource()
        return [f"{made + ' = ' if made else ''}{name}({', '.join(words)})\n"]

    def _beyond(self, event: int, kind: int, a: list[int]) -> bool:
        """Whether the call names an address that no pointer of syzkaller has."""
        at = [a[i] for i in _ADDRESSES.get(kind, ()) if (event, i) not in self.refs]
        return any(value < -1 or value >= _TOP for value in at)

    def _resource(self) -> str:
        self.made += 1
        return f"r{self.made - 1}"

    def _fd(self, fd: int) -> str:
        return self.fds.get(fd, "0xffffffffffffffff")

    def _file(self, event: int, a: list[int]) -> list[str]:
        if a[3]:
            raise self._refuse(event, "makes a file that is not on shmem")
        resource = self.fds[a[0]] = self._resource()
        path = f"&(0x{RELATIVE + DATA_SIZE - 2 * _PAGE:x})='{_letters(self.trace.strings[a[4]])}\\x00'"
        lines = [f"{resource} = memfd_create({path}, 0x{~a[5] if a[5] < 0 else 2:x})\n"]
        if a[1]:
            lines.append(f"ftruncate({resource}, 0x{a[1] * _PAGE:x})\n")
        return [*lines, "# the file is filled\n"] if a[2] else lines

    def _reopen(self, event: int, a: list[int]) -> list[str]:
        self.fds[a[1]] = self._fd(a[0])
        return [f"# {_comment(event_text(self.trace, event))}: the same descriptor here\n"]

    def _dup(self, event: int, a: list[int]) -> list[str]:
        source = self._fd(a[0])
        resource = self.fds[a[1]] = self._resource()
        return [f"{resource} = dup({source})\n"]

    def _seal(self, event: int, a: list[int]) -> list[str]:
        return [f"fcntl$addseals({self._fd(a[0])}, 0x409, 0x{a[1]:x})\n"]

    def _pwrite(self, event: int, a: list[int]) -> list[str]:
        byte = f'&(0x{RELATIVE + DATA_SIZE - _PAGE:x})="{a[2] & 255:02x}"'
        return [f"pwrite64({self._fd(a[0])}, {byte}, 0x1, 0x{a[1] & _U64:x})\n"]


_SPECIAL: dict[int, Callable[[_Writer, int, list[int]], list[str]]] = {
    ev.K_MAKEFILE: _Writer._file,
    ev.K_DUP: _Writer._dup,
    ev.K_REOPEN: _Writer._reopen,
    ev.K_SEAL: _Writer._seal,
    ev.K_PWRITE: _Writer._pwrite,
}


def _comment(text: str) -> str:
    return "".join(ch if ch.isprintable() else " " for ch in text)


def _letters(name: str) -> str:
    return "".join(ch if ch.isascii() and (ch.isalnum() or ch in "_-.") else "_" for ch in name)[:60]
