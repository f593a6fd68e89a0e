"""A process that works for another one ends with it, also where that one was killed."""

from __future__ import annotations

import _ctypes  # `ctypes` takes longer to load than the first of many small traces to replay
import _signal  # type: ignore[import-not-found]  # without its enums
from contextlib import suppress

_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h


class _Call(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL


def end_with_parent() -> None:
    """From now on the end of the thread that started this process ends it, too (PR_SET_PDEATHSIG)."""
    with suppress(OSError):  # prctl is Linux's
        prctl = _Call(_ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl"))  # type: ignore[arg-type]
        prctl(_PR_SET_PDEATHSIG, int(_signal.SIGKILL), 0, 0, 0)
