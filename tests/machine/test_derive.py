"""Kernels of any version: derived from the versions in which each rule changed."""

import pytest

from remaptrace.errors import UsageError
from remaptrace.machine.load import kernel_names, load_kernel
from remaptrace.machine.rules import RULES
from remaptrace.machine.versions.derive import derive, replacement, stands_for
from remaptrace.machine.versions.ground import basis_of
from remaptrace.machine.versions.history import ASKED, CHANGES, UPDATES

PRESETS = [n for n in kernel_names() if n.startswith("linux-") and n[6] in "4567"]


def word(kernel: str, rule: str) -> object:
    value, about = load_kernel(kernel).values[rule], RULES[rule]
    return about.choices[value] if about.kind == "enum" else value


@pytest.mark.parametrize("preset", PRESETS)
def test_the_history_gives_every_preset_its_own_values(preset: str) -> None:
    series = tuple(int(n) for n in preset[6:].split("."))
    known = load_kernel(preset).values
    by_update = {u.rule for u in UPDATES if u.series == series}
    for rule, changes in CHANGES.items():
        _, value = max(c for c in changes if c[0] <= series)
        if rule not in by_update:
            choices = RULES[rule].choices
            shown = choices[known[rule]] if choices else str(known[rule])
            assert shown == ({"yes": "1", "no": "0"}.get(value, value)), rule


@pytest.mark.parametrize(("preset", "update"), ASKED.items())
def test_the_update_that_was_asked_is_the_preset(preset: str, update: int) -> None:
    assert stands_for(f"{preset}.{update}") == preset
    assert dict(derive(f"{preset}.{update}").values) == dict(load_kernel(preset).values)


@pytest.mark.parametrize("preset", PRESETS)
def test_derived_neighbours_of_a_series_differ_from_it_only_in_named_rules(preset: str) -> None:
    first = derive(f"{preset}.0")
    changed = {r for r, v in first.values.items() if v != load_kernel(preset).values[r]}
    series = tuple(int(n) for n in preset[6:].split("."))
    assert changed <= {u.rule for u in UPDATES if u.series == series}


@pytest.mark.parametrize(
    ("kernel", "rule", "value"),
    [
        ("linux-5.10", "mremap_dontunmap", "anonymous"),
        ("5.10.200", "madv_populate", 0),
        ("linux-5.10", "madv_cold", 1),
        ("linux-5.10", "mremap_charges_first", 1),
        ("6.8.1", "map_stack_nohugepage", 1),
        ("6.8.1", "thp_align", "any_length"),
        ("6.8.0-45-generic", "mseal", 0),
        ("linux-6.11.11", "thp_align", "multiples"),
        ("6.12.0", "thp_align", "multiples"),
        ("6.12.117", "thp_align", "multiples_no_hint"),
        ("linux-6.1.176", "dontunmap_joins_source", "source"),
        ("linux-6.1.192", "dontunmap_joins_source", "never"),
        ("linux-6.4", "dontunmap_joins_source", "source"),
        ("linux-6.15", "guard_regions", "all"),
        ("linux-6.14", "guard_regions", "anonymous"),
        ("linux-6.18.26", "sticky_guard_flag", 0),
        ("linux-4.19", "overcommit_guess", "free"),
    ],
)
def test_a_version_has_the_rules_of_its_time(kernel: str, rule: str, value: object) -> None:
    assert word(kernel, rule) == value


@pytest.mark.parametrize(
    "spelled",
    [
        *("6.8", "v6.8", "6.8-rc3", "linux-6.8.y", "Linux 6.8", "linux6.8", "Kernel-6.8", "6.8.0-45-generic"),
        *("Linux version 6.8.0-45-generic (buildd@x)", "Linux host 6.8.0-45-generic #45 SMP"),
    ],
)
def test_a_release_may_be_spelled_as_people_spell_it(spelled: str) -> None:
    assert load_kernel(spelled).name == "linux-6.8"


def test_the_count_of_a_distribution_is_no_update() -> None:
    for text in ("6.1.0-18-amd64", "Linux version 6.1.0-18-amd64 (debian-kernel)"):
        kernel = load_kernel(text)
        assert kernel.name == "linux-6.1"
        assert "does not tell which update of 6.1 it is: linux-6.1 is taken, as update .192" in replacement(
            text, kernel
        )
    assert load_kernel("6.12.38+deb13-amd64").name == "linux-6.12.38"
    assert load_kernel("6.1.0-rc3").name == "linux-6.1.0"
    assert replacement("6.1", load_kernel("6.1")) == ""


def test_what_is_not_known_at_a_version_is_named() -> None:
    kernel = load_kernel("6.12.3")
    assert kernel.name == "linux-6.12.3"
    assert kernel.origins["thp_align"] == "undecided"
    assert "not known at this version: " in kernel.about and "thp_align" in kernel.about
    assert "asked of 6.12.117" in kernel.about
    assert load_kernel("6.8.1").origins["map_stack_nohugepage"] == "changed in 6.7"
    assert "newer than the update that was asked" in load_kernel("6.18.99").about


@pytest.mark.parametrize(("kernel", "why"), [("linux-3.10", "between 2.6.21 and 4.0"), ("7.9", "newer than")])
def test_a_version_outside_of_what_is_known_is_refused_with_its_reason(kernel: str, why: str) -> None:
    with pytest.raises(UsageError, match="RT401") as caught:
        load_kernel(kernel)
    assert why in str(caught.value)


def test_a_release_that_never_was_is_a_slip() -> None:
    with pytest.raises(UsageError, match="unknown kernel") as caught:
        load_kernel("linux-6.81")
    assert "did you mean" in str(caught.value.expected)


def test_a_candidate_and_a_distributions_kernel_are_told_from_the_release() -> None:
    for text, words in (
        ("6.8-rc3", "6.8-rc3 is a candidate of 6.8: linux-6.8 is taken"),
        ("7.2-rc1", "linux-7.2 is taken, as update .13 of it answered"),
        ("6.8.0-45-generic", "what its distribution took over from later versions is not known"),
        ("5.14.0-362.el9.x86_64", "what its distribution took over from later versions is not known"),
        ("6.8.1", ""),
        ("2.6.20", ""),
        ("6.18", ""),
    ):
        said = replacement(text, load_kernel(text))
        assert words in said and bool(words) == bool(said), text


def test_a_preset_may_be_named_by_its_version_alone() -> None:
    for name in ("2.6.20", "2.6.21", "4.0", "6.18", "2.6.21-rfp"):
        assert load_kernel(name).name == f"linux-{name}"


def test_what_no_version_decides_does_not_rest_on_a_source() -> None:
    kernel = load_kernel("linux-6.8.1")
    found = basis_of(kernel)
    assert {"ram_pages", "rlimit_stack", "anon_vma_name", "possible_cpus"} <= set(found.common)
    assert not set(found.common) & set(found.read)
    every = [*found.asked, *found.read, *found.undecided, *found.given, *found.common]
    assert sorted(every) == sorted(RULES)
