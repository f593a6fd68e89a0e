"""SysV shared memory, NUMA policies, the vdso and droppable memory, as Linux 6.18.44 answered a C program."""

from __future__ import annotations

import pytest

from remaptrace.abi.vmflags import VM_DONTEXPAND, VM_EXEC, VM_MAYEXEC, VM_MAYREAD, VM_MAYWRITE, VM_READ
from remaptrace.engine.areas.vma import vma_alloc
from remaptrace.engine.areas.vmaset import insert_vma
from remaptrace.engine.calls.mbind import sys_mbind
from remaptrace.engine.calls.shm import sys_shmat, sys_shmctl, sys_shmdt, sys_shmget
from remaptrace.engine.state import G_COMMITTED, G_SHM_LIST, OPS_SPECIAL

from .simulated import (
    DONTUNMAP,
    LOCKED,
    MAYMOVE,
    PAGE,
    REMAP_FIXED,
    RW,
    RWX,
    Answer,
    B,
    Process,
    R,
    answer,
)

PRIVATE_KEY, CREAT, EXCL = 0, 0o1000, 0o2000
RDONLY, RND, REMAP, EXEC = 0o10000, 0o20000, 0o40000, 0o100000
RMID = 0
DROPPABLE = 8
MPOL_DEFAULT, MPOL_BIND, MPOL_INTERLEAVE = 0, 2, 3


class Attached(Process):
    """A process with calls on segments and policies; addresses are pages relative to B."""

    def get(self, key: int, size: int, flags: int = 0o600) -> Answer:
        return answer(sys_shmget(self.m, self.task, key, size, flags))

    def at(self, ident: Answer, page: int, flags: int = 0, offset: int = 0) -> Answer:
        assert isinstance(ident, int)
        addr = B + page * PAGE + offset
        got = answer(sys_shmat(self.m, self.task, ident, addr, flags))
        return (got - B) // PAGE if isinstance(got, int) else got

    def dt(self, page: int, offset: int = 0) -> Answer:
        return answer(sys_shmdt(self.m, self.task, B + page * PAGE + offset))

    def remove(self, ident: Answer) -> Answer:
        assert isinstance(ident, int)
        return answer(sys_shmctl(self.m, self.task, ident, RMID))

    def mbind(self, start: int, end: int, mode: int, offset: int = 0) -> Answer:
        length = (end - start) * PAGE
        return answer(
            sys_mbind(
                self.m,
                self.task,
                B + start * PAGE + offset,
                length,
                mode,
                0 if mode == MPOL_DEFAULT else 1,
                65,
                0,
            )
        )


@pytest.fixture
def p() -> Attached:
    return Attached()


def segment(p: Attached, pages: int = 4) -> Answer:
    return p.get(PRIVATE_KEY, pages * PAGE)


def test_a_split_segment_does_not_join_again(p: Attached) -> None:
    p.at(p.get(PRIVATE_KEY, 4 * PAGE - 100), 0)
    p.mprotect(1, 2, R)
    p.mprotect(1, 2, RW)
    assert p.areas() == [(0, 1), (1, 2), (2, 4)]
    p.mprotect(0, 1, R)
    p.mprotect(1, 2, R)
    assert p.areas() == [(0, 1), (1, 2), (2, 4)]


def test_a_boundary_between_pieces_can_move(p: Attached) -> None:
    p.at(segment(p), 0)
    p.mprotect(2, 4, R)
    p.mprotect(1, 2, R)
    assert p.areas() == [(0, 1), (1, 4)]


def test_two_attaches_side_by_side_stay_apart(p: Attached) -> None:
    ident = segment(p)
    assert (p.at(ident, 0), p.at(ident, 4)) == (0, 4)
    assert p.areas() == [(0, 4), (4, 8)]


def test_attach_checks_its_arguments(p: Attached) -> None:
    ident = segment(p)
    assert p.at(ident, 10, RDONLY) == 10
    assert p.perms(10) == "r--s"
    assert p.at(ident, 10) == "EINVAL"
    assert p.at(ident, 10, REMAP) == 10
    assert p.perms(10) == "rw-s"
    assert p.at(ident, 20, 0, 5) == "EINVAL"
    assert p.at(ident, 20, RND, 5) == 20
    assert answer(sys_shmat(p.m, p.task, int(ident), 0, REMAP)) == "EINVAL"
    assert p.at(ident, 30, EXEC) == 30
    assert p.perms(30) == "rwxs"
    assert p.at(12345, 40) == "EINVAL"


def test_detach_takes_every_piece_and_no_other(p: Attached) -> None:
    ident = segment(p)
    p.at(ident, 0), p.at(ident, 4)
    p.mprotect(1, 2, R)
    p.munmap(1, 2)
    assert p.dt(0) == 0
    assert p.areas() == [(4, 8)]
    assert (p.dt(0), p.dt(4, 1), p.dt(5)) == ("EINVAL", "EINVAL", "EINVAL")


