"""Faults of private, file, shared and huge pages as the facts files state them (6.x section 5, 2.6 section 5)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.abi.outcomes import NAMES
from remaptrace.abi.signals import ACC_EXEC, ACC_READ, ACC_WRITE
from remaptrace.abi.vmflags import (
    VM_EXEC,
    VM_GROWSDOWN,
    VM_HUGEPAGE,
    VM_MAYREAD,
    VM_MAYSHARE,
    VM_MAYWRITE,
    VM_READ,
    VM_SHARED,
    VM_WIPEONFORK,
    VM_WRITE,
)
from remaptrace.engine.areas.vma import vma_alloc, vma_set_flags
from remaptrace.engine.areas.vmaset import find_exact, insert_vma
from remaptrace.engine.calls.mincore import mincore_page
from remaptrace.engine.faults import populate
from remaptrace.engine.faults.fault import handle_access, pte_of
from remaptrace.engine.faults.userbytes import user_load, user_store
from remaptrace.engine.files import inodes, pagecache
from remaptrace.engine.files.files import FMODE_READ, FMODE_WRITE, file_new
from remaptrace.engine.pages import pte
from remaptrace.engine.ranges import advice
from remaptrace.engine.ranges.pgtable import protect_range
from remaptrace.engine.ranges.truncate import inode_truncate
from remaptrace.engine.run import access
from remaptrace.engine.state import (
    G_MAJFLT,
    G_MINFLT,
    G_RAM_USED,
    G_VALUE,
    I_FILLED,
    I_FILLK,
    I_FOLIO,
    MM_RSS,
    MM_TABLES,
    OPS_ANON,
    OPS_FILE,
    OPS_SHMEM,
    P_CAPS,
    P_RLIM,
    P_WORDS,
    T_MM,
    T_PROC,
    T_WORDS,
    V_AV,
    V_AVMULTI,
    V_END,
    V_FLAGS,
    V_NEXT,
    V_START,
    kalloc,
)
from remaptrace.engine.tasks import fork
from remaptrace.engine.tasks.mm import exit_mmap, mm_new

from .machines import small_arena

PAGE = 4096
BASE = 0x10000000
MAY = VM_MAYREAD | VM_MAYWRITE
RW = VM_READ | VM_WRITE | MAY
SHARED = VM_SHARED | VM_MAYSHARE


class Program:
    """One task with areas made by hand."""

    def __init__(self, kernel: str = "linux-6.18", arch: str = "x86_64", **rules: object) -> None:
        self.m = small_arena(arch, kernel, **rules)
        self.task = self._task(mm_new(self.m))

    def _task(self, mm: int) -> int:
        task = kalloc(self.m, T_WORDS)
        proc = kalloc(self.m, P_WORDS)
        self.m[proc + P_CAPS] = 1
        for i in range(16):
            self.m[proc + P_RLIM + i] = -1
        self.m[task + T_PROC] = proc
        self.m[task + T_MM] = mm
        return task

    @property
    def mm(self) -> int:
        return self.m[self.task + T_MM]

    def file(self, kind: int, pages: int, filled: bool = True) -> int:
        inode = inodes.inode_new(self.m, kind, pages * PAGE)
        self.m[inode + I_FILLED] = pages if filled else 0
        self.m[inode + I_FILLK] = 1
        return inode

    def map(self, page: int, pages: int, flags: int, inode: int = 0, pgoff: int = -1) -> int:
        ops = OPS_ANON
        file = 0
        if inode:
            ops = self.m[inode]
            file = file_new(self.m, inode, FMODE_READ | FMODE_WRITE)
        start = BASE + page * PAGE
        if pgoff < 0:
            pgoff = 0 if inode else start // PAGE
        vma = vma_alloc(self.m, self.mm, start, start + pages * PAGE, flags, pgoff, file, inode, ops)
        insert_vma(self.m, self.mm, vma)
        return vma

    def touch(self, page: int, access: int, addr: int | None = None) -> tuple[str, int, int]:
        self.m[G_MINFLT] = self.m[G_MAJFLT] = 0
        at = BASE + page * PAGE if addr is None else addr
        outcome = handle_access(self.m, self.task, at, access, 0, 0)
        return NAMES[outcome], self.m[G_MINFLT], self.m[G_MAJFLT]

    def read(self, page: int) -> tuple[str, int, int]:
        return self.touch(page, ACC_READ)

    def write(self, page: int, value: int = 1) -> tuple[str, int, int]:
        answer = self.touch(page, ACC_WRITE)
        if answer[0] == "ok":
            user_store(self.m, self.mm, BASE + page * PAGE, value)
        return answer

    def value(self, page: int) -> int:
        return user_load(self.m, self.mm, BASE + page * PAGE)

    def present(self, first: int, count: int) -> str:
        out = ""
        for page in range(first, first + count):
            p = pte_of(self.m, self.mm, BASE + page * PAGE)
            out += "#" if p and pte.pte_present(self.m, self.m[p]) else "."
        return out

    def protect(self, page: int, flags: int) -> None:
        vma = find_exact(self.m, self.mm, BASE + page * PAGE)
        old = self.m[vma + V_FLAGS]
        vma_set_flags(self.m, vma, flags)
        protect_range(self.m, self.mm, vma, self.m[vma + V_START], self.m[vma + V_END], old)

    def fork(self) -> int:
        """Fork; the program goes on in the child, the parent's task is returned."""
        parent = self.task
        new = fork.dup_mm(self.m, parent, parent)
        assert new > 0
        self.task = self._task(new)
        return parent

    def end(self) -> None:
        """Tear down; nothing may be left in RAM but the files' pages."""
        exit_mmap(self.m, self.mm)


