"""KTAP is read back by the rules of its own document: version lines, plans, nesting, directives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from remaptrace.cli.entry import run_command
from remaptrace.cli.group import group

ROOT = Path(__file__).parents[2]
_RESULT = re.compile(r"(not )?ok (\d+) ([^#]+?)(?: # (SKIP .*))?$")


def _read(text: str, indent: str = "") -> list[tuple[bool, str, str]]:
    """The results of one level: passed, description, directive; the plan is held, nested levels are read too."""
    lines = [line for line in text.splitlines() if line.startswith(indent)]
    assert lines[0] == f"{indent}KTAP version 1"
    plan = re.fullmatch(rf"{indent}1\.\.(\d+)", lines[1])
    assert plan is not None
    found: list[tuple[bool, str, str]] = []
    nested: list[str] = []
    for line in lines[2:]:
        own = line[len(indent) :]
        if own.startswith("  "):
            nested.append(line)
            continue
        if own.startswith("# "):
            continue
        result = _RESULT.match(own)
        assert result is not None, line
        assert int(result.group(2)) == len(found) + 1
        if nested:
            inner = _read("\n".join(nested), indent + "  ")
            assert all(fine for fine, _, _ in inner) == (result.group(1) is None)
            nested = []
        found.append((result.group(1) is None, result.group(3), result.group(4) or ""))
    assert len(found) == int(plan.group(1))
    return found


def _check(*args: str) -> str:
    return CliRunner().invoke(group, ["check", *args, "--format", "ktap"]).stdout


def test_agreement_is_ok_with_what_was_compared_inside() -> None:
    text = _check(str(ROOT / "traces" / "ls"))
    assert [fine for fine, _, _ in _read(text)] == [True]
    assert "  ok 1 answers\n" in text


def test_a_difference_is_not_ok_and_says_where(tmp_path: Path) -> None:
    program = str(ROOT / "traces" / "conformance" / "linux-6.12" / "rfp-01.yaml")
    text = _check(program, "--kernel", "linux-2.6.21")
    assert [fine for fine, _, _ in _read(text)] == [False]
    assert re.search(r"^# .*rfp-01\.yaml:39.*: minor_faults: expected 0, simulated 1$", text, re.M)


@pytest.mark.parametrize("name", ["a # SKIP b.yaml", "x\nok 9 y.yaml"])
def test_a_name_is_no_directive_and_no_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("steps:\n- read: {addr: 0}\n", encoding="utf-8")
    ((fine, _, directive),) = _read(_check(str(tmp_path / name)))
    assert fine
    assert directive == "SKIP nothing to compare with"


def test_what_cannot_be_read_is_not_ok(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("steps: 3\n", encoding="utf-8")
    text = _check(str(tmp_path / "broken.yaml"))
    assert [fine for fine, _, _ in _read(text)] == [False]
    assert "# RT10" in text


def test_kselftest_exit_statuses_on_request(tmp_path: Path) -> None:
    agrees, differs, nothing = (tmp_path / name for name in ("a.yaml", "b.yaml", "c.yaml"))
    agrees.write_text("steps:\n- munmap: {addr: 1, length: 4096}\n  expect: {error: EINVAL}\n")
    differs.write_text("steps:\n- munmap: {addr: 1, length: 4096}\n  expect: {result: 0}\n")
    nothing.write_text("steps:\n- munmap: {addr: 1, length: 4096}\n")

    def status(*paths: Path) -> int:
        return run_command(["check", *map(str, paths), "--format", "ktap", "--kselftest-exit"])

    assert (status(agrees), status(differs), status(nothing), status(tmp_path / "none")) == (0, 1, 4, 1)
    assert status(agrees, nothing) == 0
