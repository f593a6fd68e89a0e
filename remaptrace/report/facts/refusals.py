"""Why calls were refused, in sentences: the causes of `advise.causes` with the place of the first such call."""

from __future__ import annotations

import numpy as np

from ...abi.calls import KIND_NAMES
from ...abi.errnos import ENOMEM, errno_name
from ...abi.kinds import EVF_HAS_RET, K_BRK, K_MADVISE, K_MMAP, K_MPROTECT, K_MREMAP, K_OLD_MMAP, K_READ
from ...counting import number
from ...engine.why import (
    TAKEN,
    WHY_HUGE_POOL,
    WHY_LOW_ADDRESS,
    WHY_MAP_COUNT,
    WHY_NONE,
    WHY_OVERCOMMIT,
    WHY_RLIMIT_AS,
    WHY_RLIMIT_DATA,
    WHY_RLIMIT_MEMLOCK,
    WHY_TEXT,
)
from ...patterns import pattern
from ...result.result import Result
from ...trace.events import one_of, rows_where
from ...trace.wording import place, result_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ...abi.places import Place
    from ...advice.causes import Refusal
    from ..documents.run import RefusalReason

_WITH_NUMBERS = (
    WHY_MAP_COUNT,
    WHY_RLIMIT_AS,
    WHY_RLIMIT_DATA,
    WHY_RLIMIT_MEMLOCK,
    WHY_OVERCOMMIT,
    WHY_HUGE_POOL,
)
"""Facts whose numbers a reader wants, beside the reasons that only the recording shows."""

_BELIEVED = (WHY_LOW_ADDRESS, WHY_HUGE_POOL)
"""Reasons that may be in the state only because the refusal was recorded (`advice.callreasons.BELIEVED`)."""

_NUMBERS = pattern(r"[0-9][0-9,]*")


def refusal_notes(result: Result) -> list[str]:
    """One sentence for each kind of refusal of a recording whose reason has numbers, or is not shown by it."""
    why = result.columns["why"]
    events = rows_where(lambda part: one_of(part, (*TAKEN, *_WITH_NUMBERS, *_BELIEVED)), why)
    groups: dict[tuple[int, ...], list[int]] = {}
    believed = _first_believed(result, why[events])
    for event in events.tolist():
        shown = event in result.at_refusals or int(why[event]) in TAKEN
        if shown or event >= believed.get(int(why[event]), len(why)):
            kind = int(result.trace.columns["kind"][event])
            key = int(why[event]), kind, _errno_of(result, event), *_sort(result, event, kind)
            groups.setdefault(key, []).append(event)
    notes: list[str] = []
    said: dict[frozenset[str], int] = {}
    for found in groups.values():
        refusal = _refusal(result, found[0])
        heads = frozenset(_NUMBERS.sub("", cause.split(":", 1)[0]) for cause in refusal.causes)
        before = said.get(heads) if not refusal.sure else None
        if before is None:
            notes.append(_note(result, found[0], len(found) - 1))
            said[heads] = found[0]
        else:
            notes.append(_as_before(result, refusal, before, len(found) - 1))
    return notes


def refused_with(result: Result, errno: int) -> list[str]:
    """A sentence for each kind of call and reason that ended with `errno`, the most frequent first.

    A heap that did not grow counts as ENOMEM. What the recording shows refused and the replay granted is there too.
    """
    kinds, told = result.trace.columns["kind"], result.trace.columns["flags"] & EVF_HAS_RET != 0
    why = result.columns["why"]
    wanted = (result.columns["ret"] == -errno) | (told & (result.trace.columns["ret"] == -errno))
    if errno == ENOMEM:
        wanted |= (kinds == K_BRK) & (why != WHY_NONE)
    groups: dict[tuple[int, ...], list[int]] = {}
    for event in np.flatnonzero(wanted & (kinds < K_READ)).tolist():
        granted = int(result.columns["ret"][event]) != -errno and int(kinds[event]) != K_BRK
        sort = _sort(result, event, int(kinds[event])) if why[event] in TAKEN else ()
        groups.setdefault((int(why[event]), int(granted), int(kinds[event]), *sort), []).append(event)
    out = []
    for (reason, only, *_), events in sorted(groups.items(), key=lambda item: -len(item[1])):
        if only or reason == WHY_NONE:
            out.append(_without_reason(result, events, errno, bool(only)))
        else:
            out.append(_note(result, events[0], len(events) - 1))
    return out


