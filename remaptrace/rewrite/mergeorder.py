"""The pass `merge-order`: protection changes of neighbours, spread over many calls, made in one call.

A program that opens or closes a range page by page, in whatever order, splits and joins areas at
every step, and memory touched in between gets an anon_vma of its own that may keep it apart for ever.
Changes to one protection in one process are held back and joined, until something could see the
difference: an access to a held page, any other memory call of the process, a fork, its end (`engine.whatif.order`).
"""

from __future__ import annotations

from ..engine.whatif.words import C_SAVED
from .output import Rewritten, of_walk
from .rows import Rows


def rewrite_merge_order(rows: Rows) -> Rewritten:
    """The trace with joined changes of protection; `rows` are its events with the results that hold."""
    written = rows.walk.run("merge-order")
    done = written.counts
    saved = done[C_SAVED]
    notes = [] if saved else ["no neighbouring changes of protection follow each other: nothing to rewrite"]
    return of_walk(rows, written, "merge-order", {"calls saved": saved} if saved else {}, notes)
