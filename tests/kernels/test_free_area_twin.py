"""The address search of 2.6 against a twin that keeps a plain list of ranges (linux-2.6.21 1.3 to 1.7)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.abi import kinds as ev
from remaptrace.api import Machine
from remaptrace.engine.run.driver import replay
from remaptrace.trace.events import TraceBuilder

PAGE = 4096
TASK_SIZE, UNMAPPED, BASE = 0xC0000000, 0x40000000, 0xB8000000
ONES = 0xFFFFFFFF
ENOMEM, EINVAL = -12, -22


class Twin:
    """One address space of i386 whose areas are all alike, so that those that touch are one."""

    def __init__(self, legacy):
        self.areas = []
        self.legacy = legacy
        self.base = UNMAPPED if legacy else BASE
        self.fac, self.chs = self.base, 0

    def find(self, addr):
        return next((a for a in self.areas if a[1] > addr), None)

    def hint(self, addr, length):
        if not addr:
            return None
        addr = (addr + PAGE - 1) // PAGE * PAGE & ONES
        v = self.find(addr)
        return addr if TASK_SIZE - length >= addr and (v is None or addr + length <= v[0]) else None

    def bottom_up(self, addr, length):
        if length > TASK_SIZE:
            return ENOMEM
        hinted = self.hint(addr, length)
        if hinted is not None:
            return hinted
        if length > self.chs:
            at = self.fac
        else:
            at, self.chs = UNMAPPED, 0
        start = at
        v = self.find(at)
        while True:
            if TASK_SIZE - length < at:
                if start == UNMAPPED:
                    return ENOMEM
                start = at = UNMAPPED
                self.chs = 0
                v = self.find(at)
                continue
            if v is None or at + length <= v[0]:
                self.fac = at + length
                return at
            if (at + self.chs) & ONES < v[0]:
                self.chs = v[0] - at
            at = v[1]
            v = self.find(at)

    def top_down(self, addr, length):
        if length > TASK_SIZE:
            return ENOMEM
        hinted = self.hint(addr, length)
        if hinted is not None:
            return hinted
        if length <= self.chs:
            self.chs, self.fac = 0, self.base
        if self.fac > length:
            v = self.find(self.fac - length)
            if v is None or self.fac <= v[0]:
                self.fac -= length
                return self.fac
        if self.base >= length:
            at = self.base - length
            while True:
                v = self.find(at)
                if v is None or at + length <= v[0]:
                    self.fac = at
                    return at
                if (at + self.chs) & ONES < v[0]:
                    self.chs = v[0] - at
                if length >= v[0]:
                    break
                at = v[0] - length
        self.chs, self.fac = ONES, UNMAPPED
        found = self.bottom_up(addr, length)
        self.fac, self.chs = self.base, ONES
        return found

    def mmap(self, addr, length):
        found = (self.bottom_up if self.legacy else self.top_down)(addr, length)
        if found < 0 or found > TASK_SIZE - length:
            return ENOMEM
        self.areas = sorted([*self.areas, (found, found + length)])
        joined = []
        for a in self.areas:
            if joined and joined[-1][1] == a[0]:
                joined[-1] = (joined[-1][0], a[1])
            else:
                joined.append(a)
        self.areas = joined
        return found

    def munmap(self, start, length):
        end = start + length
        if start > TASK_SIZE or length > TASK_SIZE - start:
            return EINVAL
        if not any(a < end and start < b for a, b in self.areas):
            return 0
        pieces = [p for a, b in self.areas for p in ((a, min(b, start)), (max(a, end), b)) if p[0] < p[1]]
        self.areas = sorted(set(pieces))
        below = max((b for a, b in self.areas if b <= start), default=None)
        above = min((a for a, b in self.areas if a >= end), default=None)
        if self.legacy:
            at = self.base if below is None else below
            if UNMAPPED <= at < self.fac:
                self.fac, self.chs = at, ONES
        else:
            self.fac = min(max(self.fac, self.base if above is None else above), self.base)
        return 0


def _near(base):
    """Addresses around the places where a search puts things, and the ends of the address space."""
    return st.one_of(
        st.integers(-40, 40).map(lambda n: base + n * PAGE),
        st.sampled_from([PAGE, 123, UNMAPPED - PAGE, TASK_SIZE - PAGE, TASK_SIZE - 5, ONES]),
    )


def _calls(base):
    pages = st.one_of(st.integers(1, 8), st.sampled_from([512, 0x20000, 0x77F00, 0xC0000]))
    return st.lists(
        st.one_of(
            st.tuples(st.just("mmap"), st.just(0), pages),
            st.tuples(st.just("mmap"), st.just(0), pages),
            st.tuples(st.just("mmap"), _near(base), st.integers(1, 8)),
            st.tuples(
                st.just("munmap"), st.integers(-40, 40).map(lambda n: base + n * PAGE), st.integers(1, 9)
            ),
        ),
        max_size=30,
    )


@pytest.mark.parametrize("legacy", [False, True], ids=["top-down", "bottom-up"])
@settings(max_examples=150)
@given(data=st.data())
def test_addresses_and_caches_are_those_of_the_twin(legacy, data):
    twin = Twin(legacy)
    b = TraceBuilder()
    task = b.task(1, 1)
    wanted = []
    for call, addr, pages in data.draw(_calls(twin.base)):
        if call == "mmap":
            b.event(ev.K_MMAP, task, (addr, pages * PAGE, 3, 0x22, -1, 0))
            wanted.append((twin.mmap(addr, pages * PAGE), twin.fac, twin.chs))
        else:
            b.event(ev.K_MUNMAP, task, (addr, pages * PAGE))
            wanted.append((twin.munmap(addr, pages * PAGE), twin.fac, twin.chs))
        b.event(ev.K_MM, task)
    rules = {"overcommit_memory": 1, "legacy_va_layout": int(legacy)}
    result = replay(
        b.finish(recorded=False), Machine.load("i386", "linux-2.6.21", rules), engine="interpreted"
    )
    got = []
    for i in range(len(wanted)):
        facts = result.observed[2 * i + 1].facts
        got.append((int(result.columns["ret"][2 * i]), facts["free_area_cache"], facts["cached_hole_size"]))
    assert got == wanted
