"""Machines from presets: every one loads, errors help, overrides are remembered."""

from __future__ import annotations

import subprocess
import sys

import pytest

from remaptrace.engine.state import N_ARCH, N_RULES
from remaptrace.errors import UsageError
from remaptrace.machine import Machine, arch_names, kernel_names
from remaptrace.machine import archwords as A
from remaptrace.machine.arch import load_arch_file
from remaptrace.machine.limitrules import R_MAX_MAP_COUNT
from remaptrace.machine.rules import RULES
from remaptrace.machine.versions.ground import basis_of


@pytest.mark.parametrize("name", kernel_names())
def test_every_kernel_loads_and_has_a_value_of_known_origin_for_every_rule(name):
    machine = Machine.load("x86_64", name)
    assert set(machine.kernel.values) == set(RULES)
    assert all(origin in (*kernel_names(), "default") for origin in machine.origins.values())
    assert len(machine.rules) == N_RULES
    assert len(machine.archwords) == N_ARCH


@pytest.mark.parametrize("name", arch_names())
def test_every_architecture_has_tables_that_cover_its_addresses(name):
    arch = load_arch_file(name, "plain")
    w = arch.words
    span = 1 << (arch.page_shift + sum(arch.index_bits))
    assert 0 < w[A.A_TASK_SIZE] <= span
    assert 0 < w[A.A_UNMAPPED_BASE] < w[A.A_TASK_SIZE]
    assert 0 < w[A.A_MMAP_BASE] <= w[A.A_TASK_SIZE]
    assert w[A.A_TASK_SIZE] % arch.page_size == 0
    assert w[A.A_MMAP_BASE] % arch.page_size == 0


def test_one_name_means_the_words_of_the_kernels_family():
    assert Machine.load("x86_64", "linux-2.6.21").arch.name == "x86_64"
    assert Machine.load("x86_64", "linux-6.18").arch.name == "x86_64-4l-6.10"
    assert Machine.load("s390x", "linux-6.1").arch.name == "s390x-6.10"


def test_an_override_wins_and_is_named_as_the_origin():
    machine = Machine.load(overrides={"vm.max_map_count": 100, "ram": "64M", "guard_regions": "none"})
    assert machine.rules[R_MAX_MAP_COUNT] == 100
    assert machine.origins["max_map_count"] == "override"
    assert machine.rule("ram_pages") == 16384
    assert machine.rule("guard_regions") == "none"


@pytest.mark.parametrize(
    ("arch", "kernel", "overrides", "code", "hint"),
    [
        ("x86_64", "linux-2.6.22", {}, "RT401", "linux-2.6.21"),
        ("i368", "linux-2.6.21", {}, "RT402", "i386"),
        ("x86_64", "linux-6.18", {"max_map_cuont": 1}, "RT403", "max_map_count"),
        ("x86_64", "linux-6.18", {"guard_regions": "some"}, "RT404", "anonymous"),
        ("x86_64", "linux-6.18", {"max_map_count": "many"}, "RT404", "integer"),
        ("x86_64", "linux-6.18", {"max_map_count": 1 << 70}, "RT404", "64 bits"),
        ("x86_64", "linux-6.18", {"ram": "-1"}, "RT404", "64M"),
        ("um-i386-2l", "linux-6.18", {}, "RT405", "x86_64"),
    ],
)
def test_what_does_not_exist_is_refused_with_a_suggestion(arch, kernel, overrides, code, hint):
    with pytest.raises(UsageError) as caught:
        Machine.load(arch, kernel, overrides)
    assert caught.value.code == code
    assert hint in caught.value.expected


