"""The invariants of a whole machine: they hold after every step of real programs, and see what is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remaptrace.engine.look.inspect import vmas
from remaptrace.engine.look.invariants import violations
from remaptrace.engine.state import (
    CLASS_VMA,
    G_COMMITTED,
    G_MM_LIST,
    H_FREE,
    MM_COUNT,
    MM_DATA,
    MM_NEXT,
    MM_RSS,
    MM_TABLES,
    MM_USERS,
    V_END,
    V_FILE,
    V_INODE,
    V_NEXT,
    V_PREV,
    V_START,
)
from remaptrace.machine.machine import Machine
from remaptrace.trace.detect import load
from tests.engine.stepwise import steps

CONFORMANCE = Path(__file__).parents[2] / "traces" / "conformance"
PROGRAMS = [
    ("linux-6.18", "mixed-03"),
    ("linux-6.18", "merge-02"),
    ("linux-6.18", "fault-02"),
    ("linux-6.18", "guard-02"),
    ("linux-6.18", "rfp-02"),
    ("linux-6.18", "layout-02"),
    ("linux-6.1", "mixed-04"),
    ("linux-2.6.20-i386", "nonlin-01"),
    ("linux-2.6.20-i386", "forknl-01"),
    ("linux-2.6.20-i386", "merge-01"),
    ("linux-2.6.20-i386", "disk-01"),
]


def machine(folder: str) -> Machine:
    name, _, arch = folder.removeprefix("linux-").partition("-")
    return Machine.load(arch or "x86_64", f"linux-{name}")


@pytest.mark.parametrize(("folder", "program"), PROGRAMS)
def test_they_hold_after_every_step(folder: str, program: str) -> None:
    trace = load([str(CONFORMANCE / folder / f"{program}.yaml")])[0]
    for event, m in steps(trace, machine(folder)):
        assert violations(m) == [], f"behind event {event}"


def test_they_hold_at_the_end_of_a_run_of_many_processes() -> None:
    trace = load([str(CONFORMANCE.parent / "bash-script")])[0]
    m: Any = None
    for event, m in steps(trace, Machine.load()):
        if event % 500 == 0:
            assert violations(m) == [], f"behind event {event}"
    assert violations(m) == []


# ---- each kind of damage is seen ---------------------------------------------------------------


def a_state() -> tuple[Any, int, int]:
    """An arena with one process that has several areas, its mm and its second area."""
    trace = load([str(CONFORMANCE / "linux-6.18" / "fault-04.yaml")])[0]
    m: Any = None
    for _, m in steps(trace, Machine.load()):  # noqa: B007
        pass
    mm = m[G_MM_LIST]
    while m[mm + MM_NEXT] and m[m[mm + MM_NEXT] + MM_COUNT] > m[mm + MM_COUNT]:
        mm = m[mm + MM_NEXT]
    areas = list(vmas(m, mm))
    assert len(areas) > 3
    return m, mm, areas[1]


def _shift_start(m: Any, mm: int, vma: int) -> None:
    m[vma + V_START] += 1


def _overlap(m: Any, mm: int, vma: int) -> None:
    m[vma + V_END] = m[m[vma + V_NEXT] + V_START] + 4096


def _count(m: Any, mm: int, vma: int) -> None:
    m[mm + MM_COUNT] += 1


def _back_link(m: Any, mm: int, vma: int) -> None:
    m[vma + V_PREV] = 0


def _data(m: Any, mm: int, vma: int) -> None:
    m[mm + MM_DATA] += 1


def _users(m: Any, mm: int, vma: int) -> None:
    m[mm + MM_USERS] += 1


def _rss(m: Any, mm: int, vma: int) -> None:
    m[mm + MM_RSS] += 1


def _tables(m: Any, mm: int, vma: int) -> None:
    m[mm + MM_TABLES] -= 1


def _committed(m: Any, mm: int, vma: int) -> None:
    m[G_COMMITTED] -= 1


def _free_list(m: Any, mm: int, vma: int) -> None:
    p = m[H_FREE + CLASS_VMA] or vma
    m[H_FREE + CLASS_VMA] = p
    m[p] = p


def _other_inode(m: Any, mm: int, vma: int) -> None:
    backed = next(v for v in vmas(m, mm) if m[v + V_FILE])
    m[backed + V_INODE] = 0


@pytest.mark.parametrize(
    "damage",
    [
        _shift_start,
        _overlap,
        _count,
        _back_link,
        _data,
        _users,
        _rss,
        _tables,
        _committed,
        _free_list,
        _other_inode,
    ],
)
def test_damage_is_seen(damage: Callable[[Any, int, int], None]) -> None:
    m, mm, vma = a_state()
    assert violations(m) == []
    damage(m, mm, vma)
    assert violations(m) != []
