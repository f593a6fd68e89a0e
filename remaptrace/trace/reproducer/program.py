"""A trace as C: the statements of its steps, and what they need around them."""

from __future__ import annotations

import re
from typing import Any

from ...abi import kinds as ev
from ...abi.mman import MAP_ANONYMOUS, MAP_SHARED, MAP_SHARED_VALIDATE, MAP_TYPE
from ...abi.rows import E_ARGS, E_KIND, E_TASK
from ...defaults import DEFAULT_ARCH, DEFAULT_KERNEL
from ...errors import InputError
from ...machine.arch import load_arch
from ...machine.load import load_kernel
from ..events import Trace
from ..wording import event_text, not_expressible
from . import constants as c
from .answers import area_row, comparisons
from .calls import NotPortable, statement
from .layout import Layout

_MOST_STEPS = 20_000
_WIDE = ("x86_64", "arm64", "riscv64", "loongarch64", "s390x", "ppc64", "um-x86_64")
_SHARED = (MAP_SHARED, MAP_SHARED_VALIDATE)
_BY_READER = (ev.K_INIT_MM, ev.K_INIT_VMA)


class Program:
    """Everything that the C of `trace` consists of. InputError RT221 for what no C program can do."""

    most_pages = 1 << 16

    def __init__(self, trace: Trace, kernel: str) -> None:
        self.trace = trace
        self.arch = trace.arch or DEFAULT_ARCH
        self.first = 0
        self._check_machine()
        self.page_size = load_arch(self.arch, load_kernel(kernel or trace.kernel or DEFAULT_KERNEL)).page_size
        self.layout = Layout(trace)
        self.files_made = 0
        self.uses: set[str] = set()
        self.variables: list[str] = []
        self.tables: list[str] = []
        self.most_letters = 1
        self.segments: dict[int, int] = {}
        self._fds: dict[int, str] = {}
        self._names: dict[str, str] = {}
        self.rows: list[list[int]] = trace.rows(0, len(trace)).tolist()
        self.first = self._first_step()
        self.references: dict[tuple[int, int], tuple[int, int]] = {}
        if trace.relocations is not None:
            for r in trace.relocations:
                source = int(r["source"]) - self.first
                self.references[int(r["event"]), int(r["arg"])] = (source, int(r["addend"]))
        self._expects = {e.event: e.fields_for(kernel, trace.arch or "") for e in trace.expects}
        if len(self.rows) - self.first > _MOST_STEPS:
            steps = f"{len(self.rows) - self.first:,} steps"
            raise self.refuse(self.first, f"is the first of {steps}: a C program has at most {_MOST_STEPS:,}")
        self.head = [line for row in self.rows[: self.first] for line in self._before(row)]
        self.lines = [line for event in range(self.first, len(self.rows)) for line in self._step(event)]
        self.final = self._final()

    @property
    def steps(self) -> int:
        """The number of steps."""
        return len(self.rows) - self.first

    def _first_step(self) -> int:
        first = 0
        while first < len(self.rows) and (
            self.rows[first][E_KIND] in _BY_READER
            or (self.rows[first][E_KIND] == ev.K_MAKEFILE and self.rows[first][9] & ev.EVF_MADE)
        ):
            first += 1
        return first

    def _check_machine(self) -> None:
        if not self.arch.startswith(_WIDE):
            raise self.refuse(-1, f"was written for {self.arch}: C programs are written for 64-bit machines")

    def refuse(self, event: int, why: str) -> InputError:
        """The error that says which event no C program can do."""
        what = f"the trace {why}"
        if event >= 0:
            what = f"step {event - self.first} {why}: {event_text(self.trace, event)}"
        return not_expressible(
            self.trace,
            event,
            what,
            "steps that a program can do on a real kernel",
        )

    # -- names --------------------------------------------------------------------------------

    def new_file(self, fd: int, name: str) -> str:
        """The C variable of descriptor `fd`, which a step makes."""
        known = self._fds.get(fd)
        if known is None:
            word = re.sub(r"[^A-Za-z0-9_]", "_", name) or str(fd)
            known = f"fd_{word}"
            while known in self.variables:
                known += "_"
            self._fds[fd] = known
            self.variables.append(known)
        return known

    def descriptor(self, fd: int) -> str:
        """A descriptor as C: a variable, -1, or CLOSED for one that is not open."""
        if fd in self._fds:
            return self._fds[fd]
        return "-1" if fd == -1 else "CLOSED"

    def file_name(self, name: str) -> str:
        """What a file is called in /proc/PID/maps: its name in the trace, without blanks and slashes."""
        if name.startswith(("shm@", "[")):
            return name
        return self._names.setdefault(name, re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:60])

    def spelled_address(self, event: int, row: list[int]) -> str:
        """The first argument of an event as C."""
        source = self.references.get((event, 0))
        if source is None:
            return self.layout.address(row[E_ARGS])
        step, addend = source
        return f"r[{step}]" + (f" {'-' if addend < 0 else '+'} {hex(abs(addend))}" if addend else "")

    # -- statements ---------------------------------------------------------------------------

    def _before(self, row: list[int]) -> list[str]:
        """Files that the head of the scenario names."""
        if row[E_KIND] != ev.K_MAKEFILE:
            return []
        made = statement(self, 0, row, self.steps).removeprefix(f"DO({self.steps}, ").removesuffix(");")
        return [f"if ({made} < 0)", "\t_exit(1); /* no test began */"]

    def _step(self, event: int) -> list[str]:
        row, step = self.rows[event], event - self.first
        try:
            if row[E_TASK] != self.rows[self.first][E_TASK] and not self._followed(event):
                raise NotPortable("is a step of another task than the one before")
            fields = self._expects.get(event, {})
            if row[E_KIND] == ev.K_SHMGET:
                self.segments[fields.get("result", len(self.segments))] = step
            if row[E_KIND] == ev.K_EXIT:
                return ["return;"]
            lines = [statement(self, event, row, step), *self._beside(row, step)]
            return lines + comparisons(self, event, row, fields, step)
        except NotPortable as reason:
            raise self.refuse(event, str(reason)) from None

    def _followed(self, event: int) -> bool:
        """Whether the task of `event` is the child in which the program went on."""
        current = self.rows[self.first][E_TASK]
        for row in self.rows[self.first : event]:
            if row[E_KIND] == ev.K_FORK_STEP:
                current = row[E_ARGS]
        return self.rows[event][E_TASK] == current

    def _beside(self, row: list[int], step: int) -> list[str]:
        """What is read for later comparisons behind a step."""
        flags = row[E_ARGS + 3]
        if row[E_KIND] == ev.K_MMAP and flags & MAP_ANONYMOUS and flags & MAP_TYPE in _SHARED:
            self.uses.add("areas")
            return [f"note_shared_object({step});"]
        if row[E_KIND] == ev.K_SHMGET:
            self.uses.add("areas")
            return [f"shared_inode[{step}] = r[{step}] < 0 ? 0 : r[{step}] | SEGMENT;"]
        if row[E_KIND] == ev.K_SETUID:
            return ["prctl(PR_SET_DUMPABLE, 1); /* so that /proc/self stays readable */"]
        return []

    def areas(self, name: str, areas: list[dict[str, Any]]) -> str:
        """The statement that compares all areas; its table becomes part of the program. Raises NotPortable."""
        self.uses.add("areas")
        areas = [
            area for area in areas if area["start"] not in self.layout.bss
        ]  # not one of its own: it has another
        if not areas:
            return "want_areas(0, 0);"
        rows = "\n".join(f"\t\t\t{area_row(self, area)}" for area in areas)
        measured = any(word in rows for word in ("{ top", ", top", "break_start", "heap_start"))
        kept = "" if measured else "static "
        table = f"{kept}const struct area {name}[] = {{\n{rows}\n\t\t}};"
        return f"{{\n\t\t{table}\n\n\t\twant_areas({name}, {len(areas)});\n\t}}"

    def _final(self) -> list[str]:
        areas = self._expects.get(-1, {}).get("vmas")
        if areas is None:
            return []
        try:
            return [f'begin({self.steps}, "areas behind the last step");', self.areas("areas_end", areas)]
        except NotPortable as reason:
            raise not_expressible(
                self.trace,
                -1,
                f"the areas behind the last step: the scenario {reason}",
                "start, end, perms, offset, file, name, vmflags",
            ) from None

    @property
    def tests(self) -> int:
        """KTAP results: one a step, and one for the areas behind the last."""
        exits = next((i for i, line in enumerate(self.lines) if line == "return;"), None)
        if exits is not None:
            raise self.refuse(self.first + self.steps - 1, "ends the process in the middle of a program")
        return self.steps + bool(self.final)

    def definitions(self) -> list[str]:
        """Names that older headers lack."""
        return c.definitions("\n".join([*self.head, *self.lines, *self.final]))
