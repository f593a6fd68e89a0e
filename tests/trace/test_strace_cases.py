"""Every syntactic form of strace output is read to the right fields."""

import pytest

from .strace_case_file import Case, describe, read_cases

CASES = read_cases()


def test_the_file_of_forms_has_all_116() -> None:
    assert len(CASES) == 116


@pytest.mark.parametrize("case", CASES, ids=[case.title for case in CASES])
def test_a_form_is_read_to_its_fields(case: Case) -> None:
    assert describe(case.before, case.line) == case.expected


@pytest.mark.parametrize("case", CASES, ids=[case.title for case in CASES])
def test_a_carriage_return_at_the_end_changes_nothing(case: Case) -> None:
    assert describe([text + "\r" for text in case.before], case.line + "\r") == case.expected
