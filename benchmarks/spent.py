"""What a command costs: processor time, memory of its own, time until it first speaks. Beside others, turn by turn.

The machine may be shared: processor time (user and system, of the process and its children) is compared, the least of
several turns in which every command runs once.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Spent:
    """Seconds of processors and of the clock; bytes at the peak: of anonymous memory (0: not looked at), and in all."""

    cpu: float
    wall: float
    anonymous: int
    resident: int


@cache
def folder() -> Path:
    """A folder for what is measured, taken away when the benchmarks end; those of killed ones are, too."""
    for left in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*-*"):
        owner = left.name.removeprefix(_FOLDER).partition("-")[0]
        if owner.isdecimal() and not Path("/proc", owner).exists():
            shutil.rmtree(left, ignore_errors=True)
    path = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that it is taken away
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    return path


_FOLDER = "remaptrace-bench-"
"""How the names of such folders begin; behind it stands the number of the process."""


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
    """Run `command`, which may end with 0 or 1, without its output, from a process that holds nothing itself."""
    answer, told = os.pipe()
    launcher = [bare_python(), str(ROOT / "benchmarks" / "launched.py"), str(told), str(int(memory))]
    with open(answer, "rb") as said, open(os.devnull, "wb") as null:
        process = subprocess.Popen(
            [*launcher, *command],
            stdout=null,
            stderr=null,
            env=env or environment(),
            cwd=folder(),
            pass_fds=[told],
        )
        os.close(told)
        found = json.loads(said.read() or b"{}")
        process.wait()
    if found.get("status") not in (0, 1):
        raise RuntimeError(f"{' '.join(command)}: exit {found.get('status')}")
    return Spent(found["cpu"], found["wall"], found["anonymous"], found["resident"])


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
