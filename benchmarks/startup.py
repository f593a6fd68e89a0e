"""Starting: help and a small scenario against `python3 -c pass`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .table import Row

_SCENARIO = """\
name: ten
arch: x86_64
page_size: 4096
steps:
""" + "".join(
    f"- mmap: {{addr: {0x100000000000 + i * 0x4000:#x}, length: 8192, prot: rw, flags: [private, fixed, anonymous],"
    " fd: -1, offset: 0}\n"
    for i in range(10)
)


def _seconds(command: list[str], times: int = 9) -> float:
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def startup() -> Iterator[Row]:
    """--help and a 10-step scenario, end to end."""
    bare = _seconds([sys.executable, "-c", "pass"])
    tool = [sys.executable, "-m", "remaptrace"]
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "remaptrace"], check=True
    )  # as an installation does
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder) / "ten.yaml"
        scenario.write_text(_SCENARIO, encoding="utf-8")
        for name, command, bound in (
            ("--help", [*tool, "--help"], 8),
            ("run of 10 steps", [*tool, "run", str(scenario)], 20),
        ):
            spent = _seconds(command)
            yield Row("start-up against python3 -c pass", name, spent / bare, bound, at_least=False,
                      detail=f"{1000 * spent:.0f} / {1000 * bare:.0f} ms")  # fmt: skip
