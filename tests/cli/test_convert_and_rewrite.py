"""convert and --rewrite, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remaptrace.errors import EXIT_FINDINGS, EXIT_INPUT, EXIT_OK, EXIT_USAGE

from .test_commands import PROGRAM, Run, remaptrace, scenario

__all__ = ["remaptrace", "scenario"]

STACKS = """\
name: stacks
steps:
- repeat:
    count: 10
    steps:
    - mmap: {addr: 0, length: 65536, prot: none, flags: [private, anonymous, stack]}
      as: stack
    - mprotect: {addr: '@stack+0x1000', length: 61440, prot: rw}
    - write: '@stack+0x8000'
    - read: '@stack'
"""


@pytest.fixture
def stacks(tmp_path: Path) -> str:
    path = tmp_path / "stacks.yaml"
    path.write_text(STACKS, encoding="utf-8")
    return str(path)


def test_a_scenario_is_written_as_json_lines_and_back(remaptrace: Run, scenario: str, tmp_path: Path) -> None:
    lines = remaptrace("convert", scenario, "-o", "-")
    assert lines.status == EXIT_OK
    kinds = [json.loads(line)["kind"] for line in lines.out.splitlines()]
    assert kinds == ["trace", "mmap", "mprotect", "write"]
    stored = tmp_path / "x.jsonl"
    stored.write_text(lines.out, encoding="utf-8")
    back = remaptrace("convert", str(stored), "-o", "-", "--to", "yaml")
    assert "- mprotect: {addr: 0x10004000, length: 4096, prot: none}\n" in back.out
    assert "  expect: {outcome: SIGSEGV, code: SEGV_ACCERR}\n" in back.out


def test_a_column_file_checks_like_the_program_it_was_made_of(remaptrace: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "p.rtcols")
    assert remaptrace("convert", PROGRAM, "-o", path).status == EXIT_OK
    direct, stored = (remaptrace("check", p, "--format", "plain") for p in (PROGRAM, path))
    assert stored.out.splitlines()[-1] == direct.out.splitlines()[-1]
    assert stored.status == direct.status == EXIT_OK


def test_what_cannot_be_written_leaves_no_file(remaptrace: Run, tmp_path: Path) -> None:
    path, source = tmp_path / "d.c", tmp_path / "d.yaml"
    source.write_text("steps:\n- diskfile: {id: d, pages: 1}\n")
    shown = remaptrace("convert", str(source), "-o", str(path))
    assert shown.status == EXIT_INPUT
    assert "RT221" in shown.err
    assert not path.exists()


def test_endings_without_a_format_are_a_usage_error(remaptrace: Run, scenario: str, tmp_path: Path) -> None:
    assert remaptrace("convert", scenario, "-o", str(tmp_path / "x.txt")).status == EXIT_USAGE
    assert remaptrace("convert", scenario, "-o", "-", "--to", "columns").status == EXIT_USAGE


def test_a_rewritten_run_says_that_it_is_equivalent(remaptrace: Run, stacks: str) -> None:
    plain = json.loads(remaptrace("run", stacks, "--format", "json").out)
    guards = json.loads(remaptrace("run", stacks, "--rewrite", "guards", "--format", "json").out)
    assert plain["processes"][0]["peak"] == 20
    assert guards["processes"][0]["peak"] == 1
    assert any(note.startswith("Equivalent: ") for note in guards["notes"])


def test_a_rewritten_trace_can_be_kept_and_replayed(remaptrace: Run, stacks: str, tmp_path: Path) -> None:
    path = str(tmp_path / "guards.jsonl.gz")
    assert remaptrace("convert", stacks, "--rewrite", "guards", "-o", path).status == EXIT_OK
    kept = json.loads(remaptrace("run", path, "--format", "json").out)
    assert kept["processes"][0]["peak"] == 1


def test_a_rewritten_trace_is_compared_on_two_kernels(remaptrace: Run, stacks: str) -> None:
    shown = remaptrace(
        "diff",
        stacks,
        "--rewrite",
        "guards",
        "--kernel",
        "linux-6.12",
        "--kernel",
        "linux-6.18",
        "--format",
        "plain",
    )
    assert shown.status == EXIT_FINDINGS
    assert "EINVAL" in shown.out


def test_an_unknown_rewrite_is_a_usage_error(remaptrace: Run, stacks: str) -> None:
    assert remaptrace("run", stacks, "--rewrite", "rpf").status == EXIT_USAGE


@pytest.mark.parametrize("to", ["yaml", "c", "syz"])
def test_what_steps_cannot_say_of_a_recording_is_told_beside_the_file(
    remaptrace: Run, tmp_path: Path, to: str
) -> None:
    log = tmp_path / "two.strace"
    anonymous = "mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000"
    log.write_text(
        f'7 execve("/bin/x", ["x"], 0x0 /* 0 vars */) = 0\n7 {anonymous}\n'
        f"7 clone(child_stack=NULL, flags=SIGCHLD) = 8\n"
        f"8 {anonymous.replace('7f', '7e')}\n8 exit_group(0) = ?\n7 exit_group(0) = ?\n"
    )
    for target in ("-", str(tmp_path / f"x.{to}")):
        done = remaptrace("convert", str(log), "--to", to, "-o", target)
        assert done.status == EXIT_OK
        assert done.err.startswith("remaptrace: written: process 7 of a recording; ")
        assert "other processes, left out: 1" in done.err
    whole = remaptrace("convert", str(log), "-o", str(tmp_path / "x.jsonl"))
    assert (whole.status, whole.err) == (EXIT_OK, "")
