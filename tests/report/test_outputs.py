"""Files for other programs, read back: trace viewers, metrics, SARIF, Parquet, Markdown."""

from __future__ import annotations

import gzip
import json
import re
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner
from prometheus_client.openmetrics import parser as openmetrics_parser

import remaptrace
from remaptrace.cli.group import group
from remaptrace.errors import InputError, UsageError
from remaptrace.report.facts.check import check_facts
from remaptrace.report.formats import OUTPUTS, made, output_for
from remaptrace.report.openmetrics import openmetrics
from remaptrace.report.parquet import parquet
from remaptrace.report.sarif import sarif

from .test_check_report import program

ROOT = Path(__file__).parents[2]
LS = str(ROOT / "traces/ls")
SIGNALS = str(ROOT / "traces/rfp/limit-i386.yaml")
_SAMPLE = re.compile(r'(remaptrace_\w+)\{((?:\w+="(?:[^"\\\n]|\\[\\"n])*",?)*)\} (-?\d+)\Z')


def written(tmp_path: Path, command: str, ending: str, *sources: str) -> Path:
    target = tmp_path / f"out{ending}"
    found = CliRunner().invoke(group, [command, *sources, "-o", str(target)])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.output
    assert found.stdout == ""
    return target


def facts_of(*sources: str) -> dict[str, Any]:
    found = CliRunner().invoke(group, ["run", *sources, "--format", "json"])
    facts: dict[str, Any] = json.loads(found.stdout)
    return facts


def samples(text: str) -> dict[tuple[str, str], int]:
    """Samples of an OpenMetrics text; fails where its form is not the one that the standard sets."""
    families = list(openmetrics_parser.text_string_to_metric_families(text))
    assert all(family.type == "gauge" for family in families)
    lines = text.splitlines()
    assert lines[-1] == "# EOF" and text.endswith("# EOF\n")
    found: dict[tuple[str, str], int] = {}
    family, closed = "", set()
    for line in lines[:-1]:
        if line.startswith("# TYPE "):
            closed.add(family)
            family = line.split()[2]
            assert family not in closed, "a family stands in one piece"
            assert line.split()[3] == "gauge"
        elif line.startswith("# HELP "):
            assert line.split()[2] == family
        else:
            match = _SAMPLE.match(line)
            assert match and match[1] == family, line
            assert (family, match[2]) not in found, "labels occur once"
            found[family, match[2]] = int(match[3])
    parsed = [sample for family in families for sample in family.samples]
    assert sorted((s.name, s.value) for s in parsed) == sorted((n, v) for (n, _), v in found.items())
    return found


