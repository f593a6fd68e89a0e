"""Rules that random programs met, each as a small scenario with the kernel's own answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.api import Machine, check, replay
from remaptrace.trace.detect import load
from remaptrace.trace.scenario.read import read_scenario

CASES = sorted((Path(__file__).parents[1] / "data" / "kernel-cases").glob("*.yaml"))
BASE = 0x100000000000
PAGE = 4096


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_a_small_case_is_answered_as_the_kernel_did(case: Path) -> None:
    outcome = check(replay(load([str(case)])[0]))
    assert outcome.agrees, outcome.disagreements[0]
    assert sum(t.total for t in outcome.tallies.values()) > 0


def _mmap(start: int, end: int) -> str:
    return (
        f"- mmap: {{addr: {BASE + start * PAGE:#x}, length: {(end - start) * PAGE}, prot: rw,"
        " flags: [private, fixed, anonymous]}"
    )


def _dontunmap(start: int, end: int, to: int) -> str:
    length = (end - start) * PAGE
    return (
        f"- mremap: {{addr: {BASE + start * PAGE:#x}, old_length: {length}, new_length: {length},"
        f" flags: [maymove, fixed, dontunmap], new_addr: {BASE + to * PAGE:#x}}}"
    )


def _lock(call: str, start: int, end: int, more: str = "") -> str:
    return f"- {call}: {{addr: {BASE + start * PAGE:#x}, length: {(end - start) * PAGE}{more}}}"


def _areas(steps: list[str], kernel: str) -> list[tuple[int, int]]:
    trace = read_scenario("\n".join(["name: t", "steps:", *steps, "- snapshot: end", ""]), name="t.yaml")
    result = replay(trace, Machine.load(kernel=kernel))
    rows = result.snapshots[-1].vmas
    return [((row.start - BASE) // PAGE, (row.end - BASE) // PAGE) for row in rows]


ONE = _mmap(0x100, 0x110)
WHOLE = [(0x100, 0x110)]
PART = [(0x100, 0x104), (0x104, 0x108), (0x108, 0x110)]
COPY = [(0x200, 0x204)]


@pytest.mark.parametrize(
    ("steps", "joins_source", "joins_others", "joins_none"),
    [
        (
            [ONE, _dontunmap(0x101, 0x109, 0xF8)],
            [(0xF8, 0x110)],
            [(0xF8, 0x100), *WHOLE],
            [(0xF8, 0x100), *WHOLE],
        ),
        (
            [ONE, _dontunmap(0x101, 0x109, 0x110)],
            [(0x100, 0x118)],
            [*WHOLE, (0x110, 0x118)],
            [*WHOLE, (0x110, 0x118)],
        ),
        (
            [ONE, _mmap(0x200, 0x210), _dontunmap(0x101, 0x109, 0x1F8)],
            [*WHOLE, (0x1F8, 0x210)],
            [*WHOLE, (0x1F8, 0x210)],
            [*WHOLE, (0x1F8, 0x210)],
        ),
        (
            [_mmap(0xE0, 0xE8), ONE, _dontunmap(0x100, 0x110, 0xE8), _dontunmap(0x100, 0x108, 0xF8)],
            [(0xE0, 0x110)],
            [(0xE0, 0x100), *WHOLE],
            [(0xE0, 0xF8), (0xF8, 0x100), *WHOLE],
        ),
    ],
)
def test_a_copy_joins_its_source_only_in_some_updates(
    steps: list[str],
    joins_source: list[tuple[int, int]],
    joins_others: list[tuple[int, int]],
    joins_none: list[tuple[int, int]],
) -> None:
    assert _areas(steps, "linux-6.18") == joins_source
    assert _areas(steps, "linux-7.2") == joins_others
    assert _areas(steps, "linux-6.1") == joins_none


@pytest.mark.parametrize(
    ("steps", "on_6_18", "on_7_2", "on_6_1"),
    [
        (
            [ONE, _lock("mlock2", 0x100, 0x110, ", flags: [onfault]"), _dontunmap(0x104, 0x108, 0x200)],
            WHOLE + COPY,
            PART + COPY,
            PART + COPY,
        ),
        (
            [
                ONE,
                _lock("mlock", 0x100, 0x110),
                _dontunmap(0x104, 0x108, 0x200),
                _lock("munlock", 0x100, 0x110),
            ],
            WHOLE + COPY,
            WHOLE + COPY,
            PART + COPY,
        ),
    ],
)
def test_dontunmap_of_a_part_takes_the_lock_from_the_part_or_from_all(
    steps: list[str],
    on_6_18: list[tuple[int, int]],
    on_7_2: list[tuple[int, int]],
    on_6_1: list[tuple[int, int]],
) -> None:
    assert _areas(steps, "linux-6.18") == on_6_18
    assert _areas(steps, "linux-7.2") == on_7_2
    assert _areas(steps, "linux-6.1") == on_6_1