OK1, OK0 = ("ok", 1, 0), ("ok", 0, 0)
MAPERR, ACCERR = ("SIGSEGV/SEGV_MAPERR", 0, 0), ("SIGSEGV/SEGV_ACCERR", 0, 0)
BUS = ("SIGBUS/BUS_ADRERR", 0, 0)


def test_a_read_then_a_write_of_private_memory_take_one_fault_each_and_a_first_write_one():
    p = Program()
    vma = p.map(0, 2, RW)
    assert p.read(0) == OK1 and p.m[vma + V_AV] == 0 and p.value(0) == 0
    assert p.read(0) == OK0
    assert p.write(0) == OK1 and p.m[vma + V_AV] != 0
    assert p.write(1) == OK1
    assert p.read(1) == p.write(1) == OK0
    p.end()
    assert p.m[G_RAM_USED] == 0


def test_accesses_outside_areas_and_beyond_the_address_space_are_refused():
    p = Program()
    p.map(0, 1, RW)
    assert p.read(1) == MAPERR
    assert p.touch(0, ACC_READ, addr=0x7FFFFFFFF000) == MAPERR
    assert p.touch(0, ACC_WRITE, addr=-4096) == MAPERR
    assert p.touch(0, ACC_READ, addr=1 << 50) == ("SIGSEGV/SI_KERNEL", 0, 0)


@pytest.mark.parametrize(
    ("flags", "read", "write"),
    [
        (0, ACCERR, ACCERR),
        (VM_READ, OK1, ACCERR),
        (VM_WRITE, OK1, OK1),
        (VM_EXEC, OK1, ACCERR),
    ],
)
def test_area_flags_decide_first_touches(flags, read, write):
    p = Program()
    p.map(0, 2, flags | MAY)
    assert p.read(0) == read
    assert p.write(1) == write


def test_fetching_from_a_page_without_exec_faults_it_in_first():
    p = Program()
    p.map(0, 1, RW)
    assert p.touch(0, ACC_EXEC) == ("SIGSEGV/SEGV_ACCERR", 1, 0)
    assert p.touch(0, ACC_EXEC) == ACCERR
    assert p.present(0, 1) == "#"


def test_without_nx_fetching_readable_memory_works():
    p = Program("linux-2.6.20", "i386")
    p.map(0, 1, RW)
    assert p.touch(0, ACC_EXEC) == OK1


