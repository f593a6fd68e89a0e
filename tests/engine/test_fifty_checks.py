"""The fifty conformance checks that Linux 6.18.44 answered (facts on 6.x, section 8), one test each."""

from __future__ import annotations

import pytest

from remaptrace.abi.mman import RLIM_AS, RLIM_STACK

from .simulated import (
    ANON,
    DONTUNMAP,
    FIXED,
    GROWSDOWN,
    MAYMOVE,
    NONBLOCK,
    NOREPLACE,
    PAGE,
    POPULATE,
    PRIVATE,
    REMAP_FIXED,
    RW,
    RWX,
    RX,
    SHARED,
    SYNC,
    TASK_SIZE,
    B,
    Process,
    R,
    W,
    X,
)

MOVE = MAYMOVE | REMAP_FIXED
DONTNEED, FREE, REMOVE, DONTFORK, WIPEONFORK, COLD = 4, 8, 9, 10, 18, 20
POPULATE_READ, POPULATE_WRITE, DONTNEED_LOCKED, INSTALL, UNGUARD = 22, 23, 24, 102, 103
PROT_GROWSDOWN, PROT_GROWSUP = 0x01000000, 0x02000000


@pytest.fixture
def p() -> Process:
    return Process()


def test_01_a_mapping_between_two_untouched_ones_joins_both(p: Process) -> None:
    p.map(0, 1), p.map(2, 3)
    p.map(1, 2)
    assert p.areas() == [(0, 3)]


def test_02_between_two_written_ones_it_joins_the_left(p: Process) -> None:
    p.map(0, 1), p.map(2, 3)
    p.write(0, 2)
    p.map(1, 2)
    assert p.areas() == [(0, 2), (2, 3)]


def test_03_reading_does_not_keep_apart(p: Process) -> None:
    p.map(0, 1), p.map(2, 3)
    p.read(0), p.read(2)
    p.map(1, 2)
    assert p.areas() == [(0, 3)]


def test_04_areas_written_side_by_side_share_an_anon_vma(p: Process) -> None:
    p.map(0, 1)
    p.write(0)
    p.map(1, 2, RWX)
    p.write(1)
    assert p.mprotect(1, 2, RW) == 0
    assert p.areas() == [(0, 2)]


def test_05_a_written_area_stays_accounted_when_made_read_only(p: Process) -> None:
    p.map(0, 1)
    p.write(0)
    p.mprotect(0, 1, R)
    p.map(1, 2, R)
    assert p.areas() == [(0, 1), (1, 2)]
    assert "ac" in p.flags(0)


def test_06_an_untouched_one_does_not(p: Process) -> None:
    p.map(0, 1)
    p.mprotect(0, 1, R)
    p.map(1, 2, R)
    assert p.areas() == [(0, 2)]
    assert "ac" not in p.flags(0)


def test_07_two_shared_anonymous_objects_stay_apart(p: Process) -> None:
    p.map(0, 1, flags=SHARED), p.map(1, 2, flags=SHARED)
    assert p.areas() == [(0, 1), (1, 2)]


def test_08_a_split_shared_object_joins_again(p: Process) -> None:
    p.map(0, 4, flags=SHARED)
    p.mprotect(1, 2, R)
    assert len(p.areas()) == 3
    p.mprotect(1, 2, RW)
    assert p.areas() == [(0, 4)]


def test_09_another_open_of_the_file_stays_apart(p: Process) -> None:
    f = p.memfd(4)
    g = p.reopen(f, 3)
    p.map(0, 1, flags=SHARED, fd=f), p.map(1, 2, flags=SHARED, fd=f, pgoff=1)
    p.map(2, 3, flags=SHARED, fd=g, pgoff=2)
    assert p.areas() == [(0, 2), (2, 3)]


def test_10_a_fork_child_keeps_new_neighbours_apart(p: Process) -> None:
    p.map(0, 1)
    p.write(0)
    child = p.fork()
    child.map(1, 2)
    p.map(1, 2)
    assert child.areas() == [(0, 1), (1, 2)]
    assert p.areas() == [(0, 2)]


def test_11_mprotect_stops_at_a_hole_with_the_first_part_changed(p: Process) -> None:
    p.map(0, 2), p.map(3, 5)
    assert p.mprotect(0, 5, R) == "ENOMEM"
    assert (p.perms(0), p.perms(3)) == ("r--p", "rw-p")


def test_12_a_hole_at_the_start_changes_nothing(p: Process) -> None:
    p.map(1, 3)
    assert p.mprotect(0, 3, R) == "ENOMEM"
    assert p.perms(1) == "rw-p"


