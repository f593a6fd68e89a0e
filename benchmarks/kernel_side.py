"""Workloads on the running kernel, through a small C program."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path

from remaptrace.native.launch import compiler

from .spent import folder
from .workloads import Workload

_SOURCE = Path(__file__).with_name("kernel_ops.c")


@cache
def _program() -> str:
    target = str(folder() / "kernel_ops")
    cc = compiler()
    if cc is None:
        raise SystemExit("benchmarks against the running kernel need a C compiler")
    subprocess.run([cc, "-O2", "-o", target, str(_SOURCE)], check=True)
    return target


def nanoseconds(workload: Workload) -> float:
    """Nanoseconds of the timed rows for one call: the fastest round of a run, a process of its own."""
    with tempfile.NamedTemporaryFile(dir=folder()) as file:
        workload.rows.tofile(file.name)
        command = [_program(), file.name, str(workload.setup), str(workload.rounds)]
        best = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return best / workload.calls