def test_fault_around_maps_the_aligned_window_inside_the_area():
    p = Program()
    p.map(3, 40, VM_READ | MAY, p.file(OPS_SHMEM, 64), pgoff=5)
    assert p.read(20) == OK1
    assert p.present(0, 48) == "." * 16 + "#" * 16 + "." * 16
    assert p.read(3) == OK1
    assert p.present(0, 48) == "..." + "#" * 29 + "." * 16
    assert p.value(3) == 6


def test_fault_around_leaves_holes_and_private_copies():
    p = Program()
    inode = p.file(OPS_SHMEM, 32, filled=False)
    for index in (4, 5, 6, 9):
        pagecache.file_store(p.m, inode, index * PAGE, 40 + index)
    p.map(0, 32, RW, inode)
    assert p.write(5, 99) == OK1
    assert p.present(0, 16) == ".....#.........."
    assert p.read(6) == OK1
    assert p.present(0, 16) == "....###..#......"
    assert (p.value(4), p.value(5), p.value(6)) == (44, 99, 46)


def test_a_read_of_a_shmem_hole_allocates_that_page_alone():
    p = Program()
    inode = p.file(OPS_SHMEM, 32, filled=False)
    p.map(0, 32, VM_READ | VM_WRITE | MAY | SHARED, inode)
    assert p.read(3) == OK1
    assert p.present(0, 8) == "...#...."
    assert p.write(3) == OK0


def test_shared_pages_of_disk_files_fault_again_at_the_first_write_and_shmem_pages_do_not():
    for kind, expected in ((OPS_FILE, OK1), (OPS_SHMEM, OK0)):
        p = Program()
        p.map(0, 16, RW | SHARED, p.file(kind, 16))
        assert p.read(0) == OK1
        assert p.write(0) == expected
        assert p.write(0) == OK0


def test_a_hole_of_a_file_on_disk_is_a_major_fault():
    p = Program()
    p.map(0, 4, VM_READ | MAY | SHARED, p.file(OPS_FILE, 4, filled=False))
    assert p.read(2) == ("ok", 0, 1)
    assert p.read(2) == OK0


def test_pages_behind_the_end_of_a_file_are_bus_errors_and_truncation_takes_copies_away():
    p = Program()
    inode = p.file(OPS_SHMEM, 3)
    p.map(0, 6, RW, inode)
    assert p.write(2, 7) == OK1
    assert p.read(3) == BUS
    inode_truncate(p.m, inode, PAGE)
    assert p.read(2) == BUS
    inode_truncate(p.m, inode, 4 * PAGE)
    assert p.read(2) == OK1 and p.value(2) == 0


def test_a_private_write_beyond_the_end_still_makes_the_anon_vma_today_but_not_in_2007():
    for kernel, made in (("linux-6.18", True), ("linux-2.6.21", False)):
        p = Program(kernel, "x86_64")
        vma = p.map(0, 4, RW, p.file(OPS_SHMEM, 1))
        assert p.write(2) == BUS
        assert bool(p.m[vma + V_AV]) == made


def test_after_fork_each_side_faults_once_and_the_survivor_reuses_the_page():
    p = Program()
    vma = p.map(0, 3, RW)
    p.write(0, 5)
    p.write(1, 6)
    parent = p.fork()
    child = find_exact(p.m, p.mm, BASE)
    assert child != vma and p.m[child + V_AVMULTI] == 1 and p.m[child + V_AV] != p.m[vma + V_AV]
    assert p.read(0) == OK0 and p.value(0) == 5
    assert p.write(0, 8) == OK1 and p.value(0) == 8
    assert user_load(p.m, p.m[parent + T_MM], BASE) == 5
    p.end()
    used = p.m[G_RAM_USED]
    p.task = parent
    assert p.write(1) == OK1 and p.m[G_RAM_USED] == used
    assert p.write(0) == OK1 and p.m[G_RAM_USED] == used
    p.end()
    assert p.m[G_RAM_USED] == 0


def test_fork_copies_tables_only_where_no_fault_could_bring_the_pages_back():
    p = Program()
    p.map(0, 2, RW)
    p.map(4, 2, RW)
    p.map(8, 2, RW | SHARED, p.file(OPS_SHMEM, 2))
    p.map(12, 2, RW | VM_WIPEONFORK)
    p.read(0)
    p.read(4)
    p.write(5)
    p.write(8)
    p.write(12)
    p.fork()
    assert p.present(0, 14) == "....##........"
    assert p.m[find_exact(p.m, p.mm, BASE + 12 * PAGE) + V_AV] == 0


