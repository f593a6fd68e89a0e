"""The same source, compiled: every column, snapshot and total equals that of the interpreted engine.

They run when a compiled engine of these sources is on disk, as `remaptrace warm` and `make test` make it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from remaptrace.api import machine_of
from remaptrace.engine.run.driver import replay
from remaptrace.engine.run.engines import is_compiled
from remaptrace.machine.machine import Machine
from remaptrace.trace.detect import load

pytestmark = pytest.mark.skipif(
    not is_compiled(),
    reason="no compiled engine of these sources: run 'remaptrace warm'",
)

TRACES = Path(__file__).parents[2] / "traces"
RUNS = ["ls", "zoo", "fuzz-2", "gcc-compile", "efence-500", "redis-bgsave", "remapwin-256"]
PROGRAMS = sorted((TRACES / "conformance").glob("*/*-0[1-3].yaml"))


def assert_equal(path: Path, machine: Machine | None = None) -> None:
    """Both engines give the same result for the trace at `path`."""
    trace = load([str(path)])[0]
    machine = machine or machine_of(trace)
    plain, compiled = (
        replay(trace, machine, counters=True, engine=engine) for engine in ("interpreted", "compiled")
    )
    for name, column in plain.columns.items():
        assert np.array_equal(column, compiled.columns[name]), f"{path}: {name}"
    assert plain.snapshots == compiled.snapshots
    assert plain.observed == compiled.observed
    assert plain.totals == compiled.totals


def test_a_compiled_replay_needs_no_compiler() -> None:
    program = (
        "import sys; from remaptrace.api import machine_of; from remaptrace.trace.detect import load;"
        "from remaptrace.engine.run.driver import replay; from remaptrace.engine.run.engines import warm; warm();"
        f"trace = load([{str(TRACES / 'ls')!r}])[0]; replay(trace, machine_of(trace), engine='compiled');"
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("name", RUNS)
def test_recorded_runs_give_equal_results(name: str) -> None:
    assert_equal(TRACES / name)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_programs_give_equal_results(path: Path) -> None:
    assert_equal(path)


@pytest.mark.parametrize("path", sorted((TRACES / "rfp").glob("*.yaml")), ids=lambda p: p.stem)
def test_nonlinear_mappings_give_equal_results(path: Path) -> None:
    assert_equal(path, Machine.load("i386", "linux-2.6.21-rfp"))
