"""Two recordings of different runs side by side: what each needed, matched by purpose, not by event."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remaptrace.cli.entry import run_command

BASE = 0x7F0000000000
EXEC = 'execve("/opt/prog/a", ["a"], 0x7ffc0 /* 2 vars */) = 0\n'


def log(path: Path, mappings: int, guards: bool = False) -> str:
    text = EXEC
    for n in range(mappings):
        at = BASE + n * 0x100000
        text += f"mmap(NULL, 12288, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {at:#x}\n"
        if guards:
            text += f"mprotect({at + 8192:#x}, 4096, PROT_NONE) = 0\n"
    path.write_text(text)
    return str(path)


def test_two_runs_are_compared_by_what_they_need(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = log(tmp_path / "old.log", 20, guards=True), log(tmp_path / "new.log", 20)
    assert run_command(["diff", old, new, "--format", "json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["before"] - facts["after"] == 20
    calls = {g["label"]: (g["before"], g["after"]) for g in facts["grown"]["memory call"]}
    assert calls == {"mprotect": (20, 0)}
    assert "faults" not in facts["grown"]
    assert "not recorded" in " ".join(facts["sentences"])


@pytest.mark.parametrize("form", ["rich", "plain", "markdown"])
def test_every_form_shows_them(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = log(tmp_path / "old.log", 3), log(tmp_path / "new.log", 9)
    assert run_command(["diff", old, new, "--format", form]) == 1
    assert "6 VMAs more" in capsys.readouterr().out


def test_equal_runs_are_equal(tmp_path: Path) -> None:
    old, new = log(tmp_path / "old.log", 3), log(tmp_path / "new.log", 3)
    assert run_command(["diff", old, new]) == 0
    assert run_command(["diff", old, new, "--kernel", "linux-6.12", "--kernel", "linux-6.18"]) == 2
    assert run_command(["diff", old, new, old]) == 2


def of_program(name: str, mappings: int) -> str:
    text = EXEC.replace(EXEC.split('"')[1], f"/bin/{name}")
    for n in range(mappings):
        text += f"mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {BASE + n * 0x100000:#x}\n"
    return text


def test_a_program_of_another_name_is_the_same_process_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "old.log", tmp_path / "new.log"
    old.write_text(of_program("server", 3))
    new.write_text(of_program("server2", 9))
    assert run_command(["diff", str(old), str(new), "--format", "json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    (peaks,) = facts["grown"]["process, VMAs at the peak"]
    assert peaks["label"] == "server -> server2" and peaks["after"] - peaks["before"] == 6
    assert facts["compared"] == ["server", "server2"]
    assert (
        "Areas are those of the largest process of each: server before, server2 after." in facts["sentences"]
    )


def test_faults_are_matched_by_process_where_both_have_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["diff", "traces/ls", "traces/efence-500", "--format", "json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    total = sum(g["after"] for g in facts["grown"]["faults"])
    assert sum(g["after"] for g in facts["grown"]["process, faults"]) == total > 0
    assert run_command(["diff", "traces/ls", "traces/ls", "--format", "markdown"]) == 0
    assert "### remaptrace diff: ls to ls" in capsys.readouterr().out


def test_programs_that_a_process_executes_one_after_the_other_are_compared_each_with_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "old.log", tmp_path / "new.log"
    old.write_text(of_program("env", 5) + of_program("work", 9))
    new.write_text(of_program("env", 5) + of_program("work", 2))  # env is the larger of the two now
    assert run_command(["diff", str(old), str(new), "--format", "json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["compared"] == ["work", "work"] and facts["before"] - facts["after"] == 7
    (peaks,) = facts["grown"]["process, VMAs at the peak"]
    assert peaks["label"] == "work" and "Areas are those of work." in facts["sentences"]
    assert run_command(["diff", str(new), str(old), "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["compared"] == ["work", "work"]
