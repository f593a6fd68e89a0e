"""The report of run on hand-made results: pictures at two widths, and that every output says the same."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from remaptrace.abi import kinds as ev
from remaptrace.report.facts.processes import process_facts
from remaptrace.report.facts.run import run_facts
from remaptrace.report.jsonout import to_json_lines
from remaptrace.report.jsontext import to_json
from remaptrace.report.plain.run import run_plain
from remaptrace.report.rich.paint import to_html, to_svg, to_terminal
from remaptrace.report.rich.run import run_sheet
from remaptrace.trace.events import TraceBuilder

from . import handmade
from .snapshots import assert_same


def facts(agrees: bool | None = True) -> dict[str, Any]:
    result = handmade.result()
    agreement = None if agrees is None else handmade.agreement(agrees)
    return run_facts(result, agreement, handmade.peak(result.trace), 1.1)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("agrees", [True, False, None])
def test_picture(width: int, agrees: bool | None) -> None:
    word = {True: "agrees", False: "differs", None: "uncompared"}[agrees]
    assert_same(run_sheet(facts(agrees), width).text(), f"run-{word}-{width}.txt")


def test_plain_picture() -> None:
    assert_same(run_plain(facts(False)), "run-plain.txt")


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for line in run_sheet(facts(False), width).text().splitlines():
        if "mmap(" not in line:  # an address to paste is not broken
            assert len(line) <= width, line


def test_the_answer_comes_before_any_table() -> None:
    lines = run_sheet(facts(True), 80).text().splitlines()
    assert lines[0].startswith("window on linux-6.18, x86_64")
    assert lines[1].startswith("All as recorded: 43 answers")


def test_the_common_case_fits_forty_lines() -> None:
    assert len(run_sheet(facts(True), 80).lines) <= 40


def test_colours_add_nothing_that_words_do_not_say() -> None:
    sheet = run_sheet(facts(False), 80)
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", to_terminal(sheet))
    assert [line.rstrip() for line in stripped.splitlines()] == sheet.text().splitlines()


def test_every_number_has_a_way_back() -> None:
    found = facts(False)
    for call in found["calls"]:
        for refused in call["refused"]:
            assert refused["first"]["line"] > 0
            assert refused["first"]["file"].endswith("ftrace.txt.gz")
    for refused in found["accesses"]["refused"]:
        assert refused["first"][0]["at"]["pid"] in (100, 101)


def test_json_carries_everything_that_the_terminal_shows() -> None:
    found = facts(False)
    shown = run_sheet(found, 120, processes=0).text()
    carried = to_json(found)
    for number in re.findall(r"\b\d+\b", re.sub(r"[▁-█]|\(\d+ KiB\)|1\.1 s", "", shown)):
        assert number in carried, number
    assert json.loads(carried) == json.loads(json.dumps(found))


def test_json_lines_have_one_row_an_event_behind_the_facts() -> None:
    result = handmade.result()
    rows = [json.loads(line) for line in "".join(to_json_lines(facts(), result)).split("\n")[:-1]]
    assert rows[0]["schema"] == "remaptrace/run/1"
    assert len(rows) == 1 + len(result.trace)
    refused = [r for r in rows[1:] if r.get("result_text") == "ENOMEM"]
    assert [r["kind"] for r in refused] == ["mmap"]
    assert [r["outcome"] for r in rows[1:] if r.get("outcome", "ok") != "ok"] == [
        "SIGSEGV/SEGV_MAPERR",
        "SIGSEGV/SEGV_ACCERR",
    ]


def test_pictures_are_complete_documents_without_outside_references() -> None:
    sheet = run_sheet(facts(True), 80)
    svg = to_svg(sheet, "a & b")
    assert svg.startswith("<svg") and svg.rstrip().endswith("</svg>")
    assert "url(http" not in svg.replace('"', "") and "@font-face" not in svg
    html = to_html(sheet, "a & b")
    assert "<title>a &amp; b</title>" in html
    assert "http" not in html


def test_processes_are_lives_not_numbers() -> None:
    """A pid that is used again is another process; threads belong to their leader."""
    b = TraceBuilder()
    first = b.task(7, 7, "first")
    thread = b.task(8, 7, "first")
    second = b.task(7, 7, "second")
    for task in (first, thread, second):
        b.event(ev.K_MUNMAP, task, (0, 4096), 0)
    made = b.finish(sources=["x"])
    found = process_facts(handmade.result(made, map_count=np.array([5, 9, 3])))
    assert [(p["name"], p["start"], p["peak"], p["end"]) for p in found] == [
        ("first", 5, 9, 9),
        ("second", 3, 3, 3),
    ]


def test_a_trace_without_events_is_reported_too() -> None:
    made = TraceBuilder().finish(name="nothing", sources=["x"])
    empty = {
        n: np.zeros(0, dtype=np.int64) for n in ("ret", "outcome", "minor", "major", "map_count", "flags")
    }
    found = run_facts(handmade.result(made, **empty), None, None)
    assert run_sheet(found, 80).text().startswith("nothing on linux-6.18")
    assert found["processes"] == []


def test_the_course_keeps_a_count_until_it_changes_and_is_zero_outside_a_life() -> None:
    b = TraceBuilder()
    long, short = b.task(1, 1), b.task(2, 2)
    b.event(ev.K_MUNMAP, long, (0, 4096), 0)
    for _ in range(3):
        b.event(ev.K_MUNMAP, short, (0, 4096), 0)
    b.event(ev.K_MUNMAP, long, (0, 4096), 0)
    made = b.finish(sources=["x"])
    found = process_facts(handmade.result(made, map_count=np.array([4, 1, 2, 1, 6])))
    assert [p["course"] for p in found] == [[4, 4, 4, 4, 6], [0, 1, 2, 1, 0]]
