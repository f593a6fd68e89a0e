"""The facts of `advise` on maps in plain lines, one fact a line, for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .run import line_of

if TYPE_CHECKING:
    from ..documents.advise import AdviseGrowth, AdviseMap
    from ..documents.diff import DiffRecordings

    Facts = AdviseMap
    Growth = AdviseGrowth | DiffRecordings


def dump_plain(facts: Facts | Growth) -> str:
    """Lines as in report.plain; of one map or of two."""
    lines = _one(facts) if facts["schema"] == "remaptrace/advise-map/1" else _growth(facts)
    return "".join(line + "\n" for line in lines)


def _one(facts: Facts) -> Iterator[str]:
    limit = facts["limit"]
    yield line_of("map", source=facts["source"], form=facts["form"], pid=facts["process"]["pid"])
    yield line_of(
        "total", vmas=facts["total"], counted=facts["counted"], complete=str(facts["complete"]).lower()
    )
    yield line_of(
        "limit", value=limit["limit"], of=limit["of"], left=limit["left"], met=str(limit["met"]).lower()
    )
    for view, items in facts["bill"].items():
        for item in items:
            yield line_of("bill", by=view, name=item["label"], vmas=item["vmas"], bytes=item["bytes"])
    for what, pairs in (facts["apart"] or {}).items():
        yield line_of("apart", by=what, pairs=pairs)
    for what, border in (facts["borders"] or {}).items():
        yield line_of("border", attribute=what, pairs=border["pairs"], alone=border["alone"])
    for hole in facts["holes"] or ():
        yield line_of("holes", **hole)
    if facts["guards"]:
        yield line_of("guards", areas=facts["guards"]["areas"], left=facts["guards"]["left"])
    if facts["untouched"]:
        yield line_of("untouched", areas=facts["untouched"]["areas"], bytes=facts["untouched"]["bytes"])
    if facts["failure"]:
        failure = facts["failure"]
        yield line_of(
            "failure",
            line=failure["line"],
            what=failure["what"],
            bytes=failure["bytes"],
            errno=failure["errno"],
            sure=str(failure["sure"]).lower(),
        )
        for cause in failure["causes"]:
            yield line_of("cause", text=cause)
        for cause in failure["ruled_out"]:
            yield line_of("ruled_out", text=cause)
    for note in facts["notes"]:
        yield line_of("note", text=note)
    for told in facts["not_shown"]:
        yield line_of("not_shown", what=told["what"], see=told["see"])
    for sentence in facts["sentences"]:
        yield line_of("advice", text=sentence)


def _growth(facts: Growth) -> Iterator[str]:
    yield line_of(
        "growth",
        before=facts["before"],
        after=facts["after"],
        same_process=str(facts["same_process"]).lower(),
        seconds=facts["seconds"],
        per_second=facts["per_second"],
    )
    for view, lines in facts["grown"].items():
        for g in lines:
            yield line_of("grown", by=view, name=g["label"], before=g["before"], after=g["after"])
    for item in facts["new"] or ():
        yield line_of("new", name=item["label"], vmas=item["vmas"], bytes=item["bytes"])
    for sentence in facts["sentences"]:
        yield line_of("advice", text=sentence)
