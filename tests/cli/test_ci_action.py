"""The script of the composite action does its work without the service it is made for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "examples" / "ci" / "action"


def _run(tmp_path: Path, traces: str, **more: str) -> subprocess.CompletedProcess[str]:
    tools = tmp_path / "bin"
    tools.mkdir(exist_ok=True)
    command = tools / "remaptrace"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m remaptrace "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    env = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TRACES": traces,
        "OUTPUT": str(tmp_path / "out"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        **more,
    }
    return subprocess.run(
        ["bash", str(ACTION / "replay.sh")], env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_recordings_that_agree_pass_and_are_published(tmp_path: Path) -> None:
    done = _run(tmp_path, "traces/ls", PAGE="traces/ls")
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"replay.xml", "summary.md", "page.html"}
    assert "ls" in (tmp_path / "summary").read_text(encoding="utf-8")


def test_more_than_the_baseline_fails(tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    command = [sys.executable, "-m", "remaptrace", "check", "traces/ls", "--write-baseline", str(baseline)]
    subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=True
    )
    assert _run(tmp_path, "traces/ls", BASELINE=str(baseline)).returncode == 0
    lower = baseline.read_text(encoding="utf-8").replace(": 48", ": 47")
    baseline.write_text(lower, encoding="utf-8")
    assert _run(tmp_path, "traces/ls", BASELINE=str(baseline)).returncode == 1


def test_the_action_names_what_its_script_reads() -> None:
    action = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
    (step,) = [s for s in action["runs"]["steps"] if "replay.sh" in s.get("run", "")]
    assert set(step["env"]) == {"TRACES", "BASELINE", "PAGE", "OUTPUT"}
    assert set(action["inputs"]) == {"traces", "baseline", "page", "output"}
