"""What programs read and write, against a dictionary of cells: huge pages, forks, files and guards change nothing.

The twin knows areas only as pages with a protection, and memory as cells that are shared or copied; it has
no page tables, no zero page and no copy on write.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.abi.outcomes import NAMES
from remaptrace.engine.look.invariants import violations
from remaptrace.engine.run.access import touch
from remaptrace.engine.state import G_RAM_USED, G_VALUE
from remaptrace.engine.tasks.process import task_exit

from .simulated import MAYMOVE, PAGE, PRIVATE, REMAP_FIXED, RW, SHARED, B, Process, R

FILE_PAGES = 12
PLACES = (0, 1, 2, 511, 512, 1023)
HUGE_AREA = 1024
DONTNEED, HUGEPAGE, GUARD, UNGUARD = 4, 14, 102, 103
PROTS = (0, R, RW)
OFFSETS = (0, 2049)  # the bytes of a page that programs use

Cell = list[int]  # one value for each of OFFSETS


class File:
    """Pages of a file by number; a page that is missing is a hole."""

    def __init__(self) -> None:
        self.size = FILE_PAGES
        self.cells: dict[int, Cell] = {i: [i + 1] * len(OFFSETS) for i in range(FILE_PAGES)}

    def cell(self, index: int) -> Cell:
        return self.cells.setdefault(index, [0] * len(OFFSETS))


class Page:
    """One mapped page: private memory holds its own cell once it was written."""

    def __init__(self, prot: int, file: File | None = None, index: int = 0, shared: bool = False) -> None:
        self.prot, self.file, self.index, self.shared = prot, file, index, shared
        self.own: Cell | None = None
        self.guard = False

    def copy(self) -> Page:
        page = Page(self.prot, self.file, self.index, self.shared)
        page.own = list(self.own) if self.own is not None else None
        page.guard = self.guard
        return page

    def refuses(self, write: bool) -> str:
        if self.prot == 0 or (write and self.prot != RW):
            return "SIGSEGV/SEGV_ACCERR"
        if self.guard:
            return "SIGSEGV/SEGV_MAPERR"
        if self.own is None and self.file is not None and self.index >= self.file.size:
            return "SIGBUS/BUS_ADRERR"
        return ""

    def cell(self) -> Cell:
        if self.own is not None:
            return self.own
        return self.file.cell(self.index) if self.file is not None else [0] * len(OFFSETS)

    def store(self, byte: int, value: int) -> None:
        if not self.shared and self.own is None:
            self.own = list(self.cell())
        self.cell()[byte] = value


class World:
    """Processes of the engine and of the twin, side by side."""

    def __init__(self) -> None:
        first = Process()
        self.m = first.m
        self.fd = first.memfd(FILE_PAGES)
        self.file = File()
        self.living: list[tuple[Process, dict[int, Page]]] = [(first, {})]

    def step(self, op: str, who: int, page: int, count: int, arg: int) -> None:
        who %= len(self.living)
        process, pages = self.living[who]
        spread = [p for p in range(page, page + count) if p in pages]
        if op == "fork" and len(self.living) < 4:
            self.living.append((process.fork(), {n: p.copy() for n, p in pages.items()}))
        elif op == "exit" and len(self.living) > 1:
            task_exit(self.m, process.task, 1)
            del self.living[who]
        elif op == "truncate":
            self.truncate(arg % (FILE_PAGES + 1))
        elif op in ("read", "write"):
            self.access(process, pages.get(page), page, op == "write", arg)
        elif op == "huge":
            assert process.map(0, HUGE_AREA) == 0
            assert process.madvise(0, HUGE_AREA, HUGEPAGE) == 0
            pages.update({n: Page(RW) for n in range(HUGE_AREA)})
        elif op in ("anon", "file"):
            self.map(process, pages, page, count, arg, op == "file")
        elif op == "unmap":
            assert process.munmap(page, page + count) == 0
            for n in spread:
                del pages[n]
        elif op == "protect" and len(spread) == count:
            assert process.mprotect(page, page + count, PROTS[arg % 3]) == 0
            for n in spread:
                pages[n].prot = PROTS[arg % 3]
        elif op in ("dontneed", "guard", "unguard") and len(spread) == count:
            advice = {"dontneed": DONTNEED, "guard": GUARD, "unguard": UNGUARD}[op]
            assert process.madvise(page, page + count, advice) == 0
            for n in spread:
                pages[n].guard = op == "guard" or (pages[n].guard and op == "dontneed")
                if op != "unguard":
                    pages[n].own = None
        elif op == "move" and len(spread) == count:
            self.move(process, pages, page, count)

    def map(
        self, process: Process, pages: dict[int, Page], page: int, count: int, arg: int, file: bool
    ) -> None:
        prot, shared, pgoff = PROTS[arg % 3], bool(arg & 8), arg & 7
        flags = SHARED if file and shared else PRIVATE
        assert (
            process.map(page, page + count, prot, flags, self.fd if file else -1, pgoff if file else 0) == 0
        )
        for i in range(count):
            source = self.file if file else None
            pages[page + i] = Page(prot, source, pgoff + i, shared and file)

    def move(self, process: Process, pages: dict[int, Page], page: int, count: int) -> None:
        to = 2048 + page
        if process.mremap(page, count, count, MAYMOVE | REMAP_FIXED, to) == to:
            assert process.mremap(to, count, count, MAYMOVE | REMAP_FIXED, page) == page

    def truncate(self, size: int) -> None:
        process = self.living[0][0]
        assert process.truncate(self.fd, size * PAGE) == 0
        for index in [i for i in self.file.cells if i >= size]:
            del self.file.cells[index]
        self.file.size = size
        for _, pages in self.living:
            for page in pages.values():
                if page.file is not None and page.index >= size:
                    page.own = None

    def access(self, process: Process, page: Page | None, number: int, write: bool, value: int) -> None:
        byte = value & 1
        addr = B + number * PAGE + OFFSETS[byte]
        outcome = touch(self.m, process.task, int(write), addr, value if write else -1, 1, 0)
        expected = page.refuses(write) if page is not None else "SIGSEGV/SEGV_MAPERR"
        assert NAMES[outcome] == (expected or "ok"), number
        if page is None or expected:
            return
        if write:
            page.store(byte, value)
        else:
            assert self.m[G_VALUE] == page.cell()[byte], number


OPERATIONS = (
    *("read", "write") * 4,
    *("anon", "file", "huge", "unmap", "protect", "dontneed", "guard", "unguard", "move", "fork", "exit"),
    "truncate",
)

STEPS = st.lists(
    st.tuples(
        st.sampled_from(OPERATIONS),
        st.integers(0, 3),
        st.sampled_from(PLACES),
        st.integers(1, 4),
        st.integers(1, 255),
    ),
    min_size=20,
    max_size=60,
)


@settings(max_examples=80)
@given(STEPS)
def test_programs_read_what_a_world_without_page_tables_would_give_them(steps):
    world = World()
    for step in steps:
        world.step(*step)
    assert violations(world.m) == []
    for process, pages in world.living:
        for number in PLACES:
            for byte in range(len(OFFSETS)):
                world.access(process, pages.get(number), number, False, byte)
    files = len(world.file.cells)
    for process, _ in world.living:
        task_exit(world.m, process.task, 1)
    assert world.m[G_RAM_USED] <= files


@pytest.mark.parametrize("seed", range(8))
def test_long_programs_too(seed):
    draw = random.Random(seed)
    world = World()
    for i in range(600):
        op = draw.choice(OPERATIONS) if i % 40 else "huge"
        world.step(op, draw.randrange(4), draw.choice(PLACES), draw.randint(1, 4), draw.randint(1, 255))
    assert violations(world.m) == []