def test_13_mprotect_stops_at_what_may_not_be_written(p: Process) -> None:
    ro = p.reopen(p.memfd(2), 1)
    p.map(0, 2), p.map(2, 4, R, SHARED, ro), p.map(4, 6)
    assert p.mprotect(0, 6, RWX) == "EACCES"
    assert [p.perms(i) for i in (0, 2, 4)] == ["rwxp", "r--s", "rw-p"]


def test_14_mprotect_checks_its_arguments_in_order(p: Process) -> None:
    p.map(0, 1)
    both = PROT_GROWSDOWN | PROT_GROWSUP
    assert [
        p.mprotect_at(B + 1, PAGE, R),
        p.mprotect_at(B, 0, R | both),
        p.mprotect_at(B, 0, R),
        p.mprotect_at(B, PAGE, 0x100),
        p.mprotect_at(B + 9 * PAGE, PAGE, R),
        p.mprotect_at(B, -1, R),
    ] == ["EINVAL", "EINVAL", 0, "EINVAL", "ENOMEM", "ENOMEM"]


def test_15_prot_growsdown_starts_at_the_start_of_the_area(p: Process) -> None:
    p.map(10, 14, flags=PRIVATE | GROWSDOWN), p.map(0, 1)
    assert p.mprotect(12, 13, R | PROT_GROWSDOWN) == 0
    assert p.areas() == [(0, 1), (10, 13), (13, 14)]
    assert (p.perms(10), p.perms(13)) == ("r--p", "rw-p")
    assert p.mprotect(0, 1, R | PROT_GROWSDOWN) == "EINVAL"


def test_16_munmap_checks_its_arguments(p: Process) -> None:
    assert [
        p.munmap_at(B + 1, PAGE),
        p.munmap_at(B, 0),
        p.munmap_at(B, PAGE),
        p.munmap_at(TASK_SIZE, PAGE),
    ] == ["EINVAL", "EINVAL", 0, "EINVAL"]


def test_17_a_seal_stops_munmap_and_its_first_split_stays(p: Process) -> None:
    p.map(0, 2), p.map(2, 4, R)
    p.mseal(3, 4)
    assert p.munmap(1, 4) == "EPERM"
    assert p.areas() == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_18_a_refused_replacement_leaves_only_splits(p: Process) -> None:
    p.map(0, 4)
    p.limit(RLIM_AS, PAGE)
    assert p.map(1, 2, R) == "ENOMEM"
    assert p.areas() == [(0, 1), (1, 2), (2, 4)]
    assert {p.perms(i) for i in range(4)} == {"rw-p"}


def test_19_mremap_checks_its_arguments(p: Process) -> None:
    p.map(0, 4)
    got = [
        p.mremap_at(B + 1, PAGE, PAGE, 0, 0),
        p.mremap(0, 1, 0),
        p.mremap(0, 1, 1, 8),
        p.mremap(0, 1, 1, REMAP_FIXED, 9),
        p.mremap(0, 1, 2, MAYMOVE | DONTUNMAP, 9),
        p.mremap(0, 4, 4, MOVE, 2),
        p.mremap(9, 1, 1),
        p.mremap(0, 5, 6, MAYMOVE),
        p.mremap(0, 5, 5),
        p.mremap(0, 0, 1, MAYMOVE),
    ]
    assert got == ["EINVAL"] * 6 + ["EFAULT", "EFAULT", 0, "EINVAL"]


def test_20_an_untouched_area_joins_where_it_is_moved_to(p: Process) -> None:
    p.map(0, 1), p.map(10, 11)
    assert p.mremap(10, 1, 1, MOVE, 1) == 1
    assert p.areas() == [(0, 2)]


def test_21_a_written_area_joins_only_at_home(p: Process) -> None:
    p.map(0, 4)
    p.write(0, 1, 2, 3)
    assert p.mremap(2, 2, 2, MOVE, 100) == 100
    p.map(102, 103)
    assert p.areas() == [(0, 2), (100, 102), (102, 103)]
    assert p.mremap(100, 2, 2, MOVE, 2) == 2
    assert p.areas() == [(0, 4), (102, 103)]


def test_22_dontunmap_leaves_an_unlocked_empty_area(p: Process) -> None:
    p.map(0, 4)
    p.mlock(0, 4)
    before = p.counters()["locked"]
    assert p.mremap(0, 4, 4, MOVE | DONTUNMAP, 10) == 10
    assert "lo" not in p.flags(0)
    assert "lo" in p.flags(10)
    assert (p.pages(0, 4), p.pages(10, 14)) == ("....", "aaaa")
    assert p.counters()["locked"] == before * 2  # both are counted


