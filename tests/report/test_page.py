"""The HTML page: nothing from outside, the numbers of the JSON, address spaces as the replay had them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import remaptrace
from remaptrace.cli.group import group
from remaptrace.engine.look.frames import FrameTaker, moments
from remaptrace.engine.run.driver import replay
from remaptrace.report.html.page import page

TRACES = Path(__file__).parents[2] / "traces"


def made(tmp_path: Path, *args: str) -> str:
    path = tmp_path / "page.html"
    done = CliRunner().invoke(group, [*args, "-o", str(path)])
    assert path.exists(), done.output
    return path.read_text(encoding="utf-8")


def data_of(text: str) -> dict[str, Any]:
    (packed,) = re.findall(r'id="data">([^<]*)</script>', text)
    found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(packed)))
    return found


def test_nothing_but_its_own_style_and_code_may_run() -> None:
    text = page("a <b>", [("fine </main>", "good")], "1 < 2 </pre><script>alert(1)</script>")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'")
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        allowed = re.search(rf"{directive} ([^;]*)", policy)
        assert allowed is not None
        for content in re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S):
            wanted = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            assert f"'sha256-{wanted}'" in allowed.group(1)
    assert "unsafe" not in policy
    assert not re.search(r"(?:src|href)=", text)
    assert "alert(1)</script>" not in text
    assert "<b>" not in text


def test_the_same_run_makes_the_same_page_but_for_its_seconds(tmp_path: Path) -> None:
    first, second = (made(tmp_path, "run", str(TRACES / "ls")) for _ in range(2))
    assert data_of(first)["sides"] == data_of(second)["sides"]


def test_counts_of_the_page_are_those_of_the_replay(tmp_path: Path) -> None:
    (side,) = data_of(made(tmp_path, "run", str(TRACES / "efence-500")))["sides"]
    result = remaptrace.replay(remaptrace.load(TRACES / "efence-500"))
    counts = result.columns["map_count"]
    assert max(v for p in side["processes"] for v in p["high"] if v is not None) == int(counts.max())
    for event, _pid, count, *_ in side["frames"]:
        assert count == int(counts[event])
    assert sum(map(sum, side["faults"].values())) == int((result.columns["outcome"] != 0).sum())


def test_every_number_of_the_json_is_in_the_table(tmp_path: Path) -> None:
    text = made(tmp_path, "run", str(TRACES / "ls"))
    facts = json.loads(CliRunner().invoke(group, ["run", str(TRACES / "ls"), "--format", "json"]).stdout)
    (table,) = [t for t in data_of(text)["tables"] if t["title"].startswith("Every number")]
    rows = dict(map(tuple, table["rows"]))
    assert rows["processes[0].peak"] == str(facts["processes"][0]["peak"])
    assert rows["memory.page_tables"] == str(facts["memory"]["page_tables"])
    assert rows["accesses.total"] == str(facts["accesses"]["total"])


def test_frames_rebuild_the_areas_of_a_snapshot() -> None:
    trace = remaptrace.load(TRACES / "threads500")
    plain = remaptrace.replay(trace)
    wanted = moments(plain.columns["map_count"], [5000], most=60)
    taker = FrameTaker(trace)
    looked = replay(trace, plain.machine, frames_at=wanted, frame=taker, observe_at=[5000])
    now: dict[int, set[int]] = {}
    for frame in taker.found.frames:
        state = now.setdefault(frame.pid, set())
        state -= set(frame.removed)
        state |= set(frame.added)
        assert len(state) == frame.count == int(plain.columns["map_count"][frame.event])
        if frame.event == 5000:
            rows = {taker.found.areas[i] for i in state}
            assert {(v.start, v.end, v.vmflags) for v in rows} == {
                (v.start, v.end, v.vmflags) for v in looked.observed[5000].vmas
            }
    assert len(taker.found.frames) == len(wanted)


def test_looking_changes_nothing() -> None:
    trace = remaptrace.load(TRACES / "ls")
    plain = remaptrace.replay(trace)
    looked = replay(trace, plain.machine, frames_at=range(len(trace)), frame=FrameTaker(trace))
    for name, column in plain.columns.items():
        assert (column == looked.columns[name]).all()


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


def test_a_picture_of_the_terminal_is_still_to_be_had(tmp_path: Path) -> None:
    text = made(tmp_path, "run", str(TRACES / "ls"), "--picture")
    assert 'id="data"' not in text
