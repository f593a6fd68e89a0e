"""The HTML page: nothing from outside, the numbers of the JSON, areas at any event as the replay had them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import remaptrace
from remaptrace.api import machine_of
from remaptrace.cli.group import group
from remaptrace.engine.run.driver import replay
from remaptrace.report.html.columns import column, packed, steps, unpacked, varints
from remaptrace.report.html.lives import Looks, space_of, stops_for, thinned
from remaptrace.report.html.page import page
from remaptrace.report.html.series import side as drawn

TRACES = Path(__file__).parents[2] / "traces"


def made(tmp_path: Path, *args: str) -> str:
    path = tmp_path / "page.html"
    done = CliRunner().invoke(group, [*args, "-o", str(path)])
    assert path.exists(), done.output
    return path.read_text(encoding="utf-8")


def inside(text: str, name: str) -> bytes:
    (found,) = re.findall(rf'id="{name}">([^<]*)</script>', text)
    return gzip.decompress(base64.b64decode(found))


def data_of(text: str) -> dict[str, Any]:
    return unpacked(inside(text, "data"))


def alive(side: dict[str, Any], space: int, event: int) -> list[tuple[int, int, str]]:
    """Start and end in pages and permissions of the areas that a page shows behind an event."""
    c = side["spaces"][space]
    first, until, start = (list(itertools.accumulate(c[name])) for name in ("first", "until", "start"))
    rows = [
        (start[i], start[i] + c["pages"][i], side["words"][side["looks"][c["look"][i]][0]])
        for i in range(len(first))
        if first[i] <= event and (until[i] == 0 or event < until[i])
    ]
    return sorted(rows)


def owner(side: dict[str, Any], pid: int, event: int) -> int:
    """The address space of a process behind an event; -1: none."""
    rows = dict(side["owners"])[pid]
    return next((space for since, space in reversed(rows) if since <= event), -1)


def test_columns_come_back() -> None:
    values = [0, -1, 1, 63, 64, -64, -65, 8191, 1 << 40, -(1 << 52)]
    back = unpacked(packed({"a": column(values), "b": [steps(values), {"c": "d"}], "e": column([])}))
    assert back["a"] == values
    assert list(itertools.accumulate(back["b"][0])) == values
    assert back["b"][1] == {"c": "d"}
    assert back["e"] == []
    assert len(varints(np.array(values))) == 1 + 1 + 1 + 1 + 2 + 1 + 2 + 2 + 6 + 8


def test_nothing_but_its_own_style_and_code_may_run() -> None:
    text = page("a <b>", [("fine </main>", "good")], "1 < 2 </pre><script>alert(1)</script>")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'")
    (loader,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.S)
    code = inside(text, "code").decode()
    for content, directive in ((loader, "script-src"), (code, "script-src"), (style, "style-src")):
        allowed = re.search(rf"{directive} ([^;]*)", policy)
        assert allowed is not None
        wanted = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"'sha256-{wanted}'" in allowed.group(1)
    assert "unsafe" not in policy
    assert not re.search(r"(?:src|href)=", text)
    assert "alert(1)</script>" not in text
    assert "<b>" not in text


def test_the_same_run_makes_the_same_page_but_for_its_seconds(tmp_path: Path) -> None:
    first, second = (made(tmp_path, "run", str(TRACES / "ls")) for _ in range(2))
    assert data_of(first)["sides"] == data_of(second)["sides"]


@pytest.mark.parametrize("name", ["efence-500", "threads500", "bash-script"])
def test_counts_of_the_page_are_those_of_the_replay(tmp_path: Path, name: str) -> None:
    (side,) = data_of(made(tmp_path, "run", str(TRACES / name)))["sides"]
    result = remaptrace.replay(remaptrace.load(TRACES / name))
    counts = result.columns["map_count"]
    highs = [v for p in side["processes"] for v in itertools.accumulate(p["high"])]
    assert max(highs) == int(counts.max())
    assert sum(map(sum, side["faults"].values())) == int((result.columns["outcome"] != 0).sum())
    tasks = result.trace.columns["task"]
    for event in np.linspace(0, len(counts) - 1, 60).astype(int).tolist():
        pid = int(result.trace.tasks["pid"][tasks[event]])
        if counts[event] > 0 and pid in dict(side["owners"]):
            assert len(alive(side, owner(side, pid, event), event)) == int(counts[event])


def test_resident_memory_of_the_page_is_that_of_the_replay_and_keeps_its_extremes(tmp_path: Path) -> None:
    (side,) = data_of(made(tmp_path, "run", str(TRACES / "redis-bgsave")))["sides"]
    trace = remaptrace.load(TRACES / "redis-bgsave")
    most = side["resident"][0]["peak_event"]
    result = remaptrace.replay(trace, counters=True, observe_at=[most])
    pages, alive = result.columns["rss"], result.columns["map_count"] >= 0
    pids = trace.tasks["pid"][trace.columns["task"]]
    bounds = [*itertools.accumulate(side["parts"]), len(trace)]
    for line in side["resident"]:
        mine = (pids == line["pid"]) & alive
        assert line["peak"] == pages[line["peak_event"]] == pages[mine].max()
        lows, highs = (list(itertools.accumulate(line[which])) for which in ("low", "high"))
        for part, (begin, end) in enumerate(itertools.pairwise(bounds)):
            values = pages[begin:end][mine[begin:end]]
            assert (lows[part], highs[part]) == ((values.min(), values.max()) if len(values) else (-1, -1))
    assert pages[most] == sum(area["rss"] for area in result.observed[most].facts["resident"])


def test_resident_memory_is_not_recorded_where_nothing_says_what_was_touched(tmp_path: Path) -> None:
    path = tmp_path / "calls.strace"
    path.write_text(
        '1 execve("/bin/a", ["a"], 0x7ffd /* 1 var */) = 0\n1 brk(NULL) = 0x55550000\n'
        "1 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_POPULATE, -1, 0) = 0x7f0000000000\n"
    )
    (side,) = data_of(made(tmp_path, "run", str(path)))["sides"]
    assert side["resident"] is None
    assert not side["has_faults"]


def test_every_extreme_of_every_part_is_kept(tmp_path: Path) -> None:
    """A twin in plain Python over a program of one-event spikes: no lowest or highest count is lost."""
    result = remaptrace.replay(remaptrace.load(TRACES / "efence-500"), changes=True)
    counts = [int(n) for n in result.columns["map_count"]]
    spiked = np.array([n + (997 * i * i) % 61 * (i % 7 == 3) for i, n in enumerate(counts)], dtype=np.int32)
    found = drawn(replace(result, columns={**result.columns, "map_count": spiked}), "twin")
    (line,) = found["processes"]
    bounds = [*np.cumsum(found["parts"].values).tolist(), len(counts)]
    assert len(bounds) == 701
    lows, highs = (np.cumsum(line[which].values).tolist() for which in ("low", "high"))
    for part, (begin, end) in enumerate(itertools.pairwise(bounds)):
        alive = [int(n) for n in spiked[begin:end] if n >= 0]
        assert (lows[part], highs[part]) == ((min(alive), max(alive)) if alive else (-1, -1))


def test_areas_of_the_page_are_those_of_maps(tmp_path: Path) -> None:
    (side,) = data_of(made(tmp_path, "run", str(TRACES / "redis-bgsave")))["sides"]
    trace = remaptrace.load(TRACES / "redis-bgsave")
    result = remaptrace.replay(trace)
    for event in np.linspace(10, len(trace) - 1, 5).astype(int).tolist():
        pid = int(trace.tasks["pid"][trace.columns["task"][event]])
        if result.columns["map_count"][event] <= 0:
            continue
        shown = alive(side, owner(side, pid, event), event)
        assert shown == [(v.start >> 12, v.end >> 12, v.perms) for v in result.vmas(at=event)]


@pytest.mark.parametrize("name", ["ls", "bash-script"])
def test_names_of_areas_are_those_of_maps_also_of_heap_and_stack(name: str) -> None:
    trace = remaptrace.load(TRACES / name)
    log = replay(trace, machine_of(trace), changes=True).changes
    assert log is not None
    looks = Looks(log)
    spaces = {number: space_of(log, number, looks) for number in log.spaces()}
    seen = set()
    for event in range(0, len(trace), 7):
        task = int(trace.columns["task"][event])
        number = log.space_at(event, task)
        if not number:
            continue
        space = spaces[number]
        alive = (space.first <= event) & (event < space.until)
        names = [list(looks.names)[looks.rows[look][2]] for look in space.look[alive].tolist()]
        rows = log.areas_at(event, task)
        assert rows is not None
        assert sorted(names) == sorted(v.name or v.file or "" for v in rows)
        seen.update(names)
    assert {"[heap]", "[stack]"} <= seen


def test_moments_that_are_left_are_exact() -> None:
    trace = remaptrace.load(TRACES / "efence-500")
    log = replay(trace, machine_of(trace), changes=True).changes
    assert log is not None
    spaces = [space_of(log, number, Looks(log)) for number in log.spaces()]
    assert stops_for(spaces, log, []) is None
    stops = stops_for(spaces, log, [3316], most=3000)
    assert stops is not None
    assert set(range(3300, 3333)) <= set(
        stops.tolist()
    )  # whoever goes on with arrow keys sees every event there
    thin = [thinned(space, stops) for space in spaces]
    assert sum(len(space.row) for space in thin) <= 1500
    for before, behind in zip(spaces, thin, strict=True):
        for stop in stops.tolist():
            whole, left = (
                set(s.row[(s.first <= stop) & (stop < s.until)].tolist()) for s in (before, behind)
            )
            assert whole == left


RUNS = [
    ["run", str(TRACES / "ls")],
    ["run", str(TRACES / "uml-touch2000")],
    ["run", str(TRACES / "rfp" / "limit-i386.yaml"), str(TRACES / "bash-script")],
    ["run", str(TRACES / "uml-sides" / "pages-6.1.yaml"), "--arch", "um-x86_64", "--host", "linux-6.18"],
    ["diff", str(TRACES / "threads500"), "--kernel", "linux-6.18", "--kernel", "linux-2.6.21"],
    [
        "diff",
        str(TRACES / "rfp" / "limit-i386.yaml"),
        "--set",
        "1:max_map_count=100",
        "--set",
        "2:max_map_count=200",
    ],
    ["diff", str(TRACES / "ls"), str(TRACES / "bash-script")],
    ["advise", str(TRACES / "efence-500")],
    ["advise", str(TRACES / "redis-bgsave")],
    ["check", str(TRACES / "ls"), str(TRACES / "bash-script"), str(TRACES / "conformance" / "linux-6.12")],
]


@pytest.mark.parametrize("args", RUNS, ids=lambda args: f"{args[0]} {Path(args[1]).name}")
def test_every_number_of_the_json_is_in_the_table(tmp_path: Path, args: list[str]) -> None:
    """But for courses, which are drawn, for areas beyond the first and for seconds, which no two runs share."""
    facts = json.loads(CliRunner().invoke(group, [*args, "--format", "json"]).stdout)
    data = data_of(made(tmp_path, *args))
    tables = [t for t in data["tables"] if t["title"].startswith("Every number")]
    documents = facts["runs"] if facts["schema"] == "remaptrace/runs/1" else [facts]
    assert len(tables) == len(documents)
    for document, table in zip(documents, tables, strict=True):
        shown = dict(leaves(table["facts"]))
        for path, value in leaves(document):
            if "seconds" in path or path.endswith(".per_second"):
                continue
            if re.search(r"resident\[\d+\]", path) is None:
                assert shown[path] == value, path


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every plain value of a document with its path; courses left out."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key != "course":
                yield from leaves(one, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from leaves(one, f"{path}[{i}]")
    else:
        yield path, "not recorded" if value is None else str(value)


def test_tables_of_a_page_have_the_numbers_of_the_json(tmp_path: Path) -> None:
    args = ["run", str(TRACES / "bash-script")]
    facts = json.loads(CliRunner().invoke(group, [*args, "--format", "json"]).stdout)
    tables = data_of(made(tmp_path, *args))["tables"]
    (calls,) = [t for t in tables if t["title"].startswith("Calls of")]
    assert [row[:3] for row in calls["rows"]] == [
        [c["name"], c["done"], sum(r["count"] for r in c["refused"])] for c in facts["calls"]
    ]
    (processes,) = [t for t in tables if t["title"].startswith("Processes of")]
    assert processes["rows"] == [
        [str(p["pid"]), p["name"], p["start"], p["peak"], p["end"]] for p in facts["processes"]
    ]
    args = ["advise", str(TRACES / "efence-500")]
    facts = json.loads(CliRunner().invoke(group, [*args, "--format", "json"]).stdout)
    tables = {t["title"]: t["rows"] for t in data_of(made(tmp_path, *args))["tables"]}
    assert [[row[0], row[2]["part"][0], row[3]["part"][0]] for row in tables["What would save"]] == [
        [r["label"], r["before"], r["after"]] for r in facts["remedies"]
    ]
    assert [[row[0], row[1], row[2]["part"][0], row[3]] for row in tables["The bill"]] == [
        [view, i["label"], i["vmas"], i["bytes"]] for view, items in facts["bill"].items() for i in items
    ]


def test_lines_that_were_not_read_stand_in_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "a.strace"
    path.write_text(
        '1 execve("/bin/a", ["a"], 0x7ffd /* 1 var */) = 0\n1 brk(NULL) = 0x55550000\n' + "?? ((\n" * 3
    )
    text = made(tmp_path, "run", str(path))
    assert '<p class="warn">3 lines of the log could not be read' in text


def test_each_guest_stands_beside_its_own_host(tmp_path: Path) -> None:
    sources = [str(TRACES / "uml-sides" / f"pages-{version}.yaml") for version in ("6.1", "6.12")]
    data = data_of(made(tmp_path, "run", *sources, "--arch", "um-x86_64", "--host", "linux-6.18"))
    assert data["groups"] == [["host", [0, 1]], ["host", [2, 3]]]
    assert [side["moments"] is None for side in data["sides"]] == [True, False, True, False]


def test_maps_alone_and_two_recordings_have_pages_too(tmp_path: Path) -> None:
    old, new = tmp_path / "old.maps", tmp_path / "new.maps"
    line = "{:x}-{:x} rw-p 00000000 00:00 0 \n"
    old.write_text(
        "".join(line.format(0x7F0000000000 + i * 0x4000, 0x7F0000001000 + i * 0x4000) for i in range(5))
    )
    new.write_text(
        "".join(line.format(0x7F0000000000 + i * 0x4000, 0x7F0000001000 + i * 0x4000) for i in range(9))
    )
    one = data_of(made(tmp_path, "advise", str(old)))
    assert [side["processes"][0]["peak"] for side in one["sides"]] == [5]
    assert [t["title"] for t in one["tables"] if t.get("lead")] == ["The bill"]
    two = data_of(made(tmp_path, "advise", str(old), str(new)))
    assert [side["processes"][0]["peak"] for side in two["sides"]] == [5, 9]
    assert ["anonymous", 5, 9, "+4"] in [row[:4] for t in two["tables"] for row in t["rows"]]
    both = data_of(made(tmp_path, "diff", str(TRACES / "ls"), str(TRACES / "bash-script")))
    assert len(both["sides"]) == 2
    assert made(tmp_path, "advise", str(old), "--picture").startswith("<!DOCTYPE html>\n<html>")


@pytest.mark.parametrize(
    "args",
    [
        ["diff", str(TRACES / "ls"), "--kernel", "linux-6.18", "--kernel", "linux-2.6.21"],
        ["advise", str(TRACES / "efence-500")],
        ["check", str(TRACES / "conformance" / "linux-6.12")],
    ],
)
def test_other_commands_have_pages(tmp_path: Path, args: list[str]) -> None:
    data = data_of(made(tmp_path, *args))
    assert data["sides"] or data["tables"]
    assert len(data["sides"]) == {"diff": 2, "advise": 1, "check": 0}[args[0]]


def test_a_diff_has_its_numbers_side_by_side(tmp_path: Path) -> None:
    args = ["diff", str(TRACES / "threads500"), "--kernel", "linux-6.18", "--kernel", "linux-2.6.21"]
    data = data_of(made(tmp_path, *args))
    facts = json.loads(CliRunner().invoke(group, [*args, "--format", "json"]).stdout)
    assert data["groups"] == [["machines", [0, 1]]]
    (table,) = [t for t in data["tables"] if t["title"] == "Side by side"]
    rows = {row[0]: row[1:] for row in table["rows"]}
    assert rows["VMAs, peak"] == [m["vmas"]["peak"] for m in facts["machines"]]
    assert rows["minor faults"] == [m["minor"] for m in facts["machines"]]


def test_guest_and_host_share_their_time(tmp_path: Path) -> None:
    path = tmp_path / "guest.yaml"
    path.write_text(
        "steps:\n- mmap: {addr: 0x10000000, length: 65536, prot: rw, flags: [private, anonymous, fixed]}\n"
        "- write: {addr: 0x10000000, pages: 16}\n- munmap: {addr: 0x10008000, length: 8192}\n"
    )
    machine = ["--arch", "um-i386", "--kernel", "linux-2.6.21", "--host", "linux-2.6.21"]
    data = data_of(made(tmp_path, "run", str(path), *machine))
    guest, host = data["sides"]
    assert data["groups"] == [["host", [0, 1]]]
    assert guest["moments"] is None
    moments = list(itertools.accumulate(host["moments"]))
    assert len(moments) == host["events"]
    assert moments == sorted(moments)
    assert moments[-1] < guest["events"]


def test_a_picture_of_the_terminal_is_still_to_be_had(tmp_path: Path) -> None:
    text = made(tmp_path, "run", str(TRACES / "ls"), "--picture")
    assert 'id="data"' not in text


def test_a_run_of_57_495_events_is_a_small_file(tmp_path: Path) -> None:
    assert len(made(tmp_path, "run", str(TRACES / "uml-touch2000"))) < 125_000


def test_the_page_of_a_map_is_no_course_over_time(tmp_path: Path) -> None:
    """Its events only put in the areas: the page says so, and that of a log does not."""
    text = made(tmp_path, "advise", "tests/data/dumps/p.maps")
    assert [side["one_moment"] for side in data_of(text)["sides"]] == [True]
    assert [side["one_moment"] for side in data_of(made(tmp_path, "run", "traces/ls"))["sides"]] == [False]