def assert_trace_events(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The required fields of each phase of the Trace Event Format that we write."""
    more = {"M": {"args"}, "C": {"args"}, "X": {"dur"}, "i": {"s"}}
    rows: list[dict[str, Any]] = document["traceEvents"]
    for row in rows:
        assert {"ph", "name", "ts", "pid", "tid", *more[row["ph"]]} <= set(row)
        assert isinstance(row["ts"], float) and row["ts"] >= 0
        assert isinstance(row["pid"], int) and isinstance(row["tid"], int)
    named = {row["pid"] for row in rows if row["name"] == "process_name"}
    assert {row["pid"] for row in rows} == named
    return rows


@lru_cache(maxsize=1)
def sarif_schema() -> dict[str, Any]:
    """The schema as it was published, see tests/data/schemas."""
    path = ROOT / "tests/data/schemas/sarif-2.1.0-rtm.5.json.gz"
    schema: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return schema


def assert_sarif(document: dict[str, Any]) -> list[dict[str, Any]]:
    """What SARIF 2.1.0 requires of the objects that we write."""
    jsonschema.Draft4Validator(sarif_schema()).validate(document)
    assert document["version"] == "2.1.0" and document["$schema"].endswith("sarif-2.1.0.json")
    (run,) = document["runs"]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert run["tool"]["driver"]["name"] == "remaptrace"
    for result in run["results"]:
        assert result["ruleId"] in rules and result["message"]["text"]
        assert result["level"] in ("none", "note", "warning", "error")
        for place in result["locations"]:
            physical = place["physicalLocation"]
            assert re.fullmatch(r"[!-~]+", physical["artifactLocation"]["uri"])
            assert physical.get("region", {"startLine": 1})["startLine"] >= 1
    results: list[dict[str, Any]] = run["results"]
    return results


def test_an_ending_asks_for_its_output_and_only_of_commands_that_have_it() -> None:
    assert output_for("run", None) is None
    assert output_for("run", "x.json") is None
    assert output_for("check", "x.parquet") is None
    for output in OUTPUTS:
        for command in output.commands:
            assert output_for(command, f"a.b{output.ending.upper()}") is output


def test_every_registered_output_is_documented() -> None:
    text = (ROOT / "docs/outputs.md").read_text()
    for output in OUTPUTS:
        commands = ", ".join(f"`{command}`" for command in output.commands)
        assert f"| `{output.ending}` | {commands} |" in text


def test_tracks_hold_the_peak_and_a_slice_for_each_call_with_a_time(tmp_path: Path) -> None:
    document = json.loads(written(tmp_path, "run", ".perfetto.json", LS).read_text())
    rows = assert_trace_events(document)
    facts = facts_of(LS)
    (process,) = facts["processes"]
    counts = [row["args"]["VMAs"] for row in rows if row["name"] == "VMAs"]
    assert max(counts) == process["peak"]
    faults = [row["args"] for row in rows if row["name"] == "faults"]
    accesses = facts["accesses"]
    for kind in ("minor", "major"):
        assert faults[-1][kind] == accesses[kind] + accesses["in_calls"][kind]
    resident = [row["args"]["bytes"] for row in rows if row["name"] == "RSS"]
    assert max(resident) >= 4096 * facts["memory"]["rss_pages"] > 0 and resident[-1] == 0
    slices = [row for row in rows if row["ph"] == "X"]
    done = sum(c["done"] + sum(r["count"] for r in c["refused"]) for c in facts["calls"])
    assert len(slices) >= done > 0
    assert {row["name"] for row in slices if row["dur"] == 0} == {"execve", "exit"}  # no entry, no return
    assert all((row["dur"] > 0) == ("duration" not in row["args"]) for row in slices)
    span = max(row["ts"] for row in rows)
    assert span <= facts["trace"]["span_ns"] / 1000 + 1e-6
    (replay,) = document["otherData"]["replays"]
    assert replay["clock"].startswith("recorded time") and re.fullmatch(
        r"recorded of \d+ of \d+ calls", replay["durations"]
    )


DURATIONS = {
    "a.strace": (
        '100 10:00:00.000100 execve("/bin/a", ["a"], 0x7ffd /* 1 var */) = 0 <0.000300>\n'
        "100 10:00:00.000500 brk(NULL) = 0x55550000 <0.000007>\n"
        "100 10:00:00.000600 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0 <unfinished ...>\n"
        "101 10:00:00.000650 brk(NULL) = 0x55560000\n"
        "100 10:00:00.000700 <... mmap resumed>) = 0x7f0000000000 <0.000090>\n"
        "100 10:00:00.000800 munmap(0x7f0000000000, 8192) = 0 <0.000000>\n",
        "recorded of 4 of 5 calls",
        {"execve": (0, 300), "brk": (550, 0), "mmap": (510, 90), "munmap": (700, 0)},
    ),
    "a.ftrace": (
        "# tracer: nop\n"
        "     a-100   [000] .....  5.000100: sys_mmap(addr: 0, len: 2000, prot: 3, flags: 22, fd: ffffffff, off: 0)\n"
        "     a-100   [000] .....  5.000104: sys_mmap -> 0x7f0000000000\n"
        "     a-100   [000] .....  5.000200: sys_munmap(addr: 7f0000000000, len: 2000)\n"
        "     a-100   [000] .....  5.000207: sys_munmap -> 0x0\n",
        "recorded",
        {"mmap": (0, 4), "munmap": (100, 7)},
    ),
    "a.perf": (
        "     0.500 ( 0.004 ms): a/100 mmap(len: 8192, prot: READ, flags: PRIVATE|ANONYMOUS, fd: -1) = 0x7f0000000000\n"
        "     0.700 (         ): a/100 mprotect(start: 0x7f0000000000, len: 4096, prot: READ) ...\n"
        "     0.700 ( 0.009 ms): a/100  ... [continued]: mprotect()) = 0\n"
        "     0.900 (         ): a/100 munmap(addr: 0x7f0000001000, len: 4096) = 0\n",
        "recorded of 2 of 3 calls",
        {"mmap": (0, 4), "mprotect": (200, 9), "munmap": (400, 0)},
    ),
}


@pytest.mark.parametrize("name", DURATIONS)
def test_slices_begin_where_the_call_began_and_last_as_long_as_the_log_says(
    tmp_path: Path, name: str
) -> None:
    """strace -T (the time of a resumed line is that of its end), entry and return of ftrace, perf trace's own."""
    text, told, expected = DURATIONS[name]
    source = tmp_path / name
    source.write_text(text)
    document = json.loads(written(tmp_path, "run", ".perfetto.json", str(source)).read_text())
    found = {r["name"]: r for r in assert_trace_events(document) if r["ph"] == "X"}
    assert {n: (round(r["ts"], 3), round(r["dur"], 3)) for n, r in found.items()} == expected
    assert document["otherData"]["replays"][0]["durations"] == told
    unknown = {n for n, r in found.items() if r["args"].get("duration") == "not recorded"}
    assert unknown == {"a.strace": {"brk"}, "a.ftrace": set(), "a.perf": {"munmap"}}[name]
    converted = tmp_path / "again.jsonl"
    CliRunner().invoke(group, ["convert", str(source), "-o", str(converted)])
    again = json.loads(written(tmp_path, "run", ".perfetto.json", str(converted)).read_text())
    assert [r for r in again["traceEvents"] if r["ph"] == "X"] == [
        r for r in document["traceEvents"] if r["ph"] == "X"
    ]


def test_slices_of_a_thread_do_not_overlap(tmp_path: Path) -> None:
    """Viewers drop those that do: a length that reaches into the thread's next call ends there."""
    source = tmp_path / "a.strace"
    source.write_text(
        "1 10:00:00.000100 brk(NULL) = 0x55550000 <0.000150>\n1 10:00:00.000200 brk(NULL) = 0x55550000 <0.000010>\n"
    )
    document = json.loads(written(tmp_path, "run", ".perfetto.json", str(source)).read_text())
    assert [(r["ts"], r["dur"]) for r in document["traceEvents"] if r["ph"] == "X"] == [(0, 100), (100, 10)]


def test_without_times_events_are_numbered_and_signals_are_instants(tmp_path: Path) -> None:
    document = json.loads(written(tmp_path, "run", ".perfetto.json", SIGNALS).read_text())
    rows = assert_trace_events(document)
    assert not [row for row in rows if row["ph"] == "X"]
    signals = [row for row in rows if row["ph"] == "i"]
    refused = facts_of(SIGNALS)["accesses"]["refused"]
    assert len(signals) == sum(r["count"] for r in refused if r["outcome"].startswith("SIG")) > 0
    assert all(row["ts"] == row["args"]["event"] for row in signals)
    assert document["otherData"]["replays"][0]["clock"] == "number of the event"


def test_two_replays_share_no_process_number(tmp_path: Path) -> None:
    document = json.loads(written(tmp_path, "run", ".perfetto.json", SIGNALS, SIGNALS).read_text())
    rows = assert_trace_events(document)
    names = [row["args"]["name"] for row in rows if row["name"] == "process_name"]
    assert len(names) == 2 and len({row["pid"] for row in rows}) == 2
    assert all("limit-i386" in name and "(pid 1," in name for name in names)


def test_gauges_have_the_numbers_of_the_json(tmp_path: Path) -> None:
    found = samples(written(tmp_path, "run", ".prom", LS).read_text())
    facts = facts_of(LS)
    (process,) = facts["processes"]
    peaks = [value for (name, _), value in found.items() if name == "remaptrace_vmas_peak"]
    assert peaks == [process["peak"]]
    compared = sum(value for (name, _), value in found.items() if name == "remaptrace_compared")
    assert compared == sum(t["total"] for t in facts["agreement"]["compared"].values())


def test_what_was_not_recorded_has_no_sample(tmp_path: Path) -> None:
    facts = facts_of(LS)
    facts["accesses"]["in_calls"] = None
    facts["memory"]["rss_pages"] = None
    facts["agreement"] = None
    names = {name for name, _ in samples(openmetrics([facts]))}
    assert not names & {
        "remaptrace_faults",
        "remaptrace_rss_pages",
        "remaptrace_agrees",
        "remaptrace_compared",
    }


def test_hostile_names_stay_inside_their_labels_and_twins_are_numbered() -> None:
    facts = check_facts([program('a"} 1\n# EOF\n\\'), program("b"), program("b")])
    found = samples(openmetrics([facts]))
    agrees = [labels for name, labels in found if name == "remaptrace_agrees"]
    assert len(agrees) == 3
    assert agrees[2] == agrees[1] + ',copy="2"'


def test_sarif_names_rule_file_and_line_of_each_difference() -> None:
    unreadable = replace(
        program("c d"),
        tallies={},
        disagreements=(),
        error=InputError("RT101", "no such file", path="/x/é.yaml"),
    )
    results = assert_sarif(json.loads(sarif([check_facts([program("a", 99), unreadable])])))
    first = results[0]["locations"][0]["physicalLocation"]
    assert results[0]["ruleId"] == "difference"
    assert first["artifactLocation"]["uri"].endswith("a.yaml") and first["region"]["startLine"] == 118
    (bad,) = [r for r in results if r["ruleId"] == "unreadable"]
    physical = bad["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == "file:///x/%C3%A9.yaml" and "region" not in physical


def test_sarif_counts_the_differences_that_are_not_listed() -> None:
    results = assert_sarif(json.loads(sarif([check_facts([program("a", 90)])])))
    assert any(re.match(r"10 comparisons differ, \d listed", r["message"]["text"]) for r in results)


def test_sarif_of_a_run_that_agrees_is_empty(tmp_path: Path) -> None:
    assert assert_sarif(json.loads(written(tmp_path, "run", ".sarif", LS).read_text())) == []
    assert assert_sarif(json.loads(written(tmp_path, "check", ".sarif", LS).read_text())) == []


def test_parquet_has_a_row_an_event_and_the_columns_of_the_table(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    one = pq.read_table(written(tmp_path, "run", ".parquet", LS))
    facts = facts_of(LS)
    assert one.num_rows == facts["trace"]["events"]
    assert one.column_names[:4] == ["trace", "machine", "event", "kind"]
    assert max(one["map_count"].to_pylist()) == facts["processes"][0]["peak"]
    both = pq.read_table(written(tmp_path, "run", ".parquet", LS, SIGNALS))
    assert set(both["trace"].to_pylist()) == {"ls", "limit-i386"}
    assert both.num_rows > one.num_rows
    rows = np.array(both["trace"].to_pylist()) == "limit-i386"
    assert all(time is None for time in np.array(both["time"].to_pylist(), dtype=object)[rows])
    kinds = one["kind"].to_pylist()
    assert both["kind"].to_pylist()[: len(kinds)] == kinds


def test_parquet_without_pyarrow_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError) as caught:
        parquet([], [])
    assert caught.value.code == "RT812" and "remaptrace[parquet]" in caught.value.expected


@pytest.mark.parametrize("command", ["run", "check"])
def test_markdown_begins_with_the_mark_of_a_comment_to_renew(command: str) -> None:
    found = CliRunner().invoke(group, [command, LS, "--format", "markdown"])
    lines = found.stdout.splitlines()
    assert lines[0] == "<!-- remaptrace -->" and lines[1].startswith(f"### remaptrace {command}")
    assert found.stdout.count("<!-- remaptrace -->") == 1


def test_markdown_of_a_run_has_peak_and_refused_accesses() -> None:
    found = CliRunner().invoke(group, ["run", SIGNALS, "--format", "markdown"])
    assert "| SIGBUS/ADRERR |" in found.stdout
    assert "| pid | process | start | peak VMAs |" in found.stdout


def test_an_output_is_bytes_ready_to_write() -> None:
    output = next(o for o in OUTPUTS if o.name == "sarif")
    assert json.loads(made(output, [check_facts([program("a")])]))["version"] == "2.1.0"


def test_faults_that_nobody_recorded_are_no_track(tmp_path: Path) -> None:
    log = tmp_path / "a.strace"
    log.write_text("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000\n")
    document = json.loads(written(tmp_path, "run", ".perfetto.json", str(log)).read_text())
    assert {row["name"] for row in document["traceEvents"] if row["ph"] == "C"} == {"VMAs"}


def test_a_trace_is_a_table(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    table = pq.read_table(written(tmp_path, "convert", ".parquet", LS))
    trace = remaptrace.load(LS)
    assert table.num_rows == len(trace)
    assert table["a1"].to_pylist() == trace.columns["a1"].tolist()
    assert table["kind"].to_pylist()[:3] == [event.kind for event in trace.events(0, 3)]
    assert table["recorded"].to_pylist() == [event.result for event in trace.events()]
    assert table.schema.metadata[b"remaptrace.trace"] == b"ls"
    found = CliRunner().invoke(group, ["convert", LS, "-o", str(tmp_path / "x.parquet.gz")])
    assert "RT205" in str(getattr(found.exception, "code", found.exception))
