"""The pass `dontneed`: what would cut a hole into private memory is emptied instead, and stays mapped.

munmap in the middle of memory makes one area two. MADV_DONTNEED gives the same pages back and leaves the area
whole; its addresses stay taken until the memory on one side of them is unmapped too, then they go with it. An access
to emptied memory finds zeros where it was refused: the check of accesses tells whether the program makes one.
"""

from __future__ import annotations

from ..engine.whatif.words import C_EMPTIED
from .output import Rewritten, of_walk
from .rows import Rows


def rewrite_dontneed(rows: Rows) -> Rewritten:
    """The trace without holes in private memory; `rows` are its events with the results that hold."""
    written = rows.walk.run("dontneed")
    done = written.counts
    emptied = done[C_EMPTIED]
    counts = {"unmappings that became MADV_DONTNEED": emptied} if emptied else {}
    notes = [] if emptied else ["no call unmaps the middle of private memory: nothing to rewrite"]
    return of_walk(rows, written, "dontneed", counts, notes)