def test_protections_taken_and_given_back_cost_a_written_page_a_fault_only_before_6_1():
    for kernel, expected in (("linux-6.18", OK0), ("linux-2.6.21", OK1)):
        p = Program(kernel, "x86_64")
        p.map(0, 1, RW)
        p.write(0)
        p.protect(0, VM_READ | MAY)
        assert p.write(0) == ACCERR
        p.protect(0, RW)
        assert p.write(0) == expected


def test_a_protnone_page_keeps_its_contents_and_is_refused():
    p = Program()
    p.map(0, 1, RW)
    p.write(0, 77)
    p.protect(0, MAY)
    assert p.read(0) == ACCERR
    assert p.present(0, 1) == "#"
    p.protect(0, RW)
    assert p.read(0) == OK0 and p.value(0) == 77


def test_guard_markers_refuse_and_outlive_everything_but_their_removal():
    p = Program()
    vma = p.map(0, 4, RW)
    p.write(1, 9)
    assert advice.guard_install(p.m, p.task, vma, BASE + PAGE, BASE + 3 * PAGE) == 0
    assert p.m[vma + V_AV] != 0
    assert p.read(1) == p.write(2) == MAPERR
    advice.guard_remove(p.m, p.task, vma, BASE, BASE + 4 * PAGE)
    assert p.read(1) == OK1 and p.value(1) == 0


def test_freed_pages_go_at_pageout_unless_written_again():
    p = Program()
    vma = p.map(0, 3, RW)
    for page in range(3):
        p.write(page, 10 + page)
    advice.advise_free(p.m, p.task, vma, BASE, BASE + 2 * PAGE)
    assert p.present(0, 3) == "###" and p.value(0) == 10
    assert p.write(1, 50) == OK0
    advice.advise_pageout(p.m, p.task, vma, BASE, BASE + 3 * PAGE)
    assert p.present(0, 3) == ".##"
    assert p.read(0) == OK1 and p.value(0) == 0
    assert (p.value(1), p.value(2)) == (50, 12)


def test_private_pages_go_to_swap_and_come_back_by_a_major_fault():
    p = Program(swap="1M")
    vma = p.map(0, 2, RW)
    p.write(0, 33)
    p.write(1, 34)
    advice.advise_pageout(p.m, p.task, vma, BASE, BASE + 2 * PAGE)
    assert p.present(0, 2) == ".." and p.m[G_RAM_USED] == 0
    assert p.read(0) == ("ok", 0, 1) and p.value(0) == 33
    assert p.write(1, 35) == ("ok", 0, 1)
    assert p.write(0) == OK1
    p.end()
    assert p.m[G_RAM_USED] == 0


HUGE = 512


def huge_program(kernel: str = "linux-6.18") -> tuple[Program, int]:
    p = Program(kernel)
    return p, p.map(0, 2 * HUGE, RW | VM_HUGEPAGE)


def test_a_huge_page_takes_one_fault_and_splits_without_any():
    p, vma = huge_program()
    assert p.write(5, 55) == OK1
    assert p.m[p.mm + MM_RSS] == HUGE and p.m[p.mm + MM_TABLES] == 2
    assert p.write(511, 56) == OK0
    advice.guard_install(p.m, p.task, vma, BASE + 7 * PAGE, BASE + 8 * PAGE)
    assert p.present(4, 6) == "###.##" and p.m[p.mm + MM_TABLES] == 3
    assert (p.value(5), p.value(6), p.value(511)) == (55, 0, 56)
    assert p.write(6) == OK0
    p.end()
    assert p.m[G_RAM_USED] == 0


def test_reading_maps_the_huge_zero_page_and_the_first_write_replaces_or_splits_it():
    for kernel, second in (("linux-6.18", OK0), ("linux-6.12", OK1)):
        p, vma = huge_program(kernel)
        assert p.read(3) == OK1 and p.m[vma + V_AV] != 0
        assert p.read(400) == OK0 and p.m[G_RAM_USED] == 0
        assert p.write(3) == OK1
        assert p.write(4) == second


