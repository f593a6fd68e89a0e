"""A pass that is left out because it surely changes nothing would have changed nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.api import load, replay
from remaptrace.rewrite.passes import PASSES, may_change, rewrite
from remaptrace.rewrite.rows import rows_of

TRACES = Path(__file__).parent.parent.parent / "traces"


@pytest.mark.parametrize(
    "name", ["conformance/linux-6.18/merge-01.yaml", "conformance/linux-6.18/fault-03.yaml", "ls"]
)
def test_what_is_left_out_would_change_nothing(name: str) -> None:
    trace = load(str(TRACES / name))
    results = replay(trace, engine="interpreted").columns["ret"]
    rows = rows_of(trace, results)
    for each in PASSES:
        own = rewrite(trace, [each], results)
        assert own.counts == rewrite(trace, [each], results, rows).counts
        if not may_change(trace, each):
            assert not any(own.counts.values())
