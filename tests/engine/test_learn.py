"""Recorded faults whose error code proves what the log does not show."""

from __future__ import annotations

import pytest

from remaptrace.abi.outcomes import NAMES
from remaptrace.abi.vmflags import VM_READ
from remaptrace.engine.fds.descriptors import UNKNOWN_SIZE
from remaptrace.engine.pages.frames import frame
from remaptrace.engine.pages.pgwalk import pte_lookup
from remaptrace.engine.pages.pte import pte_pfn
from remaptrace.engine.run.access import recorded_fault
from remaptrace.engine.state import (
    F_FLAGS,
    FF_CLEARED,
    G_FOLLOW,
    G_HAS_RET,
    G_LEARNT,
    G_NO_FORKS,
    G_REC_RET,
    G_VALUE,
    I_CACHED,
    I_SIZE,
    I_UNSURE,
    OPS_FILE,
    OPS_SHMEM,
    T_MM,
)

from .test_fault import BASE, MAY, PAGE, RW, SHARED, Program

READ_ABSENT, WRITE_ABSENT, WRITE_PRESENT, FETCH_ABSENT = 4, 6, 7, 0x14


def followed(follow: bool = True) -> Program:
    p = Program()
    p.m[G_FOLLOW] = 1 if follow else 0
    p.m[G_HAS_RET] = 1
    return p


def fault(p: Program, page: int, code: int, signal: int = 0) -> tuple[str, int]:
    """The outcome of a recorded fault, and the error code with which the machine took it."""
    p.m[G_HAS_RET] = 0 if signal else 1
    p.m[G_REC_RET] = signal
    outcome = recorded_fault(p.m, p.task, BASE + page * PAGE, code)
    return NAMES[outcome], p.m[G_VALUE]


def test_ordinary_faults_teach_nothing():
    p = followed()
    p.map(0, 4, RW)
    assert fault(p, 0, READ_ABSENT) == ("ok", READ_ABSENT)
    assert fault(p, 0, WRITE_PRESENT) == ("ok", WRITE_PRESENT)
    assert fault(p, 1, WRITE_ABSENT) == ("ok", WRITE_ABSENT)
    assert p.m[G_LEARNT] == 0


def test_a_fault_on_a_page_that_fault_around_mapped_proves_that_it_was_left_out():
    p = followed()
    p.map(0, 16, VM_READ | MAY, p.file(OPS_SHMEM, 16))
    assert fault(p, 3, READ_ABSENT) == ("ok", READ_ABSENT)
    assert fault(p, 5, READ_ABSENT) == ("ok", READ_ABSENT)
    assert p.m[G_LEARNT] == 1


def test_a_fault_on_a_present_page_proves_that_the_kernel_touched_it():
    p = followed()
    p.map(0, 4, RW)
    assert fault(p, 2, WRITE_PRESENT) == ("ok", WRITE_PRESENT)
    assert p.m[G_LEARNT] == 1 and p.present(0, 4) == "..#."


def test_writeback_is_proved_by_a_fault_on_a_page_that_was_writable():
    p = followed()
    p.map(0, 4, RW | SHARED, p.file(OPS_FILE, 4))
    assert fault(p, 0, WRITE_ABSENT) == ("ok", WRITE_ABSENT)
    assert fault(p, 0, WRITE_PRESENT) == ("ok", WRITE_PRESENT)
    assert p.m[G_LEARNT] == 1


@pytest.mark.parametrize("code", [WRITE_ABSENT, WRITE_PRESENT])
def test_private_pages_are_never_taken_away_to_agree(code):
    p = followed()
    p.map(0, 4, RW)
    assert fault(p, 0, WRITE_ABSENT) == ("ok", WRITE_ABSENT)
    assert fault(p, 0, code) == ("ok", -1)
    assert p.m[G_LEARNT] == 0


def test_predicted_runs_learn_nothing():
    p = followed(follow=False)
    p.map(0, 16, VM_READ | MAY, p.file(OPS_SHMEM, 16))
    fault(p, 3, READ_ABSENT)
    assert fault(p, 5, FETCH_ABSENT)[0] == "SIGSEGV/SEGV_ACCERR"
    assert fault(p, 5, READ_ABSENT) == ("ok", -1)


def test_a_bus_error_tells_where_a_file_of_unknown_size_ends_until_it_grows():
    p = followed()
    inode = p.file(OPS_FILE, 1, filled=False)
    p.m[inode + I_SIZE], p.m[inode + I_CACHED], p.m[inode + I_UNSURE] = UNKNOWN_SIZE, 1, 1
    p.map(0, 16, VM_READ | MAY, inode)
    assert fault(p, 8, READ_ABSENT, signal=7) == ("SIGBUS/BUS_ADRERR", READ_ABSENT)
    assert p.m[inode + I_SIZE] == 8 * PAGE
    assert fault(p, 9, READ_ABSENT, signal=7) == ("SIGBUS/BUS_ADRERR", READ_ABSENT)
    assert fault(p, 7, READ_ABSENT) == ("ok", READ_ABSENT)
    assert fault(p, 9, READ_ABSENT) == ("ok", READ_ABSENT)
    assert p.m[inode + I_SIZE] == 10 * PAGE


def test_a_file_of_known_size_keeps_it():
    p = followed()
    inode = p.file(OPS_FILE, 4)
    p.map(0, 4, VM_READ | MAY, inode)
    assert fault(p, 2, READ_ABSENT, signal=7) == ("ok", READ_ABSENT)
    assert p.m[inode + I_SIZE] == 4 * PAGE


def test_where_no_births_are_recorded_a_fault_on_a_writable_page_proves_a_fork():
    p = followed()
    p.map(0, 4, RW)
    p.m[G_NO_FORKS] = 1
    assert fault(p, 1, WRITE_ABSENT) == ("ok", WRITE_ABSENT)
    assert fault(p, 1, WRITE_PRESENT) == ("ok", WRITE_PRESENT)
    assert p.m[G_LEARNT] == 1
    p.m[G_NO_FORKS] = 0
    assert fault(p, 1, WRITE_PRESENT) == ("ok", -1)


def test_the_page_where_bss_begins_is_taken_away_by_a_fault_that_finds_it_absent():
    """Exec clears the rest of the segment's last page, unless the segment ends with the page (mariadbd does)."""
    p = followed()
    p.map(0, 4, RW)
    assert fault(p, 0, WRITE_ABSENT) == ("ok", WRITE_ABSENT)
    word = p.m[pte_lookup(p.m, p.m[p.task + T_MM], BASE)]
    p.m[frame(p.m, pte_pfn(p.m, word)) + F_FLAGS] |= FF_CLEARED
    assert fault(p, 0, WRITE_ABSENT) == ("ok", WRITE_ABSENT)
    assert p.m[G_LEARNT] == 1