def test_23_a_move_takes_several_areas_and_keeps_holes(p: Process) -> None:
    p.map(0, 1), p.map(2, 3, R), p.map(100, 105, RX)
    assert p.mremap(0, 3, 3, MOVE, 101) == 101
    assert p.areas() == [(100, 101), (101, 102), (102, 103), (103, 104), (104, 105)]
    assert [p.perms(i) for i in range(100, 105)] == ["r-xp", "rw-p", "r-xp", "r--p", "r-xp"]


def test_24_a_move_stops_at_a_sealed_area(p: Process) -> None:
    p.map(0, 2), p.map(2, 4, R)
    p.mseal(2, 4)
    assert p.mremap(0, 4, 4, MOVE, 100) == "EPERM"
    assert p.areas() == [(2, 4), (100, 102)]


def test_25_an_old_length_of_zero_maps_a_shared_object_once_more(p: Process) -> None:
    p.map(0, 4, flags=SHARED, fd=p.memfd(4)), p.map(20, 24)
    assert p.mremap(1, 0, 2, MOVE, 10) == 10
    assert p.areas() == [(0, 4), (10, 12), (20, 24)]
    p.write(1)
    assert p.mincore(10, 11) == 0
    assert p.mremap(21, 0, 2, MOVE, 30) == "EINVAL"


def test_26_shrinking_crosses_areas(p: Process) -> None:
    p.map(0, 2), p.map(2, 4, R)
    assert p.mremap(0, 4, 1) == 0
    assert p.areas() == [(0, 1)]


def test_27_remap_file_pages_makes_an_area_a_page_and_joins_them_again(p: Process) -> None:
    p.map(0, 4, flags=SHARED, fd=p.memfd(4))
    faults = []
    for page, pgoff in enumerate((3, 2, 1, 0)):
        assert p.rfp(page, 1, pgoff) == 0
        faults.append(p.faults)
    assert p.areas() == [(0, 1), (1, 2), (2, 3), (3, 4)]
    for page in range(4):
        assert p.rfp(page, 1, page) == 0
        faults.append(p.faults)
    assert p.areas() == [(0, 4)]
    assert faults == [1] * 8


def test_28_remap_file_pages_checks_its_arguments(p: Process) -> None:
    p.map(0, 4, flags=SHARED, fd=p.memfd(16)), p.map(10, 11)
    got = [
        p.rfp(0, 1, 0, prot=1),
        p.rfp(0, 0, 0),
        p.rfp_at(B, 100, 0),
        p.rfp(0, 1, -1),
        p.rfp(0, 1, 0x7_FFFF_FFFF_FFFF),
        p.rfp(0, 5, 0),
        p.rfp(20, 1, 0),
        p.rfp(10, 1, 0),
        p.rfp_at(B + 100, 4100, 2),
    ]
    assert got == ["EINVAL"] * 4 + ["EOVERFLOW"] + ["EINVAL"] * 3 + [0]
    assert p.areas() == [(0, 1), (1, 4), (10, 11)]


def test_29_nonblock_maps_nothing_and_a_linear_request_still_zaps(p: Process) -> None:
    p.map(0, 8, flags=SHARED, fd=p.memfd(16))
    assert p.rfp(0, 8, 8, NONBLOCK) == 0
    assert p.pages(0, 8) == "........"
    assert p.rfp(0, 8, 0) == 0
    assert (p.pages(0, 8), p.faults) == ("FFFFFFFF", 1)
    assert p.rfp(1, 1, 1, NONBLOCK) == 0
    assert p.pages(0, 8) == "F.FFFFFF"
    assert p.areas() == [(0, 8)]


def test_30_remap_file_pages_loses_advice_and_onfault(p: Process) -> None:
    p.map(0, 4, flags=SHARED, fd=p.memfd(4))
    p.madvise(0, 4, DONTFORK), p.mlock(0, 4, onfault=True)
    assert p.rfp(1, 1, 3, NONBLOCK) == 0
    assert p.flags(1) & {"lo", "dc", "lf"} == {"lo"}
    assert p.pages(1, 2) == "F"


def test_31_it_may_span_areas_with_equal_flags(p: Process) -> None:
    f = p.memfd(16)
    p.map(0, 2, flags=SHARED, fd=f), p.map(2, 4, flags=SHARED, fd=f, pgoff=8)
    assert p.rfp(1, 2, 4) == 0
    assert p.areas() == [(0, 1), (1, 3), (3, 4)]
    p.mprotect(3, 4, R)
    assert p.rfp(2, 2, 0) == "EINVAL"


