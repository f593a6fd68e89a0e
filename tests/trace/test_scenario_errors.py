"""Errors of scenarios: code, place, the text itself, what was expected."""

from __future__ import annotations

import pytest

from remaptrace.errors import InputError
from remaptrace.report.errortext import error_text
from remaptrace.trace.scenario.read import read_scenario
from remaptrace.trace.scenario.yamldoc import MAX_DEPTH


def refusal(text: str | bytes) -> InputError:
    with pytest.raises(InputError) as error:
        read_scenario(text, path="w.yaml")
    return error.value


def test_an_unknown_flag_is_shown_with_a_guess() -> None:
    error = refusal(
        "name: w\nsteps:\n- mmap: {addr: 0x1000, length: 4096, prot: rw, flags: [shard, fixed]}\n"
    )
    assert (error.code, error.line, error.column, error.found) == ("RT104", 3, 56, "shard")
    assert error_text(error).splitlines() == [
        "error RT104: unknown flag 'shard' in mmap",
        "  w.yaml:3:56",
        "  3 | - mmap: {addr: 0x1000, length: 4096, prot: rw, flags: [shard, fixed]}",
        "    |                                                        ^^^^^",
        "  expected one of: shared, private, shared_validate, droppable, fixed, anonymous, 32bit, growsdown, "
        "denywrite, executable, locked, noreserve, ... (did you mean 'shared'?)",
    ]


