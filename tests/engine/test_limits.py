"""RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK and overcommit (linux-6.x 2.4), and what each call counts."""

from __future__ import annotations

import pytest

from remaptrace.abi.mman import RLIM_AS, RLIM_DATA, RLIM_MEMLOCK
from remaptrace.engine.state import G_COMMITTED

from .simulated import (
    GROWSDOWN,
    LOCKED,
    MAYMOVE,
    NORESERVE,
    PAGE,
    PRIVATE,
    REMAP_FIXED,
    RW,
    RX,
    SHARED,
    Process,
    R,
    W,
)


@pytest.fixture
def p() -> Process:
    return Process()


def committed(p: Process) -> int:
    return int(p.m[G_COMMITTED])


def test_rlimit_as_refuses_the_page_too_many(p: Process) -> None:
    p.map(0, 4)
    p.limit(RLIM_AS, 6 * PAGE)
    assert p.map(10, 13, R) == "ENOMEM"
    assert p.map(10, 12, R) == 0
    assert p.munmap(0, 1) == 0


def test_rlimit_as_counts_what_a_fixed_mapping_replaces(p: Process) -> None:
    p.map(0, 4)
    p.limit(RLIM_AS, 4 * PAGE)
    assert p.map(0, 4, R) == 0
    p.limit(RLIM_AS, 3 * PAGE)
    assert p.map(0, 4) == "ENOMEM"


def test_rlimit_as_stops_growth_but_no_move(p: Process) -> None:
    p.map(0, 4)
    p.limit(RLIM_AS, 4 * PAGE)
    assert p.mremap(0, 4, 5) == "ENOMEM"
    assert p.mremap(0, 4, 4, MAYMOVE | REMAP_FIXED, 10) == 10
    assert not p.brk(1)


def test_rlimit_data_counts_private_writable_memory_only(p: Process) -> None:
    p.limit(RLIM_DATA, 4 * PAGE)
    assert p.map(0, 4) == 0
    assert p.map(10, 11) == "ENOMEM"
    assert p.map(10, 11, R) == 0
    assert p.mprotect(10, 11, RW) == "ENOMEM"
    assert p.map(20, 30, flags=SHARED) == 0
    assert p.map(40, 50, flags=PRIVATE | GROWSDOWN) == 0


def test_a_soft_limit_of_zero_on_data_is_ignored(p: Process) -> None:
    p.limit(RLIM_DATA, 0)
    assert p.map(0, 4) == 0


def test_older_kernels_limit_only_the_heap_by_rlimit_data() -> None:
    p = Process(rlimit_data="brk")
    p.limit(RLIM_DATA, PAGE)
    assert p.map(0, 4) == 0
    assert not p.brk(4)


def test_counters_follow_the_protection(p: Process) -> None:
    p.map(0, 4)
    assert p.counters() == {"total": 4, "data": 4, "stack": 0, "locked": 0}
    p.mprotect(0, 1, R)
    p.mprotect(1, 2, RX)
    assert p.counters()["data"] == 2
    p.map(10, 15, flags=PRIVATE | GROWSDOWN)
    p.map(20, 23, flags=SHARED)
    assert p.counters() == {"total": 12, "data": 2, "stack": 5, "locked": 0}
    p.munmap(0, 30)
    assert p.counters() == {"total": 0, "data": 0, "stack": 0, "locked": 0}


def test_one_request_above_ram_is_refused_and_many_below_are_not() -> None:
    p = Process(ram_pages=100)
    assert p.map(0, 101) == "ENOMEM"
    assert p.map(0, 101, flags=PRIVATE | NORESERVE) == 0
    assert p.map(200, 301, R) == 0
    for i in range(5):
        assert p.map(1000 + 100 * i, 1060 + 100 * i) == 0


def test_mode_one_refuses_nothing() -> None:
    assert Process(ram_pages=100, overcommit_memory=1).map(0, 500) == 0


def test_mode_two_charges_noreserve_too() -> None:
    p = Process(ram_pages=1000, overcommit_memory=2)
    assert p.map(0, 400, flags=PRIVATE | NORESERVE) == 0
    assert "nr" not in p.flags(0)
    assert p.map(500, 700) == "ENOMEM"
    assert p.map(500, 700, R) == 0
    assert p.mprotect(500, 700, W) == "ENOMEM"


def test_shared_anonymous_memory_is_charged_whatever_its_protection(p: Process) -> None:
    p.map(0, 7, 0, SHARED)
    assert committed(p) == 7
    p.mprotect(0, 7, RW)
    p.munmap(0, 3)
    assert committed(p) == 7
    p.munmap(0, 7)
    assert committed(p) == 0


def test_a_refused_charge_of_shared_memory_leaves_a_hole() -> None:
    p = Process(ram_pages=100)
    p.map(0, 4)
    assert p.map(1, 200, flags=SHARED) == "ENOMEM"
    assert p.areas() == [(0, 1)]
    assert committed(p) == 1


def test_charges_follow_replacement_moves_and_the_end(p: Process) -> None:
    p.map(0, 8)
    p.map(2, 4)
    p.map(4, 5, R)
    assert committed(p) == 7
    p.mremap(0, 2, 3, MAYMOVE | REMAP_FIXED, 20)
    assert committed(p) == 8
    p.munmap(0, 100)
    assert committed(p) == 0


def test_memlock_is_checked_without_capability(p: Process) -> None:
    p.limit(RLIM_MEMLOCK, 4 * PAGE)
    assert p.map(0, 9, flags=PRIVATE | LOCKED) == 0
    p.munlock(0, 9)
    p.drop_caps()
    assert p.mlock(0, 4) == 0
    assert p.mlock(0, 4) == 0  # pages that are locked already are not counted twice
    assert p.mlock(4, 5) == "ENOMEM"
    assert p.map(20, 21, flags=PRIVATE | LOCKED) == "EAGAIN"
    assert p.mlockall(1) == "ENOMEM"
    p.limit(RLIM_MEMLOCK, 0)
    assert p.mlock(4, 5) == "EPERM"
    assert p.map(20, 21, flags=PRIVATE | LOCKED) == "EPERM"


def test_a_future_lock_covers_mmap_and_brk(p: Process) -> None:
    assert p.mlockall(2) == 0
    p.map(0, 2)
    assert p.brk(2)
    assert "lo" in p.flags(0)
    assert p.counters()["locked"] == 4
    assert p.munlockall() == 0
    p.map(10, 11)
    assert "lo" not in p.flags(10)
    assert p.counters()["locked"] == 0
