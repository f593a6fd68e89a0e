"""The command line's frame: help stays light, errors have one form, statuses are as documented."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from remaptrace.cli import entry, group
from remaptrace.errors import InputError, ReplayError


def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "remaptrace", *args]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **env}, check=False)


_LISTS = {"numba", "numpy", "rich"}
_PARSING = {"click", "dataclasses", "inspect", "pathlib"}


@pytest.mark.parametrize(
    ("args", "never"),
    [
        (["--help"], {*_LISTS, "yaml", "zstandard", "difflib", "hashlib", "random"}),
        (["--version"], {*_LISTS, "yaml", "zstandard", "difflib", "hashlib", "random"}),
        (["kernels"], _LISTS),
        (["arches"], _LISTS),
        (["explain", "RT102"], _LISTS),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_help_and_lists_load_nothing_heavy(args: list[str], never: set[str]) -> None:
    program = (
        "import sys\n"
        "from remaptrace.cli.entry import run_command\n"
        f"assert run_command({args!r}) == 0\n"
        f"heavy = {never!r} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("args", [["kernels"], ["arches"], ["explain", "RT102"]], ids=lambda args: args[0])
def test_plain_lists_load_neither_a_parser_nor_what_only_libraries_need(args: list[str]) -> None:
    program = (
        "import sys\n"
        "from remaptrace.cli.front import answered\n"
        f"assert answered({args!r}) == 0\n"
        f"sys.exit(', '.join(sorted({_LISTS | _PARSING!r} & set(sys.modules))) or 0)"
    )
    paths = [str(Path(__file__).parents[2]), *(p for p in sys.path if p.endswith("site-packages"))]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-S", "-c", program]  # without what an editable package's finder imports
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr


def test_every_command_in_the_table_has_a_module_with_help() -> None:
    for name in group.COMMANDS:
        done = run(name, "--help")
        assert done.returncode == 0, name
        assert done.stdout.startswith(f"Usage: remaptrace {name}"), name
        assert done.stderr == "", name


def test_unknown_command_is_a_usage_error_with_a_suggestion() -> None:
    done = run("explian")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "error RT501: there is no command 'explian' (did you mean 'explain'?)\n  see 'remaptrace --help'\n"
    )


def test_unknown_option_names_the_command_whose_help_tells_more() -> None:
    done = run("explain", "--fast")
    assert done.returncode == 2
    assert done.stderr.startswith("error RT501: no such option")
    assert "see 'remaptrace explain --help'" in done.stderr


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """A command `explain` that raises what the test puts into the list."""
    raised: list[BaseException] = []

    @click.command("explain")
    def command() -> None:
        raise raised[0]

    monkeypatch.setattr(group.LazyGroup, "get_command", lambda self, ctx, name: command)
    return raised


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("RT002", "no such file", path="x.yaml"), 3),
        (ReplayError("RT401", "arena full"), 70),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("boom"), 70),
    ],
)
def test_exceptions_become_statuses_and_never_tracebacks(
    failing: list[BaseException], error: BaseException, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    failing.append(error)
    assert entry.run_command(["explain"]) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err


def test_an_unexpected_exception_is_one_line_that_says_how_to_report_it(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REMAPTRACE_DEBUG", raising=False)
    failing.append(ZeroDivisionError("boom"))
    entry.run_command(["explain"])
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert shown.startswith("internal error: ZeroDivisionError: boom (test_entry.py:")
    assert "REMAPTRACE_DEBUG=1" in shown


def test_debug_shows_the_traceback(failing: list[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMAPTRACE_DEBUG", "1")
    failing.append(ZeroDivisionError("boom"))
    with pytest.raises(ZeroDivisionError):
        entry.run_command(["explain"])


def test_a_closed_pipe_is_quiet() -> None:
    command = f"{sys.executable} -m remaptrace explain max_map_count | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() in {"0", "141"}


EVERY_COMMAND = (
    "--help",
    "--version",
    "explain",
    "explain ENOMEM",
    "kernels",
    "arches",
    "schema",
    "kernels --show linux-6.18",
)


@pytest.mark.parametrize("words", EVERY_COMMAND)
def test_a_pipe_that_nobody_reads_ends_every_command_as_a_signal_would(words: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "remaptrace", *words.split()]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("words", ("explain", "kernels", "schema"))
def test_a_reader_that_stops_early_has_been_given_short_texts_whole(words: str) -> None:
    command = f"{sys.executable} -m remaptrace {words} | head -1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("0", "")


def test_completion_scripts_name_the_command() -> None:
    for shell in ("bash", "zsh", "fish"):
        done = run("completion", shell)
        assert done.returncode == 0
        assert "_REMAPTRACE_COMPLETE" in done.stdout


def test_completion_offers_commands() -> None:
    done = run(_REMAPTRACE_COMPLETE="bash_complete", COMP_WORDS="remaptrace exp", COMP_CWORD="1")
    assert done.stdout == "plain,explain\n"


def test_without_a_command_the_help_stands_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run_command([]) == 0
    out = capsys.readouterr()
    assert out.out.startswith("Usage: remaptrace") and "\\n" not in out.out
    assert not out.err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_an_error_that_cannot_be_written_keeps_its_exit_status(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "remaptrace", "run", str(tmp_path / "nothing")]
    with open("/dev/full", "w", encoding="utf-8") as full:
        assert subprocess.run(command, stderr=full, check=False).returncode == 3


def test_a_closed_standard_error_changes_no_exit_status(tmp_path: Path) -> None:
    trace, table = tmp_path / "t.yaml", tmp_path / "t.csv"
    trace.write_text("steps: [{dump: {}}]\n", encoding="utf-8")
    sweep = f"sweep {trace} --arch x86_64 --kernel linux-6.12 -o {table}"
    for words, status in (("explain", 0), (f"run {trace}", 0), (sweep, 0), (sweep, 0), ("run --nothing", 2)):
        command = f"{sys.executable} -m remaptrace {words} >/dev/null 2>&-"
        assert subprocess.run(["bash", "-c", command], check=False).returncode == status, words


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("output", ["/dev/full", "&-"])
@pytest.mark.parametrize("unbuffered", [{}, {"PYTHONUNBUFFERED": "1"}])
def test_output_that_cannot_be_written_is_an_error_told_once(
    tmp_path: Path, output: str, unbuffered: dict[str, str]
) -> None:
    trace = tmp_path / "t.yaml"
    trace.write_text(
        "steps: [{mmap: {length: 4096, prot: r, flags: [private, anonymous]}}]\n", encoding="utf-8"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"} | unbuffered
    said = "Bad file descriptor" if output == "&-" else "No space left on device"
    one_kernel = f"sweep {trace} --arch x86_64 --kernel linux-6.12"
    reports = (
        f"run {trace}",
        f"run {trace} --format json",
        f"maps {trace}",
        one_kernel,
        "kernels",
        "explain RT102",
    )
    for words in (*reports, "--help", "sweep --help", "--version"):
        command = f"{sys.executable} -m remaptrace {words} >{output}"
        done = subprocess.run(["bash", "-c", command], env=environment, stderr=-1, text=True, check=False)
        lines = [line for line in done.stderr.splitlines() if not line.startswith("#")]  # those tell of pids
        assert done.returncode == 3, words
        assert lines[:2] == [f"error RT502: cannot write: {said}", "  standard output"], words
        assert "Exception ignored" not in done.stderr
    kept = f"run {trace} -o {tmp_path}/report.txt >{output}"
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m remaptrace {kept}"], env=environment, check=False
    )
    assert done.returncode == 0 and (tmp_path / "report.txt").read_text(encoding="utf-8")
