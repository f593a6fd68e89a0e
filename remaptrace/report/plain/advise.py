"""The facts of `advise` in plain lines, one fact a line, for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..phrases import full_place
from .run import line_of

if TYPE_CHECKING:
    from ..documents.advise import Advise as Facts


def advise_plain(facts: Facts) -> str:
    """Lines as in report.plain."""
    return "".join(line + "\n" for line in _lines(facts))


def _lines(facts: Facts) -> Iterator[str]:
    trace, machine, limit = facts["trace"], facts["machine"], facts["limit"]
    yield line_of(
        "trace", name=trace["name"], events=trace["events"], skipped_lines=trace["skipped"]["lines"]
    )
    yield line_of("machine", kernel=machine["kernel"], arch=machine["arch"], host=machine["host"])
    yield line_of(
        "total",
        vmas=facts["total"],
        pid=facts["process"]["pid"],
        memory_calls=facts["memory_calls"],
        at=full_place(facts["peak_at"]),
    )
    yield line_of(
        "limit",
        value=limit["limit"],
        reached=full_place(limit["reached_at"]) if limit["reached_at"] else None,
        calls_left=limit["calls_left"],
        first_to_fail=limit["first_to_fail"],
    )
    for view, items in facts["bill"].items():
        for item in items:
            yield line_of(
                "bill",
                by=view,
                name=item["label"],
                vmas=item["vmas"],
                bytes=item["bytes"],
                per_1000_calls=item["per_1000_calls"],
                first=full_place(item["first"]) if item["first"] else None,
            )
    for what, pairs in facts["apart"].items():
        yield line_of("apart", by=what, pairs=pairs)
    for what, vmas in facts["left_if_pages_differ_in"].items():
        yield line_of("left_if_pages_differ_in", what=what, vmas=vmas)
    for r in facts["remedies"]:
        yield line_of(
            "remedy",
            name=r["name"],
            kernel=r["kernel"],
            before=r["before"],
            after=r["after"],
            saved=r["saved"],
            allowed_alike=str(r["allowed_alike"]).lower(),
            refused_calls=r["refused_calls"],
        )
    for entry in facts["lookup"] or ():
        yield line_of("lookup", **entry)
    for sentence in facts["sentences"]:
        yield line_of("advice", text=sentence)
    for note in facts["notes"]:
        yield line_of("note", text=note)
