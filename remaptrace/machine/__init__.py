"""What a trace is replayed on: architecture, kernel rules, resources; all of it data.

The names are imported when they are first asked for: numbers of rules and words alone do without presets.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from .machine import Arch, Kernel, Machine, arch_names, kernel_names

__all__ = ["Arch", "Kernel", "Machine", "arch_names", "kernel_names"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from . import machine

        return getattr(machine, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
