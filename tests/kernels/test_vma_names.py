"""Names of anonymous areas: what a recording shows of them, what they cost, where they stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.advice.neighbours import Neighbours
from remaptrace.api import Machine, load, replay
from remaptrace.result.result import Result
from remaptrace.trace.scenario.read import read_scenario
from remaptrace.trace.scenario.write import write_yaml

STRACE = """\
7 mmap(NULL, 16384, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000
7 prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0x7f0000001000, 4096, "heap") = 0
7 prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0x7f0000002000, 4096, "other") = 0
7 prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0x7f0000000000, 4096, 0x5) = -1 EFAULT (Bad address)
"""
ON = {"anon_vma_name": "yes"}


def _file(tmp_path: Path, text: str, name: str = "log.strace") -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def _names(result: Result) -> list[str]:
    return [row.name for row in result.vmas() if row.start >= 0x7F0000000000 and row.end <= 0x7F0000004000]


def test_a_recorded_success_shows_that_the_machine_had_names(tmp_path: Path) -> None:
    result = replay(load(_file(tmp_path, STRACE)), Machine.load())
    assert _names(result) == ["", "[anon:heap]", "[anon:other]", ""]
    assert any("anon_vma_name=yes" in note for note in result.notes)


def test_without_names_the_areas_stay_one(tmp_path: Path) -> None:
    trace = load(_file(tmp_path, STRACE))
    result = replay(trace, Machine.load(overrides={"anon_vma_name": "no"}))
    assert _names(result) == [""]
    assert result.columns["ret"][trace.columns["kind"] == 23].tolist() == [-22, -22, -22]


def test_a_kernel_older_than_names_has_none_whatever_was_recorded(tmp_path: Path) -> None:
    result = replay(load(_file(tmp_path, STRACE)), Machine.load(kernel="linux-5.15"))
    assert _names(result) == [""]


def test_ftrace_shows_addresses_of_names_and_equal_ones_join(tmp_path: Path) -> None:
    lines = ["# tracer: nop"]
    calls = [
        ("mmap", "0, 0x4000, 3, 0x22, 0xffffffff, 0", "0x7f0000000000"),
        ("prctl", "0x53564d41, 0, 0x7f0000000000, 0x1000, 0x55550000", "0x0"),
        ("prctl", "0x53564d41, 0, 0x7f0000001000, 0x1000, 0x55550000", "0x0"),
        ("prctl", "0x53564d41, 0, 0x7f0000002000, 0x1000, 0x55551000", "0x0"),
    ]
    arguments = {
        "mmap": "addr: {}, len: {}, prot: {}, flags: {}, fd: {}, off: {}",
        "prctl": "option: {}, arg2: {}, arg3: {}, arg4: {}, arg5: {}",
    }
    for i, (name, args, ret) in enumerate(calls):
        shown = arguments[name].format(*args.split(", "))
        lines.append(f"  prog-7  [000] .....  100.{i:03}000: sys_{name}({shown})")
        lines.append(f"  prog-7  [000] .....  100.{i:03}500: sys_{name} -> {ret}")
    result = replay(load(_file(tmp_path, "\n".join(lines) + "\n", "log.txt")), Machine.load())
    assert _names(result) == ["[anon:?]", "[anon:?]", ""]


def test_fork_keeps_names_and_a_new_mapping_has_none() -> None:
    text = """
name: fork
steps:
- mmap: {addr: 0x10000000, length: 8192, prot: rw, flags: [private, anonymous, fixed], fd: -1, offset: 0}
- vma_name: {addr: 0x10000000, length: 8192, name: a b}
- fork: {}
- mmap: {addr: 0x10002000, length: 4096, prot: rw, flags: [private, anonymous, fixed], fd: -1, offset: 0}
- snapshot: end
"""
    result = replay(read_scenario(text, name="t.yaml"), Machine.load(overrides=ON))
    rows = [s for s in result.observed.values()][-1].vmas
    assert [row.name for row in rows] == ["[anon:a b]", ""]


@pytest.mark.parametrize("name", ["heap", "", "a b", "it''s", None])
def test_a_name_is_written_and_read_back(name: str | None) -> None:
    word = "null" if name is None else f"'{name}'"
    text = f"name: t\nsteps:\n- vma_name: {{addr: 0x1000, length: 4096, name: {word}}}\n"
    trace = read_scenario(text, name="t.yaml")
    again = read_scenario("".join(write_yaml(trace)), name="t.yaml")
    assert again.strings[int(again.columns["a2"][-1])] == trace.strings[int(trace.columns["a2"][-1])]


def test_advise_says_that_names_part_areas(tmp_path: Path) -> None:
    rows = replay(load(_file(tmp_path, STRACE)), Machine.load()).vmas()
    named = [row for row in rows if 0x7F0000000000 <= row.start < 0x7F0000004000]
    assert Neighbours().why_apart(named[0], named[1]) == "name"
