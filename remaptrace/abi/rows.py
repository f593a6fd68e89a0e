"""Rows that Python and the engine exchange: one of events going in, one of results coming back. All int64."""

from __future__ import annotations

E_KIND, E_TASK, E_ARGS, E_RET, E_FLAGS = 0, 1, 2, 8, 9
"""Words of an event's row, in the order of trace.events.COLUMNS; six arguments from E_ARGS on."""
EV_WORDS = 10

B_KIND, B_TASK, B_A0, B_RET, B_FLAGS, B_LINE, B_TIME, B_SOURCE, B_OTHER_END = 0, 1, 2, 8, 9, 10, 11, 12, 13
"""Rows of a block of events that a reader of large logs fills; a column an event."""

T_NONE, T_ABSOLUTE, T_OF_DAY, T_RELATIVE = 0, 1, 2, 3
"""What the time stamp of a line of strace is: none, since the epoch, of the day, since the line before."""

# Words of the engine's result rows, one row an event; the lowest bits first. Counts of faults end at MOST_FAULTS.
RS_RET = 0  # value, or -errno; for accesses 0
RS_FAULTS = 1  # faults of this event: minor (32 bits), major (32)
RS_STATE = (
    2  # map_count of the task's mm after it, -1: no mm (32); byte read, -1: none (16); RSF_* (8); OUT_* (8)
)
RS_REST = 3  # WHY_* of the refusal, 0: none (8); present pages, without those of hugetlbfs (VmRSS, 56)
RS_WORDS = 4
MOST_FAULTS = 0x7FFF_FFFF

RC_TOTAL, RC_DATA, RC_STACK, RC_LOCKED, RC_WORDS = 0, 1, 2, 3, 4
"""Words of a row of counters, pages of the task's mm after the event: written beside a result where they are wanted."""

RSF_ASSUMED = 1  # an area was assumed to exist for this event
RSF_DIVERGED = 2  # result differs from the recorded one
RSF_UNMODELLED = 4  # not modelled; no effect was applied
RSF_DEAD = 8  # the task had ended
RSF_KIND = (
    32  # of a fault: the recording does not tell the kind of access, so that one was taken which faults
)
RSF_GUESSED = 16  # the answer agrees only because nothing is known of the memory that it is about
