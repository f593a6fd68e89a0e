"""The report of check on hand-made outcomes: rich, plain, JUnit, GitHub, JSON tell the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from remaptrace.errors import InputError
from remaptrace.report.facts.check import check_facts
from remaptrace.report.github import check_github
from remaptrace.report.jsontext import to_json
from remaptrace.report.junit import check_junit
from remaptrace.report.plain.run import check_plain
from remaptrace.report.rich.check import check_sheet
from remaptrace.result.agreement import CheckOutcome, Disagreement, Tally

from . import handmade
from .snapshots import assert_same


def program(name: str, agree: int = 100) -> CheckOutcome:
    found = Disagreement(
        "outcome",
        41,
        1,
        f"conformance/linux-6.18/{name}.yaml",
        118,
        "read 0x100000020000",
        "SIGSEGV/SEGV_MAPERR, 0 minor",
        "SIGSEGV/SEGV_ACCERR, 0 minor",
    )
    return CheckOutcome(
        name,
        f"conformance/linux-6.18/{name}.yaml",
        "program",
        {"steps": Tally(agree, 100)},
        () if agree == 100 else (found,),
        seconds=0.125,
        arch="x86_64",
        kernel="linux-6.18",
    )


UNREADABLE = CheckOutcome(
    "broken",
    "conformance/linux-6.18/broken.yaml",
    "program",
    {},
    error=InputError("RT102", "unknown step 'mumap'", "conformance/linux-6.18/broken.yaml", 7, 3),
)


def facts(*outcomes: CheckOutcome) -> dict[str, Any]:
    return check_facts(outcomes or (program("fault-01"), program("fault-03", 99), UNREADABLE))


@pytest.mark.parametrize("width", [80, 120])
def test_picture(width: int) -> None:
    assert_same(check_sheet(facts(), width).text(), f"check-programs-{width}.txt")


@pytest.mark.parametrize("width", [80, 120])
def test_picture_of_recorded_sets(width: int) -> None:
    sets = [handmade.agreement(), replace(handmade.agreement(False), name="other", path="traces/other")]
    assert_same(check_sheet(check_facts(sets), width).text(), f"check-sets-{width}.txt")


def test_plain_picture() -> None:
    assert_same(check_plain(facts()), "check-plain.txt")


def test_the_last_line_of_plain_is_the_summary() -> None:
    assert check_plain(facts()).splitlines()[-1] == "programs 1/3, steps 199/200"
    assert check_plain(facts(program("a"))).splitlines()[-1] == "programs 1/1, steps 100/100"


def test_junit_counts_failures_errors_and_skips() -> None:
    nothing = CheckOutcome("none", "conformance/linux-6.18/none.yaml", "program", {})
    root = ElementTree.fromstring(check_junit(facts(program("a"), program("b", 98), UNREADABLE, nothing)))
    assert root.attrib["tests"] == "4"
    assert (root.attrib["failures"], root.attrib["errors"]) == ("1", "1")
    suite = root[0]
    assert suite.attrib["name"] == "conformance/linux-6.18"
    assert suite.attrib["skipped"] == "1"
    failure = root.find(".//failure")
    assert failure is not None and failure.text is not None
    assert "conformance/linux-6.18/b.yaml:118" in failure.text
    assert "expected SIGSEGV/SEGV_MAPERR, 0 minor, simulated SIGSEGV/SEGV_ACCERR" in failure.text


def test_junit_stays_well_formed_with_hostile_names() -> None:
    bad = replace(program("x", 3), name='a<b>&"\x00\x1b', path='p/a<b>&".yaml')
    ElementTree.fromstring(check_junit(facts(bad)))


def test_github_annotations_name_file_and_line_and_escape() -> None:
    lines = check_github(facts(replace(program("a", 1), path="odd,name:1.yaml"))).splitlines()
    assert lines[0].startswith("::error file=conformance/linux-6.18/a.yaml,line=118::read 0x100000020000%0A")
    assert lines[-1] == "::notice::programs 0/1, steps 1/100"


def test_an_unreadable_scenario_is_an_error_annotation() -> None:
    assert (
        "::error file=conformance/linux-6.18/broken.yaml,line=7::RT102: unknown step 'mumap'\n"
        in check_github(facts(UNREADABLE))
    )


def test_json_has_every_outcome() -> None:
    data = json.loads(to_json(facts()))
    assert data["schema"] == "remaptrace/check/1"
    assert [o["agrees"] for o in data["outcomes"]] == [True, False, False]
    assert data["outcomes"][2]["error"]["code"] == "RT102"


def test_nothing_compared_is_not_agreement() -> None:
    nothing = CheckOutcome("none", "none.yaml", "program", {})
    assert not nothing.agrees
    assert "nothing to compare with" in check_sheet(facts(nothing), 80).text()
    assert check_plain(facts(nothing)).splitlines()[-1] == "programs 0/1, steps 0/0"
