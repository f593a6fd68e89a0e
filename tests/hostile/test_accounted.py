"""Every line of a mutated log is an event, a named skip or known noise, in every reader of text."""

from __future__ import annotations

import pytest

from tools.accounted import FORMS, LEFT_OVER, counted


@pytest.mark.parametrize("form", FORMS)
def test_no_mutated_line_is_left_over(form: str) -> None:
    seen, wrong = counted(form, 1500, 20260)
    assert seen.total() >= 1500
    assert not wrong
    assert not seen[LEFT_OVER]
    assert len(seen) > 4
