"""The facts of a diff in plain lines, one fact a line, for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..phrases import full_place
from .run import known, line_of

if TYPE_CHECKING:
    from ..documents.diff import Diff as Facts
    from ..documents.diff import Pair


def diff_plain(facts: Facts) -> str:
    """Lines as in report.plain; machines are numbered from 0, the base."""
    return "".join(line + "\n" for line in _lines(facts))


def _lines(facts: Facts) -> Iterator[str]:
    trace = facts["trace"]
    yield line_of(
        "trace", name=trace["name"], events=trace["events"], skipped_lines=trace["skipped"]["lines"]
    )
    for i, m in enumerate(facts["machines"]):
        machine = m["machine"]
        yield line_of(
            "machine", number=i, kernel=machine["kernel"], arch=machine["arch"], host=machine["host"]
        )
        for name, value in machine["overrides"].items():
            yield line_of("override", machine=i, name=name, value=value)
        counts = m["vmas"]
        if counts is None:
            yield line_of("vmas", machine=i)
        else:
            yield line_of("vmas", machine=i, start=counts["start"], peak=counts["peak"], end=counts["end"])
        yield line_of(
            "counts",
            machine=i,
            refused_calls=m["refused_calls"],
            refused_accesses=m["refused_accesses"],
            minor=known(m["minor"]),
            major=known(m["major"]),
        )
        for name, count in m["memory"].items():
            yield line_of("memory", machine=i, name=name, value=known(count))
        below = m["host"]
        if below is not None:
            yield line_of("host", machine=i, peak_vmas=below["peak_vmas"], **below["calls"])
    found = facts["configurations"]
    if found is not None:
        for option in found["deciding"] + found["not_modelled"]:
            decides = str(not option["about"]).lower()
            yield line_of("option", name=option["option"], decides=decides, values=",".join(option["values"]))
        yield line_of("other_options", count=found["others"])
    for pair in facts["pairs"]:
        yield from _pair(pair)


def _pair(pair: Pair) -> Iterator[str]:
    other = pair["other"]
    for name, found in pair["events"].items():
        yield line_of("differing", machine=other, what=name, count=found["count"])
    first = pair["first_difference"]
    if first:
        yield line_of(
            "first_difference",
            machine=other,
            event=first["at"]["event"],
            at=full_place(first["at"]),
            base=first["base"]["answer"],
            other=first["other"]["answer"],
            call=first["text"],
        )
        for rule in first["reason"] or ():
            yield line_of("because", machine=other, rule=rule["rule"], base=rule["base"], other=rule["other"])
    for r in pair["results_by_answer"]:
        yield line_of(
            "answers",
            machine=other,
            call=r["call"],
            base=r["base"],
            other=r["other"],
            count=r["count"],
            first=full_place(r["first"]),
        )
    for c in pair["outcome_matrix"]:
        yield line_of(
            "outcomes",
            machine=other,
            base=c["base"],
            other=c["other"],
            count=c["count"],
            first=full_place(c["first"]["at"]),
        )
    for p in pair["protections"]:
        a, b = p["base"], p["other"]
        yield line_of(
            "protection",
            machine=other,
            range=f"{p['start']:#x}-{p['end']:#x}",
            base=a["effective"],
            base_vma=a["vma"] or "none",
            base_by=a["reason"],
            other=b["effective"],
            other_vma=b["vma"] or "none",
            other_by=b["reason"],
        )
