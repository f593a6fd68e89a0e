"""Births, deaths and exec: who shares what, and what a log that starts late makes of strangers."""

from __future__ import annotations

import pytest

from remaptrace.abi import kinds as ev
from remaptrace.abi.mman import CLONE_FILES, CLONE_THREAD, CLONE_VFORK, CLONE_VM
from remaptrace.abi.rows import RSF_ASSUMED
from remaptrace.engine.run.driver import replay
from remaptrace.machine.machine import Machine
from remaptrace.result.result import Result
from remaptrace.trace.events import TraceBuilder

MACHINE = Machine.load()
AT = 0x10000000
ANON_FIXED = 0x32


class Log(TraceBuilder):
    """A hand-made recording."""

    def map(self, task: int, addr: int = AT, pages: int = 1, prot: int = 3) -> int:
        return self.event(ev.K_MMAP, task, (addr, pages * 4096, prot, ANON_FIXED, -1, 0), ret=addr)

    def fork(self, parent: int, child: int, flags: int = 0) -> int:
        return self.event(ev.K_FORK, parent, (child, flags), ret=child + 1)

    def run(self) -> Result:
        return replay(self.finish(), MACHINE, observe_at=range(len(self.rows)))


@pytest.mark.parametrize(
    ("flags", "shared"), [(0, False), (CLONE_FILES, False), (CLONE_VM, True), (CLONE_VM | CLONE_VFORK, True)]
)
def test_a_child_shares_memory_only_with_clone_vm(flags: int, shared: bool) -> None:
    log = Log()
    parent, child = log.task(1, 1), log.task(2, 2)
    log.map(parent)
    log.fork(parent, child, flags)
    log.map(child, AT + 0x10000)
    look = log.event(ev.K_MARK, parent)
    counts = log.run().columns["map_count"]
    assert counts[2] == 2
    assert counts[look] == (2 if shared else 1)


@pytest.mark.parametrize(("flags", "shared"), [(0, False), (CLONE_FILES, True)])
def test_a_child_shares_descriptors_only_with_clone_files(flags: int, shared: bool) -> None:
    log = Log()
    parent, child = log.task(1, 1), log.task(2, 2)
    log.fork(parent, child, flags)
    log.event(ev.K_MEMFD, child, (0, 0), ret=3)
    log.event(ev.K_FTRUNCATE, child, (3, 4096), ret=0)
    call = log.event(ev.K_FTRUNCATE, parent, (3, 0))
    assert log.run().columns["ret"][call] == (0 if shared else -9)


def test_a_fork_copies_areas_and_its_writes_stay_its_own() -> None:
    log = Log()
    parent, child = log.task(1, 1), log.task(2, 2)
    log.map(parent)
    log.event(ev.K_WRITE, parent, (AT, 5, 0, 0))
    log.fork(parent, child)
    log.event(ev.K_WRITE, child, (AT, 6, 0, 0))
    mine, its = log.event(ev.K_READ, parent, (AT, -1, 0, 0)), log.event(ev.K_READ, child, (AT, -1, 0, 0))
    values = log.run().columns["value"]
    assert (values[mine], values[its]) == (5, 6)


def test_the_last_thread_takes_the_memory_with_it() -> None:
    log = Log()
    one, two = log.task(1, 1), log.task(2, 1)
    log.map(one)
    log.fork(one, two, CLONE_VM | CLONE_FILES | CLONE_THREAD)
    log.event(ev.K_EXIT, one, (0, 0))
    look = log.event(ev.K_MARK, two)
    log.event(ev.K_EXIT, two, (0, 0))
    result = log.run()
    assert result.columns["map_count"][look] == 1
    assert result.totals["address_spaces"] == 0
    assert result.totals["committed_pages"] == 0


def test_exit_group_ends_every_thread() -> None:
    log = Log()
    one, two = log.task(1, 1), log.task(2, 1)
    log.fork(one, two, CLONE_VM | CLONE_FILES | CLONE_THREAD)
    log.event(ev.K_EXIT, two, (0, 1))
    look = log.event(ev.K_MARK, one)
    assert log.run().columns["map_count"][look] == -1


