"""remaptrace replays memory-management system calls on simulated Linux kernels.

`load`, `load_all`, `replay`, `compare`, `check` and `Machine` are the public interface, see `remaptrace.api`.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_PUBLIC = ("Machine", "check", "compare", "load", "load_all", "replay")

__all__ = ["Machine", "__version__", "check", "compare", "load", "load_all", "replay"]


def __getattr__(name: str) -> Any:
    """Import the public interface when it is first asked for."""
    if name in _PUBLIC:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module 'remaptrace' has no attribute {name!r}")
