"""Small simulated machines for tests of engine rooms."""

from __future__ import annotations

from typing import Any

from remaptrace.engine.arena import new_arena
from remaptrace.machine.machine import Machine


def small_arena(arch: str = "x86_64", kernel: str = "linux-6.18", **overrides: Any) -> Any:
    """An interpreted arena of the smallest size with that machine's rules and words."""
    machine = Machine.load(arch, kernel, overrides)
    return new_arena(list(machine.rules), list(machine.archwords), compiled=False, small=True)
