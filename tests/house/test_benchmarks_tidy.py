"""What benchmarks write goes into the one folder that they take away, also when they are ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .imports import PACKAGE

ROOT = PACKAGE.parent
_MADE = re.compile(r"tempfile\.(?:mkdtemp|mkstemp|\w*TemporaryFile|TemporaryDirectory)\((?!dir=)")
_WRITING = """
import sys
from benchmarks.spent import folder
(folder() / "large").write_text("x")
print(folder(), flush=True)
sys.stdin.read()
"""


def test_no_benchmark_makes_a_temporary_file_elsewhere() -> None:
    found = {
        path.name: len(_MADE.findall(path.read_text(encoding="utf-8")))
        for path in (ROOT / "benchmarks").glob("*.py")
    }
    assert {name: count for name, count in found.items() if count} == {"spent.py": 1}  # the folder itself


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_ended_benchmarks_leave_nothing_or_the_next_ones_take_it_away(
    tmp_path: Path, number: signal.Signals
) -> None:
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # what jobs in the background start would ignore it
    env = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _WRITING]
    child = subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert child.stdout is not None
    assert (Path(child.stdout.readline().strip()) / "large").is_file()
    child.send_signal(number)
    child.communicate()
    assert number == signal.SIGKILL or not list(tmp_path.iterdir())
    subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    assert not list(tmp_path.iterdir())
