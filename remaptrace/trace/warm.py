"""The compiled readers of large logs: whether they are on disk, when one will be compiled, compiling them ahead."""

from __future__ import annotations

from collections.abc import Callable

from ..engine.cachedir import is_compiled

Progress = Callable[[str, int, int], None]
"""Called with a phase, how much is done and the whole."""

_MACHINES = {"strace": "stracefollow.follow", "ftrace": "kernellines.", "perf": "kernellines."}
"""For each recorder the compiled function that is finished last."""


def is_ready(recorder: str) -> bool:
    """True when the compiled reader of this recorder's text is on disk."""
    return is_compiled("trace", _MACHINES[recorder])


def will_compile(recorder: str, size: int) -> bool:
    """True when reading `size` bytes of this recorder's text begins with compiling its reader."""
    from . import kernelscan, strace

    least = strace.COMPILE_FOR if recorder == "strace" else kernelscan.COMPILE_FROM
    return size >= least and not is_ready(recorder)


def warm() -> None:
    """Compile the readers that are not on disk yet."""
    from .ftrace import ftrace_records
    from .strace_fast import FastStraceReader

    FastStraceReader(b"1 brk(NULL) = 0x1000\n", "").read_all()
    ftrace_records(b"sh-1 [000] 1.000000: sys_brk(brk: 0)\n", compiled=True)
