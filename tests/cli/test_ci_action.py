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


GUARD = """
steps:
- mmap: {addr: 0x10000000, length: 65536, prot: rw, flags: [private, anonymous, fixed]}
- mprotect: {addr: 0x10004000, length: 4096, prot: none}
- write: {addr: 0x10004000, value: 1}
  expect: {outcome: SIGSEGV}
"""


def test_every_step_works_in_somebody_elses_repository(tmp_path: Path) -> None:
    foreign = tmp_path / "their project"
    (foreign / "recordings").mkdir(parents=True)
    (foreign / "recordings" / "guard.yaml").write_text(GUARD, encoding="utf-8")
    subprocess.run(["git", "init", "-q", str(foreign)], check=True)
    tools = tmp_path / "bin"
    tools.mkdir()
    command = tools / "remaptrace"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m remaptrace "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    installed = tools / "python"
    installed.write_text(
        '#!/bin/sh\nfor last; do :; done\ntest -f "$last/pyproject.toml"\n', encoding="utf-8"
    )
    installed.chmod(0o755)
    action = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
    given = {"traces": "recordings", "page": "recordings/guard.yaml"}
    inputs = {name: given.get(name, field.get("default", "")) for name, field in action["inputs"].items()}

    def filled(text: str) -> str:
        text = text.replace("${{ github.action_path }}", str(ACTION))
        for name, value in inputs.items():
            text = text.replace(f"${{{{ inputs.{name} }}}}", value)
        assert "${{" not in text, text
        return text

    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    base = {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": str(ROOT),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    run = [step for step in action["runs"]["steps"] if "run" in step]
    assert len(run) == 2, "install, replay"
    for step in run:
        own = {name: filled(value) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            [step["shell"], "-c", filled(step["run"])],
            env={**base, **own},
            cwd=foreign,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    (upload,) = [s for s in action["runs"]["steps"] if "upload-artifact" in s.get("uses", "")]
    made = foreign / filled(upload["with"]["path"])
    assert {p.name for p in made.iterdir()} == {"replay.xml", "summary.md", "page.html"}
    assert "guard" in (tmp_path / "summary").read_text(encoding="utf-8")
    assert 'tests="' in (made / "replay.xml").read_text(encoding="utf-8")
    (foreign / "recordings" / "guard.yaml").write_text(GUARD.replace("SIGSEGV", "ok"), encoding="utf-8")
    step = run[1]
    own = {name: filled(value) for name, value in step["env"].items()}
    failed = subprocess.run(
        [step["shell"], "-c", filled(step["run"])],
        env={**base, **own},
        cwd=foreign,
        capture_output=True,
        check=False,
    )
    assert failed.returncode == 1
