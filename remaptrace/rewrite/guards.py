"""The passes `guards` and `rfp-guards`: PROT_NONE pages of private memory without VMAs of their own.

Where a program takes all access from a few pages, or leaves them without access when it opens the
rest of a reservation, the memory stays accessible as a whole and the pages get markers: guard
regions (Linux 6.13), or protections in PTEs (the per-PTE series; on private memory hypothetical).

A guard region forgets what the pages held. So `guards` leaves alone what a program closes and later
opens again without having thrown the contents away. Per-PTE protections keep the pages, but such an
area cannot be given to mprotect any more: `rfp-guards` takes memory with one protection only.

Both look at the whole trace first (`engine.whatif.regions`), then write the new one (`engine.whatif.guards`).
"""

from __future__ import annotations

from ..engine.whatif.words import C_LIFTED, C_SET
from .output import Rewritten, of_walk
from .rows import Rows


def _rewrite(rows: Rows, name: str) -> Rewritten:
    written = rows.walk.run(name)
    done = written.counts
    counts = {what: done[c] for what, c in (("guards set", C_SET), ("guards lifted", C_LIFTED)) if done[c]}
    notes = []
    if not done[C_SET]:
        notes.append("no private memory is closed in guard-sized pieces: nothing to rewrite")
    if name == "guards" and rows.walk.reopened:
        notes.append(
            f"{rows.walk.reopened} calls close pages whose contents are wanted again; they stay mprotect, "
            "because a guard region forgets them"
        )
    if name == "rfp-guards":
        notes.append(
            "per-PTE protections on private memory exist in no kernel: linux-2.6.21-rfp-private is hypothetical"
        )
    return of_walk(rows, written, name, counts, notes)


def rewrite_guards(rows: Rows) -> Rewritten:
    """The trace with guard regions; `rows` are its events with the results that hold."""
    return _rewrite(rows, "guards")


def rewrite_rfp_guards(rows: Rows) -> Rewritten:
    """The trace with guards as protections in PTEs."""
    return _rewrite(rows, "rfp-guards")
