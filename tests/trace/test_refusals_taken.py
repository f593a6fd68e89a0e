"""Refusals that a log shows without their reason: taken as recorded, said to be so, no reason made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.abi.rows import RSF_ASSUMED, RSF_GUESSED
from remaptrace.api import check, replay
from remaptrace.engine.why import (
    WHY_HOLE,
    WHY_LIMIT_MET,
    WHY_NONE,
    WHY_NOT_SHOWN,
    WHY_TAKEN,
    WHY_TEXT,
)
from remaptrace.report.facts.run import run_facts
from remaptrace.result.result import Result
from remaptrace.trace.strace.door import read_strace

LOGS = Path(__file__).parents[1] / "data" / "logs"
BASE = 0x7F73BAF9C000
EXEC = 'execve("./big", ["./big"], 0x7ffd0 /* 9 vars */) = 0\nbrk(NULL) = 0x55d000000000\n'


def mapped(at: int, size: int, prot: str = "PROT_READ|PROT_WRITE") -> str:
    return f"mmap(NULL, {size}, {prot}, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {at:#x}\n"


def replayed(text: str | bytes) -> Result:
    return replay(read_strace(text.encode() if isinstance(text, str) else text, name="log"))


def last(result: Result, column: str) -> int:
    return int(result.columns[column][-1])


def notes(result: Result) -> str:
    return " ".join(run_facts(result)["notes"])


def test_a_refusal_on_memory_that_the_log_never_showed_has_no_known_reason() -> None:
    result = replayed((LOGS / "07-mprotect-only-enomem.strace").read_bytes())
    assert last(result, "why") == WHY_NOT_SHOWN
    assert last(result, "flags") & RSF_GUESSED
    ground = check(result).ground
    assert ground is not None
    assert (ground.guessed, ground.free) == (1, 0)
    assert "vm.max_map_count was met; a part of the range was not mapped" in notes(result)


@pytest.mark.parametrize(
    ("call", "errno"),
    [
        (f"mprotect({BASE:#x}, 4096, PROT_NONE)", "ENOMEM"),
        (f"madvise({BASE:#x}, 4096, MADV_DONTFORK)", "EAGAIN"),
        (f"munmap({BASE + 4096:#x}, 4096)", "ENOMEM"),
    ],
)
def test_a_split_refused_with_nothing_in_its_way_is_the_map_limit(call: str, errno: str) -> None:
    result = replayed(mapped(BASE, 69632) + f"{call} = -1 {errno} (refused)\n")
    assert last(result, "why") == WHY_LIMIT_MET
    assert last(result, "ret") == (-12 if errno == "ENOMEM" else -11)
    assert last(result, "map_count") == 1
    assert last(result, "flags") & RSF_ASSUMED
    assert "65,529 or 65,530 areas were there that the log does not show" in notes(result)


def test_munmap_refused_for_memory_proves_an_area_around_it() -> None:
    result = replayed(f"munmap({BASE:#x}, 4096) = -1 ENOMEM (Cannot allocate memory)\n")
    assert (last(result, "ret"), last(result, "why")) == (-12, WHY_LIMIT_MET)


def test_a_split_that_is_charged_may_be_refused_by_the_commit_limit_too() -> None:
    text = mapped(BASE, 69632, "PROT_NONE")
    result = replayed(text + f"mprotect({BASE:#x}, 4096, PROT_READ|PROT_WRITE) = -1 ENOMEM (Cannot)\n")
    assert (last(result, "ret"), last(result, "why")) == (-12, WHY_TAKEN)
    assert last(result, "map_count") == 1


def test_what_was_granted_before_and_after_a_refusal_stays_granted() -> None:
    text = mapped(BASE, 69632) + f"mprotect({BASE:#x}, 4096, PROT_NONE) = -1 ENOMEM (Cannot)\n"
    text += mapped(BASE - 0x100000, 4096) + f"mprotect({BASE:#x}, 4096, PROT_NONE) = 0\n"
    outcome = check(replayed(text))
    assert outcome.tallies["answers"].agree == outcome.tallies["answers"].total == 4


def test_mmap_refused_far_from_the_map_limit_comes_out_refused_with_the_numbers() -> None:
    text = EXEC + mapped(BASE, 4 << 20)
    text += (
        "mmap(NULL, 4194304, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = -1 ENOMEM (Cannot)\n"
    )
    result = replay(read_strace(text.encode(), name="log"), counters=True)
    assert (last(result, "ret"), last(result, "why")) == (-12, WHY_TAKEN)
    said = notes(result)
    assert "RLIMIT_AS (ulimit -v): 4.0 MiB were mapped and 4.0 MiB more asked for" in said
    assert said.index("RLIMIT_AS") < said.index("RLIMIT_DATA") < said.index("commit limit")


def test_a_limit_that_the_log_sets_is_named_as_a_fact() -> None:
    text = EXEC + mapped(BASE, 4 << 20)
    text += "prlimit64(0, RLIMIT_AS, {rlim_cur=1048576, rlim_max=1048576}, NULL) = 0\n"
    text += (
        "mmap(NULL, 4194304, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = -1 ENOMEM (Cannot)\n"
    )
    result = replayed(text)
    assert last(result, "ret") == -12
    assert "RLIMIT_AS" in WHY_TEXT[last(result, "why")]


def test_a_hole_is_a_reason_where_every_area_is_known() -> None:
    trace = read_strace(f"mprotect({BASE:#x}, 4096, PROT_NONE) = -1 ENOMEM (Cannot)\n".encode(), name="log")
    result = replay(trace, follow=False)
    assert last(result, "why") in (WHY_HOLE, WHY_NONE)


def test_a_refusal_with_an_errno_that_no_circumstance_gives_is_not_taken() -> None:
    result = replayed(
        mapped(BASE, 69632) + f"mprotect({BASE:#x}, 4096, PROT_NONE) = -1 EIO (Input/output error)\n"
    )
    assert last(result, "ret") == 0


def test_a_mask_of_nodes_behind_a_pointer_may_be_what_is_refused() -> None:
    """stress-ng --numa: an empty mask and one that is too long, of which kernel text shows where they lie."""
    text = EXEC + mapped(BASE, 8192) + f"mbind({BASE:#x}, 4096, MPOL_BIND, 0x5604e9b53be0, 64, 0) = {{}}\n"
    for answer in ("0", "-1 EINVAL (Invalid argument)", "-1 EFAULT (Bad address)"):
        result = replayed(text.format(answer))
        assert check(result).agrees
        assert bool(last(result, "flags") & RSF_ASSUMED) == (answer != "0")
    wrong = text.format("-1 EPERM (Operation not permitted)")
    assert not check(replayed(wrong)).agrees or "mbind refused with EPERM" in notes(replayed(wrong))
