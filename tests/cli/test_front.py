"""What is told without click is what click tells; whatever else is asked for is left to click."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from remaptrace.cli import front
from remaptrace.cli.entry import run_command
from tools.helptexts import texts

TEXTS = texts()


def both(args: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, object]:
    """Status and output of the front door, and of click."""
    mine = front.answered(args), capsys.readouterr()
    theirs = run_command(args), capsys.readouterr()
    return mine, theirs


def test_kept_help_is_what_click_makes() -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in Path(front.HELP_FOLDER).iterdir()}
    stale = sorted(name for name in TEXTS if kept.get(name) != TEXTS[name])
    assert not stale, f"run `python -m tools.helptexts`, commit what it writes: {stale}"
    assert sorted(kept) == sorted(TEXTS)


@pytest.mark.parametrize("columns", ["80", "100", "101", "117", "500"])
def test_help_is_told_as_click_tells_it_at_every_kept_width(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for name in TEXTS:
        words = name.split(".")[0].split("-")[1:]
        for ask in ("--help", "-h"):
            mine, theirs = both([*words, ask], capsys)
            assert mine == theirs, (name, columns)
    for args in ([], ["--version"]):
        mine, theirs = both(args, capsys)
        assert mine == theirs, args


@pytest.mark.parametrize(
    "columns", ["79", "81", "99", "40", "0", "000", "-100", "wide", " 100", "1_00", "１００"]
)
def test_help_for_other_widths_is_left_to_click(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert front.answered(["--help"]) is None
    assert front.answered(["run", "-h"]) is None


@pytest.mark.parametrize(
    "args",
    [
        ["--help", "run"],
        ["run", "x", "--help"],
        ["run", "--", "--help"],
        ["--limit-memory", "1G", "--help"],
        ["--limit-memory", "--help"],
        ["runs", "--help"],
        ["../remaptrace", "--help"],
        ["", "--help"],
        ["--version", "--version"],
        ["\udcff", "--help"],
    ],
)
def test_other_command_lines_are_left_to_click(args: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert front.answered(args) is None


@pytest.mark.parametrize("name", ["REMAPTRACE_LIMIT_MEMORY", "_REMAPTRACE_COMPLETE"])
def test_variables_that_change_a_command_line_are_left_to_click(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv(name, "")
    assert front.answered(["--help"]) is None


PLAIN = [
    ["kernels"],
    ["arches"],
    ["explain"],
    ["explain", "RT102"],
    ["explain", "enomem"],
    ["explain", "MAXMAP"],
    ["explain", "no such word"],
    ["explain", "\x1b[31m"],
    ["explain", "\udcff"],
    ["run", "t.yaml"],
    ["run", "t.yaml", "u.yaml"],
    ["run", "."],
    ["run", "t.yaml", "missing.yaml"],
    ["run", "missing.yaml"],
    ["run", "\udcff"],
    ["check", "t.yaml"],
    ["check", ".", "missing"],
    ["check", "wrong.yaml", "t.yaml"],
    ["sweep", "t.yaml"],
    ["sweep", "-j", "1", "t.yaml", "u.yaml"],
    ["sweep", "t.yaml", "missing.yaml", "u.yaml", "wrong.yaml", "-j", "2"],
    ["sweep", "."],
    ["sweep", "\udcff", "-j", "3"],
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    step = "- mmap: {length: 4096, prot: rw, flags: [private, anonymous], fd: -1, offset: 0}\n"
    for name in ("t", "u"):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\nsteps:\n{step}", encoding="utf-8")
    (tmp_path / "wrong.yaml").write_text("steps:\n- munmap: {addr: 1, length: 1}\n  expect: {result: 0}\n")
    return tmp_path


@pytest.mark.parametrize("args", PLAIN, ids=lambda args: repr(" ".join(args)))
def test_plain_forms_say_what_click_makes_them_say(
    args: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (mine, shown), (theirs, expected) = both(args, capsys)
    assert mine is not None
    assert mine == theirs
    seconds = re.compile(r"\d+\.\d s|(?<=,)\d+\.\d+(?=,)")
    assert [seconds.sub("S", text) for text in shown] == [seconds.sub("S", text) for text in expected]


@pytest.mark.parametrize("args", PLAIN, ids=lambda args: repr(" ".join(args)))
def test_plain_forms_ask_for_what_click_asks_for(args: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every argument with its default: an option whose default changes must change both."""
    doing = {"explain": "told"}.get(args[0], args[0])
    module = importlib.import_module(f"remaptrace.cli.doing.{args[0]}")
    signature = inspect.signature(getattr(module, doing))
    asked: list[dict[str, object]] = []

    def noted(*given: object, **named: object) -> int:
        bound = signature.bind(*given, **named)
        bound.apply_defaults()
        asked.append(dict(bound.arguments))
        return 0

    monkeypatch.setattr(module, doing, noted)
    assert front.answered(args) == 0
    assert run_command(args) == 0
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    "args",
    [
        ["kernels", "linux-6.1"],
        ["arches", "x"],
        ["explain", "ENOMEM", "log"],
        ["explain", ""],
        ["explain", "--fast"],
        ["run"],
        ["run", ""],
        ["run", "-"],
        ["run", "x", "-n", "5"],
        ["run", "x", "--"],
        ["check"],
        ["check", "--format=json", "x"],
        ["sweep"],
        ["sweep", "x", "-j", "0"],
        ["sweep", "x", "-j", "two"],
        ["sweep", "x", "-j", "2", "-o", "t.csv"],
        ["sweep", "-o", "x", "-j", "2"],
        ["sweep", "-j", "2", "x", "-j", "3"],
        ["sweep", "-j", "2"],
        ["sweep", "x", "-j", "１"],
        ["sweep", "-"],
        ["diff", "x"],
        ["doing"],
    ],
)
def test_other_forms_are_left_to_click(args: list[str]) -> None:
    assert front.answered(args) is None


