"""Which kernel a trace is replayed on when nobody says one."""

from __future__ import annotations

from remaptrace.api import machine_of
from remaptrace.machine.versions.releases import default_for, preset_of_folder
from remaptrace.trace.scenario.read import read_scenario

SCENARIO = "name: x\narch: {arch}\npage_size: 4096\nsteps:\n- dump: {{}}\n"


def kernel_of(arch: str, path: str) -> str:
    return machine_of(read_scenario(SCENARIO.format(arch=arch), path=path)).kernel.name


def test_a_folder_named_after_a_preset_names_the_kernel() -> None:
    assert kernel_of("i386", "answers/linux-2.6.20-i386/x.yaml") == "linux-2.6.20"
    assert kernel_of("x86_64", "answers/linux-6.1/x.yaml") == "linux-6.1"


def test_the_longest_name_that_fits_the_folder_wins() -> None:
    assert preset_of_folder(["a/linux-2.6.21-rfp-intended/x.yaml"]) == "linux-2.6.21-rfp-intended"


def test_a_folder_with_another_name_says_nothing() -> None:
    assert preset_of_folder(["linux-6.19/x.yaml", "x.yaml"]) is None


def test_without_a_hint_the_newest_kernel_with_the_architecture_is_taken() -> None:
    assert kernel_of("x86_64", "x.yaml") == "linux-6.18"
    assert kernel_of("i386", "x.yaml") == default_for("i386") == "linux-6.18"
    assert kernel_of("um-i386", "x.yaml") == default_for("um-i386") == "linux-2.6.21"
