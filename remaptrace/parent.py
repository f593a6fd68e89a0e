"""A process that works for another one ends with it, also where that one was killed."""

from __future__ import annotations

import ctypes
import signal
from contextlib import suppress

_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h


def end_with_parent() -> None:
    """From now on the end of the thread that started this process ends it, too (PR_SET_PDEATHSIG)."""
    with suppress(OSError, AttributeError):  # prctl is Linux's
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
