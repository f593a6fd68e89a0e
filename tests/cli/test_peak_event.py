"""The event behind which the most areas are is looked for piece by piece."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remaptrace.abi.kinds import K_EXIT, K_MMAP
from remaptrace.cli import session


class _Trace(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.columns["kind"])


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_PIECE", 3)


@given(st.lists(st.tuples(st.integers(-1, 4), st.booleans()), max_size=20))
def test_it_is_the_last_with_the_most_that_ends_no_process(events: list[tuple[int, bool]]) -> None:
    kinds = np.array([K_EXIT if ends else K_MMAP for _, ends in events], dtype=np.int8)
    counts = np.array([count for count, _ in events], dtype=np.int32)
    result: Any = SimpleNamespace(columns={"map_count": counts}, trace=_Trace(columns={"kind": kinds}))
    alive = [(count, event) for event, (count, ends) in enumerate(events) if not ends and count >= 0]
    assert session.peak_event(result) == (max(alive)[1] if alive else None)
