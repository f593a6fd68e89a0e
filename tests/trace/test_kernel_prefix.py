"""Kernel text behind the prefixes of other logs is read as if they were not there."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from remaptrace.trace.detect import read_data, recognise
from remaptrace.trace.events import Trace

DATA = Path(__file__).parent / "data" / "kernel-text"
FORMS = (
    "ftrace-default",
    "ftrace-record-tgid",
    "perf-default",
    "perf-callgraph",
    "perf-ns",
    "perf-perf-trace",
)
PREFIXES = {
    "journald": "Mar 03 10:11:12 host1 tracer[42]: ",
    "docker": "2024-03-03T10:11:12.123456789Z ",
    "actions": "2024-03-03T10:11:12.1234567Z ",
    "compose": "web_1  | ",
    "grep": "{n}:",
    "grep-file": "./trace.txt:{n}:",
    "cat": "{n:6d}\t",
    "quoted": "> ",
    "console": "[   12.345678] ",
}


def content(form: str) -> str:
    return gzip.decompress((DATA / f"{form}.txt.gz").read_bytes()).decode()


def told(trace: Trace) -> tuple[object, ...]:
    columns = {name: column.tolist() for name, column in trace.columns.items()}
    return columns, [skip.line for skip in trace.skipped], trace.frames, trace.ignored


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_changes_nothing_but_a_note(prefix: str, form: str) -> None:
    lines = content(form).splitlines()
    text = "\n".join(PREFIXES[prefix].format(n=n) + line for n, line in enumerate(lines, 1)) + "\n"
    trace = read_data(text.encode(), "t")
    assert told(trace) == told(read_data(("\n".join(lines) + "\n").encode(), "t"))
    assert any("something in front" in note for note in trace.notes)


@pytest.mark.parametrize("form", ["ftrace-default", "perf-default"])
def test_json_lines_of_docker_are_undone(form: str) -> None:
    lines = content(form).splitlines()
    text = "\n".join(json.dumps({"log": line + "\n", "stream": "stdout"}) for line in lines)
    assert told(read_data(text.encode(), "t")) == told(read_data("\n".join(lines).encode(), "t"))


@pytest.mark.parametrize("path", sorted(DATA.glob("*.gz")), ids=lambda path: path.name)
def test_text_as_it_was_recorded_has_nothing_in_front(path: Path) -> None:
    data = gzip.decompress(path.read_bytes())
    if recognise(data) is not None:
        assert not any("something in front" in note for note in read_data(data, "t").notes)


def test_names_of_tasks_with_blanks_are_no_prefixes() -> None:
    call = "     Web Content-7       [000] .....     1.00000{}: sys_brk{}\n"
    text = "".join(call.format(2 * i, "(brk: 0)") + call.format(2 * i + 1, " -> 0x5000") for i in range(4))
    trace = read_data(text.encode(), "t")
    assert trace.strings[int(trace.tasks["name"][0])] == "Web Content"
