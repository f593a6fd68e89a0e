"""The names of JSON Lines: fields of the header, of events, of their marks, as docs/jsonl-format.md has them."""

from __future__ import annotations

from ...abi import kinds as ev
from .columnfile import PLAIN_FIELDS

VERSION = 1
HEADER = "trace"

PLACES = ("line", "time", "other_end", "source", "origin", "stack")
COUNTERS = ("map_count", "total_vm", "data_vm", "stack_vm", "locked_vm")
MARKS = {
    ev.EVF_OBSERVE: "observe",
    ev.EVF_MADE: "made",
    ev.EVF_INJECTED: "injected",
    ev.EVF_EXPECT_TRUTH: "truth",
    ev.EVF_UNFINISHED: "unfinished",
    ev.EVF_IN_KERNEL: "in_kernel",
    ev.EVF_TAKEN: "taken",
}
ARGS = ("a0", "a1", "a2", "a3", "a4", "a5")
PLAIN = (*(name for name in PLAIN_FIELDS if name != "strings"), "initial")