def test_32_a_page_behind_the_end_is_accepted_and_raises_sigbus(p: Process) -> None:
    p.map(0, 2, flags=SHARED, fd=p.memfd(2))
    assert p.rfp(0, 1, 9) == 0
    assert p.read(0) == "ADRERR"


def test_33_madvise_goes_on_behind_a_hole(p: Process) -> None:
    p.map(0, 2), p.map(3, 5)
    assert p.madvise(0, 5, DONTFORK) == "ENOMEM"
    assert "dc" in p.flags(0)
    assert "dc" in p.flags(3)


def test_34_dontneed_drops_and_free_keeps(p: Process) -> None:
    p.map(0, 4)
    p.write(0, 1, 2, 3)
    assert (p.madvise(0, 2, DONTNEED), p.madvise(2, 4, FREE)) == (0, 0)
    assert p.pages(0, 4) == "..aa"


def test_35_madvise_refuses_locked_and_shared_memory(p: Process) -> None:
    p.map(0, 1), p.map(10, 11, flags=SHARED)
    p.mlock(0, 1)
    got = [
        p.madvise_at(B + 1, PAGE, 0),
        p.madvise(0, 1, 77),
        p.madvise(0, 0, 77),
        p.madvise(0, 1, DONTNEED),
        p.madvise(0, 1, FREE),
        p.madvise(0, 1, COLD),
        p.madvise(0, 1, INSTALL),
        p.madvise(0, 1, DONTNEED_LOCKED),
        p.madvise(10, 11, WIPEONFORK),
        p.madvise(10, 11, FREE),
        p.madvise(10, 11, REMOVE),
    ]
    assert got == ["EINVAL"] * 7 + [0, "EINVAL", "EINVAL", 0]


def test_36_guards_need_no_area_and_survive_dontneed(p: Process) -> None:
    p.map(0, 4)
    p.write(0, 1, 2, 3)
    assert p.madvise(1, 3, INSTALL) == 0
    assert p.areas() == [(0, 4)]
    assert "gu" in p.flags(0)
    assert (p.read(1), p.write(2)) == ("MAPERR", "MAPERR")
    p.madvise(0, 4, DONTNEED)
    assert p.pages(0, 4) == ".GG."
    p.madvise(0, 4, UNGUARD)
    assert p.pages(0, 4) == "...."
    assert p.read(1) == "ok"


def test_37_the_guard_flag_sticks_to_what_joins(p: Process) -> None:
    p.map(0, 1)
    p.madvise(0, 1, INSTALL)
    p.map(1, 2)
    assert (p.areas(), "gu" in p.flags(1)) == ([(0, 2)], True)
    p.map(0, 1)
    assert (p.areas(), "gu" in p.flags(1)) == ([(0, 2)], True)


def test_38_populate_mlock_and_children_meet_the_guard(p: Process) -> None:
    p.map(0, 2)
    p.madvise(1, 2, INSTALL)
    assert (p.madvise(0, 2, POPULATE_READ), p.mlock(0, 2)) == ("EFAULT", "ENOMEM")
    assert p.fork().read(1) == "MAPERR"


def test_39_populate_reads_writes_and_refuses(p: Process) -> None:
    p.map(0, 2), p.map(10, 11, R)
    assert p.madvise(0, 2, POPULATE_READ) == 0
    assert (p.pages(0, 2), p.faults) == ("zz", 2)
    assert p.madvise(0, 2, POPULATE_WRITE) == 0
    assert (p.pages(0, 2), p.faults) == ("aa", 2)
    assert p.madvise(10, 11, POPULATE_WRITE) == "EINVAL"
    assert p.madvise(9, 11, POPULATE_READ) == "ENOMEM"
    assert p.map(20, 21, 0, PRIVATE | POPULATE) == 0


def test_40_mlock_sets_flags_and_reports_what_it_cannot_populate(p: Process) -> None:
    p.map(0, 2), p.map(2, 3, 0)
    assert p.mlock(0, 3) == "ENOMEM"
    assert "lo" in p.flags(0)
    assert "lo" in p.flags(2)
    assert p.pages(0, 3) == "aa."
    assert p.mlock(0, 4) == "ENOMEM"
    assert p.munlock(0, 3) == 0


def test_41_every_protection_grants_what_it_should(p: Process) -> None:
    for page, prot in enumerate((0, R, W, X)):
        p.map(2 * page, 2 * page + 1, prot)
    got = [(p.read(2 * i), p.write(2 * i)) for i in range(4)]
    assert got == [("ACCERR", "ACCERR"), ("ok", "ACCERR"), ("ok", "ok"), ("ok", "ACCERR")]
    assert p.read(99) == "MAPERR"