def whole(*args: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "remaptrace", *args]
    return subprocess.run(command, capture_output=True, env={**os.environ, **env}, check=False)


def test_help_needs_no_reader_of_command_lines() -> None:
    program = (
        "import sys\n"
        "from remaptrace.cli.front import answered\n"
        "assert answered(['run', '--help']) == 0\n"
        "sys.exit(', '.join({'click', 're', 'typing', 'enum', 'dataclasses'} & set(sys.modules)) or 0)"
    )
    command = [sys.executable, "-S", "-c", program]
    env = {**os.environ, "COLUMNS": "80", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr


def test_help_is_told_where_its_characters_cannot_be_written() -> None:
    plain = whole("run", "--help", COLUMNS="80", PYTHONIOENCODING="ascii")
    assert plain.returncode == 0
    assert plain.stdout.decode("ascii").startswith("Usage: remaptrace run")


def test_help_to_a_full_device_and_to_nobody_ends_as_documented() -> None:
    words = [sys.executable, "-m", "remaptrace", "--help"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith(b"error RT502: cannot write")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_plain_form_ends_with_all_that_was_registered_for_the_end(folder: Path) -> None:
    program = (
        "import atexit, sys\n"
        "sys.argv = ['remaptrace', 'check', 'wrong.yaml']\n"
        "atexit.register(print, 'registered')\n"
        "from remaptrace.cli import main\n"
        "main()"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 1, done.stderr
    assert "registered" in done.stdout
    assert "wrong.yaml" in done.stdout
    profiled = subprocess.run(
        [sys.executable, "-m", "cProfile", "-m", "remaptrace", "kernels"],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    assert "function calls" in profiled.stdout


def test_a_long_answer_reaches_a_slow_reader_whole(folder: Path) -> None:
    command = [sys.executable, "-m", "remaptrace", "run", *["t.yaml"] * 300]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        shown = b"".join(iter(lambda: process.stdout.read(4096), b""))
    assert process.returncode == 0
    assert shown.count(b"t.yaml") == 300
