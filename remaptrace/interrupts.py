"""Signals that a command answers itself: nobody ends the process in its place meanwhile (`cli.guard` would).

A recorder passes them to its program, a reader of a pipe ends the reading and reports.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

_LATE = 0.6
"""Seconds behind the end of an answer in which its signal may still be looked at: another thread looks."""

_left: list[float] = []
"""Of each answer that is open, how many more signals it is for."""
_closed = [-math.inf]
"""When the last one ended (time.monotonic)."""


@contextmanager
def answered(most: float = math.inf) -> Iterator[None]:
    """While this is open the next `most` signals are the command's own affair."""
    _left.append(most)
    try:
        yield
    finally:
        _left.pop()
        _closed[0] = time.monotonic()


def is_answered() -> bool:
    """True if a signal that was just seen is answered; it counts as one of them."""
    if not _left:
        return time.monotonic() - _closed[0] < _LATE
    _left[-1] -= 1
    return _left[-1] >= 0
