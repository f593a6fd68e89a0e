"""Comparing a result with expectations: every field counts, and a wrong one is told."""

from __future__ import annotations

import pytest

from remaptrace.api import replay
from remaptrace.result.agreement import CheckOutcome
from remaptrace.result.expect import check_expectations
from remaptrace.trace.events import Expectation, Trace
from remaptrace.trace.scenario.read import read_scenario

HEAD = "name: t\narch: x86_64\npage_size: 4096\nsteps:\n"


def outcome(steps: str, tail: str = "") -> CheckOutcome:
    """The agreement of a scenario."""
    return check_expectations(replay(read_scenario(HEAD + steps + tail)))


MAP = "- mmap: {addr: 0x10000000, length: 8192, prot: rw, flags: [private, fixed, anonymous], fd: -1, offset: 0}\n"
FILE = "- memfd: {id: a, pages: 2, fill: true}\n"
SHARED = "- mmap: {addr: 0x20000000, length: 8192, prot: rw, flags: [shared, fixed], fd: a, offset: 0}\n"

RIGHT_AND_WRONG: list[tuple[str, str, str]] = [
    (MAP, "result: 0x10000000", "result: 0x10001000"),
    ("- munmap: {addr: 1, length: 4096}\n", "error: EINVAL", "error: ENOMEM"),
    ("- munmap: {addr: 1, length: 4096}\n", "error: EINVAL", "result: 0"),
    ("- munmap: {addr: 0x1000, length: 4096}\n", "result: 0", "error: EINVAL"),
    ("- read: 0x1000\n", "outcome: SIGSEGV", "outcome: ok"),
    ("- read: 0x1000\n", "code: SEGV_MAPERR", "code: SEGV_ACCERR"),
    (MAP + "- write: {addr: 0x10000000, value: 3}\n- read: 0x10000000\n", "value: 3", "value: 4"),
    (MAP + "- read: 0x10000000\n", "minor_faults: 1", "minor_faults: 0"),
    (MAP + "- read: 0x10000000\n", "major_faults: 0", "major_faults: 1"),
    (FILE + "- pread: {fd: a, offset: 4096}\n", "value: 2", "value: 1"),
    (FILE + "- pread: {fd: a, offset: 8192}\n", "eof: true", "eof: false"),
    (FILE + "- pread: {fd: a, offset: 0}\n", "eof: false", "eof: true"),
    (FILE + SHARED + "- mincore: {addr: 0x20000000, length: 8192}\n", "resident: '11'", "resident: '10'"),
    ("- fork: {}\n", "continues_in: child", "continues_in: parent"),
    ("- fork_wait: {}\n", "continues_in: parent", "continues_in: child"),
    (
        MAP + "- write: {addr: 0x10000000, value: 1}\n- pages: {addr: 0x10000000, count: 2}\n",
        "pages: 'a.'",
        "pages: 'aa'",
    ),
    (
        MAP + "- write: {addr: 0x10000000, value: 1}\n- pages: {addr: 0x10000000, count: 2}\n",
        "access: 'w-'",
        "access: 'r-'",
    ),
    (
        FILE + SHARED + "- read: 0x20000000\n- pages: {addr: 0x20000000, count: 2}\n",
        "file_pages: [0, 1]",
        "file_pages: [0, null]",
    ),
    (MAP + "- mm: {}\n", "areas: 1", "areas: 2"),
    (MAP + "- mm: {}\n", "total_pages: 2", "total_pages: 3"),
    (MAP + "- mm: {}\n", "mmap_base: 0x7ffff7fff000", "mmap_base: 0"),
    (MAP + "- sysctl: {name: vm.max_map_count, areas_plus: 4}\n", "limit: 5", "limit: 4"),
    (MAP + "- sysctl: {name: vm.max_map_count, areas_plus: 4}\n", "areas: 1", "areas: 5"),
    (
        MAP + "- dump: {}\n",
        "vmas: [{start: 0x10000000, end: 0x10002000, perms: rw-p, offset: 0, file: null}]",
        "vmas: [{start: 0x10000000, end: 0x10001000, perms: rw-p, offset: 0, file: null}]",
    ),
    (MAP + "- dump: {}\n", "vmas: [{start: 0x10000000, end: 0x10002000}]", "vmas: []"),
    (
        "- dump: {}\n",
        "vmas: []",
        "vmas: [{start: 0x10000000, end: 0x10002000}]",
    ),
]


@pytest.mark.parametrize(("steps", "right", "wrong"), RIGHT_AND_WRONG)
def test_a_field_agrees_when_right_and_disagrees_when_wrong(steps: str, right: str, wrong: str) -> None:
    good = outcome(steps + "  expect: {" + right + "}\n")
    assert good.agrees, good.disagreements
    assert good.tallies["steps"].total == 1
    bad = outcome(steps + "  expect: {" + wrong + "}\n")
    assert not bad.agrees
    (difference,) = bad.disagreements
    assert difference.what == wrong.partition(":")[0]
    assert difference.expected != difference.simulated
    assert difference.line > 0


