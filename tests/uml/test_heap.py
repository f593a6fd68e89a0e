"""The heap of a guest may be executed: User-mode Linux has no VM_DATA_DEFAULT_FLAGS of its own."""

from __future__ import annotations

import pytest

from remaptrace.engine.run.driver import replay
from remaptrace.machine.machine import Machine
from remaptrace.trace.scenario.read import read_scenario


@pytest.mark.parametrize(("arch", "perms"), [("um-x86_64", "rwxp"), ("x86_64", "rw-p")])
def test_the_heap_of_a_guest_may_be_executed(arch: str, perms: str) -> None:
    text = f"name: heap\narch: {arch}\nbrk_start: 0x42b000\nsteps:\n- brk: {{offset: 0x2000}}\n- dump: {{}}\n"
    result = replay(read_scenario(text), Machine.load(arch, "linux-6.1"))
    (heap,) = [v for v in result.snapshots[-1].vmas if v.start == 0x42B000]
    assert heap.perms == perms
