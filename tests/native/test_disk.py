"""Files on ext4 and loops as steps that the runner does: here, and in an image with a disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.cli.entry import run_command
from remaptrace.errors import InputError
from remaptrace.machine.machine import Machine
from remaptrace.native.answers import read_answers
from remaptrace.native.image import Image
from remaptrace.native.launch import compiler
from remaptrace.native.program import to_lines
from remaptrace.native.steps import Program, Step, mmap, ranged
from remaptrace.native.transport import Started
from remaptrace.native.verify import ask, compare
from remaptrace.native.wire import Answer
from remaptrace.probe.case import Case
from remaptrace.probe.deciding import deciding_programs
from remaptrace.probe.evidence import weigh

from .kernels import image
from .needs import needs_6_18, needs_compiler

BASE = 0x1000_0000_0000
SHARED = ["shared", "fixed"]
ON_DISK = ("map_whole_folio", "thp_align_files", "thp_align_from_top", "write_notify", "msync_whole_file")
SCENARIO = f"""\
name: dirty
steps:
- diskfile: {{id: d, pages: 40, fill: true, folio: 8}}
- mmap: {{addr: {BASE:#x}, length: 0x28000, prot: rw, flags: [shared, fixed], fd: d}}
- read: {BASE:#x}
- write: {{addr: {BASE:#x}, pages: 20}}
- msync: {{addr: {BASE:#x}, length: 0x28000, flags: [sync]}}
- write: {{addr: {BASE:#x}, pages: 3}}
- pread: {{fd: d, offset: 0x3000}}
- dump: {{}}
"""


def has_disk() -> bool:
    return compiler() is not None and "disk" in Started().ask([]).where.facts


needs_disk = pytest.mark.skipif(not has_disk(), reason="no writable folder on ext4 here")


@needs_6_18
@needs_disk
def test_a_scenario_with_a_file_on_a_disk_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "disk.yaml"
    path.write_text(SCENARIO)
    assert run_command(["verify", str(path), "--format", "plain"]) == 0, capsys.readouterr().out
    capsys.readouterr()
    assert run_command(["verify", str(path), "--format", "plain", "--set", "write_notify=no"]) == 1
    assert run_command(["verify", str(path), "--format", "plain", "--set", "map_whole_folio=no"]) == 1


@needs_6_18
@needs_disk
@pytest.mark.parametrize("rule", ON_DISK)
def test_a_file_on_a_disk_decides_a_rule(rule: str) -> None:
    program = next(p for p in deciding_programs() if p.name == rule)
    _, (asked,) = ask([program], Started(), areas=True)
    verdict = weigh([Case.of(asked)], Machine.load(kernel="linux-6.18"), [rule])[rule]
    assert verdict.decided, verdict


@needs_compiler
def test_an_image_has_a_disk_where_a_program_asks_for_one() -> None:
    booted = Image.at(str(image("6.1")))
    programs = [p for p in deciding_programs() if p.name in ON_DISK]
    where, asked = ask(programs, booted, areas=True)
    assert where.facts["disk"] == "/disk"
    machine = Machine.load(kernel="linux-6.1")
    for one in asked:
        assert weigh([Case.of(one)], machine, [one.program.name])[one.program.name].decided


def test_without_a_disk_the_reason_is_said() -> None:
    steps: list[Step] = [{"diskfile": {"id": "d", "pages": 1, "fill": True}}]
    with pytest.raises(InputError, match="no file on a disk") as caught:
        read_answers(steps, Answer("begin 0\nend\n= 0 E 15\n"), whole=False)
    assert caught.value.code == "RT806"


LOOP: Step = {
    "repeat": {
        "count": 3,
        "var": "i",
        "steps": [mmap(f"{BASE:#x} + i*0x2000", 4096, "rw", ["private", "fixed", "anonymous"])],
    }
}


def test_a_loop_is_one_step_of_the_runner_behind_which_areas_are_not_looked_at() -> None:
    text = to_lines([LOOP, ranged("munmap", BASE, 4096)])
    assert text.splitlines() == [
        "repeat 3 1",
        f"mmap {BASE:#x}*0x2000 0x1000 0x3 0x32 -1 0x0",
        f"munmap {BASE:#x} 0x1000",
    ]


@needs_6_18
@needs_compiler
def test_a_loop_is_done_as_often_as_it_says() -> None:
    steps = [LOOP, *({"write": {"addr": BASE + n * 0x1000, "value": 1}} for n in range(7)), {"dump": {}}]
    _, (asked,) = ask([Program("loop", steps, whole=True)], Started(), areas=True)
    run = asked.answered()
    assert [e.get("outcome") for e in run.expects[1:8]] == ["ok", "SIGSEGV"] * 3 + ["SIGSEGV"]
    assert len(run.expects[-1]["vmas"]) == 4  # and the heap
    assert run.vmas is None
    verdict = compare(asked, Machine.load(kernel="linux-6.18"))
    assert verdict.outcome.agrees
    flipped = compare(asked, Machine.load("x86_64", "linux-6.18", {"max_map_count": 3}))
    assert [flipped.step_of(d.event) for d in flipped.outcome.disagreements][:1] == [1]
