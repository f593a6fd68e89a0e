"""The compiled readers of large logs: whether they are on disk, when one will be compiled, compiling them ahead."""

from __future__ import annotations

from collections.abc import Callable

from ..machinecode.folders import READERS, is_compiled

Progress = Callable[[str, int, int], None]
"""Called with a phase, how much is done and the whole."""

_KERNEL_TEXT = ("kernellines.kernel_lines", "scan.add_name")
_STRACE = ("stracelex.lex_lines", "stracefollow.follow", "stracefollow.add_path", "scan.add_name")
_FUNCTIONS = tuple(dict.fromkeys(_STRACE + _KERNEL_TEXT))
_MACHINES = {"strace": _STRACE, "ftrace": _KERNEL_TEXT, "perf": _KERNEL_TEXT}
"""For each recorder the compiled functions that its reader calls."""


def is_ready(recorder: str) -> bool:
    """True when the compiled reader of this recorder's text is on disk."""
    return all(is_compiled(READERS, name) for name in _MACHINES[recorder])


def will_compile(recorder: str, size: int) -> bool:
    """True when reading `size` bytes of this recorder's text begins with compiling its reader."""
    from . import kernelscan, strace

    least = strace.COMPILE_FOR if recorder == "strace" else kernelscan.COMPILE_FROM
    return size >= least and not is_ready(recorder)


def warm() -> None:
    """Compile the readers that are not on disk yet. Raises ReplayError RT605 if one cannot be made or kept."""
    from ..machinecode.build import keep_object

    for name in _FUNCTIONS:
        keep_object(READERS, name)
