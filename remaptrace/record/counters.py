"""A process's counters and maps, read from /proc: what a replay has to show at that point."""

from __future__ import annotations

from ..lateclasses import dataclass

COUNTS_HEADER = "# time_ns tgid tid event ret(hex) map_count total_vm data_vm stack_vm locked_vm (pages)\n"
"""First line of mapcount.txt."""
UNTOLD = "- - - - -"
"""In place of the counters, where a call was seen to return and they were not read."""


def read_proc(tid: int, name: str) -> bytes | None:
    """A file of /proc/TID; None where the task is gone or nobody may read it."""
    try:
        with open(f"/proc/{tid}/{name}", "rb") as file:
            return file.read()
    except OSError:
        return None


def group_of(tid: int) -> int:
    """The thread group of a task; 0 if it is gone."""
    status = read_proc(tid, "status") or b""
    return _field(status, b"Tgid:")


def _field(status: bytes, name: bytes) -> int:
    at = status.find(b"\n" + name)
    words = status[at + 1 + len(name) : at + 64].split(None, 1) if at >= 0 else []
    return int(words[0]) if words and words[0].isdigit() else 0


def areas_in(maps: bytes) -> int:
    """Lines of a maps file that are areas: [vsyscall] is printed and is none."""
    return maps.count(b"\n") - maps.count(b"[vsyscall]")


def counters(tid: int, page_size: int) -> tuple[int, int, int, int, int] | None:
    """map_count; pages of total, data, stack and locked memory. None if the task has no memory any more."""
    maps, status = read_proc(tid, "maps"), read_proc(tid, "status")
    if not maps or not status or b"\nVmSize:" not in status:
        return None
    pages = [
        _field(status, name) * 1024 // page_size for name in (b"VmSize:", b"VmData:", b"VmStk:", b"VmLck:")
    ]
    return areas_in(maps), pages[0], pages[1], pages[2], pages[3]


@dataclass
class Pace:
    """When to read the counters: they cost more the more areas there are.

    `every` 0: every call while there are few areas, then so rarely that reading stays a small part of the time.
    """

    every: int = 0
    areas: int = 0
    _since: int = 0
    _refused: bool = False

    FEW = 1000
    """Areas up to which the counters are read behind every call."""

    def due(self, refused: bool) -> bool:
        """True if the counters are to be read behind this call; `refused`: it answered ENOMEM."""
        self._since += 1
        first = refused and not self._refused
        self._refused = self._refused or refused
        gap = self.every or (1 if self.areas <= self.FEW else self.areas // 300)
        return first or self._since >= gap

    def read(self, areas: int) -> None:
        """They were read, and there were `areas` areas."""
        self.areas = areas
        self._since = 0
