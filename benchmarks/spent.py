"""What a command costs: processor time, memory of its own, time until it first speaks. Beside others, turn by turn.

The machine may be shared: processor time (user and system, of the process and its children) is compared, the least of
several turns in which every command runs once.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_STEP = 0.002  # seconds between looks at a process's memory


@dataclass(frozen=True)
class Spent:
    """Seconds of processors and of the clock; bytes at the peak: of anonymous memory (0: not looked at), and in all."""

    cpu: float
    wall: float
    anonymous: int
    resident: int


@cache
def folder() -> Path:
    """A folder for what is measured, taken away when the benchmarks end."""
    path = Path(tempfile.mkdtemp(prefix="remaptrace-bench-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def bare_python() -> str:
    """An interpreter that imports only what it must, the unit of start-up: of a new environment without packages.

    This one may begin by importing the finder of an editable package, or whatever else its packages ask for.
    """
    place = folder() / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    return str(place / "bin" / "python")


def environment(**more: str) -> dict[str, str]:
    """As in an installation without a finder of editable packages, whose imports would be counted, too."""
    dropped = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "REMAPTRACE_ENGINE")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    packages = [path for path in sys.path if path.endswith("site-packages")]
    return {**kept, "PYTHONPATH": os.pathsep.join([str(ROOT), *packages]), **more}


def tool(*arguments: str | Path) -> list[str]:
    """The command line of the tool."""
    return [bare_python(), "-m", "remaptrace", *map(str, arguments)]


def spent(command: Sequence[str], env: Mapping[str, str] | None = None, *, memory: bool = False) -> Spent:
    """Run `command`, which may end with 0 or 1, without its output."""
    began = time.perf_counter()
    with open(os.devnull, "wb") as null:
        process = subprocess.Popen(command, stdout=null, stderr=null, env=env or environment(), cwd=folder())
        most = _watched(process.pid) if memory else 0
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if process.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}")
    return Spent(usage.ru_utime + usage.ru_stime, wall, most, usage.ru_maxrss * 1024)


def _watched(pid: int) -> int:
    """The most anonymous memory that is seen until the process ends."""
    most = 0
    with contextlib.suppress(OSError):
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                for line in file:
                    if line.startswith("RssAnon:"):
                        most = max(most, int(line.split()[1]) * 1024)
                        break
            time.sleep(_STEP)
    return most


def in_turn(
    commands: Mapping[str, Sequence[str]], turns: int = 3, env: Mapping[str, str] | None = None
) -> dict[str, Spent]:
    """Each command `turns` times, one after the other; of each the least of every measure."""
    found: dict[str, list[Spent]] = {name: [] for name in commands}
    for _ in range(turns):
        for name, command in commands.items():
            found[name].append(spent(command, env))
    return {
        name: Spent(min(s.cpu for s in all_), min(s.wall for s in all_), 0, min(s.resident for s in all_))
        for name, all_ in found.items()
    }
