"""The two engines, plain Python and machine code: which of them a trace takes, and how each is had."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ... import errorcodes as ec
from ...abi.kinds import K_EXECUTE, K_MLOCK, K_MLOCK2, K_READ, K_WRITE
from ...errors import UsageError
from ...trace.events import Trace, one_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...machinecode.load import Function


INTERPRETED_BELOW = 4_000
"""Events from which it pays to find out whether a compiled engine is on disk: some 0.1 s, once for these sources, at
some 30 us for a mixed event in plain Python."""

COMPILE_FROM = 400_000
"""Events from which the engine is compiled when no compiled one is on disk yet: that takes a minute or two, but only
once. Shorter traces are replayed interpreted until `remaptrace warm` or a long trace has compiled it."""

_LOOP = ("engine", "run.loop.replay")  # the compiled function, see machinecode.load


def choose_engine(trace: Trace, engine: str = "auto") -> str:
    """``interpreted`` or ``compiled`` for this trace; UsageError RT602 for an unknown word.

    ``auto`` takes the faster of the two. A compiled engine that is at hand is loaded in less time than the modules of
    the interpreted one; else it must be looked for, or even made first. Where numba is not installed and no machine
    code fits, the interpreted one it is.
    """
    if engine not in ("auto", "interpreted", "compiled"):
        raise UsageError(ec.RT_ENGINE, f"unknown engine '{engine}'", expected="auto, interpreted, compiled")
    if engine != "auto":
        return engine
    if _is_linked() or _is_at_hand():
        return "compiled"
    weight = len(trace)
    kinds = trace.columns["kind"]
    touched = trace.columns["a2"][one_of(kinds, (K_READ, K_WRITE, K_EXECUTE))]
    if len(touched):
        weight += int(np.clip(touched.astype(np.int64), 0, COMPILE_FROM).sum())
    locked = trace.columns["a1"][one_of(kinds, (K_MLOCK, K_MLOCK2))]
    if len(locked):  # each page is made present
        weight += int(np.clip(locked.astype(np.int64) >> 12, 0, COMPILE_FROM).sum())
    if weight < INTERPRETED_BELOW:
        return "interpreted"
    if weight < COMPILE_FROM:
        return "compiled" if is_compiled() else "interpreted"
    from ...machinecode.folders import can_compile

    return "compiled" if can_compile() else "interpreted"


def _is_at_hand() -> bool:
    """True when machine code came with the package or is on disk, as is known without looking at every source."""
    from ...machinecode.ready import is_at_hand

    return is_at_hand(*_LOOP)


def is_compiled() -> bool:
    """True when the machine code of the engine, made from these sources, is on disk."""
    if _is_linked():
        return True
    from ...machinecode.ready import is_compiled as at_hand

    return at_hand(*_LOOP)


def _is_linked() -> bool:
    """True when the compiled engine is in this process; what serves to load it is not loaded to find that out."""
    return _machine_code.cache_info().currsize > 0 and _machine_code().linked


@lru_cache(maxsize=1)
def _machine_code() -> Function:
    from ...machinecode.load import Function

    return Function(*_LOOP)


def load_engine(compiled: bool) -> Callable[..., int]:
    """The replay function: plain Python, or machine code (made at its first call unless it is on disk)."""
    if compiled:
        return _machine_code()
    from .loop import replay as plain

    return plain


def link_engine() -> None:
    """Load the compiled engine into this process, made if it must be."""
    _machine_code().link()


def warm() -> None:
    """Compile the engine now if its machine code is not on disk. ReplayError RT605 if it cannot be made or kept."""
    from ...machinecode.build import keep_object

    keep_object(*_LOOP)