def test_a_moved_piece_is_not_detached(p: Attached) -> None:
    p.at(segment(p), 100)
    assert p.mremap(101, 1, 1, MAYMOVE | REMAP_FIXED, 120) == 120
    assert p.areas() == [(100, 101), (102, 104), (120, 121)]
    assert p.dt(100) == 0
    assert p.areas() == [(120, 121)]


def test_a_removed_segment_lives_until_the_last_detach(p: Attached) -> None:
    ident = segment(p)
    p.at(ident, 0)
    assert p.m[G_COMMITTED] == 4
    assert p.remove(ident) == 0
    assert p.at(ident, 10) == 10
    assert (p.dt(0), p.dt(10)) == (0, 0)
    assert p.at(ident, 20) == "EINVAL"
    assert (p.m[G_SHM_LIST], p.m[G_COMMITTED]) == (0, 0)


def test_keys_find_segments(p: Attached) -> None:
    assert p.get(PRIVATE_KEY, 0) == "EINVAL"
    assert p.get(0x7711, PAGE) == "ENOENT"
    ident = p.get(0x7711, PAGE, 0o600 | CREAT)
    assert p.get(0x7711, PAGE, 0o600 | CREAT | EXCL) == "EEXIST"
    assert p.get(0x7711, 2 * PAGE) == "EINVAL"
    assert p.get(0x7711, 100) == ident
    p.remove(ident)
    assert p.get(0x7711, 100) == "ENOENT"


def test_policies_split_and_join(p: Attached) -> None:
    p.map(200, 208)
    assert p.mbind(202, 204, MPOL_BIND) == 0
    assert p.areas() == [(200, 202), (202, 204), (204, 208)]
    assert p.mbind(204, 206, MPOL_BIND) == 0
    assert p.areas() == [(200, 202), (202, 206), (206, 208)]
    assert p.mbind(202, 206, MPOL_DEFAULT) == 0
    assert p.areas() == [(200, 208)]
    assert p.mbind(200, 201, MPOL_INTERLEAVE) == 0
    assert p.areas() == [(200, 201), (201, 208)]


def test_mbind_checks_its_arguments(p: Attached) -> None:
    p.map(200, 208)
    got = [
        p.mbind(198, 202, MPOL_BIND),
        p.mbind(198, 202, MPOL_DEFAULT),
        p.mbind(300, 304, MPOL_DEFAULT),
        p.mbind(206, 210, MPOL_BIND),
        p.mbind(200, 204, MPOL_BIND, 1),
        p.mbind(200, 204, 99),
        p.mbind(200, 200, MPOL_BIND),
    ]
    assert got == ["EFAULT", 0, "EFAULT", "EFAULT", "EINVAL", "EINVAL", 0]
    assert p.areas() == [(200, 208)]


def test_droppable_memory_cannot_be_locked_or_kept(p: Attached) -> None:
    assert p.map(0, 8, flags=DROPPABLE) == 0
    assert p.mlock(0, 1) == 0
    assert (p.madvise(0, 1, 19), p.madvise(0, 1, 17)) == ("EINVAL", "EINVAL")
    assert p.areas() == [(0, 8)]
    assert p.flags(0) == {"rd", "wr", "mr", "mw", "me", "nr", "wf", "dd", "dp"}
    assert p.map(10, 11, flags=DROPPABLE | LOCKED) == "EINVAL"


def test_the_vdso_is_changed_as_a_whole_or_not_at_all(p: Attached) -> None:
    flags = VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_DONTEXPAND
    vma = vma_alloc(p.m, p.mm, B, B + 2 * PAGE, flags, 0, 0, 0, OPS_SPECIAL)
    insert_vma(p.m, p.mm, vma)
    move = MAYMOVE | REMAP_FIXED
    got = [
        p.munmap(0, 1),
        p.mprotect(0, 1, RWX),
        p.madvise(0, 1, 10),
        p.madvise(0, 1, 4),
        p.madvise(0, 2, 16),
        p.madvise(0, 2, 17),
        p.mlock(0, 1),
        p.mremap(0, 1, 1, move, 500),
        p.mremap(0, 2, 3, MAYMOVE),
        p.mremap(0, 2, 2, MAYMOVE | DONTUNMAP, 600),
        p.mremap(0, 2, 2, move, 510),
        p.mprotect(510, 512, RWX),
        p.munmap(510, 512),
    ]
    assert got == ["EINVAL"] * 3 + [0, 0, "EINVAL", 0, "EINVAL", "EFAULT", "EINVAL", 510, 0, 0]
    assert p.areas() == []
