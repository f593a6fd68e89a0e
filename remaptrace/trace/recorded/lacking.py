"""What a log cannot show, said in notes: lines that its text says were left out, processes that began before it."""

from __future__ import annotations

import re

import numpy as np

from ...abi import kinds as ev
from ...patterns import pattern
from ..events import Trace, are_memory_calls, firsts, has_accesses, one_of, rows_where
from ..wording import BEGAN_BEFORE, NOT_COUNTED
from .loader import displaced_parts

_FIRST = 3
"""Places or processes that a note names."""

_DOTS = r"(?:(?:\.\s?){2,}|…|⋮|[\[(<{]\s*(?:\.\s?){2,}[\])>}])"
_LEFT_OUT = (
    r"(?:sni+p(?:ped)?|cut|trimmed|truncated|omitted|skipped|elided|left out|removed|deleted|repeated|more|etc|repeats?"
    r"|similar|same|lines?|times?|calls?|many|lots|of|and|so|on|here|output|log|for|brevity|the|other|hundred|thousand|s)"
)
_ELISION = pattern(
    rf"[\s>|+#*-]*(?:\d+[:\t ]*)?(?:{_DOTS}|-*\s*8<\s*-*|[\[(<{{]\s*(?:{_DOTS}\s*)?(?:[\d,.~]+\s+)?{_LEFT_OUT}"
    rf"(?:[\s,.]+(?:[\d,~]+|{_LEFT_OUT}))*\s*(?:{_DOTS})?\s*[\])>}}]"
    rf"|{_DOTS}\s*[\[(<]?\s*(?:[\d,~]+\s+)?{_LEFT_OUT}(?:[\s,.]+(?:[\d,~]+|{_LEFT_OUT}))*\s*[\])>]?\s*(?:{_DOTS})?"
    rf"|-+\s*{_LEFT_OUT}\s*-+)[\s.*>-]*",
    re.IGNORECASE,
)
"""A line that stands for others: ``[...]``, ``... 3000 more lines ...``, ``<snip>``, ``(many more of the same)``."""

_OWN_AREAS = (ev.K_INIT_MM, ev.K_INIT_VMA, ev.K_EXEC)
_TELLS = are_memory_calls(np.arange(256)) | one_of(np.arange(256), _OWN_AREAS)
"""Of each kind of event whether it tells where the areas of a process come from."""
_PIECE = 1 << 17
"""Events that are looked at together."""


def say_what_is_missing(trace: Trace) -> None:
    """Notes on gaps and late beginnings of a log that was read by itself; lines that tell of a gap are no bad lines."""
    _gaps(trace)
    _late(trace)
    _faults_alone(trace)
    _displaced(trace)


def _displaced(trace: Trace) -> None:
    """Libraries whose parts do not lie together: an answer is wrong, or a mapping is not in the log."""
    found = displaced_parts(trace)
    if not found:
        return
    part, first = (int(trace.columns["line"][event]) for event in found[0])
    firsts = len({event for _, event in found})
    more = f" ({firsts - 1} more so)" if firsts > 1 else ""
    trace.notes.append(
        f"line {part} maps a part of a library outside of where line {first} mapped that file, as no loader does{more}:"
        " an answer there is not the kernel's, or lines are missing; places are taken as written"
    )


def _gaps(trace: Trace) -> None:
    gaps = [skip for skip in trace.skipped if _ELISION.fullmatch(skip.found)]
    if not gaps:
        return
    trace.skipped = [skip for skip in trace.skipped if skip not in gaps]
    where = ", ".join(str(skip.line) for skip in gaps[:_FIRST]) + (", ..." if len(gaps) > _FIRST else "")
    places = f"{len(gaps)} place{'s' * (len(gaps) != 1)}"
    trace.notes.append(
        f"the log has gaps: at {places} (line {where}) it says that lines were left out;"
        " what happened there is unknown, and counts behind it are what the rest shows"
    )


def _late(trace: Trace) -> None:
    """Processes whose first memory call stands behind no exec, no birth and no map."""
    roots = {int(trace.tasks["pid"][row]) for row in np.flatnonzero(trace.tasks["parent"] < 0).tolist()}
    if not len(trace) or not roots:
        return
    late = sorted(_begins_with_calls(trace, roots))
    if not late:
        return
    if late == [0]:
        who = "the process"
    elif len(late) == 1:
        who = f"process {late[0]}"
    else:
        named = ", ".join(map(str, late[:_FIRST])) + (", ..." if len(late) > _FIRST else "")
        who = f"{len(late)} processes ({named})"
    trace.notes.append(
        f"{BEGAN_BEFORE} {who}: of what was mapped before, only what calls prove is in the counts"
        " (--maps brings it)"
    )


def _faults_alone(trace: Trace) -> None:
    """A log of page faults without a call, as of ``perf trace -F all --no-syscalls``."""
    if has_accesses(trace) and not len(rows_where(lambda kind: _TELLS[kind], trace.columns["kind"])):
        trace.notes.append(
            "the log has page faults and no memory call: of what was mapped only touched pages are known; where there"
            f" was more, {NOT_COUNTED}"
        )


def _begins_with_calls(trace: Trace, roots: set[int]) -> set[int]:
    """Which of the processes `roots` call for memory before anything gives them areas."""
    pids, numbers, _ = np.unique(trace.tasks["pid"], return_inverse=True, return_counts=True)
    open_ = np.array([pid in roots for pid in pids.tolist()], dtype=np.bool_)
    late: set[int] = set()
    for first in range(0, len(trace), _PIECE):
        kind, task = (trace.columns[name][first : first + _PIECE] for name in ("kind", "task"))
        rows = np.flatnonzero(_TELLS[kind] & open_[numbers][task])
        process = numbers[task[rows]]
        at = firsts(process, len(pids))
        told = np.flatnonzero(at >= 0)
        late.update(pids[told[are_memory_calls(kind[rows[at[told]]])]].tolist())
        open_[told] = False
        if not open_.any():
            break
    return late
