"""Memory calls that only the strace text of a recorded set shows.

The tracepoints of system calls see neither 32-bit calls (int 0x80 and i386 programs) nor what a pointer leads
to (the ranges of process_madvise, the limits of setrlimit); strace sees both. Where both texts are of one
run, the calls of each thread are aligned and those that tracepoints missed are put into their gaps.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from ...abi import kinds as ev
from ...abi.calls import KIND_NAMES
from ...counting import counted, was
from ...lateclasses import dataclass
from ..events import Trace
from ..insertion import Insert, insert

_EVIDENCE = re.compile(
    rb"\bmmap2\(|runs in 32 bit mode|process_madvise\(|\bsetrlimit\(|prlimit64\([^,]*, \w+, \{", re.MULTILINE
)
_ANCHORS = frozenset((ev.K_EXEC, ev.K_EXIT, ev.K_FORK))
_MEMORY = frozenset(k for k in KIND_NAMES if 0 < k < ev.K_SHMGET) | {
    *(ev.K_SHMAT, ev.K_SHMDT, ev.K_SETRLIMIT, ev.K_PERSONALITY, ev.K_OLD_MMAP)
}
_PLACERS = frozenset((ev.K_MMAP, ev.K_OLD_MMAP, ev.K_MREMAP, ev.K_SHMAT))
_TOUCHES = frozenset((ev.K_FAULT, ev.K_SIGNAL))
_LONGEST = 4000
"""Calls of one thread beyond which the two texts are not aligned."""

Token = tuple[int, int]


@dataclass(frozen=True)
class _Side:
    """One thread in one text: its events, those that are aligned, and their tokens."""

    events: list[int]
    aligned: list[int]
    tokens: list[Token]


def has_more(strace: bytes) -> bool:
    """True if a strace text shows calls that tracepoints do not."""
    return _EVIDENCE.search(strace) is not None


def complement(trace: Trace, strace: Trace) -> None:
    """Put the calls that only `strace` shows into `trace`, in place."""
    ours, theirs = _sides(trace), _sides(strace)
    inserts: list[Insert] = []
    source = len(trace.sources)
    for tid, side in ours.items():
        other = theirs.get(tid)
        if other is None or max(len(side.tokens), len(other.tokens)) > _LONGEST:
            continue
        matcher = SequenceMatcher(None, side.tokens, other.tokens, autojunk=False)
        for tag, i1, _, j1, j2 in matcher.get_opcodes():
            if tag == "insert":
                missing = [e for e in other.aligned[j1:j2] if strace.columns["kind"][e] in _MEMORY]
                inserts += _placed(trace, side, i1, strace, missing, source)
    if not inserts:
        return
    trace.sources += strace.sources
    insert(trace, inserts)
    kinds = {i.kind for i in inserts}
    if ev.K_PROCESS_MADVISE in kinds and trace.unmodelled.pop("process_madvise", 0):
        trace.notes = [note for note in trace.notes if "process_madvise" not in note]
    trace.notes.append(
        f"{counted(len(inserts), 'call')} that tracepoints do not see {was(len(inserts))} taken from {strace.name}"
    )


def _sides(trace: Trace) -> dict[int, _Side]:
    kind = trace.columns["kind"].tolist()
    ret = trace.columns["ret"].tolist()
    tids = trace.tasks["tid"][trace.columns["task"]].tolist() if len(trace) else []
    sides: dict[int, _Side] = {}
    for event, tid in enumerate(tids):
        side = sides.setdefault(tid, _Side([], [], []))
        side.events.append(event)
        if kind[event] in _MEMORY:
            side.aligned.append(event)
            side.tokens.append((kind[event], ret[event]))
        elif kind[event] in _ANCHORS and ret[event] >= 0:
            side.aligned.append(event)
            side.tokens.append((kind[event], 0))
    return sides


def _placed(
    trace: Trace, side: _Side, at: int, strace: Trace, missing: list[int], source: int
) -> list[Insert]:
    """The missing calls in the gap before the aligned event number `at`.

    A call that maps memory goes before the first fault in that memory, other calls to the end of the gap.
    """
    first = side.aligned[at - 1] + 1 if at else 0
    last = side.aligned[at] if at < len(side.aligned) else side.events[-1] + 1
    kind, a0 = trace.columns["kind"], trace.columns["a0"]
    faults = [e for e in side.events if first <= e < last and kind[e] in _TOUCHES]
    task = int(trace.columns["task"][side.events[0]])
    if at:
        task = int(trace.columns["task"][side.aligned[at - 1]])
    out: list[Insert] = []
    waiting = list(missing)
    for fault in faults:
        needed = max((i for i, e in enumerate(waiting) if _maps(strace, e, int(a0[fault]))), default=-1)
        out += [_copy(strace, e, fault, task, source) for e in waiting[: needed + 1]]
        waiting = waiting[needed + 1 :]
    return out + [_copy(strace, e, last, task, source) for e in waiting]


def _maps(strace: Trace, event: int, address: int) -> bool:
    """True if this call placed memory at `address`."""
    if strace.columns["kind"][event] not in _PLACERS:
        return False
    start = int(strace.columns["ret"][event])
    length = strace.columns["a2" if strace.columns["kind"][event] == ev.K_MREMAP else "a1"][event]
    return start <= address < start + int(length)


def _copy(strace: Trace, event: int, before: int, task: int, source: int) -> Insert:
    args = tuple(int(strace.columns[f"a{i}"][event]) for i in range(6))
    return Insert(
        before,
        int(strace.columns["kind"][event]),
        task,
        args,
        int(strace.columns["ret"][event]),
        int(strace.columns["flags"][event]),
        line=int(strace.columns["line"][event]),
        source=source,
    )
