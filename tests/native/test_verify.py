"""The running kernel answers as the replay does; a wrong rule is found and made small."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.cli.entry import run_command
from remaptrace.machine.machine import Machine
from remaptrace.native.generate import generate
from remaptrace.native.hunting.hunt import Hunter
from remaptrace.native.lacks import lacking
from remaptrace.native.place import Place, machine_there
from remaptrace.native.profiles import PROFILES
from remaptrace.native.scenarios import read_steps
from remaptrace.native.transport import Started
from remaptrace.native.verify import ask_kernel, random_programs, verify_steps
from remaptrace.native.wire import Where

from .needs import needs_6_18, needs_compiler

CONFORMANCE = Path(__file__).parents[2] / "traces" / "conformance" / "linux-6.18"
ANON = {"prot": "rw", "flags": ["private", "fixed", "anonymous"], "fd": -1, "offset": 0}
AREA = {"mmap": {"addr": 0x100000000000, "length": 16384, **ANON}}


def test_programs_are_the_same_for_the_same_seed() -> None:
    assert generate(7, "mixed") == generate(7, "mixed") != generate(8, "mixed")


@needs_compiler
def test_the_kernel_tells_results_faults_values_and_areas() -> None:
    steps = [
        AREA,
        {"write": {"addr": 0x100000001000, "value": 9}},
        {"read": 0x100000001000},
        {"read": 0x100000008000},
    ]
    run = ask_kernel(steps, whole=False)
    assert run.expects == [
        {"result": 0x100000000000},
        {"outcome": "ok", "minor_faults": 1},
        {"outcome": "ok", "value": 9, "minor_faults": 0},
        {"outcome": "SIGSEGV", "code": "SEGV_MAPERR", "minor_faults": 0},
    ]
    assert [(a["start"], a["end"], a["perms"]) for a in run.vmas] == [
        (0x100000000000, 0x100000004000, "rw-p")
    ]


@needs_compiler
def test_an_instruction_is_fetched_and_nothing_else_happens() -> None:
    steps = [AREA, {"exec": 0x100000000000}, {"exec": 0x100000000000}]
    answers = ask_kernel(steps, whole=False).expects[1:]
    assert answers == [
        {"outcome": "SIGSEGV", "code": "SEGV_ACCERR", "minor_faults": 1},
        {"outcome": "SIGSEGV", "code": "SEGV_ACCERR", "minor_faults": 0},
    ]


def _runners(folder: Path) -> set[str]:
    """The processes on this machine that run a runner kept below `folder`."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if folder in (process / "exe").readlink().parents:
                found.add(process.name)
        except OSError:
            continue  # gone meanwhile, or another user's
    return found


@needs_compiler
def test_nothing_is_left_running_when_a_program_forked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMAPTRACE_CACHE", str(tmp_path))
    ask_kernel(
        [AREA, {"fork": {}}, {"fork": {}}, {"write": {"addr": 0x100000000000, "value": 1}}], whole=False
    )
    assert not _runners(tmp_path)


def _here(where: Where) -> Place:
    return machine_there(where, arch=None, kernel=None, settings={})


@needs_compiler
@needs_6_18
@pytest.mark.parametrize("profile", PROFILES)
def test_random_programs_agree(profile: str) -> None:
    lacks = lacking([profile], lambda steps: ask_kernel(steps, whole=False).expects)
    if profile in lacks:
        pytest.skip(lacks[profile])
    hunted = Hunter(Started(), _here).hunt(random_programs(400, 20_070_331, [profile]))
    assert 5 <= hunted.programs <= 8 and hunted.steps >= 400
    assert not hunted.kinds, [(k, f.example.steps) for k, f in hunted.kinds.items()]


@needs_compiler
@needs_6_18
@pytest.mark.parametrize("name", ["layout-01", "fault-03", "guard-02"])
def test_the_runner_answers_as_the_conformance_programs_record(name: str) -> None:
    program = read_steps(str(CONFORMANCE / f"{name}.yaml"))
    verdict = verify_steps(program.steps, Machine.load(), name, whole=program.whole)
    assert verdict.outcome.agrees


@needs_compiler
@needs_6_18
def test_a_wrong_rule_is_found_and_made_small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "small.yaml"
    arguments = [
        "verify",
        "--random",
        "2000",
        "--profile",
        "guard",
        "--set",
        "guard_regions=none",
        "-o",
        str(scenario),
    ]
    assert run_command(arguments) == 1
    assert "kinds of disagreement" in capsys.readouterr().out
    steps = read_steps(str(scenario)).steps
    assert len(steps) <= 2
    assert any(step.get("madvise", {}).get("advice", "").startswith("guard_") for step in steps)


def test_steps_of_the_simulation_alone_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "reclaim.yaml"
    scenario.write_text("name: r\nsteps:\n- reclaim: {}\n")
    assert run_command(["verify", str(scenario)]) == 2
    assert "RT804" in capsys.readouterr().err
