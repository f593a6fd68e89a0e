"""Logs of programs that use rings, huge pages, userfaultfd (recorded on Linux 6.18) and keys (made by the rules)."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.api import check, replay
from remaptrace.trace.detect import load

LOGS = Path(__file__).parents[1] / "data" / "logs"
NAMES = {
    "io-uring-20-rings": 63,
    "huge-pages-shared-and-forked": 25,
    "userfaultfd-of-another-process": 27,
    "protection-keys-of-a-jit": None,
}


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_agrees_and_nothing_is_left_out(name: str) -> None:
    trace = load([str(LOGS / f"{name}.strace")])[0]
    result = replay(trace)
    outcome = check(result)
    assert outcome.agrees, outcome.disagreements[0]
    assert not trace.unmodelled
    assert not (result.columns["flags"] & 4).any(), "not modelled"
    peak = NAMES[name]
    if peak is not None:
        assert int(result.columns["map_count"].max()) == peak


def test_a_key_stays_where_it_was_given(tmp_path: Path) -> None:
    """Keys part areas: the two first pieces join under one key, what has none stays apart."""
    text = (LOGS / "protection-keys-of-a-jit.strace").read_text().splitlines()
    log = tmp_path / "log.strace"
    log.write_text("\n".join(text[:6]) + "\n")
    areas = next(s for s in replay(load([str(log)])[0]).snapshots if s.event < 0).vmas
    shown = [
        (a.start & 0xFFFFFF, a.end & 0xFFFFFF, a.perms)
        for a in areas
        if a.start >> 36 == 0x7F1 and a.end < 0x7F1004000000
    ]
    assert shown == [(0, 0x20000, "rwxp"), (0x20000, 0x30000, "rwxp")]
