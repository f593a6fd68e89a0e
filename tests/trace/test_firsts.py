"""Where each value stands first, found piece by piece."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remaptrace.trace import events
from remaptrace.trace.events import firsts


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_MANY", 3)


@given(st.lists(st.integers(0, 5), max_size=30), st.sampled_from([np.int8, np.uint16, np.int64]))
def test_the_first_of_each_value_is_found(values: list[int], kind: type[np.integer]) -> None:
    found = firsts(np.array(values, dtype=kind), 6)
    assert found.tolist() == [values.index(number) if number in values else -1 for number in range(6)]