def test_where_a_leaf_table_exists_pages_stay_small():
    p, _vma = huge_program()
    vma_set_flags(p.m, find_exact(p.m, p.mm, BASE), RW)
    p.write(0)
    vma_set_flags(p.m, find_exact(p.m, p.mm, BASE), RW | VM_HUGEPAGE)
    assert p.write(1) == OK1 and p.m[p.mm + MM_RSS] == 2
    assert p.write(HUGE) == OK1 and p.m[p.mm + MM_RSS] == 2 + HUGE


def test_a_huge_page_shared_by_fork_is_split_by_the_first_writer():
    p, _vma = huge_program()
    p.write(5, 55)
    parent = p.fork()
    assert p.read(5) == OK0 and p.value(5) == 55
    assert p.write(5, 60) == OK1
    assert p.write(6, 61) == OK1
    p.end()
    p.task = parent
    assert (p.value(5), p.value(6)) == (55, 0)
    assert p.write(5, 70) == OK1 and p.write(6, 71) == OK0
    p.end()
    assert p.m[G_RAM_USED] == 0


def test_populate_stops_where_the_facts_say():
    p = Program()
    p.map(0, 2, RW)
    p.map(2, 1, VM_READ | MAY)
    p.map(3, 1, MAY)
    p.map(6, 1, RW)
    at = [BASE + i * PAGE for i in range(10)]
    assert populate.populate_range(p.m, p.task, at[0], at[2], populate.POP_READ) == 0
    assert p.write(0) == OK1
    assert populate.populate_range(p.m, p.task, at[0], at[3], populate.POP_WRITE) == -22
    assert p.present(0, 3) == "##."
    assert populate.populate_range(p.m, p.task, at[2], at[7], populate.POP_MLOCK) == -14
    assert populate.populate_range(p.m, p.task, at[2], at[7], populate.POP_MMAP) == 0
    assert p.present(0, 7) == "###...#"
    assert populate.populate_range(p.m, p.task, at[4], at[7], populate.POP_READ) == -12


def test_populate_of_6_1_goes_on_behind_a_hole():
    p = Program("linux-6.1")
    p.map(0, 1, RW)
    p.map(2, 1, RW)
    assert populate.populate_range(p.m, p.task, BASE, BASE + 3 * PAGE, populate.POP_WRITE) == -12
    assert p.present(0, 3) == "#.#"


def test_mincore_sees_ptes_of_private_memory_and_the_cache_of_files():
    p = Program()
    p.map(0, 2, RW)
    inode = p.file(OPS_SHMEM, 4, filled=False)
    pagecache.file_store(p.m, inode, PAGE, 1)
    p.map(2, 4, VM_READ | MAY, inode)
    p.read(0)
    seen = [mincore_page(p.m, p.mm, BASE + i * PAGE) for i in range(8)]
    assert seen == [1, 0, 0, 1, 0, 0, -1, -1]


def test_a_stack_grows_to_the_fault():
    p = Program()
    vma = p.map(300, 1, RW | VM_GROWSDOWN)
    assert p.read(290) == OK1
    assert p.m[vma + V_START] == BASE + 290 * PAGE and p.m[vma + V_NEXT] == 0
    assert p.present(288, 13) == "..#.........."


