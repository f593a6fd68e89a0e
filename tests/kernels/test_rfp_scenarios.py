"""The scenarios of traces/rfp on the kernels they speak of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from remaptrace.abi.outcomes import NAMES, OUT_SPURIOUS
from remaptrace.api import check, load, machine_of
from remaptrace.api import replay as run

FOLDER = Path(__file__).parents[2] / "traces" / "rfp"
ALL = sorted(FOLDER.glob("*.yaml"))
BIG = {"uml-window-mmap", "uml-window-rfp", "ebizzy-mprotect", "ebizzy-rfp"} | {
    f"guards-10000-{how}" for how in ("mprotect", "private", "install")
}
BOTH = [p for p in ALL if "rfp-intended" in p.read_text() and not p.stem.startswith("swap")]


def _agrees(path, kernel=None):
    trace = load(path)
    outcome = check(run(trace, machine_of(trace, kernel=kernel), engine="interpreted"))
    assert outcome.agrees, [str(d) for d in outcome.disagreements]


@pytest.mark.parametrize("path", [p for p in ALL if p.stem not in BIG], ids=lambda p: p.stem)
def test_a_scenario_holds_on_its_own_machine(path):
    _agrees(path)


@pytest.mark.parametrize("kernel", ["linux-2.6.21-rfp", "linux-2.6.21-rfp-intended"])
@pytest.mark.parametrize("path", BOTH, ids=lambda p: p.stem)
def test_a_scenario_says_what_both_versions_of_the_series_do(path, kernel):
    _agrees(path, kernel)


@pytest.mark.parametrize("name", ["uml-window-rfp", "guards-10000-private"])
def test_a_large_pattern_needs_one_area(name):
    _agrees(FOLDER / f"{name}.yaml")


def test_a_write_refused_for_dirty_tracking_is_called_spurious():
    trace = load(FOLDER / "dirty-clash.yaml")
    result = run(trace, machine_of(trace), engine="interpreted")
    assert NAMES[OUT_SPURIOUS] in {NAMES[o] for o in result.columns["outcome"]}


def test_a_file_of_the_unpatched_series_needs_the_fix_to_stay_unmarked():
    trace = load(FOLDER / "t1-lost-flag.yaml")
    steps = [e for e in trace.expects if not e.on]
    machine = machine_of(trace, settings={"rfp_lost_flag": "no"})
    outcome = check(run(replace(trace, expects=steps), machine, engine="interpreted"))
    assert outcome.agrees  # without T1 all that is said without `on` still holds
