"""Why areas are two: the answer of the engine's own predicate, and that it is the same as what the engine does."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from remaptrace.abi.attributes import attributes
from remaptrace.abi.vmflags import VM_ACCOUNT, VM_DONTDUMP, VM_DONTEXPAND, VM_NOHUGEPAGE, VM_READ, VM_WRITE
from remaptrace.advice.neighbours import Neighbours
from remaptrace.advice.whatif import remaining
from remaptrace.api import machine_of
from remaptrace.api import replay as run
from remaptrace.result.result import VmaRow
from remaptrace.trace.detect import read_data

RW = VM_READ | VM_WRITE | VM_ACCOUNT


def row(start: int, pages: int = 1, flags: int = RW, **fields: object) -> VmaRow:
    """An anonymous area; addresses in pages."""
    return VmaRow(start << 12, (start + pages) << 12, "rw-p", 0, None, flags, "", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "label"),
    [
        ({}, "nothing"),
        ({"vm_flags": VM_READ | VM_ACCOUNT}, "protection"),
        ({"vm_flags": VM_READ}, "protection"),
        ({"vm_flags": RW & ~VM_ACCOUNT}, "account"),
        ({"vm_flags": RW | VM_NOHUGEPAGE}, "flags (nh)"),
        ({"vm_flags": RW | VM_NOHUGEPAGE | VM_DONTDUMP}, "flags (dd nh)"),
        ({"vm_flags": VM_READ | VM_NOHUGEPAGE}, "protection, flags (nh)"),
        ({"vm_flags": RW | VM_DONTEXPAND}, "special mapping"),
        ({"attributes": attributes(policy=3)}, "memory policy"),
        ({"attributes": attributes(uffd=1)}, "userfaultfd"),
        ({"attributes": attributes(named=5)}, "name"),
        ({"inode": 7, "file": "/f", "pgoff": 11}, "file"),
        ({"pgoff": 99}, "offset"),
        ({"anon_vma": 2}, "anon_vma"),
    ],
)
def test_every_attribute_is_named(changed: dict[str, object], label: str) -> None:
    lower = row(10, anon_vma=1)
    upper = replace(row(11, anon_vma=1), **changed)  # type: ignore[arg-type]
    assert Neighbours().why_apart(lower, upper) == label


def test_what_does_not_touch_has_a_hole() -> None:
    assert Neighbours().why_apart(row(10), row(12)) == "hole"


def test_every_difference_is_listed_and_what_is_left_counts_them() -> None:
    asked = Neighbours()
    lower = row(10)
    upper = replace(row(11, flags=VM_READ), attributes=attributes(policy=2, uffd=1))
    assert asked.differences(lower, upper) == ("wr", "ac", "memory policy", "userfaultfd")
    assert remaining([lower, upper], protection=True) == 2  # the policy stays
    assert remaining([lower, replace(upper, attributes=attributes())], protection=True) == 1


_CALLS = b"""\
mmap(0x10000000, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x10000000
mbind(0x10000000, 4096, MPOL_BIND, [0x0000000000000001], 64, 0) = 0
mmap(0x20000000, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x20000000
madvise(0x20000000, 4096, MADV_NOHUGEPAGE) = 0
mmap(0x30000000, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x30000000
mprotect(0x30000000, 4096, PROT_READ) = 0
"""


def test_what_the_engine_keeps_apart_has_a_reason() -> None:
    trace = read_data(_CALLS, "calls.txt")
    result = run(trace, machine_of(trace), observe_at=[len(trace) - 1])
    asked = Neighbours(result.machine.rules.tolist())
    vmas = [v for v in result.observed[len(trace) - 1].vmas if v.start < 0x40000000]
    found = [asked.why_apart(a, b) for a, b in pairwise(vmas) if a.end == b.start]
    assert found == ["memory policy", "flags (nh)", "protection"]
