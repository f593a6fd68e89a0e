"""Programs go out in a folder, answers come back in it; what differs is found without asking again."""

from __future__ import annotations

import json
import platform
import subprocess
from pathlib import Path

import pytest

from remaptrace.cli.entry import run_command
from remaptrace.native.hunting.offline import concerned
from remaptrace.native.steps import Program, mmap, mremap, ranged
from remaptrace.native.verify import Asked

from .needs import needs_6_18, needs_compiler
from .test_hunt import ANON, BASE, run_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that was taken elsewhere and brought back with answers."""
    place = tmp_path / "out"
    assert run_command(["verify", "--random", "100", "--profile", "guard", "--export", str(place)]) == 0
    subprocess.run(
        [str(place / "run.sh")], check=True, stdout=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin"}
    )
    return place


@needs_compiler
@needs_6_18
def test_answers_that_were_brought_back_agree(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run_command(["verify", "--answers", str(folder), "--format", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["programs"]["agree"] == facts["programs"]["total"] > 2
    assert facts["other"]["kernel"].startswith(f"Linux {platform.release()}")


@needs_compiler
@needs_6_18
def test_a_flipped_rule_is_found_and_made_small_in_them(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    arguments = ["verify", "--answers", str(folder), "--set", "guard_regions=none"]
    assert run_command([*arguments, "--format", "json", "--keep", str(tmp_path / "kinds")]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert {k["call"] for k in facts["kinds"]} == {"madvise"}
    assert min(len(k["example"]["steps"]) for k in facts["kinds"]) == 1
    for file in (tmp_path / "kinds").glob("*.yaml"):  # what is left of a program is answered so by the kernel
        assert run_command(["verify", str(file), "--format", "plain"]) == 0
        assert run_command(["check", str(file), "--format", "plain"]) == 0


@needs_compiler
def test_answers_of_other_programs_and_broken_folders_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = folder / "answers.txt"
    good = answers.read_bytes()
    answers.write_bytes(good.replace(b"where nonce ", b"where nonce 0"))
    assert run_command(["verify", "--answers", str(folder)]) == 3
    assert "RT806" in capsys.readouterr().err
    answers.write_bytes(
        good[: len(good) // 2]
    )  # it broke off: the programs behind are missing, the rest counts
    assert run_command(["verify", "--answers", str(folder), "--format", "plain"]) == 1
    for text in (
        "",
        "[]",
        "{",
        '{"schema": "remaptrace/programs/1", "nonce": "a", "programs": [{}]}',
        "[" * 99999,
    ):
        (folder / "programs.json").write_text(text)
        assert run_command(["verify", "--answers", str(folder)]) == 3
    assert run_command(["verify", "--answers", str(tmp_path / "nothing")]) == 3
    assert run_command(["verify", "--answers", str(folder), "--random", "5"]) == 2


def test_steps_that_share_no_page_with_the_last_one_may_go() -> None:
    steps = [
        {"memfd": {"id": "a", "pages": 1}},
        mmap(BASE, 4096, "rw", ANON),  # bordering on the source of the move
        mmap(BASE + 0x100000, 4096, "rw", ANON),
        {"mlockall": {"flags": ["future"]}},
        {"dump": {}},
        mremap(BASE + 0x1000, 4096, 4096, ["maymove", "fixed"], BASE + 0x9000),
        ranged("madvise", BASE + 0x9000, 4096, advice="dontneed"),
    ]
    run = run_of([], [0] * len(steps))
    assert concerned(Asked(Program("p", steps, True), run), 6) == [1, 3, 5, 6]
