"""Columns that grow where they lie hold what was added, as narrow as all of it allows."""

from __future__ import annotations

import numpy as np
import pytest

from remaptrace.trace import eventblocks
from remaptrace.trace.eventblocks import BLOCK, EventBlocks


@pytest.mark.parametrize("events", [0, 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
def test_what_is_added_stands_in_the_columns(events: int) -> None:
    blocks = EventBlocks()
    for i in range(events):
        blocks.add(1, i % 5, (i << 20, -i), ret=i, line=i, time=i + 1)
    assert len(blocks) == events
    columns = blocks.finish()
    assert columns["kind"].tolist() == [1] * events
    assert columns["a0"].tolist() == [i << 20 for i in range(events)]
    assert columns["a1"].tolist() == [-i for i in range(events)]
    if events:
        assert columns["time"].tolist() == list(range(1, events + 1))
        assert columns["kind"].dtype == np.int8
        assert columns["line"].dtype == (
            np.int8 if events <= 128 else np.int16 if events <= 1 << 15 else np.int32
        )
    assert all(column.flags.writeable for column in columns.values())


def test_a_wide_value_late_widens_what_stands_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventblocks, "_FIRST_ROOM", 4096)
    blocks = EventBlocks()
    for i in range(2 * BLOCK):
        blocks.add(1, 0, (1 if i < 2 * BLOCK - 1 else -(1 << 62),))
    columns = blocks.finish()
    assert columns["a0"].dtype == np.int64
    assert columns["a0"].tolist() == [1] * (2 * BLOCK - 1) + [-(1 << 62)]
    assert "time" not in columns