def _without_reason(result: Result, events: list[int], errno: int, granted: bool) -> str:
    more = f", and {number(len(events) - 1)} more" if len(events) > 1 else ""
    name = KIND_NAMES[int(result.trace.columns["kind"][events[0]])]
    text = f"{name} refused with {errno_name(errno)} at {_spot(place(result.trace, events[0]))}{more}: "
    if granted:
        return (
            text
            + "in the recording only; the replay answers "
            + result_text(int(result.columns["ret"][events[0]]))
        )
    return text + "an argument that the call does not take, or a descriptor or object that does not allow it"


def refusal_facts(result: Result, event: int) -> RefusalReason:
    """The reason of a refused call as data: in words, and the causes with what would decide between them."""
    why = int(result.columns["why"][event])
    if why == WHY_NONE:
        return {"why": "", "sure": False, "causes": [], "decides": None}
    found = _refusal(result, event)
    believed = _first_believed(result, result.columns["why"][event : event + 1])
    likeliest = event >= believed.get(why, event + 1) and not found.sure
    return {
        "why": f"likeliest: {WHY_TEXT[why]}" if likeliest else WHY_TEXT[why],
        "sure": found.sure,
        "causes": list(found.causes),
        "decides": found.decides or None,
    }


_DECIDE = {
    K_MADVISE: ("a2",),
    K_MPROTECT: ("a2",),
    K_MREMAP: ("a3",),
    K_MMAP: ("a2", "a3"),
    K_OLD_MMAP: ("a2", "a3"),
}
"""Arguments on which it depends what a refusal of the call can come from."""
_LARGE = 1 << 30


def _sort(result: Result, event: int, kind: int) -> tuple[int, ...]:
    """What tells refusals apart that have one call and errno, and other causes."""
    columns = result.trace.columns
    named = tuple(int(columns[name][event]) for name in _DECIDE.get(kind, ()))
    return (*named, int(kind in (K_MMAP, K_OLD_MMAP) and int(columns["a1"][event]) >= _LARGE))


def _errno_of(result: Result, event: int) -> int:
    return 0 if int(result.trace.columns["kind"][event]) == K_BRK else int(result.columns["ret"][event])


def _refusal(result: Result, event: int) -> Refusal:
    """What `advice.causes` says of it, which runs without a refusal do not load."""
    from ...advice.causes import refusal_of

    return refusal_of(result, event)


def _first_believed(result: Result, reasons: npt.NDArray[np.integer[Any]]) -> dict[int, int]:
    """For those of `reasons` that a replay may only have from the recording the first event at which it has."""
    found = [why for why in _BELIEVED if (reasons == why).any()]
    if not found:
        return {}
    from ...advice.callreasons import first_believed

    return {why: first_believed(result, why) for why in found}


def _as_before(result: Result, found: Refusal, before: int, others: int) -> str:
    """The note on a refusal whose causes are those of another, with its own numbers."""
    from ...advice.refusedcall import sizes_then

    spot = _spot(place(result.trace, before))
    return f"{_head(result, found, found.event, others)}as at {spot}{sizes_then(result, found.event)}"


def _note(result: Result, event: int, others: int) -> str:
    found = _refusal(result, event)
    return f"{_head(result, found, event, others)}{_reasons(found)}"


def _head(result: Result, found: Refusal, event: int, others: int) -> str:
    more = f", and {number(others)} more" if others else ""
    done = "that left the break as it was" if found.errno == "unchanged" else f"refused with {found.errno}"
    return f"{found.call} {done} at {_spot(place(result.trace, event))}{more}: "


def _reasons(found: Refusal) -> str:
    notice = f"; {found.notice}" if found.notice else ""
    if found.sure:
        return f"{found.causes[0]}{notice}"
    decides = (
        f". {found.decides} {'decide' if ' and ' in found.decides else 'decides'}" if found.decides else ""
    )
    return f"not shown by the log{notice}. Possible, the likeliest first: {'; '.join(found.causes)}{decides}"


def _spot(at: Place) -> str:
    return f"line {number(at['line'])}" if at["line"] else f"event {number(at['event'])}"
