"""Many address spaces: the empty page table that they share, and what is fetched ahead for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remaptrace.api import machine_of
from remaptrace.engine.look.invariants import violations
from remaptrace.engine.pages import pgwalk
from remaptrace.engine.run import ahead, loop
from remaptrace.engine.run.driver import walk
from remaptrace.engine.run.engines import is_compiled
from remaptrace.engine.state import G_NO_TABLES, H_ARCH, MM_PGD, MM_TABLES
from remaptrace.engine.tasks.mm import exit_mmap, mm_new
from remaptrace.machine.archwords import A_LEVELS
from remaptrace.trace.detect import load

from .machines import small_arena
from .test_compiled import assert_equal

PAGE = 4096
PROCESSES = ahead.MANY_SPACES if ahead.MANY_SPACES < 1 << 20 else 200
AREAS = 24  # more than a node of the tree holds


def log() -> Iterator[str]:
    """A parent and more children than ahead.MANY_SPACES, who map, change and unmap in turn; half of them end."""
    yield '100 execve("/bin/p", ["p"], 0x7ffc00000000 /* 1 var */) = 0'
    children = range(101, 101 + PROCESSES + 20)
    for child in children:
        yield f"100 fork() = {child}"
    for i in range(AREAS):
        for child in children:
            at = 0x7F0000000000 + child * 0x10000000 + 2 * i * PAGE
            flags = "MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS"
            yield f"{child} mmap({at:#x}, 8192, PROT_READ|PROT_WRITE, {flags}, -1, 0) = {at:#x}"
            yield f"{child} mprotect({at:#x}, 4096, PROT_NONE) = 0"
            if i % 3 == 2:
                yield f"{child} munmap({at - 2 * PAGE:#x}, 4096) = 0"
    for child in children:
        if child % 2:
            yield f"{child} exit_group(0) = ?"
            yield f"{child} +++ exited with 0 +++"
        else:
            yield f"{child} madvise(0x7f0000000000, 4096, MADV_DONTNEED) = -1 ENOMEM (Cannot allocate memory)"


@pytest.mark.skipif(not is_compiled(), reason="no compiled engine of these sources: run 'remaptrace warm'")
def test_what_is_fetched_ahead_changes_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "many.strace"
    path.write_text("\n".join(log()) + "\n")
    assert_equal(path)


def test_looking_ahead_finds_the_places_of_a_plain_replay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "few.strace"
    path.write_text("\n".join(line for i, line in enumerate(log()) if i < 40 or i % 5) + "\n")
    trace = load([str(path)])[0]
    machine = machine_of(trace)
    plain = [answer for _, _, _, answer in walk(trace, machine)]
    asked: list[int] = []
    monkeypatch.setattr(ahead, "prefetch", lambda m, at: asked.append(m[at]) or 0)  # IndexError outside
    monkeypatch.setattr(loop, "MANY_SPACES", 2)
    assert [answer for _, _, _, answer in walk(trace, machine)] == plain
    assert len(asked) > len(trace)


def wrong(m: Any) -> list[str]:
    """What does not hold, but that no task has these address spaces."""
    return [text for text in violations(m) if "tasks" not in text]


@pytest.mark.parametrize("arch", ["x86_64", "arm64-4k", "i386"])
def test_the_first_page_makes_a_top_table_of_its_own(arch: str) -> None:
    m = small_arena(arch, "linux-6.18")
    one, two = mm_new(m), mm_new(m)
    assert (m[one + MM_PGD] == m[two + MM_PGD]) == (m[H_ARCH + A_LEVELS] > 2)
    assert pgwalk.pte_lookup(m, one, PAGE) == 0
    assert pgwalk.pte_ensure(m, one, PAGE) != 0
    assert m[one + MM_PGD] not in (m[two + MM_PGD], m[G_NO_TABLES])
    assert m[one + MM_TABLES] > 0
    assert pgwalk.pte_lookup(m, one, PAGE) != 0
    assert pgwalk.pte_lookup(m, two, PAGE) == 0
    assert wrong(m) == []
    exit_mmap(m, one)
    assert wrong(m) == []
    exit_mmap(m, two)
    three = mm_new(m)
    assert pgwalk.next_leaf(m, three, 0, 1 << 30) == 1 << 30
    assert pgwalk.pte_ensure(m, three, PAGE) != 0
    assert wrong(m) == []
