"""The programs are listed and exported; what is exported runs by itself."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from remaptrace.cli.entry import run_command
from remaptrace.conformance.corpus import corpus
from remaptrace.errors import UsageError


def test_every_program_of_the_repository_is_listed() -> None:
    folder = Path(__file__).parents[2] / "traces" / "conformance"
    assert [(p.kernel, p.name) for p in corpus()] == sorted(
        (path.parent.name, path.stem) for path in folder.glob("*/*.yaml")
    )


def test_a_pattern_that_fits_nothing_names_what_there_is() -> None:
    with pytest.raises(UsageError) as caught:
        corpus("linux-5.4")
    assert caught.value.code == "RT821"
    assert "linux-6.18" in str(caught.value.expected)


def test_the_list_says_which_have_no_c_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["conformance", "--kernel", "linux-2.6.20-i386"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("linux-2.6.20-i386/disk-01  ")
    assert "[no C: the trace was written for i386" in lines[0]
    assert lines[-1] == "30 programs, 0 of them as C"


def test_exported_programs_stand_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    assert (
        run_command(["conformance", "--export", str(folder), "--kernel", "linux-6.12", "--format", "json"])
        == 0
    )
    said = json.loads(capsys.readouterr().out)
    assert said == json.loads((folder / "index.json").read_text())
    assert all(row["portable"] for row in said["programs"])
    names = {path.name for path in (folder / "linux-6.12").iterdir()}
    assert names == {f"{row['name']}.{form}" for row in said["programs"] for form in ("yaml", "json", "c")}
    program = json.loads((folder / "linux-6.12" / "guard-01.json").read_text())
    assert program["steps"][0]["mmap"]["addr"] == 0x1000_0000_0000
    assert program["steps"][0]["expect"] == {"result": 0x1000_0000_0000}


@pytest.mark.skipif(
    shutil.which("gcc") is None or shutil.which("make") is None or os.geteuid() != 0,
    reason="no gcc or make here, or not root",
)
@pytest.mark.skipif(not platform.release().startswith("6.18."), reason="the answers are those of 6.18")
def test_the_makefile_builds_runs_and_adds_up(tmp_path: Path) -> None:
    from remaptrace.conformance.export import export

    export([p for p in corpus("linux-6.18") if p.name in ("guard-01", "uml-01")], str(tmp_path))
    good = subprocess.run(["make", "-s"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stdout) == (0, "84 ok, 0 not ok\n")
    wrong = tmp_path / "linux-6.18" / "guard-01.c"
    wrong.write_text(wrong.read_text().replace("EINVAL);", "ENOMEM);", 1))
    bad = subprocess.run(["make", "-s"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert bad.returncode == 2
    assert "83 ok, 1 not ok" in bad.stdout
