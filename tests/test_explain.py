"""`explain` knows every code that the source uses, every outcome and every rule."""

from __future__ import annotations

import re
from pathlib import Path

import remaptrace
from remaptrace import errorcodes
from remaptrace.abi.outcomes import NAMES
from remaptrace.codes.table import CODES
from remaptrace.explain import OUTCOMES, explain, topics
from remaptrace.machine.rules import RULES

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
