"""Recordings of real programs below real limits, filters and mounts: every answer agrees, and the cause comes first."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.advice.causes import refusal_of
from remaptrace.api import check, load, replay

LOGS = Path(__file__).parents[1] / "data" / "refusals"

CAUSES = {
    "as": ("mmap", "RLIMIT_AS"),  # ulimit -v
    "data": ("mmap", "RLIMIT_DATA"),  # ulimit -d, after a larger mapping that is no data
    "databrk": ("brk", "RLIMIT_AS"),  # ulimit -d; nothing tells it from -v
    "oc2": ("mprotect", "the commit limit"),  # vm.overcommit_memory=2
    "lock0": ("mlock", "RLIMIT_MEMLOCK (ulimit -l) is 0"),
    "lock64": ("mlockall", "RLIMIT_MEMLOCK"),
    "low-nobody": ("mmap", "the range does not fit"),  # its first refusal is below vm.mmap_min_addr
    "noexec": ("mprotect", "the area's VM_MAY bits"),  # a mount with noexec, proved by the mmap before
    "sec10-1": ("mprotect", "a seccomp filter"),  # that says EPERM
    "sec9-13": ("mmap", "a security module"),  # a filter that says EACCES, as modules do
    "setr": ("brk", "RLIMIT_DATA is 1.0 MiB"),  # the program's own setrlimit
    "exist": ("mmap", "MAP_FIXED_NOREPLACE"),
    "reserve-data": ("mremap", "the commit limit"),  # ulimit -d on a program that commits what it reserved
    "attached-nobody": ("mlock", "RLIMIT_MEMLOCK (ulimit -l) is 0"),
}
"""Recording: the call whose last refusal is looked at, and how its likeliest cause begins."""


@pytest.mark.parametrize("name", CAUSES)
def test_every_answer_below_a_limit_agrees_and_its_likeliest_cause_stands_first(name: str) -> None:
    result = replay(load(LOGS / f"{name}.strace"), engine="interpreted")
    assert check(result).disagreements == ()
    call, begins = CAUSES[name]
    refused = [refusal_of(result, int(e)) for e in result.columns["why"].nonzero()[0]]
    mine = [found for found in refused if found.call == call]
    assert mine, [f.call for f in refused]
    assert mine[-1].causes[0].startswith(begins), mine[-1].causes


def test_every_recording_is_looked_at() -> None:
    assert {path.stem for path in LOGS.glob("*.strace")} == set(CAUSES)
