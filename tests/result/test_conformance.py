"""Real kernels are the judges: every recorded answer of every program and run in traces/ is simulated."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.api import check, replay
from remaptrace.machine.machine import Machine
from remaptrace.result.agreement import CheckOutcome
from remaptrace.trace.detect import load
from remaptrace.trace.recorded.read import find_set, read_set

TRACES = Path(__file__).parents[2] / "traces"
PROGRAMS = sorted(str(p.relative_to(TRACES)) for p in (TRACES / "conformance").glob("*/*.yaml"))
SETS = sorted(p.name for p in TRACES.iterdir() if (p / "summary.json").exists())
SMALL = [name for name in SETS if not name.startswith("uml-")]


def first(outcome: CheckOutcome) -> str:
    """The first disagreement in words."""
    return "".join(
        f"{d.path}:{d.line}: {d.call}: {d.what}: expected {d.expected}, simulated {d.simulated}"
        for d in outcome.disagreements[:1]
    )


def test_there_are_programs_and_sets() -> None:
    assert len(PROGRAMS) == 130
    assert len(SETS) >= 12


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_step_of_a_program_is_answered_as_the_kernel_did(program: str) -> None:
    name, _, arch = Path(program).parent.name.removeprefix("linux-").partition("-")
    trace = load([str(TRACES / program)])[0]
    outcome = check(replay(trace, Machine.load(arch or "x86_64", f"linux-{name}")))
    assert outcome.agrees, first(outcome)
    assert sum(t.total for t in outcome.tallies.values()) >= len(trace.expects) > 0


@pytest.mark.parametrize("name", SMALL)
def test_every_call_of_a_recorded_run_is_answered_as_the_kernel_did(name: str) -> None:
    outcome = check(replay(load([str(TRACES / name)])[0], counters=True))
    assert outcome.agrees, first(outcome)
    counted = (TRACES / name / "mapcount.txt.gz").exists() or (TRACES / name / "mapcount.txt").exists()
    wanted = {"answers", "map_lines", "faults"} | ({"map_counts", "counters"} if counted else set())
    assert wanted <= outcome.tallies.keys()


@pytest.mark.parametrize("name", [name for name in SMALL if name != "zoo"])  # it makes 32-bit calls
def test_perf_text_alone_gives_the_same_counts(name: str) -> None:
    found = find_set(TRACES / name)
    assert found is not None
    if "perf" not in found.texts:
        pytest.skip("the set has no such text")
    outcome = check(replay(read_set(TRACES / name, "perf"), counters=True))
    assert outcome.agrees, first(outcome)


# Which memory was written decides some merges, and text without accesses does not tell; see docs/agreement.md.
STRACE_EXACT = [n for n in SMALL if n not in ("efence-500", "fuzz-2", "java-100threads", "perf-trace")]


@pytest.mark.parametrize("name", STRACE_EXACT)
def test_strace_text_alone_gives_the_same_counts(name: str) -> None:
    outcome = check(replay(read_set(TRACES / name, "strace"), counters=True))
    assert outcome.agrees, first(outcome)
    assert outcome.tallies["map_counts"].total > 0


def test_the_limit_of_areas_is_met_at_the_recorded_call() -> None:
    trace = load([str(TRACES / "efence-limit")])[0]
    result = replay(trace, engine="interpreted")
    refused = (result.columns["ret"] == -12).nonzero()[0].tolist()
    recorded = (trace.columns["ret"] == -12).nonzero()[0].tolist()
    assert refused == recorded != []