def test_exec_drops_memory_but_not_that_of_a_vfork_parent() -> None:
    log = Log()
    parent, child = log.task(1, 1), log.task(2, 2)
    log.map(parent)
    log.fork(parent, child, CLONE_VM | CLONE_VFORK)
    executed = log.event(ev.K_EXEC, child, (0, 0), ret=0)
    look = log.event(ev.K_MARK, parent)
    counts = log.run().columns["map_count"]
    assert (counts[executed], counts[look]) == (0, 1)


def test_an_exec_that_failed_changes_nothing() -> None:
    log = Log()
    task = log.task(1, 1)
    log.map(task)
    call = log.event(ev.K_EXEC, task, (0, 0), ret=-2)
    assert log.run().columns["map_count"][call] == 1


def test_a_thread_that_nobody_was_seen_to_make_joins_its_process() -> None:
    log = Log()
    leader, stranger = log.task(1, 1), log.task(7, 1)
    log.map(leader)
    call = log.map(stranger, AT + 0x10000)
    assert log.run().columns["map_count"][call] == 2


def test_recorded_maps_become_areas_with_their_flags() -> None:
    log = Log()
    task = log.task(1, 1)
    program, stack = log.string("/bin/p"), log.string("[stack]")
    log.event(ev.K_EXEC, task, (program, 1), ret=0)
    for start, perms, offset in (
        (0x400000, 5, 0),
        (0x401000, 1, 0x1000),
        (0x402000, 1, 0x2000),
        (0x403000, 3, 0x3000),
    ):
        log.event(ev.K_INIT_VMA, task, (start, start + 4096, perms, offset, program, 0))
    last = log.event(ev.K_INIT_VMA, task, (0x7FFF00000000, 0x7FFF00021000, 3, 0, 0, stack))
    rows = log.run().observed[last].vmas
    assert [row.perms for row in rows] == ["r-xp", "r--p", "r--p", "rw-p", "rw-p"]
    # only accounting can keep the second read-only piece apart from the first: it is RELRO
    assert ["ac" in row.vmflags.split() for row in rows] == [False, False, True, True, True]
    assert "gd" in rows[-1].vmflags.split()
    assert (rows[-1].name, rows[0].file) == ("[stack]", "/bin/p")
    assert len({row.inode for row in rows[:4]}) == 1


def test_a_recorded_success_on_unknown_memory_proves_an_area() -> None:
    log = Log()
    call = log.event(ev.K_MPROTECT, log.task(1, 1), (AT, 8192, 1), ret=0)
    result = log.run()
    assert result.columns["ret"][call] == 0
    assert result.columns["flags"][call] & RSF_ASSUMED
    (row,) = result.observed[call].vmas
    assert (row.start, row.end, row.perms, row.assumed) == (AT, AT + 8192, "r--p", True)


def test_a_recorded_failure_proves_nothing() -> None:
    log = Log()
    call = log.event(ev.K_MPROTECT, log.task(1, 1), (AT, 8192, 1), ret=-12)
    result = log.run()
    assert result.columns["ret"][call] == -12
    assert result.observed[call].vmas == ()


def test_known_processes_are_not_believed_against_their_maps() -> None:
    log = Log()
    task = log.task(1, 1)
    log.event(ev.K_EXEC, task, (0, 1), ret=0)
    log.event(ev.K_INIT_VMA, task, (0x400000, 0x401000, 5, 0, log.string("/bin/p"), 0))
    call = log.event(ev.K_MPROTECT, task, (AT, 8192, 1), ret=0)
    assert log.run().columns["ret"][call] == -12


def test_a_mapping_that_the_log_places_on_an_area_proves_that_the_area_went() -> None:
    log = Log()
    task = log.task(1, 1)
    log.map(task, pages=4)
    call = log.event(ev.K_MMAP, task, (0, 4096, 1, 0x22, -1, 0), ret=AT + 4096)
    rows = log.run().observed[call].vmas
    assert [(row.start - AT, row.perms) for row in rows] == [(0, "rw-p"), (4096, "r--p"), (8192, "rw-p")]
