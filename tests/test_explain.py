"""`explain` knows every code that the source uses, every outcome and every rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import remaptrace
from remaptrace import errorcodes
from remaptrace.abi.outcomes import NAMES
from remaptrace.abi.vmflags import VMFLAG_NAMES
from remaptrace.advice import remedies
from remaptrace.advice.patterns import PATTERNS
from remaptrace.codes.table import CODES
from remaptrace.explain import OUTCOMES, explain, topics
from remaptrace.machine.rules import RULES
from remaptrace.machine.system.described import SYSCTLS
from remaptrace.report.phrases import COMPARED

SOURCE = Path(remaptrace.__file__).parent


def test_every_code_in_the_source_is_explained() -> None:
    used: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if path.name != "errorcodes.py":
            used |= set(re.findall(r'"(RT\d{3})"', path.read_text(encoding="utf-8")))
    assert used - set(CODES) == set()


def test_every_code_has_one_name_and_one_text() -> None:
    codes = [value for name, value in vars(errorcodes).items() if name.startswith("RT_")]
    assert sorted(codes) == sorted(CODES)


def test_every_outcome_is_explained() -> None:
    assert {name for name in NAMES if name} == set(OUTCOMES)


def test_every_rule_is_explained_with_its_default() -> None:
    for rule in RULES.values():
        text = explain(rule.name)
        assert text is not None
        assert f"--set {rule.name}=VALUE" in text.replace("\n  ", " ")


def test_names_are_found_in_any_case_and_by_their_last_part() -> None:
    assert explain("segv_maperr") == explain("SIGSEGV/SEGV_MAPERR")
    assert explain("rt501") == explain("RT501")


def test_unknown_names_are_not_made_up() -> None:
    assert explain("no such thing") is None


def test_all_listed_topics_can_be_explained() -> None:
    for names in topics().values():
        for name in names:
            assert explain(name), name


def test_errnos_and_the_words_of_advise_are_known() -> None:
    for word in (
        "ENOMEM",
        "eacces",
        "EPERM",
        "EAGAIN",
        "EEXIST",
        "account",
        "nh",
        "both",
        "guards",
        "offset",
    ):
        assert explain(word), word
    assert "RLIMIT_AS" in str(explain("ENOMEM"))


HEADINGS = """
VMAs|start|peak|end|course|peak by kind|peak until|calls|done|refused|refused, first at|faults|memory|accesses
first difference|calls answered differently|VMAs, start|VMAs, peak|VMAs, end|calls refused|accesses refused
minor faults|major faults|VMA records|page tables|both together|the bill|per 1,000 calls|first
left, could the pages of one VMA differ in|neighbours kept apart by|by call|by thread|by file|by size
what would help, measured by replay|then|saved|raise vm.max_map_count|not recorded|resident|anonymous|private file
shared|of them assumed|no truth|non-linear|protection|offset|both|flags|account|policy|special mapping|anon name
1 page|to 64 KiB|to 1 MiB|larger|VMA lookup|hits|nodes|p99|lines|bytes|before|after|options that decide|not modelled
file pte|guard|clean|protection differs|execve|init_vma|mprotect|new thread|unchanged|expected|simulated|divergence
""".replace("\n", "|")


@pytest.mark.parametrize("word", sorted(filter(None, HEADINGS.split("|"))))
def test_every_heading_of_the_reports_is_explained(word: str) -> None:
    assert explain(word)


def test_every_label_of_the_bill_the_remedies_and_the_comparisons_is_explained() -> None:
    labels = [*PATTERNS, *remedies._LABELS.values(), *(one for one, _ in COMPARED.values())]
    labels += [name for _, name in VMFLAG_NAMES] + list(SYSCTLS)
    assert [label for label in labels if not explain(label)] == []
