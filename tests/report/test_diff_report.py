"""The report of diff on hand-made results: pictures, and that every output says the same."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from remaptrace.abi import kinds as ev
from remaptrace.abi.outcomes import OUT_ACCERR, OUT_OK
from remaptrace.blame import Reason
from remaptrace.report.facts.diff import diff_facts
from remaptrace.report.jsontext import to_json
from remaptrace.report.markdown.diff import diff_markdown
from remaptrace.report.plain.diff import diff_plain
from remaptrace.report.rich.diff import diff_sheet
from remaptrace.result.diff import side_by_side
from remaptrace.result.result import Protections

from . import handmade
from .snapshots import assert_same


def facts(changed: bool = True) -> dict[str, Any]:
    """The hand-made run on 6.18 against one on 2.6.21 that refuses five mappings and forgets a protection."""
    trace = handmade.trace()
    base = handmade.result(trace)
    peak = handmade.peak(trace)
    base = replace(base, observed={peak.event: peak})
    if not changed:
        found = side_by_side([base, base])
        return diff_facts(found, [peak, peak], 0.5)
    columns = {name: column.copy() for name, column in base.columns.items()}
    mmaps = np.flatnonzero(trace.columns["kind"] == ev.K_MMAP)[20:25]
    columns["ret"][mmaps] = handmade.ENOMEM
    columns["map_count"][mmaps[0] :] -= 5
    denied = columns["outcome"] == OUT_ACCERR
    columns["outcome"][denied] = OUT_OK
    columns["outcome"][np.flatnonzero(trace.columns["kind"] == ev.K_WRITE)[:3]] = OUT_ACCERR
    other = handmade.result(trace, "linux-2.6.21", **columns)
    plain = replace(peak, protections=Protections({"rw-s": 40}))
    other = replace(other, observed={peak.event: plain})
    found = side_by_side([base, other]).with_reasons({0: Reason(("max_map_count",), (("65530", "20"),))})
    return diff_facts(found, [peak, plain], 0.5)


@pytest.mark.parametrize("width", [80, 120])
def test_picture(width: int) -> None:
    assert_same(diff_sheet(facts(), width).text(), f"diff-{width}.txt")


def test_plain_and_markdown_pictures() -> None:
    assert_same(diff_plain(facts()), "diff-plain.txt")
    assert_same(diff_markdown(facts()), "diff.md")


def test_the_answer_comes_first() -> None:
    lines = diff_sheet(facts(), 80).text().splitlines()
    assert lines[1].startswith("5 calls answered differently and 4 accesses that end differently")


def test_the_matrix_holds_every_access_once() -> None:
    found = facts()
    accesses = np.isin(handmade.trace().columns["kind"], (ev.K_READ, ev.K_WRITE)).sum()
    assert sum(c["count"] for c in found["pairs"][0]["outcome_matrix"]) == accesses


def test_protections_name_both_sides_and_what_decides() -> None:
    (range_,) = facts()["pairs"][0]["protections"]
    assert (range_["start"], range_["end"]) == (0x40000000, 0x40004000)
    assert range_["base"] == {"vma": "rw-s", "effective": "r--", "reason": "pte"}
    assert range_["other"] == {"vma": "rw-s", "effective": "rw-", "reason": "vma"}


def test_nothing_differs_is_said_in_every_form() -> None:
    found = facts(changed=False)
    assert not found["differs"]
    assert "Nothing differs" in diff_sheet(found, 80).text()
    assert "Nothing differs" in diff_markdown(found)
    assert "first_difference" not in diff_plain(found)


def test_json_carries_what_the_terminal_shows() -> None:
    found = facts()
    carried = to_json(found)
    assert json.loads(carried) == json.loads(json.dumps(found))
    shown = diff_sheet(found, 120, rows=0).text()
    for word in re.findall(r"\b(?:ENOMEM|SIGSEGV|max_map_count|mmap)\b", shown):
        assert word in carried
