"""Bounds of check for CI: named ones and a baseline, broken by the first event beyond, in every output."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from remaptrace.cli.entry import run_command
from remaptrace.result.gates import baseline_key

BASE = 0x7F0000000000
EXEC = 'execve("/opt/prog/a", ["a"], 0x7ffc0 /* 2 vars */) = 0\n'


def log(folder: Path, mappings: int) -> str:
    path = folder / "work.strace"
    lines = [
        f"mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {BASE + n * 0x10000:#x}\n"
        for n in range(mappings)
    ]
    path.write_text(EXEC + "".join(lines))
    return str(path)


def test_a_bound_is_broken_by_the_first_event_beyond(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log(tmp_path, 20)
    assert run_command(["check", path, "--max", "memory_calls=20", "--format", "json"]) == 0
    assert run_command(["check", path, "--max", "memory_calls=10", "--format", "json"]) == 1
    facts = json.loads(capsys.readouterr().out.split("\n}\n")[-2] + "\n}")
    (found,) = facts["outcomes"][0]["differences"]
    assert found["what"] == "memory_calls (--max)"
    assert found["at"]["line"] == 12
    assert facts["outcomes"][0]["compared"]["bounds"] == {"agree": 0, "total": 1}


def test_a_baseline_that_was_written_holds_until_more_is_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = str(tmp_path / "base.json")
    path = log(tmp_path, 20)
    assert run_command(["check", path, "--write-baseline", kept]) == 0
    assert run_command(["check", path, "--baseline", kept]) == 0
    log(tmp_path, 21)
    assert run_command(["check", path, "--baseline", kept]) == 1
    capsys.readouterr()
    for form, word in (("junit", "peak_vmas (baseline)"), ("github", "peak_vmas"), ("markdown", "peak_vmas")):
        assert run_command(["check", path, "--baseline", kept, "--format", form]) == 1
        text = capsys.readouterr().out
        assert word in text
        if form == "junit":
            assert ElementTree.fromstring(text).get("failures") == "1"
    log(tmp_path, 5)
    assert run_command(["check", path, "--baseline", kept]) == 0


def test_a_baseline_finds_its_source_in_another_folder_and_never_bounds_nothing_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = str(tmp_path / "base.json")
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    assert run_command(["check", log(here, 20), "--write-baseline", kept]) == 0
    grown = log(there, 21)
    assert run_command(["check", grown, "--baseline", kept]) == 1
    other = there / "other.strace"
    other.write_text(Path(grown).read_text())
    capsys.readouterr()
    assert run_command(["check", str(other), "--baseline", kept]) == 2
    assert "none of the sources" in capsys.readouterr().err
    assert run_command(["check", log(here, 20), str(other), "--baseline", kept]) == 0
    assert "other.strace: not in the baseline" in capsys.readouterr().err


def test_a_source_is_known_by_as_many_parts_of_its_path_as_tell_it() -> None:
    baseline = {"a/x/work.strace": {}, "a/y/work.strace": {}, "one.strace": {}}
    assert baseline_key(baseline, "/ci/a/y/work.strace") == "a/y/work.strace"
    assert baseline_key(baseline, "work.strace") is None
    assert baseline_key(baseline, "/z/one.strace") == "one.strace"


@pytest.mark.parametrize("bound", ["peak=3", "peak_vmas", "peak_vmas=many", "peak_vmas=-1"])
def test_a_bound_that_is_none_is_refused(bound: str, tmp_path: Path) -> None:
    assert run_command(["check", log(tmp_path, 2), "--max", bound]) == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "remaptrace/baseline/1", "sources": 3}'])
def test_a_file_that_is_no_baseline_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(text)
    assert run_command(["check", log(tmp_path, 2), "--baseline", str(tmp_path / "b.json")]) == 3


def test_faults_that_no_recorder_saw_are_not_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log(tmp_path, 2)
    for form in ("json", "rich", "github"):
        assert run_command(["check", path, "--max", "minor_faults=0", "--format", form]) == 0
        said = capsys.readouterr()
        assert form != "json" or "not recorded" in said.out
        assert "minor_faults: not recorded in this source, so its bound was not tried" in said.err


DAMAGED = [
    ('{"peak_vmas": -1}', "no count of peak_vmas"),
    ('{"peak_vmas": "30"}', "no count of peak_vmas"),
    ('{"peak_vmas": 30.5}', "no count of peak_vmas"),
    ('{"peak_vmas": true}', "no count of peak_vmas"),
    ('{"peak_vmas": null}', "no count of peak_vmas"),
    ('{"peak_vmas": NaN}', "no count of peak_vmas"),
    ('{"peaks": 30}', "unknown measure"),
    ("{}", "bounds nothing"),
    ("[]", "bounds nothing"),
    ('{"peak_vmas": 30', "b.json:1:"),
]


@pytest.mark.parametrize(("values", "words"), DAMAGED)
def test_a_damaged_baseline_is_refused_with_what_is_wrong(
    values: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log(tmp_path, 2)
    text = f'{{"schema": "remaptrace/baseline/1", "sources": {{"{path}": {values}}}}}'
    (tmp_path / "b.json").write_text(text if values.endswith(("}", "]")) else text.rstrip("}"))
    assert run_command(["check", path, "--baseline", str(tmp_path / "b.json")]) == 3
    said = capsys.readouterr().err
    assert "RT326" in said and words in said