def test_42_a_refused_fetch_still_takes_the_fault(p: Process) -> None:
    p.map(0, 1)
    assert (p.execute(0), p.faults) == ("ACCERR", 1)
    assert (p.execute(0), p.faults) == ("ACCERR", 0)
    assert p.pages(0, 1) == "z"


def test_43_reading_before_writing_costs_two_faults(p: Process) -> None:
    p.map(0, 2)
    got = []
    for access in ((0, 0), (1, 0), (1, 1)):
        p.touch_at(access[0], B + access[1] * PAGE)
        got.append(p.faults)
    assert got == [1, 1, 1]


def test_44_fault_around_is_a_window_of_virtual_pages(p: Process) -> None:
    p.map(3, 43, R, SHARED, p.memfd(64), 5)
    p.read(20)
    assert p.pages(3, 43) == "." * 13 + "F" * 16 + "." * 11
    p.read(3)
    assert p.pages(3, 43) == "F" * 29 + "." * 11


def test_45_a_private_write_maps_one_page_and_stays(p: Process) -> None:
    p.map(0, 32, fd=p.memfd(32))
    p.write(5)
    assert p.pages(0, 32) == "." * 5 + "a" + "." * 26
    p.read(6)
    assert p.pages(0, 32) == "F" * 5 + "a" + "F" * 10 + "." * 16


def test_46_pages_behind_the_end_raise_sigbus(p: Process) -> None:
    f = p.file(10000)
    p.map(0, 4, fd=f)
    assert (p.write(2), p.read(3)) == ("ok", "ADRERR")
    p.truncate(f, 4096)
    assert p.read(2) == "ADRERR"


def test_47_a_growing_area_keeps_its_distance(p: Process) -> None:
    p.map(500, 501, flags=PRIVATE | GROWSDOWN), p.map(100, 101, R)
    p.map(2000, 2001, flags=PRIVATE | GROWSDOWN), p.map(1700, 1701, 0)
    assert p.write(356) == "MAPERR"
    assert p.write(357) == "ok"
    assert p.write(1701) == "ok"
    assert p.areas() == [(100, 101), (357, 501), (1700, 1701), (1701, 2001)]


def test_48_the_stack_limit_holds_for_every_growing_area(p: Process) -> None:
    p.limit(RLIM_STACK, 8 * PAGE)
    p.map(500, 501, flags=PRIVATE | GROWSDOWN)
    assert (p.write(493), p.write(492)) == ("ok", "MAPERR")


def test_49_hints_are_rounded_down_and_honoured_when_free(p: Process) -> None:
    flags = PRIVATE | ANON

    def place(addr: int, length: int = PAGE, how: int = flags) -> object:
        got = p.mmap_at(addr, length, RW, how)
        return (got - B) // PAGE if isinstance(got, int) else got

    assert place(B) == 0
    assert place(B + 5 * PAGE + 123) == 5
    p.map(1000, 1001, flags=PRIVATE | GROWSDOWN)
    assert place(B + 743 * PAGE) == 743
    p.map(1, 2)
    assert place(B + PAGE, 2 * PAGE, flags | NOREPLACE) == "EEXIST"
    assert place(B + 2 * PAGE, PAGE, flags | NOREPLACE) == 2
    assert p.mmap_at(B + 1, PAGE, RW, flags | FIXED) == "EINVAL"


def test_50_mmap_checks_its_arguments_in_order(p: Process) -> None:
    f = p.memfd(1)
    g = p.reopen(f, 1)
    anon = PRIVATE | ANON
    got = [
        p.mmap_at(B + 1, 0, RW, PRIVATE | FIXED, 99),
        p.mmap_at(B, 0, RW, anon),
        p.mmap_at(B + 1, PAGE, RW, anon | FIXED),
        p.mmap_at(TASK_SIZE, PAGE, RW, anon | FIXED),
        p.mmap_at(B, PAGE, RW, ANON),
        p.mmap_at(B, PAGE, R, SHARED, g, 0x7_FFFF_FFFF_FFFF * PAGE),
        p.mmap_at(B, PAGE, RW, SHARED, g),
        p.mmap_at(B, PAGE, R, 3 | SYNC, f),
        p.mmap_at(B, PAGE, RW, SHARED | ANON | GROWSDOWN),
        p.mmap_at(B, PAGE, RW, anon, -1, 1),
    ]
    assert got == [
        "EBADF",
        "EINVAL",
        "EINVAL",
        "ENOMEM",
        "EINVAL",
        "EOVERFLOW",
        "EACCES",
        "EOPNOTSUPP",
        "EINVAL",
        "EINVAL",
    ]
