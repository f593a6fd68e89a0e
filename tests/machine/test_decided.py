"""Which rules of a preset a running kernel decided, and which were read in its source."""

from __future__ import annotations

import json

import pytest

from remaptrace.cli.entry import run_command
from remaptrace.machine.load import kernel_names, load_kernel
from remaptrace.machine.rules import RULES
from remaptrace.machine.versions.decided import DECIDED
from remaptrace.machine.versions.ground import basis_of, ground_by_rule


@pytest.mark.parametrize("kernel", sorted(DECIDED))
def test_what_was_decided_are_rules_of_choice_of_a_preset(kernel: str) -> None:
    assert kernel in kernel_names()
    assert all(RULES[rule].kind != "int" for rule in DECIDED[kernel])


def test_every_rule_has_one_ground() -> None:
    for name in ("linux-6.18", "linux-6.1", "linux-5.10", "linux-2.6.21"):
        kernel = load_kernel(name)
        grounds = ground_by_rule(kernel)
        assert set(grounds) == set(RULES)
    grounds = ground_by_rule(load_kernel("linux-6.18"))
    assert grounds["guard_regions"] == "asked"
    assert grounds["thp_align_files"] == "asked"  # of a file on a disk
    assert grounds["anon_names"] == "read"
    assert basis_of(load_kernel("linux-2.6.21")).asked == ()


def test_kernels_says_of_each_rule_on_what_it_rests(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["kernels", "--show", "linux-6.18", "--format", "json"]) == 0
    rules = json.loads(capsys.readouterr().out)["rules"]
    assert (rules["mseal"]["ground"], rules["pt_reclaim"]["ground"]) == ("asked", "asked")
    assert run_command(["kernels", "--show", "linux-6.18", "--format", "plain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    row = next(line.split() for line in lines if line.startswith("guard_regions "))
    assert row[:4] == ["guard_regions", "all", "default", "asked"]


def test_io_uring_of_6_1_came_with_stable_updates() -> None:
    """Asked of 6.1.176 and 6.1.192: both refuse a fixed address, and map page by page."""
    kernel = load_kernel("linux-6.1")
    assert (kernel.values["io_uring_chooses_address"], kernel.values["io_uring_pfn"]) == (1, 0)
    older = load_kernel("linux-5.15")
    assert (older.values["io_uring_chooses_address"], older.values["io_uring_pfn"]) == (0, 1)


def test_secret_memory_is_locked_in_6_12_until_a_stable_update() -> None:
    """Asked of 6.12.95 (locked) and 6.12.117 (not)."""
    assert load_kernel("linux-6.12").values["secretmem_locked"] == 0
    assert load_kernel("linux-6.12.95").values["secretmem_locked"] == 1
    assert load_kernel("linux-6.6").values["secretmem_locked"] == 1
    assert load_kernel("linux-6.13").values["secretmem_locked"] == 1
