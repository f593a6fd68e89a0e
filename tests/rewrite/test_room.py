"""Passes of a rewriting give back what they wrote in pieces, of which there are few."""

from __future__ import annotations

from typing import Any

import numpy as np

from remaptrace.abi import kinds as ev
from remaptrace.rewrite.walk import Walk
from remaptrace.trace.strace.door import read_strace


def test_very_many_areas_do_not_end_a_pass_at_every_event() -> None:
    """What one event may take grows with the areas: beyond the room at first from 1,350 of them on."""
    text = "".join(
        f"7 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {place:#x}\n"
        f"7 mprotect({place:#x}, 4096, PROT_NONE) = 0\n"
        for place in range(0x7F0000000000, 0x7F0000000000 - 900 * 0x3000, -0x3000)
    )
    trace = read_strace(text.encode(), name="log")
    walk = Walk(trace, "interpreted")
    calls, loop = 0, walk._loop

    def counted(*arguments: Any) -> int:
        nonlocal calls
        calls += 1
        return int(loop(*arguments))

    walk._loop = counted
    origin = walk.run("merge-order").origin
    assert len(np.unique(origin)) == len(trace) and ev.K_MMAP in trace.columns["kind"]
    assert calls < 20