def test_a_series_changes_the_range_and_the_support_of_an_architecture():
    assert Machine.load("i386", "linux-2.6.21").arch.max_bits == 29
    assert Machine.load("i386", "linux-2.6.21-rfp").arch.max_bits == 27
    dummy = Machine.load("alpha", "linux-2.6.21-rfp").arch
    assert (dummy.support, dummy.reaction, dummy.chgprot) == ("dummy", "bug", 0x80000)
    assert Machine.load("s390-31", "linux-2.6.13-rfp2005").arch.support == "native"
    assert not Machine.load("mips32", "linux-2.6.21-rfp").arch.builds


def test_a_guest_takes_its_hosts_architecture():
    machine = Machine.load("um-x86_64", "linux-2.6.21", host="linux-6.18")
    assert machine.host is not None
    assert machine.host.arch.name == "x86_64-4l-6.10"
    assert machine.name == "linux-2.6.21, um-x86_64 on linux-6.18, x86_64"


def test_names_of_kernels_are_listed_without_heavy_imports():
    code = "import sys, remaptrace.machine as m; m.kernel_names(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"numba", "numpy", "yaml"} & set(loaded.split())


UM_KERNELS = [
    ("linux-2.6.20", "um-x86_64", 3, 0x7F80000000),
    ("linux-6.1", "um-x86_64-6.1", 3, 0x7FC0000000),
    ("linux-6.3.1", "um-x86_64-6.1", 3, 0x7FC0000000),
    ("linux-6.6", "um-x86_64-6.4", 3, 0x7F80000000),
    ("linux-6.10.2", "um-x86_64-6.4", 3, 0x7F80000000),
    ("linux-6.12", "um-x86_64-6.11", 3, 0x7F80000000),
    ("linux-6.13", "um-x86_64-6.13", 4, 0x7F8000000000),
    ("linux-7.2", "um-x86_64-6.13", 4, 0x7F8000000000),
]


@pytest.mark.parametrize(("kernel", "file", "levels", "task_size"), UM_KERNELS)
def test_user_mode_linux_has_the_words_and_the_size_of_its_version(kernel, file, levels, task_size):
    machine = Machine.load("um-x86_64", kernel)
    assert machine.arch.name == file
    assert len(machine.arch.index_bits) == levels
    assert machine.arch.words[A.A_TASK_SIZE] == task_size


@pytest.mark.parametrize("kernel", ["linux-4.0", "linux-5.15", "linux-6.0"])
def test_versions_between_that_were_not_read_are_refused(kernel):
    with pytest.raises(UsageError, match=r"described for 6\.1 and later") as caught:
        Machine.load("um-x86_64", kernel)
    assert caught.value.code == "RT405"


def test_what_an_architecture_cannot_be_built_with_is_a_rule_of_it():
    machine = Machine.load("um-x86_64", "linux-6.1", {"numa": "yes"})
    for rule in ("thp_built", "hugetlbfs", "secretmem", "pkey_calls"):
        assert machine.rule(rule) == 0
        assert machine.origins[rule] == "architecture um-x86_64-6.1"
    assert machine.rule("numa") == 1  # a person may ask for the impossible
    assert machine.rule("thp_align") == "never"
    assert basis_of(machine.kernel).given == ("numa",)


def test_a_kernel_file_has_the_words_of_the_kernel_at_its_bottom(tmp_path):
    for name, base in (("low", "linux-6.1"), ("high", "low.yaml")):
        (tmp_path / f"{name}.yaml").write_text(f"base: {base}\nrules: {{max_map_count: 100}}\n")
    (tmp_path / "high.yaml").write_text("base: ./low.yaml\n")
    assert Machine.load("um-x86_64", str(tmp_path / "high.yaml")).arch.name == "um-x86_64-6.1"


def test_bounds_stand_at_rules_that_hold_numbers() -> None:
    """A bound at a bool bounds nothing: it was meant for the rule beside it."""
    bounded = {rule.name: rule.kind for rule in RULES.values() if (rule.least, rule.most) != (None, None)}
    assert {"pkeys", "possible_cpus"} <= set(bounded)
    assert set(bounded.values()) == {"int"}
