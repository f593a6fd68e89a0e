"""What the kernel in front lacks is told by what it answers, with the call and its error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from remaptrace.cli.entry import run_command
from remaptrace.native import lacks
from remaptrace.native.generate import generate
from remaptrace.native.lacks import asked_together, lacking
from remaptrace.native.launch import compiler
from remaptrace.native.profiles import PROFILES
from remaptrace.native.steps import Step
from remaptrace.native.transport import Started
from remaptrace.native.verify import ask_kernel
from remaptrace.native.wire import Reply


def refusing(steps: list[Step]) -> list[dict[str, Any]]:
    """A kernel without anything."""
    return [{"error": "ENOSYS"} for _ in steps]


def test_a_kernel_without_a_feature_is_named_with_the_call_that_said_so() -> None:
    found = lacking(["merge", "sysv", "numa"], refusing)
    assert list(found) == ["sysv", "numa"]
    assert "shmget answers ENOSYS" in found["sysv"] and "mbind answers ENOSYS" in found["numa"]


def test_a_second_node_is_not_what_the_programs_are_about() -> None:
    found = lacking(["numa"], lambda steps: [{"result": 0} for _ in steps])
    assert "more than one NUMA node" in found["numa"]


def test_identifiers_that_do_not_count_from_0_leave_segments_out() -> None:
    assert "namespace" in lacking(["sysv"], lambda steps: [{"result": 5}])["sysv"]


def test_every_question_is_about_a_subject() -> None:
    assert set(lacks._QUESTIONS) <= set(PROFILES)


def test_a_subject_that_is_left_out_is_said_and_nothing_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "remaptrace.native.lacks.lacking", lambda profiles, ask: {"numa": "no NUMA policies here"}
    )
    assert run_command(["verify", "--random", "100", "--profile", "numa"]) == 0
    out = capsys.readouterr().out
    assert "numa left out: no NUMA policies here" in out and "no program was run" in out


def test_kinds_of_descriptors_that_there_are_not_are_told_and_left_out_of_programs() -> None:
    def no_vcpu(steps: list[Step]) -> list[dict[str, Any]]:
        kind = steps[0]["special_file"]["kind"]
        return [{"error": "ENOENT"} if kind == "kvm_vcpu" else {"result": 0}]

    assert list(lacks.missing_kinds(no_vcpu)) == ["kvm_vcpu"]
    assert lacking(["special"], no_vcpu) == {}
    assert "special" in lacking(["special"], refusing)
    programs = [generate(seed, "special", 50, frozenset({"kvm_vcpu"})) for seed in range(20)]
    assert "kvm_vcpu" not in str(programs) and "kvm_vcpu" in str([generate(s, "special") for s in range(20)])


def test_a_pool_that_somebody_uses_is_left_alone() -> None:
    def used(steps: list[Step]) -> list[dict[str, Any]]:
        pool = {"total": 5, "free": 2, "reserved": 0, "surplus": 0}
        return [pool if "hugepages" in step else {"result": 0} for step in steps]

    assert "in use: 5 pages of 2 MiB, 2 of them free" in lacking(["huge"], used)["huge"]


@pytest.mark.skipif(compiler() is None, reason="no C compiler on this machine")
def test_the_pool_is_what_it_was_behind_a_program_that_changed_it() -> None:
    def ask(steps: list[Step]) -> list[dict[str, Any]]:
        return ask_kernel(steps, whole=False).expects

    if why := lacking(["huge"], ask).get("huge"):
        pytest.skip(why)
    files = [Path("/proc/sys/vm") / name for name in ("nr_hugepages", "nr_overcommit_hugepages")]
    before = [file.read_text() for file in files]
    steps: list[Step] = [
        {"sysctl": {"name": "vm.nr_overcommit_hugepages", "value": 2}},
        {"sysctl": {"name": "vm.nr_hugepages", "value": 3}},
        {"shmget": {"key": 0, "size": 4 << 20, "flags": 0o5600}},
        {"hugepages": {}},
    ]
    assert ask(steps)[-1] == {"total": 3, "free": 3, "reserved": 2, "surplus": 0}
    assert [file.read_text() for file in files] == before


@pytest.mark.skipif(compiler() is None, reason="no C compiler on this machine")
def test_all_questions_are_asked_in_few_starts_and_answered_as_one_by_one() -> None:
    class Counting:
        name = "this kernel"
        anew = True
        starts = 0

        def ask(self, programs: Sequence[str], *, areas: bool = False) -> Reply:
            self.starts += 1
            return Started().ask(programs, areas=areas)

    profiles = [p for p in PROFILES if p != "huge"]  # its questions change the pool of the machine
    transport = Counting()
    look = asked_together(profiles, transport)
    assert transport.starts <= 3
    one_by_one = lacking(profiles, lambda steps: ask_kernel(steps, whole=False).expects)
    assert lacking(profiles, look) == one_by_one
    lacks.missing_kinds(look)
    assert transport.starts <= 3
