"""Every disagreement is found, put to its kind, and made small, whoever stands on the other side."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from remaptrace.cli.entry import run_command
from remaptrace.native.answers import NativeRun
from remaptrace.native.hunting.classes import class_of
from remaptrace.native.hunting.hunt import Hunted, Hunter
from remaptrace.native.hunting.kinds import Kind
from remaptrace.native.launch import compiler
from remaptrace.native.place import Place, machine_there
from remaptrace.native.steps import Program, Step, mmap, mremap, ranged
from remaptrace.native.transport import Started
from remaptrace.native.verify import random_programs
from remaptrace.native.wire import Where
from remaptrace.probe.readable import values_read
from remaptrace.report.schema import schema_of

from .needs import needs_6_18, needs_compiler

BASE = 0x1000_0000_0000
ANON: list[object] = ["private", "fixed", "anonymous"]
THROUGH_A_SHELL = ("sh", "-c", 'exec "$0" "$@"')


def hunt(programs: Sequence[Program], command: tuple[str, ...] = (), **settings: str) -> Hunted:
    """What differs over `programs` between what answers behind `command` and the replay with rules changed."""

    def choose(where: Where) -> Place:
        return machine_there(where, arch=None, kernel=None, settings=settings)

    return Hunter(Started(command), choose).hunt(programs)


@needs_compiler
@needs_6_18
@pytest.mark.parametrize("command", [(), THROUGH_A_SHELL], ids=["here", "under a command"])
@pytest.mark.parametrize(
    ("profile", "steps", "rule", "value", "call", "most"),
    [
        ("guard", 60, "guard_regions", "none", "madvise", 3),
        ("merge", 200, "mremap_dontunmap", "none", "mremap", 3),
        ("guard", 300, "populate_continues_behind_holes", "yes", "madvise", 4),
    ],
)
def test_a_flipped_rule_is_found_named_and_made_small(
    command: tuple[str, ...], profile: str, steps: int, rule: str, value: str, call: str, most: int
) -> None:
    hunted = hunt(list(random_programs(steps, 1, [profile])), command, **{rule: value})
    assert call in {kind.call for kind in hunted.kinds}
    assert all(len(f.example.steps) <= most and f.verdict is not None for f in hunted.kinds.values())
    assert hunted.agreeing < hunted.programs


@needs_compiler
@needs_6_18
def test_each_disagreement_counts_once_and_not_what_follows_from_it() -> None:
    install = ranged("madvise", BASE, 4096, advice="guard_install")
    steps = [
        mmap(BASE, 16384, "rw", ANON),
        install,
        {"write": {"addr": BASE, "value": 1}},  # follows: the guard is not there
        {"pages": {"addr": BASE, "count": 4}},
        ranged("madvise", BASE + 0x100000, 4096, advice="guard_install"),
    ]
    hunted = hunt([Program("one", steps, True)], guard_regions="none")
    assert {(k.arguments, k.there, k.here): f.count for k, f in hunted.kinds.items()} == {
        ("guard_install, one area", "done", "EINVAL"): 1,
        ("guard_install, nothing mapped", "ENOMEM", "EINVAL"): 1,
    }
    smallest = {k.arguments: f.example.steps for k, f in hunted.kinds.items()}
    assert smallest["guard_install, nothing mapped"] == [steps[-1]]
    assert smallest["guard_install, one area"] == steps[:2]


@needs_compiler
@needs_6_18
def test_a_list_of_areas_that_a_later_step_mends_is_seen() -> None:
    """A copy joined with its source, or not, is unmapped before the end: only the list behind the move tells."""
    steps = [
        mmap(BASE + 0x10000, 0x10000, "rw", ANON),
        mremap(BASE + 0x11000, 0x4000, 0x4000, ["maymove", "fixed", "dontunmap"], BASE + 0xC000),
        ranged("munmap", BASE, 0x40000),
    ]
    assert not hunt([Program("joined", steps, True)]).kinds
    hunted = hunt([Program("joined", steps, True)], dontunmap_joins_source="others_only")
    assert [(k.call, k.what, len(f.example.steps)) for k, f in hunted.kinds.items()] == [
        ("mremap", "areas", 2)
    ]


def run_of(areas: list[tuple[int, int]], results: Sequence[int] = ()) -> NativeRun:
    behind = [{"start": a, "end": b, "perms": "rw-p", "offset": 0, "file": None} for a, b in areas]
    expects: list[dict[str, Any]] = [{"result": r} for r in results] or [{"result": 0}]
    return NativeRun(expects, [], [], 0, 0, {0: behind})


HOLE = [(BASE, BASE + 0x1000), (BASE + 0x2000, BASE + 0x3000)]


@pytest.mark.parametrize(
    ("step", "areas", "words"),
    [
        (ranged("madvise", BASE, 0x3000, advice="dontneed"), HOLE, "dontneed, with a hole"),
        (ranged("madvise", BASE, 0x1000, advice=99), HOLE, "advice 0x63, one area"),
        (ranged("munmap", BASE + 1, 0x1000), HOLE, "unaligned address"),
        (ranged("munmap", BASE, 0), HOLE, "length 0"),
        (ranged("mlock", "@0", 0x1000), HOLE, "one area"),
        (
            mmap(BASE, 0x1000, "rw", ["private", "anonymous", "fixed_noreplace"]),
            HOLE,
            "private anonymous, fixed_noreplace over something mapped",
        ),
        (mmap(0, 0x1000, "rw", ["private", "anonymous"]), [], "private anonymous, anywhere"),
        (mmap(0, 0x1000, "rw", ["shared"], "a", 1), [], "shared file, anywhere, unaligned offset"),
        (
            mremap(BASE, 0x1000, 0x2000, ["maymove", "fixed"], BASE),
            HOLE,
            "grows, maymove fixed, onto itself, one area",
        ),
        ({"read": BASE}, HOLE, "rw-p anonymous"),
        ({"read": BASE + 0x1000}, HOLE, "nothing mapped"),
        ({"mlockall": {"flags": ["current"]}}, [], "current"),
    ],
)
def test_classes_of_arguments(step: Step, areas: list[tuple[int, int]], words: str) -> None:
    assert class_of([{"dump": {}}, step], 1, run_of(areas, [BASE])) == words


@needs_compiler
@needs_6_18
def test_the_report_has_every_kind_and_the_folder_its_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["verify", "--random", "50", "--profile", "guard", "--set", "guard_regions=none"]
    assert run_command([*common, "--format", "json", "--keep", str(tmp_path / "kinds")]) == 1
    facts = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema_of("verify", strict=True)).validate(facts)
    assert facts["schema"] == "remaptrace/verify/1" and facts["machine"]["chosen"].startswith(
        "for the release"
    )
    assert sum(row["count"] for row in facts["rows"]) == sum(kind["count"] for kind in facts["kinds"])
    files = sorted((tmp_path / "kinds").glob("*.yaml"))
    assert len(list((tmp_path / "kinds").glob("*.c"))) == len(files)
    assert len(files) == len(facts["kinds"])
    assert all(kind["rules"][0]["rule"] == "guard_regions" for kind in facts["kinds"])
    for file in files:  # each says by itself what it shows: true of this kernel, false of the flipped rule
        assert run_command(["check", str(file), "--format", "plain"]) == 0
        assert run_command(["check", str(file), "--set", "guard_regions=none", "--format", "plain"]) == 1
        assert run_command(["verify", str(file), "--format", "plain"]) == 0
    for form in ("rich", "plain", "markdown", "ktap"):
        assert run_command([*common, "--format", form]) == 1
        told = capsys.readouterr().out
        assert "madvise" in told and "guard_regions" in told


@needs_compiler
def test_a_kernel_that_was_not_named_is_that_of_the_release(capsys: pytest.CaptureFixture[str]) -> None:
    run_command(["verify", "--random", "10", "--profile", "merge", "--format", "json"])
    facts = json.loads(capsys.readouterr().out)
    assert platform.release() in facts["machine"]["chosen"]
    run_command(
        ["verify", "--random", "10", "--profile", "merge", "--kernel", "linux-6.1", "--format", "json"]
    )
    assert json.loads(capsys.readouterr().out)["machine"] | {"about": "", "settings": {}} == {
        "kernel": "linux-6.1",
        "arch": "x86_64",
        "about": "",
        "chosen": "named",
        "settings": {},
    }


@pytest.mark.parametrize(
    ("release", "kernel"),
    [("6.1.0-50-cloud-amd64", "linux-6.1"), ("6.18.44-x", "linux-6.18"), ("99.1.0", "linux-7.2")],
)
def test_the_machine_is_made_of_what_was_read_there(release: str, kernel: str) -> None:
    facts = {
        "release": release,
        "sysname": "Linux",
        "vm.max_map_count": "262144",
        "vm.mmap_min_addr": "4096",
        "thp.enabled": "always madvise [never]",
        "personality": "262144",
    }
    place = machine_there(Where(facts), arch=None, kernel=None, settings={"max_map_count": "100"})
    assert place.machine.kernel.name == kernel
    assert place.machine.rule("max_map_count") == 100
    assert place.machine.rule("thp_enabled") == 0 and place.machine.rule("mmap_min_addr") == 65536
    assert bool(place.notes) == (release != "6.18.44-x")


def test_what_a_configuration_lacks_is_a_rule_of_the_machine() -> None:
    facts = {
        "release": "6.1.192",
        "sysname": "Linux",
        "lacks": "KSM SYSVIPC SOMETHING",
        "personality": "262144",
    }
    place = machine_there(Where(facts), arch=None, kernel=None, settings={})
    assert [place.machine.rule(name) for name in ("ksm", "sysvipc", "hugetlbfs")] == [0, 0, 1]
    assert place.settings["ksm"] == "no" and place.machine.rule("all_capabilities") == 1
    for rights in (
        {"capabilities": "\t00000000a80425fb"},
        {"capabilities": "\t000001ffffffffff", "uid_map": "         0       1000          1"},
    ):
        place = machine_there(Where({**facts, **rights}), arch=None, kernel=None, settings={})
        assert place.machine.rule("all_capabilities") == 0
    without = {
        **facts,
        "capabilities": "\t000001fffeffffff",
    }  # CAP_SYS_RESOURCE, which a rule of its own tells
    place = machine_there(Where(without), arch=None, kernel=None, settings={})
    assert [place.machine.rule(name) for name in ("all_capabilities", "cap_sys_resource")] == [1, 0]
    assert values_read(Where(facts))["ksm"][1].startswith("KSM is not set")


@needs_compiler
def test_exit_status_of_kselftest_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lacking = ["verify", "--random", "5", "--under", "no-such-command-here"]
    assert run_command(lacking) == 3 and "RT806" in capsys.readouterr().err
    assert run_command([*lacking, "--kselftest-exit"]) == 4
    scenario = tmp_path / "s.yaml"
    scenario.write_text("steps:\n- reclaim: {}\n")
    assert run_command(["verify", str(scenario), "--kselftest-exit"]) == 1


@needs_compiler
@needs_6_18
@pytest.mark.parametrize("command", ["bwrap --dev-bind / /", "unshare -U -r"])
def test_a_sandbox_in_front_agrees_in_everything(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not shutil.which(command.split(maxsplit=1)[0]):
        pytest.skip(f"no {command.split(maxsplit=1)[0]} on this machine")
    arguments = ["--random", "400", "--profile", "mixed", "--profile", "numa", "--profile", "layout"]
    arguments += ["--under", command, "--format", "json"]
    status = run_command(["verify", *arguments])
    facts = json.loads(capsys.readouterr().out)
    assert status == 0 and not facts["kinds"] and not facts["not_compared"] and not facts["other"]["emulated"]


@needs_compiler
@needs_6_18
def test_an_emulator_has_kinds_of_its_own_and_says_that_it_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not shutil.which("qemu-x86_64"):
        pytest.skip("no qemu-x86_64 on this machine")
    arguments = ["--random", "50", "--profile", "guard", "--under", "qemu-x86_64"]
    assert run_command(["verify", *arguments, "--format", "json", "--keep", str(tmp_path)]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["other"]["emulated"] and "qemu" in facts["other"]["executable"]
    assert facts["not_compared"] == ["faults", "flags", "pages"]
    holes = [
        k for k in facts["kinds"] if k["call"] == "madvise" and k["there"] == "done" and k["here"] == "ENOMEM"
    ]
    assert holes and all(len(k["example"]["steps"]) <= 2 for k in holes)
    number = facts["kinds"].index(holes[0]) + 1
    source = next(tmp_path.glob(f"{number:02}-*.c"))  # by hand: fine under the emulator, not on the kernel
    built = tmp_path / "shown"
    subprocess.run([compiler() or "cc", "-static", "-o", str(built), str(source)], check=True)
    assert subprocess.run(["qemu-x86_64", str(built)], check=False, capture_output=True).returncode == 0
    assert subprocess.run([str(built)], check=False, capture_output=True).returncode == 1


def test_kinds_are_told_apart_by_call_class_and_answers() -> None:
    assert Kind("mmap", "a", "result", "done", "ENOMEM") != Kind("mmap", "b", "result", "done", "ENOMEM")


@needs_compiler
@needs_6_18
def test_under_valgrind_a_fetch_that_it_does_not_live_through_is_a_kind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    if not shutil.which("valgrind"):
        pytest.skip("no valgrind on this machine")
    arguments = [
        "--random",
        "25",
        "--profile",
        "guard",
        "--under",
        "valgrind --tool=none",
        "--format",
        "json",
    ]
    assert run_command(["verify", *arguments]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["other"]["emulated"] and "valgrind" in facts["other"]["executable"]
    assert all(kind["example"]["steps"] for kind in facts["kinds"])


def test_an_emulator_is_told_by_what_its_process_is_called_under_another_name() -> None:
    assert (
        Where({"exe": "/tmp/runner", "thread_exe": "/usr/bin/qemu-x86_64"}).interpreter
        == "/usr/bin/qemu-x86_64"
    )
    assert not Where({"exe": "/tmp/runner", "thread_exe": "/tmp/runner"}).emulated
    assert not Where({"exe": "/tmp/runner", "thread_exe": ""}).emulated
    assert Where({"runner": "/a"}, "/b").emulated and not Where({"runner": "/a"}, "/a").emulated
