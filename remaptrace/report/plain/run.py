"""Plain text for other programs: one fact a line, named as in the JSON, never wrapped or coloured.

Lines are ``subject key value key value ...``; values with spaces are quoted as in a shell. The
order is fixed; new keys are only added at the end of a line.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..errortext import printable
from ..phrases import full_place

if TYPE_CHECKING:
    from ..documents.check import Check
    from ..documents.run import Accesses, Agreement, Difference, Peak
    from ..documents.run import Run as Facts


def runs_plain(facts: Sequence[Facts], _results: Sequence[Any]) -> Iterator[str]:
    """The lines of several runs, one behind the other."""
    return map(run_plain, facts)


def run_plain(facts: Facts) -> str:
    """The facts of a run as lines, with a final newline."""
    return "".join(line + "\n" for line in _run_lines(facts))


def line_of(subject: str, **pairs: Any) -> str:
    """``subject key value ...``; None values are left out."""
    words = [subject]
    for key, value in pairs.items():
        if value is not None:
            words += [key, shlex.quote(printable(str(value)))]
    return " ".join(words)


def known(value: int | None) -> int | str:
    """A count, or that the recorder could not see it."""
    return "not-recorded" if value is None else value


def _run_lines(facts: Facts) -> Iterator[str]:
    trace, machine = facts["trace"], facts["machine"]
    yield line_of(
        "trace",
        name=trace["name"],
        format=trace["format"],
        events=trace["events"],
        processes=trace["processes"],
        span_ns=trace["span_ns"],
        skipped_lines=trace["skipped"]["lines"],
        recorded=str(trace["recorded"]).lower(),
        seconds=facts["seconds"],
    )
    yield line_of("machine", kernel=machine["kernel"], arch=machine["arch"], host=machine["host"])
    for name, value in machine["overrides"].items():
        yield line_of("override", name=name, value=value)
    if facts["not_compared"]:
        yield line_of("not_compared", because=facts["not_compared"])
    if facts["agreement"]:
        yield from _agreement_lines(facts["agreement"])
    for p in facts["processes"]:
        yield line_of(
            "process",
            pid=p["pid"],
            start=p["start"],
            peak=p["peak"],
            end=p["end"],
            at=full_place(p["peak_at"]),
            name=p["name"] or None,
            course=",".join(map(str, p["course"])),
        )
    yield from _peak_lines(facts["peak"])
    for call in facts["calls"]:
        yield line_of("call", name=call["name"], done=call["done"])
        for r in call["refused"]:
            first = full_place(r["first"])
            pairs = {"errno": r["errno"], "count": r["count"], "first": first, "why": r["why"] or None}
            yield line_of("refused", name=call["name"], **pairs)
    yield from _access_lines(facts["accesses"])
    for name, count in facts["memory"].items():
        yield line_of("memory", name=name, value=known(count))
    for s in trace["skipped"]["first"]:
        yield line_of("skipped", code=s["code"], at=full_place(s), expected=s["expected"])
    for c in facts["not_modelled"]:
        yield line_of("not_modelled", name=c["name"], count=c["count"])
    if facts["assumed_areas"]:
        yield line_of("assumed_areas", count=facts["assumed_areas"])
    for note in facts["notes"]:
        yield line_of("note", text=note)


def _agreement_lines(agreement: Agreement) -> Iterator[str]:
    for what, tally in agreement["compared"].items():
        yield line_of("compared", what=what, agree=tally["agree"], total=tally["total"])
    if agreement["ground"]:
        yield line_of("ground", **agreement["ground"]["answers"])
        yield line_of("ground_faults", **agreement["ground"]["faults"])
        for what in agreement["ground"]["no_truth"]:
            yield line_of("no_truth", what=what)
    yield from difference_lines(agreement["differences"])


def _access_lines(accesses: Accesses) -> Iterator[str]:
    inside = accesses["in_calls"] or {"minor": None, "major": None}
    yield line_of(
        "accesses",
        total=accesses["total"],
        ok=accesses["ok"],
        minor=known(accesses["minor"]),
        major=known(accesses["major"]),
        minor_in_calls=known(inside["minor"]),
        major_in_calls=known(inside["major"]),
    )
    for found in accesses["refused"]:
        example = found["first"][0]
        yield line_of(
            "outcome",
            name=found["outcome"],
            count=found["count"],
            first=full_place(example["at"]),
            access=example["access"],
        )


def _peak_lines(peak: Peak | None) -> Iterator[str]:
    if not peak:
        return
    yield line_of("peak", pid=peak["at"]["pid"], event=peak["at"]["event"], vmas=peak["vmas"])
    for kind, count in {**peak["kinds"], **peak["of_them"]}.items():
        yield line_of("peak_kind", name=kind, vmas=count)
    for perms, count in (peak["pages_by_protection"] or {}).items():
        yield line_of("protection", perms=perms, pages=count)
    for r in peak["differing"]:
        span = f"{r['start']:#x}-{r['end']:#x}"
        yield line_of("protection_differs", range=span, vma=r["vma"], pte=r["pte"], reason=r["reason"])


def difference_lines(differences: list[Difference]) -> Iterator[str]:
    """One line a difference from the truth."""
    for d in differences:
        yield line_of(
            "difference",
            at=full_place(d["at"]),
            event=d["at"]["event"],
            what=d["what"],
            expected=d["expected"],
            simulated=d["simulated"],
            call=d["call"],
        )


def check_plain(facts: Check) -> str:
    """The facts of a check as lines; the last one is the summary ``programs A/B, steps C/D``."""
    lines = []
    for o in facts["outcomes"]:
        word = "unreadable" if o["error"] else "agrees" if o["agrees"] else "differs"
        if not o["error"] and not o["compared"]:
            word = "nothing-compared"
        pairs = {k: f"{t['agree']}/{t['total']}" for k, t in o["compared"].items()}
        lines.append(
            line_of(word, path=o["path"], kernel=o["kernel"] or None, arch=o["arch"] or None, **pairs)
        )
        if o["error"]:
            error = o["error"]
            lines.append(
                line_of(
                    "error",
                    code=error["code"],
                    at=":".join(str(p) for p in (error["file"], error["line"], error["column"]) if p),
                    problem=error["problem"],
                )
            )
        lines += difference_lines(o["differences"])
        if o["skipped_lines"]:
            lines.append(line_of("skipped_lines", path=o["path"], count=o["skipped_lines"]))
        lines += [line_of("note", path=o["path"], text=note) for note in o["notes"]]
    programs, steps = facts["programs"], facts["steps"]
    lines.append(f"programs {programs['agree']}/{programs['total']}, steps {steps['agree']}/{steps['total']}")
    return "".join(line + "\n" for line in lines)
