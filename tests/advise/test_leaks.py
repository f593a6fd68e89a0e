"""Leaks are counted by mappings to the end of the recording, whatever the number of areas does meanwhile."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remaptrace.api import replay
from remaptrace.cli.entry import run_command
from remaptrace.result.staying import spans_of, staying_bytes
from remaptrace.trace.strace.door import read_strace

from .test_answers import BASE, EXEC, advise, mapped, unmapped

LEAKS = Path(__file__).parents[1] / "data" / "leaks"


def recorded(capsys: pytest.CaptureFixture[str], name: str) -> dict[str, Any]:
    assert run_command(["advise", str(LEAKS / f"{name}.strace"), "--format", "json"]) == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


def merging(number: int, size: int = 4096) -> str:
    """An mmap that touches its neighbours, so that all are one area."""
    at = BASE + number * size
    return f"mmap(NULL, {size}, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {at:#x}\n"


def test_a_leak_behind_the_peak_of_areas_that_merges_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """24 threads make the peak; 200 leaked blocks of malloc behind them are one area."""
    facts = recorded(capsys, "behind")
    (leak,) = facts["leaks"]
    assert (leak["bytes"], leak["mappings"], leak["stay_bytes"]) == (311296, 200, 200 * 311296)
    assert leak["first"]["line"] > facts["peak_at"]["line"]
    assert "200 mappings of 304 KiB were never unmapped" in facts["sentences"][0]
    assert facts["given_back"] == []


def test_what_is_freed_at_the_end_is_given_back_and_no_leak(capsys: pytest.CaptureFixture[str]) -> None:
    facts = recorded(capsys, "tidies")
    assert facts["leaks"] == []
    (group,) = facts["given_back"]
    assert (group["bytes"], group["mappings"], group["given_back_at"]["line"]) == (311296, 200, 616)
    assert "were given back at the end, from line 616 on" in facts["sentences"][0]
    assert "no leak" in facts["sentences"][0]


def test_a_cache_that_is_full_and_replaces_at_random_does_not_leak(
    capsys: pytest.CaptureFixture[str],
) -> None:
    facts = recorded(capsys, "cache")
    assert facts["leaks"] == facts["given_back"] == []


def test_a_leak_that_leaves_the_number_of_areas_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    facts = advise(capsys, tmp_path, EXEC + "".join(map(merging, range(300))))
    assert facts["total"] < 10
    assert [leak["mappings"] for leak in facts["leaks"]] == [300]


def test_teeth_of_a_collector_do_not_leak_and_what_outlives_them_does(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def teeth(count: int, outlive: int) -> str:
        text = ""
        for tooth in range(count):
            numbers = range(tooth * 100, tooth * 100 + 100)
            text += "".join(merging(n) for n in numbers)
            text += "".join(
                f"munmap({BASE + n * 4096:#x}, 4096) = 0\n" for n in numbers if n % 100 >= outlive
            )
        return text

    last = "".join(merging(n) for n in range(5000, 5090))
    assert advise(capsys, tmp_path, EXEC + teeth(3, 0) + last)["leaks"] == []
    one = "".join(merging(n) for n in range(0, 100)) + f"munmap({BASE:#x}, {100 * 4096}) = 0\n"
    assert advise(capsys, tmp_path, EXEC + one + last)["leaks"] == []  # all of a tooth in one call
    (leak,) = advise(capsys, tmp_path, EXEC + teeth(20, 10))["leaks"]
    assert (leak["mappings"], leak["unmapped"]) == (200, 1800)


def test_stacks_of_threads_are_called_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    stacks = "".join(map(mapped, range(100))).replace("MAP_ANONYMOUS", "MAP_ANONYMOUS|MAP_STACK")
    facts = advise(capsys, tmp_path, EXEC + stacks)
    assert [leak["of"] for leak in facts["leaks"]] == ["thread stacks"]
    assert "100 mappings of 8 KiB of thread stacks were never unmapped" in facts["sentences"][0]
    again = "".join(f"madvise({BASE + n % 100 * 0x100000:#x}, 4096, MADV_DONTNEED) = 0\n" for n in range(300))
    assert advise(capsys, tmp_path, EXEC + stacks + again)["leaks"] == []  # they are used again


def test_what_grew_before_exec_is_gone_with_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = EXEC + "".join(map(mapped, range(60))) + EXEC + "".join(map(mapped, range(90)))
    (leak,) = advise(capsys, tmp_path, text)["leaks"]
    assert leak["mappings"] == 90


def test_blocks_trimmed_to_their_alignment_and_blocks_that_mremap_moved_leak(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    trimmed = "".join(
        mapped(n, 0x80000) + f"munmap({BASE + n * 0x100000:#x}, {0x40000}) = 0\n" for n in range(200)
    )
    (leak,) = advise(capsys, tmp_path, EXEC + trimmed)["leaks"]
    assert (leak["mappings"], leak["stay_bytes"]) == (200, 200 * 0x40000)
    grown = "".join(
        mapped(2 * n)
        + f"mremap({BASE + 2 * n * 0x100000:#x}, 8192, 16384, MREMAP_MAYMOVE) = {BASE + (2 * n + 1) * 0x100000:#x}\n"
        for n in range(200)
    )
    (leak,) = advise(capsys, tmp_path, EXEC + grown)["leaks"]
    assert (leak["bytes"], leak["mappings"], leak["unmapped"]) == (16384, 200, 0)


def test_what_is_freed_before_the_work_goes_on_is_not_given_back_at_the_end(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    freed = EXEC + "".join(map(mapped, range(200))) + "".join(map(unmapped, range(200)))
    work = "".join(f"{mapped(900)}{unmapped(900)}" for _ in range(300))
    assert advise(capsys, tmp_path, freed + work + "exit_group(0) = ?\n")["given_back"] == []
    assert advise(capsys, tmp_path, freed)["given_back"] == []  # the log does not show that it ended
    assert len(advise(capsys, tmp_path, freed + "exit_group(0) = ?\n")["given_back"]) == 1


def test_bytes_that_stay_are_those_of_a_twin_that_paints_page_by_page() -> None:
    choose = random.Random(7)
    for _ in range(25):
        text, pages, made = EXEC, {}, []
        for _ in range(120):
            at, size = choose.randrange(60), choose.randrange(1, 9)
            place = BASE + at * 4096
            if choose.random() < 0.6:
                fixed = (
                    f"mmap({place:#x}, {size * 4096}, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)"
                )
                text += f"{fixed} = {place:#x}\n"
                owner = len(made)
                made.append(0)
            else:
                text += f"munmap({place:#x}, {size * 4096}) = 0\n"
                owner = -1
            pages.update(dict.fromkeys(range(at, at + size), owner))
        for owner in pages.values():
            if owner >= 0:
                made[owner] += 4096
        result = replay(read_strace(text.encode(), name="log"))
        spans = spans_of(result, np.ones(len(result.trace), dtype=bool))
        assert staying_bytes(spans, len(spans))[spans.makes].tolist() == made
