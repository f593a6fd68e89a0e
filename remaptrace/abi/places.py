"""Where what is told of a trace comes from. Only types are here: a run that shows text need not load it."""

from __future__ import annotations

from typing import TypedDict


class Place(TypedDict):
    """The way back from a number to its source."""

    event: int  # row of the trace; -1: the end
    pid: int
    tid: int
    file: str  # as it was named when opened
    line: int  # from 1; 0: none
