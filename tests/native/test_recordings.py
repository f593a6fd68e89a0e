"""A recorded program's memory calls run on the kernel in front, and on the replay; loops and names are plain there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remaptrace.cli.entry import run_command
from remaptrace.errors import UsageError
from remaptrace.native.scenarios import read_programs, read_steps

from .needs import needs_6_18, needs_compiler

TRACES = Path(__file__).parents[2] / "traces"
SCENARIO = """\
name: t
vars: {base: 0x100000000000}
brk_start: 0x600000
steps:
- mmap: {length: 0x4000, prot: rw, flags: [private, anonymous]}
  as: x
- brk: {offset: 8192}
- mremap: {addr: '@x', old_length: 16KiB, new_length: 8KiB, flags: []}
- mmap: {addr: base, length: 0x4000, prot: rw, flags: [private, anonymous, fixed]}
- repeat: {count: 2, var: i, steps: [{write: {addr: base + i*page, value: 1}}]}
- write: {addr: base, pages: 4}
- read: {addr: base, pages: 8}
- exec: {addr: base}
- mlockall: [current]
"""


@needs_compiler
@needs_6_18
@pytest.mark.parametrize("name", ["ls", "bash-script", "git-log"])
def test_a_recorded_program_is_answered_as_the_replay_says(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["verify", str(TRACES / name), "--format", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["programs"] == {"agree": 1, "total": 1} and facts["steps"]["total"] > 100
    assert any("files that memfds stand for" in note for note in facts["notes"])


@needs_compiler
@needs_6_18
def test_a_flipped_rule_is_found_in_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    anonymous = "PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0"
    calls = [f"mmap(NULL, 4096, {anonymous}) = 0x7f71{n:04x}0000" for n in range(80)]
    calls += [
        f"mmap(NULL, 16384, {anonymous}) = 0x7f7159980000",
        "madvise(0x7f7159981000, 4096, MADV_GUARD_INSTALL) = 0",
    ]
    log.write_text("".join(f"10 {call}\n" for call in calls))
    assert run_command(["verify", str(log), "--format", "plain"]) == 0
    capsys.readouterr()
    assert run_command(["verify", str(log), "--set", "guard_regions=none", "--format", "json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert [(k["call"], k["there"], k["here"], len(k["example"]["steps"])) for k in facts["kinds"]] == [
        ("madvise", "done", "EINVAL", 2)
    ]


@needs_compiler
@needs_6_18
def test_a_scenario_with_loops_names_and_places_of_the_kernels_choice_is_plain_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(SCENARIO)
    program = read_steps(str(path))
    assert len(program.steps) == 10 and program.steps[1] == {"brk": {"offset": 8192}}
    assert run_command(["verify", str(path), "--format", "plain"]) == 0, capsys.readouterr().out
    assert "steps 10/10" in capsys.readouterr().out


@pytest.mark.parametrize(
    "step",
    [
        "reclaim: {}",
        "read: {addr: 0x1000, sp: 0x2000}",
        "fork: {child: 7}",
        "diskfile: {id: d, pages: 1}",  # a hole on a disk is read ahead by a measure of its own
    ],
)
def test_what_only_a_simulation_can_do_is_refused_by_name(step: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"steps:\n- {step}\n")
    with pytest.raises(UsageError, match="RT804"):
        read_programs(str(path))


def test_a_program_longer_than_the_runner_does_is_cut_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "long.yaml"
    path.write_text(
        "steps:\n- repeat: {count: 20001, var: i, steps: [{munmap: {addr: 0x1000, length: 4096}}]}\n"
    )
    (asked,) = read_programs(str(path))
    assert len(asked.program.steps) == 20_000
    assert asked.notes == ("long: the first 20,000 of 20,001 steps",)
