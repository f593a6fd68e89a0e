"""Lists of kernels and architectures, one kernel with the origin of its rules, two compared."""

from __future__ import annotations

from remaptrace.machine.arch import arch_names, load_arch_file
from remaptrace.machine.load import kernel_names, load_kernel
from remaptrace.machine.rules import RULES
from remaptrace.report import machines


def test_every_kernel_is_listed_once_by_version() -> None:
    text = machines.kernel_list_sheet([load_kernel(n) for n in kernel_names()], 120).text()
    names = [line.split()[0] for line in text.splitlines() if line.startswith("linux-")]
    assert sorted(names) == sorted(kernel_names())
    assert names.index("linux-6.6") < names.index("linux-6.12") < names.index("linux-6.18")


def test_every_rule_of_a_kernel_is_shown_with_its_origin() -> None:
    facts = machines.kernel_facts(load_kernel("linux-6.1"))
    assert facts["rules"].keys() == RULES.keys()
    assert facts["rules"]["heap_name_strict"]["origin"] == "linux-6.1"
    text = machines.kernel_sheet(load_kernel("linux-6.1"), 100).text()
    for name in RULES:
        assert f"\n{name} " in text


def test_a_comparison_lists_exactly_the_rules_that_differ() -> None:
    first, second = load_kernel("linux-6.1"), load_kernel("linux-6.18")
    facts = machines.compare_facts(first, second)
    assert set(facts["differing"]) == {n for n in RULES if first.values[n] != second.values[n]}
    assert facts["same"] + len(facts["differing"]) == len(RULES)
    assert "same rules" in machines.compare_sheet(machines.compare_facts(first, first), 80).text()


def test_every_architecture_is_listed() -> None:
    facts = machines.arch_facts([load_arch_file(n, "plain") for n in arch_names()])
    text = machines.arch_sheet(facts, 100).text()
    for name in arch_names():
        assert f"\n{name} " in text