def test_a_range_event_counts_its_faults_and_stops_at_the_first_refusal():
    p = Program()
    p.map(0, 600, RW)
    p.write(3)
    p.m[G_MINFLT] = 0
    assert NAMES[access.touch(p.m, p.task, ACC_WRITE, BASE + 5, 7, 590, 0)] == "ok"
    assert p.m[G_MINFLT] == 589
    assert user_load(p.m, p.mm, BASE + 589 * PAGE + 5) == 7
    p.m[G_MINFLT] = 0
    assert NAMES[access.touch(p.m, p.task, ACC_READ, BASE + 5, -1, 700, 0)] == "SIGSEGV/SEGV_MAPERR"
    assert p.m[G_MINFLT] == 10 and p.m[G_VALUE] == 0


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1100), st.integers(1, 60)), max_size=12))
def test_a_range_touch_is_the_same_as_its_pages_one_by_one(touches):
    states = []
    for whole in (True, False):
        p = Program()
        p.map(0, 300, RW)
        p.map(300, 200, VM_READ | MAY, p.file(OPS_SHMEM, 150))
        p.map(512, 512, RW | VM_HUGEPAGE)
        p.map(1030, 60, RW)
        answers = []
        for write, first, count in touches:
            kind = ACC_WRITE if write else ACC_READ
            p.m[G_MINFLT] = 0
            outcome = 1
            for page, pages in [(first, count)] if whole else [(first + i, 1) for i in range(count)]:
                outcome = access.touch(p.m, p.task, kind, BASE + page * PAGE, -1, pages, 0)
                if outcome != 1:
                    break
            answers.append((outcome, p.m[G_MINFLT]))
        words = [p.m[q] if (q := pte_of(p.m, p.mm, BASE + i * PAGE)) else 0 for i in range(1100)]
        states.append((answers, words))
    assert states[0] == states[1]


# Large folios: what a 6.18 kernel mapped on ext4 of files written a MiB at a time, counted in pagemap.
MIB = 256  # pages


def folio_program(
    pages: int, first: int = 0, flags: int = VM_READ | MAY, kernel: str = "linux-6.18"
) -> Program:
    p = Program(kernel)
    inode = p.file(OPS_FILE, pages)
    p.m[inode + I_FOLIO] = MIB
    p.map(first, MIB - first, flags, inode, pgoff=first)
    return p


def mapped(p: Program) -> list[tuple[int, int]]:
    """Runs of present pages: (first, how many)."""
    runs = [(m.start(), len(m.group())) for m in re.finditer("#+", p.present(0, MIB))]
    return runs


def test_a_read_maps_a_large_folio_whole_where_it_fits_and_a_window_where_not():
    p = folio_program(2 * MIB)
    assert p.read(100) == OK1 and mapped(p) == [(0, MIB)]
    p = folio_program(2 * MIB, first=3)
    assert p.read(100) == OK1 and mapped(p) == [(96, 16)]
    assert p.read(150) == OK1 and mapped(p) == [(96, 16), (144, 16)]


def test_before_6_18_a_large_folio_is_mapped_by_windows():
    p = folio_program(2 * MIB, kernel="linux-6.17")
    assert p.read(100) == OK1 and mapped(p) == [(96, 16)]


def test_the_last_folio_of_a_file_is_mapped_by_the_fault_and_not_around_it():
    p = folio_program(MIB)
    assert p.read(100) == OK1 and mapped(p) == [(0, MIB)]
    p = folio_program(MIB, first=3)
    assert p.read(100) == OK1 and mapped(p) == [(100, 1)]
    p = folio_program(MIB, flags=RW)
    assert p.write(100) == OK1 and mapped(p) == [(100, 1)]
    assert p.read(101) == OK1 and mapped(p) == [(96, 16)]


def test_a_shared_write_makes_the_whole_folio_writable_but_a_read_one_does_not():
    p = folio_program(2 * MIB, flags=RW | SHARED)
    assert p.write(100) == OK1 and mapped(p) == [(0, MIB)]
    assert p.write(101) == p.write(3) == OK0
    p = folio_program(2 * MIB, flags=RW | SHARED)
    assert p.read(100) == OK1
    assert p.write(100) == p.write(101) == OK1


def test_a_private_copy_does_not_keep_the_folio_around_it_from_being_mapped():
    p = folio_program(2 * MIB, flags=RW)
    assert p.write(100) == OK1 and mapped(p) == [(100, 1)]
    assert p.read(101) == OK1 and mapped(p) == [(0, MIB)]


def test_a_private_write_to_an_absent_page_of_a_file_keeps_the_other_bytes():
    p = Program()
    p.map(0, 4, RW, p.file(OPS_SHMEM, 4))
    assert p.write(2, 99) == OK1
    assert (p.value(2), user_load(p.m, p.mm, BASE + 2 * PAGE + 7)) == (99, 3)
