"""What a replay says beside its columns: notes on what was assumed, and the error that ends it."""

from __future__ import annotations

from ... import errorcodes as ec
from ...errors import ReplayError
from ...machine.archwords import A_HUGE_SHIFT
from ...trace.events import Trace
from ...trace.opening import last_name
from ...trace.wording import BEGAN_BEFORE, LACKS_CALLS, event_text, place
from .. import arena
from ..state import (
    ERR_ARENA,
    ERR_FRAMES,
    G_ASSUMED,
    G_CLEARED,
    G_CLEARED_AT,
    G_LEARNT,
    G_NO_FORKS,
    G_NOTASK,
    G_SMALLER_AT,
    G_UNPLACED,
    H_ARCH,
)
from .refusals import proofs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def broken(trace: Trace, error: int, event: int) -> ReplayError:
    """The ReplayError for an ERR_* of the arena behind `event`: RT600 out of memory, RT601 impossible state."""
    where = place(trace, event)
    code = ec.RT_ARENA_FULL if error in (ERR_ARENA, ERR_FRAMES) else ec.RT_BROKEN_STATE
    return ReplayError(
        code,
        arena.ERROR_WORDS.get(error, f"the simulated kernel met impossible state ({error})"),
        path=where["file"],
        line=where["line"],
        text=event_text(trace, event),
    )


def _where(trace: Trace, event: int) -> str:
    """The line of an event, or its number where the trace has none."""
    at = place(trace, event)
    if not at["line"]:
        return f"event {event}"
    return f"line {at['line']}" if len(trace.sources) < 2 else f"{last_name(at['file'])}:{at['line']}"


def notes_of(m: Any, trace: Trace, page_size: int) -> list[str]:
    """What the machine `m` assumed and learnt on its way through `trace`, in sentences."""
    notes: list[str] = []
    assumed, unseen = m[G_ASSUMED], m[G_NOTASK]
    if assumed:
        what = "1 area or file" if assumed == 1 else f"{assumed:,} areas or files"
        proved = "it" if assumed == 1 else "they"
        notes.append(f"{what} assumed, because recorded calls prove that {proved} existed")
    notes += proofs(m)
    if m[G_CLEARED]:
        more = f", and {m[G_CLEARED] - 1:,} more" if m[G_CLEARED] > 1 else ""
        notes.append(
            f"a mapping was placed where the log still has one ({_where(trace, m[G_CLEARED_AT])}{more}):"
            f" {LACKS_CALLS}, or mixes processes; what stood there is taken for unmapped"
        )
    if m[G_SMALLER_AT]:
        size = 1 << m[H_ARCH + A_HUGE_SHIFT] >> 10
        notes.append(
            f"munmap ended inside of a huge page of {size:,} KiB and succeeded ({_where(trace, m[G_SMALLER_AT] - 1)}):"
            " that machine's huge pages were smaller, or the answer is not a kernel's; the area is taken for unmapped"
        )
    if m[G_UNPLACED]:
        unplaced = "1 recorded place" if m[G_UNPLACED] == 1 else f"{m[G_UNPLACED]:,} recorded places"
        notes.append(
            f"{unplaced} could not be taken (no whole pages of {page_size} bytes, beyond"
            " this machine's user space, or not free): the machine chose, or left the area out"
        )
    learnt = m[G_LEARNT]
    if learnt:
        forks = ", forks: it shows no births" if m[G_NO_FORKS] else ""
        notes.append(
            f"{learnt:,} recorded {'fault' if learnt == 1 else 'faults'} told the state of a page that no recorder"
            f" shows (page cache before the log, faults inside system calls, writeback{forks})"
        )
    if unseen > 1 and trace.recorded and not any(BEGAN_BEFORE in note for note in trace.notes):
        notes.append(f"the log does not show how {unseen} processes came to be")
    return notes