def test_every_field_that_scenarios_may_expect_is_compared() -> None:
    from remaptrace.result.expect import _ANSWERS
    from remaptrace.trace.scenario.steps import STEPS

    answers = {answer for step in STEPS.values() for answer in step.answers}
    assert answers - set(_ANSWERS) == set()


def test_a_field_without_comparison_disagrees_and_says_so() -> None:
    trace = read_scenario(HEAD + MAP)
    trace.expects = [Expectation(event=0, step=0, line=5, fields={"colour": "green"})]
    (difference,) = check_expectations(replay(trace)).disagreements
    assert difference.what == "colour"
    assert "no comparison" in difference.simulated


def test_the_last_list_of_areas_decides_though_it_is_no_step() -> None:
    right = "vmas:\n- {start: 0x10000000, end: 0x10002000, vmflags: rd wr mr mw me ac, pages: '..'}\n"
    good = outcome(MAP, right)
    assert good.agrees and good.tallies["end_areas"].agree == 1 and good.tallies["steps"].total == 0
    wrong = outcome(MAP, right.replace("'..'", "'a.'"))
    assert not wrong.agrees and wrong.tallies["end_areas"].agree == 0
    assert wrong.disagreements[0].event == -1
    assert "pages=.." in wrong.disagreements[0].simulated


def test_an_extra_area_disagrees() -> None:
    (difference,) = outcome(MAP, "vmas: []\n").disagreements
    assert "no area" in difference.expected


def test_a_shared_object_is_named_by_the_step_that_made_it() -> None:
    steps = "- mmap: {addr: 0x10000000, length: 4096, prot: r, flags: [shared, fixed, anonymous], fd: -1, offset: 0}\n"
    assert outcome(
        "- dump: {}\n" + steps, "vmas:\n- {start: 0x10000000, end: 0x10001000, file: shm@1}\n"
    ).agrees


def test_expectations_for_another_kernel_are_not_this_ones() -> None:
    steps = "- mseal: {addr: 0x1000, length: 4096}\n  expect: {on: {'linux-2.6.*': {error: ENOSYS}}, error: ENOMEM}\n"
    trace = read_scenario(HEAD + steps)
    assert check_expectations(replay(trace)).agrees


def test_only_the_first_disagreements_are_kept_but_all_are_counted() -> None:
    steps = "- munmap: {addr: 0x1000, length: 4096}\n  expect: {error: EPERM}\n" * 40
    found = outcome(steps)
    assert found.tallies["steps"].total == 40
    assert found.tallies["steps"].agree == 0
    assert len(found.disagreements) == 20


def test_without_expectations_nothing_is_compared() -> None:
    trace: Trace = read_scenario(HEAD + MAP)
    assert check_expectations(replay(trace)).tallies["steps"].total == 0


WINDOW = "steps:\n- mmap: {addr: 0x10000000, length: 16384, prot: rw, flags: [private, fixed, anonymous]}\n"


@pytest.mark.parametrize(
    ("step", "pieces"),
    [
        ("munmap: {addr: 0x10001000, length: 4096}", [(0x10000000, 0x10001000), (0x10002000, 0x10004000)]),
        ("write: {addr: 0x10000000, value: 1}", [(0x10000000, 0x10004000)]),
        ("pages: {addr: 0x10000000, count: 4}", [(0x10000000, 0x10004000)]),
        ("sysctl: {name: vm.max_map_count, value: 100}", [(0x10000000, 0x10004000)]),
        ("memfd: {id: f, pages: 1}", [(0x10000000, 0x10004000)]),
    ],
)
def test_every_step_answers_the_areas_behind_it(step: str, pieces: list[tuple[int, int]]) -> None:
    areas = ", ".join(f"{{start: {a:#x}, end: {b:#x}}}" for a, b in pieces)
    text = WINDOW + f"- {step}\n  expect: {{vmas: [{areas}]}}\n"
    assert check_expectations(replay(read_scenario(text))).agrees
    wrong = text.replace(f"end: {pieces[-1][1]:#x}", f"end: {pieces[-1][1] + 4096:#x}")
    found = check_expectations(replay(read_scenario(wrong)))
    assert [(d.what, d.line) for d in found.disagreements] == [("vmas", 3)]


def test_behind_a_fork_the_areas_are_those_of_the_process_that_goes_on() -> None:
    text = WINDOW + (
        "- madvise: {addr: 0x10001000, length: 4096, advice: dontfork}\n"
        "- fork: {}\n"
        "  expect:\n"
        "    continues_in: child\n"
        "    vmas:\n"
        "    - {start: 0x10000000, end: 0x10001000}\n"
        "    - {start: 0x10002000, end: 0x10004000}\n"
    )
    found = check_expectations(replay(read_scenario(text)))
    assert found.agrees and found.tallies["steps"].total == 1
