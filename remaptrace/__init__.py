"""remaptrace replays memory-management system calls on simulated Linux kernels.

`load`, `replay`, `compare` and `check` are where to begin; docs/python.md shows everything by examples. All is imported
when it is first asked for, so that ``import remaptrace`` costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it; `typing` takes longer to load than the shortest commands

if TYPE_CHECKING:
    from typing import Any

    from .advice.whole import Advice
    from .api import (
        Machine,
        advise,
        blame_difference,
        check,
        compare,
        convert,
        document,
        event_text,
        load,
        load_all,
        machine_of,
        replay,
        rewrite_trace,
    )
    from .blame import Reason
    from .errors import InputError, RemapTraceError, ReplayError, UsageError
    from .machine.machine import arch_names, kernel_names
    from .result.agreement import CheckOutcome
    from .result.diff import Diff
    from .result.result import Result, Snapshot, VmaRow
    from .rewrite.output import Rewritten
    from .trace.events import Trace
    from .trace.named import Event

__version__ = "0.1.0"

_HOMES = {
    **dict.fromkeys(("Machine", "arch_names", "kernel_names"), "machine.machine"),
    **dict.fromkeys(("RemapTraceError", "InputError", "UsageError", "ReplayError"), "errors"),
    **dict.fromkeys(("Result", "Snapshot", "VmaRow"), "result.result"),
    **dict.fromkeys(("advise", "blame_difference", "check", "compare", "convert"), "api"),
    **dict.fromkeys(("document", "event_text", "load", "load_all", "machine_of"), "api"),
    **dict.fromkeys(("replay", "rewrite_trace"), "api"),
    "Advice": "advice.whole",
    "CheckOutcome": "result.agreement",
    "Diff": "result.diff",
    "Event": "trace.named",
    "Reason": "blame",
    "Rewritten": "rewrite.output",
    "Trace": "trace.events",
}
"""Public names and the modules that define them."""

__all__ = [
    "Advice",
    "CheckOutcome",
    "Diff",
    "Event",
    "InputError",
    "Machine",
    "Reason",
    "RemapTraceError",
    "ReplayError",
    "Result",
    "Rewritten",
    "Snapshot",
    "Trace",
    "UsageError",
    "VmaRow",
    "__version__",
    "advise",
    "arch_names",
    "blame_difference",
    "check",
    "compare",
    "convert",
    "document",
    "event_text",
    "kernel_names",
    "load",
    "load_all",
    "machine_of",
    "replay",
    "rewrite_trace",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"remaptrace.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'remaptrace' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
