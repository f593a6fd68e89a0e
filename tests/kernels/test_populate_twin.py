"""Engine P of remap_file_pages against a twin of linux-2.6.21 4.5: results, values, minor and major faults."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.abi import kinds as ev
from remaptrace.abi.outcomes import OUT_BUSERR, OUT_OK
from remaptrace.api import Machine
from remaptrace.engine.run.driver import replay
from remaptrace.trace.events import TraceBuilder

PAGE = 4096
WINDOW, PAGES, FILE_PAGES = 0x50000000, 6, 10
NONBLOCK = 0x10000
EINVAL = -22


class Twin:
    """One shared writable window of a tmpfs file. A PTE is None, ("page", n) or ("file", n)."""

    def __init__(self):
        self.size = FILE_PAGES
        self.cached = {p: (p + 1) % 256 for p in range(FILE_PAGES)}
        self.ptes = [None] * PAGES
        self.nonlinear = False

    def remap(self, at, count, pgoff, nonblock):
        if pgoff != at:
            self.nonlinear = True
        if pgoff + count > self.size:
            return EINVAL
        for i in range(count):
            page = pgoff + i
            if not nonblock:
                self.cached.setdefault(page, 0)
            if page in self.cached:
                self.ptes[at + i] = ("page", page)
            elif self.nonlinear:
                self.ptes[at + i] = ("file", page)
        return 0

    def access(self, at, value):
        """(outcome, minor, major, byte read)."""
        pte = self.ptes[at]
        kind, page = pte or ("none", at)
        if kind != "page":
            if page >= self.size:
                return OUT_BUSERR, 0, 0, None
            self.cached.setdefault(page, 0)
            self.ptes[at] = ("page", page)
        if value is not None:
            self.cached[page] = value
        faults = {"page": (0, 0), "none": (1, 0), "file": (0, 1)}[kind]
        return OUT_OK, *faults, self.cached[page] if value is None else None

    def drop(self, at):
        """A present page leaves: a file PTE if it is not where a linear mapping has it."""
        pte = self.ptes[at]
        if pte and pte[0] == "page":
            self.ptes[at] = ("file", pte[1]) if self.nonlinear and pte[1] != at else None

    def truncate(self, size):
        for at in range(PAGES):
            if self.ptes[at] and self.ptes[at][0] == "page" and self.ptes[at][1] >= size:
                self.drop(at)
        self.cached = {p: v for p, v in self.cached.items() if p < size}
        self.size = size


_page = st.integers(0, PAGES - 1)
_step = st.one_of(
    st.tuples(st.just("remap"), _page, st.integers(1, 3), st.integers(0, FILE_PAGES), st.booleans()),
    st.tuples(st.just("read"), _page),
    st.tuples(st.just("read"), _page),
    st.tuples(st.just("write"), _page, st.integers(0, 255)),
    st.tuples(st.just("dontneed"), _page, st.integers(1, PAGES)),
    st.tuples(st.just("truncate"), st.integers(0, FILE_PAGES)),
)


@settings(max_examples=300)
@given(steps=st.lists(_step, max_size=25))
def test_results_values_and_faults_are_those_of_the_twin(steps):
    twin = Twin()
    b = TraceBuilder()
    task = b.task(1, 1)
    b.event(ev.K_MAKEFILE, task, (3, FILE_PAGES, 1, 0, b.string("t")))
    b.event(ev.K_MMAP, task, (WINDOW, PAGES * PAGE, 3, 0x11, 3, 0))
    wanted = []
    for name, at, *rest in steps:
        addr = WINDOW + at * PAGE
        if name == "remap":
            count = min(rest[0], PAGES - at)
            b.event(ev.K_REMAP_FILE_PAGES, task, (addr, count * PAGE, 0, rest[1], NONBLOCK if rest[2] else 0))
            wanted.append((twin.remap(at, count, rest[1], rest[2]), 0, 0, 0, None))
        elif name in ("read", "write"):
            value = rest[0] if rest else None
            b.event(ev.K_WRITE if rest else ev.K_READ, task, (addr, -1 if value is None else value, 0, 0))
            wanted.append((0, *twin.access(at, value)))
        elif name == "dontneed":
            count = min(rest[0], PAGES - at)
            b.event(ev.K_MADVISE, task, (addr, count * PAGE, 4))
            for i in range(at, at + count):
                twin.drop(i)
            wanted.append((0, 0, 0, 0, None))
        else:
            b.event(ev.K_FTRUNCATE, task, (3, at * PAGE))
            twin.truncate(at)
            wanted.append((0, 0, 0, 0, None))
    result = replay(b.finish(recorded=False), Machine.load("i386", "linux-2.6.21"), engine="interpreted")
    c = result.columns
    got = []
    for e in range(2, len(result.trace)):
        value = int(c["value"][e])
        read = result.trace.columns["kind"][e] == ev.K_READ and c["outcome"][e] == OUT_OK
        got.append(
            (
                int(c["ret"][e]),
                int(c["outcome"][e]),
                int(c["minor"][e]),
                int(c["major"][e]),
                value if read else None,
            )
        )
    assert got == wanted