@pytest.mark.parametrize(
    ("step", "code", "column", "found"),
    [
        ("- mumap: {addr: 0, length: 1}", "RT102", 3, "mumap"),
        ("- munmap: {addr: 0, size: 1}", "RT103", 21, "size"),
        ("- munmap: {addr: 0, length: 1, size: 1}", "RT103", 32, "size"),
        ("- munmap: {addr: here, length: 1}", "RT105", 18, "here"),
        ("- munmap: {addr: 0, length: [1]}", "RT105", 29, "[1]"),
        ("- munmap: {addr: 0, length: 0x10000000000000000}", "RT105", 29, "0x10000000000000000"),
        ("- munmap: {addr: -1, length: true}", "RT105", 30, "true"),
        ("- munmap: 7", "RT103", 11, "7"),
        ("- munmap: {addr: '@3', length: 1}", "RT106", 18, "'@3'"),
        ("- munmap: {addr: '@0+07', length: 1}", "RT106", 18, "'@0+07'"),
        ("- munmap: {addr: '@0', length: 1}", "RT106", 18, "'@0'"),
        ("- munmap: {addr: '@x+y', length: 1}", "RT106", 18, "'@x+y'"),
        ("- ftruncate: {fd: b, size: 0}", "RT107", 19, "b"),
        ("- madvise: {addr: 0, length: 1, advice: guard}", "RT104", 41, "guard"),
        ("- mprotect: {addr: 0, length: 1, prot: rwr}", "RT104", 40, "rwr"),
        ("- memfd: {id: 7, pages: 1}", "RT105", 15, "7"),
        ("- memfd: {id: a, pages: 1, fill: 1}", "RT105", 34, "1"),
        ("- sysctl: {name: vm.maps, value: 1}", "RT104", 18, "vm.maps"),
        ("- sysctl: {name: vm.max_map_count}", "RT103", 11, "{name: vm.max_map_count}"),
        ("- brk: {offset: 4096}", "RT103", 8, "{offset: 4096}"),
        ("- read: 1\n  pid: 4", "RT111", 8, "4"),
        ("- fork: {child: 1}", "RT111", 17, "1"),
        ("- read: 1\n  expect: {result: 0}", "RT110", 12, "result"),
        ("- read: 1\n  expect: {outcome: SIGFPE}", "RT110", 21, "SIGFPE"),
        ("- dump: {}\n  expect: {vmas: [{start: 0}]}", "RT110", 19, "{start: 0}"),
        ("- mlockall: {flags: 1}\n  expect: {error: ENOMENT}", "RT110", 19, "ENOMENT"),
        ("- mlockall: {flags: 1}\n  expect: {error: ENOMEM, result: 0}", "RT110", 12, "error"),
        ("- 7", "RT102", 3, "7"),
        ("- write: {addr: 0, pages: 16777217}", "RT108", 27, "16777217"),
        ("- pages: {addr: 0, count: 0x7fffffffffffffff}", "RT108", 27, "0x7fffffffffffffff"),
        ("- {read: 1, write: 2}", "RT102", 13, "write"),
    ],
)
def test_a_bad_step_is_shown_where_it_is(step: str, code: str, column: int, found: str) -> None:
    error = refusal(f"steps:\n- dump: {{}}\n{step}\n")
    assert (error.code, error.column, error.found) == (code, column, found), error_text(error)
    assert error.line == 3 + step.count("\n")
    assert error.expected


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "RT100", 0),
        ("# nothing\n", "RT100", 0),
        ("- 1\n", "RT101", 1),
        ("name: x\n", "RT101", 1),
        ("steps: 7\n", "RT101", 1),
        ("stepz:\n- dump: {}\n", "RT101", 1),
        ("steps:\n- dump: {}\nlayout: sideways\n", "RT105", 3),
        ("steps:\n- dump: {}\npage_size: 4097\n", "RT105", 3),
        ("steps:\n- dump: {}\ninitial:\n- {start: 8192, end: 4096}\n", "RT110", 4),
        ("steps:\n- dump: {}\nmachine: {cernel: linux-6.18}\n", "RT101", 3),
        ("steps:\n- dump: {}\nmachine: {set: {max_maps: 3}}\n", "RT104", 3),
        ("vars: {page: 3}\nsteps: []\n", "RT105", 1),
        ("steps:\n- dump: {}\nvmas:\n- {start: 1, end: 2, perm: rw-p}\n", "RT110", 4),
        ("steps:\n- munmap: {addr: 0, length: 4096\n", "RT100", 3),
        ("steps:\n- dump: {}\n---\nsteps: []\n", "RT100", 3),
        ("steps:\n- dump: !!python/object/apply:os.system [ls]\n", "RT100", 2),
        ("steps:\n- !!set {a: 1}\n", "RT100", 2),
        ("steps:\n- dump: {}\nsteps:\n- dump: {}\n", "RT100", 3),
        ("steps:\n- read: *x\n", "RT100", 2),
        ("steps:\n- read: \x01\n", "RT100", 2),
        ("steps:\n\t- read: 1\n", "RT100", 2),
        (b"steps:\n- read: \xff\n", "RT100", 2),
    ],
)
def test_a_bad_document_is_refused_with_its_line(text: str | bytes, code: str, line: int) -> None:
    error = refusal(text)
    assert (error.code, error.line) == (code, line), error_text(error)


def test_a_bomb_of_aliases_is_refused() -> None:
    bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    for i in range(1, 12):
        bomb += f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 9) + "]\n"
    assert refusal(bomb + "steps: *a11\n").code == "RT108"


def test_deep_nesting_is_refused() -> None:
    deep = "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)
    assert refusal(f"steps: {deep}\n").code == "RT108"
    assert refusal("steps: " + "[" * 100_000).code == "RT108"


def test_anchors_and_aliases_within_reason_are_read() -> None:
    trace = read_scenario(
        "steps:\n- munmap: &m {addr: &a 0x1000, length: 4096}\n- munmap: *m\n- read: *a\n", path="w.yaml"
    )
    assert trace.columns["a0"].tolist() == [0x1000] * 3


def test_numbers_with_a_leading_zero_are_not_guessed_at() -> None:
    assert refusal("steps:\n- read: 0100\n").code == "RT109"


def test_words_that_old_yaml_takes_for_truth_are_words() -> None:
    trace = read_scenario("steps:\n- memfd: {id: no, pages: 1, fill: true}\n- ftruncate: {fd: no, size: 0}\n")
    assert trace.columns["a0"].tolist() == [3, 3]


def test_the_nearest_step_is_guessed() -> None:
    assert "did you mean 'munmap'?" in refusal("steps:\n- mumap: {addr: 0, length: 1}\n").expected
