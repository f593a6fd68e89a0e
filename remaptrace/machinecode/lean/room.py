"""How a process is set up in which numba compiles: what Python itself does there that is of no use."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

_SLOTS = (1 << 19) + 1
"""Words of a frame that make Python take a piece of 8 MiB for frames, half of which is left for others."""


def with_room(function: Callable[[], Any]) -> Any:
    """Call `function` where frames have room, and without the collector of cycles.

    Python keeps frames in pieces of 16 KiB, each mapped when the first frame of it comes and unmapped when that goes:
    a loop of calls at the end of a piece maps and unmaps at every call. numba recurses through all depths, so that it
    was doing so 370,000 times, a quarter of all time. Of what numba makes nothing becomes free before the end, so that
    looking for cycles finds nothing.
    """

    def call() -> Any:
        return function()

    call.__code__ = call.__code__.replace(co_stacksize=_SLOTS)
    collecting = gc.isenabled()
    gc.disable()
    try:
        return call()
    finally:
        if collecting:
            gc.enable()
