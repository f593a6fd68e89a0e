"""From the runner's answers to the `expect` fields of a scenario."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .. import errorcodes as ec
from ..abi.errnos import ERRNO_NAMES
from ..abi.special import FILE_PACKET, SHOWN_NAMES
from ..errors import InputError
from ..lateclasses import dataclass, field
from .program import file_slots, operation
from .steps import Step
from .wire import Answer

_FILE = re.compile(r"(?:/memfd:|.*/remaptrace-\d+-)f(\d{3}) \(deleted\)")
_CODES = {
    7: {1: "BUS_ADRALN", 2: "BUS_ADRERR", 3: "BUS_OBJERR", 4: "BUS_MCEERR_AR", 5: "BUS_MCEERR_AO"},
    11: {1: "SEGV_MAPERR", 2: "SEGV_ACCERR", 4: "SEGV_PKUERR", 128: "SI_KERNEL"},
}
_SIGNALS = {7: "SIGBUS", 11: "SIGSEGV"}

Area = dict[str, Any]


@dataclass(frozen=True)
class NativeRun:
    """What the kernel answered. `expects` has one mapping of fields a step; areas are as in scenarios.

    `behind` has the list of areas behind each step, where it was asked for and is known; `left_out` the VmFlags
    that are not compared and were there.
    """

    expects: list[dict[str, Any]]
    vmas: list[Area] | None  # at the end, with vmflags; None: not known
    initial: list[Area]  # before the first step
    brk_start: int  # bytes
    first_free_top: int  # bytes
    behind: dict[int, list[Area]] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    every: int = 1  # `behind` has each so many-th step and the last one: of long programs with many areas


_MOST_ROWS = 200_000
"""Areas behind all steps of a program that are compared; beyond, only each so many-th list is."""
_NO_DISK = (
    "no writable ext4 at /var/tmp, . or /tmp; of an image: no mke2fs here, or no driver of NVMe or virtio"
)
NOT_COMPARED = {"sd": "CONFIG_MEM_SOFT_DIRTY"}
"""VmFlags that a configuration brings and that no preset has: they say nothing of how areas are kept."""


@dataclass(frozen=True)
class _Row:
    start: int
    end: int
    perms: str
    offset: int
    inode: int
    name: str


def _row(line: str) -> _Row:
    parts = line.split(None, 5)
    start, end = (int(x, 16) for x in parts[0].split("-"))
    name = parts[5].strip() if len(parts) > 5 else ""
    return _Row(start, end, parts[1], int(parts[2], 16), int(parts[4]), name)


def _maps(lines: list[str]) -> list[_Row]:
    return [row for row in map(_row, lines) if row.name != "[vsyscall]"]


def _smaps(lines: list[str]) -> list[tuple[_Row, str]]:
    areas: list[tuple[_Row, str]] = []
    row: _Row | None = None
    for line in lines:
        head = line.split(None, 1)[0]
        if line.startswith("VmFlags:"):
            if row is not None and row.name != "[vsyscall]":
                areas.append((row, line.split(":", 1)[1].strip()))
        elif not head.endswith(":"):
            row = _row(line)
    return areas


def _code(signal: int, code: int) -> str:
    name = _CODES.get(signal, {}).get(code)
    if name is None:
        raise InputError(
            ec.RT_NATIVE_END,
            "an access raised a signal that no access raises",
            found=f"signal {signal}, si_code {code}",
        )
    return name


class _Reader:
    """Walks the answers; knows which file and shared object each area shows."""

    def __init__(self, steps: list[Step], text: str, *, whole: bool, areas: bool) -> None:
        self.steps = steps
        self.areas = areas
        self.lines: Iterator[str] = iter(text.splitlines())
        self.whole = whole
        self.files = file_slots(steps)
        self.shared: dict[int, str] = {}
        self.segments: dict[int, str] = {}  # by identifier, which is the inode's number
        self.objects: dict[int, str] = {}  # by number of the inode: files and shared objects seen so far
        self.initial: list[_Row] = []
        self.listing: list[str] | None = []  # /proc/self/maps as it is now; None: too long to be said
        self.behind: dict[int, list[str]] = {}

    def block(self) -> list[str]:
        lines: list[str] = []
        for line in self.lines:
            if line == "end":
                return lines
            lines.append(line)
        raise InputError(ec.RT_NATIVE_END, "the program ended in the middle of an answer on this kernel")

    def area(self, row: _Row) -> Area:
        made = _FILE.fullmatch(row.name)
        file: str | None = self.files.get(int(made[1])) if made else None
        if row.name in SHOWN_NAMES.values() or row.name.startswith(("anon_inode:", "/anon_hugepage")):
            file = row.name
        elif row.name.startswith("socket:["):
            file = SHOWN_NAMES[FILE_PACKET]  # the number is the kernel's own
        elif row.name.startswith("/SYSV"):
            file = self.segments.get(row.inode, f"shm:{row.inode}")
        elif row.name.startswith("/dev/zero"):
            file = self.shared.get(row.inode, f"shm:{row.inode}")
        elif row.name.startswith("[anon_shmem:"):  # in place of the name of its object
            file = self.objects.get(row.inode, "")
        elif row.name == "[heap]":
            file = row.name
        if file and row.inode:
            self.objects.setdefault(row.inode, file)
        area = {"start": row.start, "end": row.end, "perms": row.perms, "offset": row.offset, "file": file}
        if file == "":  # named whole before it was looked at: nothing shows which object that is
            del area["file"]
        return area | {"name": row.name} if row.name.startswith("[anon") else area

    def shown(self, row: _Row) -> bool:
        """Whether a scenario lists this area: the program's own ones, and [heap] where it counts."""
        if row.name == "[heap]":
            return self.whole
        return not any(i.start == row.start and i.end == row.end and i.name == row.name for i in self.initial)

    def answer(self, step: int, words: list[str]) -> dict[str, Any]:
        kind, numbers = words[0], words[1:]
        if kind == "E":
            error = ERRNO_NAMES[int(numbers[0])]
            if error == "ENOTBLK" and operation(self.steps[step]) == "diskfile":
                raise InputError(ec.RT_NATIVE_PLACE, "no file on a disk can be made there", found=_NO_DISK)
            return {"error": error}
        if kind == "R":
            expect: dict[str, Any] = {"result": int(numbers[0])}
            name = operation(self.steps[step])
            if name == "repeat":  # its steps say nothing
                return {}
            if name == "fork":
                return {"continues_in": "child"}
            if name == "fork_wait":
                return {"continues_in": "parent"}
            if name == "pkru":
                return {"pkru": expect["result"]}
            if name == "mincore":
                expect["resident"] = numbers[1] if len(numbers) > 1 else ""
            if name == "shmget":
                self.segments.setdefault(expect["result"], f"shm@{step}")
            return expect
        if kind == "V":
            value = int(numbers[0])
            return {"eof": True} if value < 0 else {"result": 0, "value": value}
        if kind == "A":
            signal, code, value, minor, major = map(int, numbers)
            access: dict[str, Any] = {"outcome": "ok" if not signal else _SIGNALS[signal]}
            if signal:
                access["code"] = _code(signal, code)
            elif value >= 0:
                access["value"] = value
            access["minor_faults"] = minor
            if major:
                access["major_faults"] = major
            return access
        if kind == "H":
            return dict(zip(("total", "free", "reserved", "surplus"), map(int, numbers), strict=True))
        if kind == "P":
            return {"pages": numbers[0]}
        if kind == "D":
            return {"vmas": [self.area(row) for row in _maps(self.block()) if self.shown(row)]}
        raise InputError(ec.RT_NATIVE_END, "the runner does not know a step", found=str(self.steps[step]))

    def learn(self, step: int, address: int) -> None:
        """The object that `step` made is mapped at `address`: from now on it is shm@step."""
        for row in _maps(self.block()):
            if row.start <= address < row.end and row.name.startswith("/dev/zero"):
                self.objects[row.inode] = self.shared.setdefault(row.inode, f"shm@{step}")

    def changed(self, before: int, behind: int) -> list[str] | None:
        """The list of areas whose first and last lines are as they were; None if it is not said."""
        between = self.block()
        if self.listing is None or before < 0:
            return None
        return [*self.listing[:before], *between, *self.listing[len(self.listing) - behind :]]

    def note(self, step: int) -> None:
        """The list of areas behind `step` is the one known now."""
        self.behind.pop(step, None)
        if self.areas and self.listing is not None:
            self.behind[step] = self.listing

    def run(self) -> NativeRun:
        begin = next(self.lines, "").split()
        if begin[:1] != ["begin"]:
            raise InputError(ec.RT_NATIVE_END, "the runner did not start on this kernel")
        self.listing = self.block()
        self.initial = _maps(self.listing)
        expects: list[dict[str, Any]] = []
        final: list[tuple[_Row, str]] | None = None
        for line in self.lines:
            words = line.split()
            if words[:1] == ["="]:
                expects.append(self.answer(int(words[1]), words[2:]))
                self.note(len(expects) - 1)
            elif words[:1] == ["~"]:
                self.listing = self.changed(int(words[1]), int(words[2]))
                self.note(len(expects) - 1)
            elif words == ["!maps"]:
                self.learn(len(expects) - 1, expects[-1].get("result", -1))
            elif words == ["!smaps"]:
                final = _smaps(self.block())
            elif words == ["done"]:
                return self.finished(expects, final, int(begin[1]))
        where = f"step {len(expects)}"
        raise InputError(ec.RT_NATIVE_END, "the program ended early on this kernel", found=where)

    def finished(
        self, expects: list[dict[str, Any]], final: list[tuple[_Row, str]] | None, brk_start: int
    ) -> NativeRun:
        """Everything in the words of scenarios; shared objects have their names only now."""
        for listing in {id(x): x for x in self.behind.values()}.values():
            for row in _maps(listing):  # a name hides the object later: what it is, its areas say before
                self.area(row)
        for row, _ in final or ():
            self.area(row)
        top = next((row.start for row in self.initial if row.name == "[vvar]"), 0)
        initial = [
            {
                "start": r.start,
                "end": r.end,
                "perms": r.perms,
                "name": "(program)" if "/" in r.name else r.name,
            }
            for r in self.initial
        ]
        shown = [(row, flags.split()) for row, flags in final or () if self.shown(row)]
        vmas = (
            None
            if final is None
            else [
                self.area(row) | {"vmflags": " ".join(f for f in flags if f not in NOT_COMPARED)}
                for row, flags in shown
            ]
        )
        left_out = frozenset(f for _, flags in shown for f in flags if f in NOT_COMPARED)
        every = max(1, sum(map(len, self.behind.values())) // _MOST_ROWS)
        last = len(expects) - 1
        self.behind = {n: x for n, x in self.behind.items() if n % every == 0 or n == last}
        lists = {id(x): x for x in self.behind.values()}
        areas = {key: [self.area(row) for row in _maps(x) if self.shown(row)] for key, x in lists.items()}
        behind = {step: areas[id(x)] for step, x in self.behind.items()}
        return NativeRun(expects, vmas, initial, brk_start, top, behind, left_out, every)


def read_answers(steps: list[Step], answer: Answer, *, whole: bool, areas: bool = False) -> NativeRun:
    """The answers to `steps`; with `whole` the areas listed include [heap], as in layout programs.

    With `areas` the runner was asked for the list of areas behind every step that changed it.

    Raises InputError if the program did not run to its end: RT803 where its time was over, else RT805.
    """
    if answer.ended == "late":
        raise InputError(ec.RT_NATIVE_TIME, "the program did not end in its time")
    if answer.ended != "ok":
        raise InputError(ec.RT_NATIVE_END, "the program ended early", found=answer.ended)
    try:
        return _Reader(steps, answer.text, whole=whole, areas=areas).run()
    except (ValueError, KeyError, IndexError) as error:  # a line that broke off, a number without a name
        found = f"{type(error).__name__}: {error}"
        raise InputError(ec.RT_NATIVE_END, "the answers cannot be read", found=found) from None
