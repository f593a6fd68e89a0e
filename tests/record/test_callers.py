"""Who made the areas: two recorders that unwind in different ways name the same callers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from remaptrace.trace.recorded.read import read_bytes

from . import programs as p
from .test_record import need

WHO = """
#include <stdlib.h>
#include <sys/mman.h>
static void *keep(size_t n, int prot) { return mmap(0, n, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
static void guards(int n) { for (int i = 0; i < n; i++) { char *p = keep(8192, 3); mprotect(p + 4096, 4096, 0); } }
static void shared(int n) { for (int i = 0; i < n; i++) mmap(0, 4096, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0); }
int main(void) { guards(20); shared(10); void *p = malloc(1 << 20); return p == 0; }
"""
"""Guard pages behind allocations that lie side by side, so that their areas merge and are split again."""
FLAGS = "-O1 -g -fno-omit-frame-pointer -fno-inline -fno-optimize-sibling-calls".split()
UNDER = {  # where the areas of the program itself come from; the rest is the loader's and the C library's
    ("keep", "guards", "main"): 40,
    ("shared", "main"): 10,
    ("main",): 2,  # malloc: its heap, and the block itself
}

JOINED = 1
"""Of the 40 one joins the C library's memory if the hole that /etc/ld.so.cache left, which they fill first, is filled
exactly: its size is the machine's.
"""


def are_under(found: dict[tuple[str, ...], int], *, first: int = 0) -> bool:
    """Whether `found` are the areas of UNDER, callers from number `first` on."""
    whole = {names[first:]: areas for names, areas in UNDER.items() if names[first:]}
    joined = {
        names: areas - JOINED if names[-2:] == ("guards", "main") else areas for names, areas in whole.items()
    }
    return found in (whole, joined)


@pytest.fixture
def who(tmp_path: Path) -> Path:
    """The program, with frame pointers and its own symbols."""
    source, program = tmp_path / "who.c", tmp_path / "who"
    source.write_text(WHO)
    if shutil.which("gcc") is None:
        pytest.skip("no compiler here")
    subprocess.run(["gcc", *FLAGS, "-o", str(program), str(source)], check=True)
    return program


def advise(path: Path, *options: str) -> dict[str, Any]:
    """The facts of `remaptrace advise PATH OPTIONS`."""
    done = subprocess.run(
        [sys.executable, "-m", "remaptrace", "advise", str(path), *options, "--format", "json"],
        env=p.environment(), text=True, capture_output=True, check=True,
    )  # fmt: skip
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def callers(path: Path) -> Counter[tuple[str, ...]]:
    """Areas at the peak by the functions of the program itself that stand behind them.

    Names of the loader and the C library are left out: strace sees only exported symbols, perf those of debug files
    too, and they name the same address differently.
    """
    facts = advise(path, "--by", "caller", "--depth", "0")
    assert facts["total"] == sum(caller["areas"] for caller in facts["callers"])
    assert facts["total"] == advise(path)["total"]
    found: Counter[tuple[str, ...]] = Counter()
    for caller in facts["callers"]:
        own = tuple(frame.removesuffix(" (who)") for frame in caller["frames"] if frame.endswith(" (who)"))
        found[tuple(name for name in own if name != "_start")] += caller["areas"]
    return found


def recorded_by_strace(who: Path, log: Path) -> Path:
    """The log of `strace -k`."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not here")
    command = [
        "strace",
        "-f",
        "-k",
        "-y",
        "-ttt",
        "-e",
        "trace=memory,process,desc",
        "-o",
        str(log),
        str(who),
    ]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode or b"main+" not in log.read_bytes():
        pytest.skip("this strace shows no stacks")
    return log


def test_strace_and_perf_name_the_same_callers(who: Path, tmp_path: Path) -> None:
    need("perf")
    first = callers(recorded_by_strace(who, tmp_path / "log"))
    assert p.record(tmp_path / "set", [str(who)], "--stacks").returncode == 0
    second = callers(tmp_path / "set")
    own = {names: areas for names, areas in second.items() if names}
    assert are_under(own), own
    assert {names: areas for names, areas in first.items() if names} == own
    assert first[()] == second[()]  # made by the loader, or there from exec on


def test_frame_pointers_miss_only_who_called_code_without_them(who: Path, tmp_path: Path) -> None:
    """The C library's mmap sets up no frame: its caller's caller is the next that frame pointers tell."""
    need("perf")
    assert p.record(tmp_path / "set", [str(who)], "--call-graph", "fp").returncode == 0
    facts = json.loads((tmp_path / "set" / "record.json").read_text())
    assert facts["options"]["stacks"] == "fp"
    found = {names: areas for names, areas in callers(tmp_path / "set").items() if names}
    # without the first where the C library keeps frame pointers
    assert are_under(found, first=1) or are_under(found), found


def test_programs_that_a_shell_starts_have_their_stacks_too(who: Path, tmp_path: Path) -> None:
    """After fork and exec, and after an exec of an exec: perf must not look into what was mapped before."""
    need("perf")
    command = ["/bin/sh", "-c", f"env {who}; {who}; true"]
    for number in range(2):  # where libraries lie decides, and that is random
        folder = tmp_path / str(number)
        assert p.record(folder, command, "--stacks").returncode == 0
        text = read_bytes(next(folder.glob("perf.txt*")))
        assert text.count(b" keep+0x") == 2 * 2 * 20  # entry and return of each
