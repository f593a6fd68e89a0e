"""What a log says that it leaves out, and what it shows to be missing, stands in the notes of its trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace import replay
from remaptrace.advice.whole import advise_on
from remaptrace.cli.entry import run_command
from remaptrace.errors import UsageError
from remaptrace.trace.detect import load
from remaptrace.trace.events import Trace
from remaptrace.trace.recorded.lacking import _ELISION

MMAP = "{} mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {:#x}\n"


def read(folder: Path, text: str) -> Trace:
    (folder / "log").write_text(text)
    (trace,) = load([str(folder / "log")])
    return trace


def noted(trace: Trace, words: str) -> bool:
    return any(words in note for note in trace.notes)


@pytest.mark.parametrize(
    "line",
    [
        "[...]",
        "...",
        "... 3000 more lines ...",
        "<snip>",
        "(many more of the same)",
        "--- snip ---",
        "-- 8< --",
        "[ 120 lines omitted ]",
        "…",
        "[...lots of lines skipped...]",
        "<...>",
        "{snipped}",
        "    [ . . . ]",
        "... repeated 100 times",
    ],
)
def test_a_line_that_stands_for_others_is_a_gap_and_no_bad_line(line: str, tmp_path: Path) -> None:
    trace = read(tmp_path, MMAP.format(7, 0x7F0000100000) + line + "\n" + MMAP.format(7, 0x7F0000200000))
    assert len(trace.skipped) == 0
    assert noted(trace, "the log has gaps: at 1 place (line 2)")


@pytest.mark.parametrize(
    "line", ["mmap(NULL, 4096) = ", "here is the log", "1234 mmap(", "foo [...] bar", "42"]
)
def test_other_lines_are_no_gaps(line: str) -> None:
    assert _ELISION.fullmatch(line) is None


def test_gaps_of_kernel_text_are_told_too(tmp_path: Path) -> None:
    call = "  prog-7  [000] .....  1.00000{}: sys_brk(brk: 0)\n  prog-7  [000] .....  1.00000{}: sys_brk -> 0x5000\n"
    trace = read(tmp_path, call.format(1, 2) + "[...]\n" + call.format(3, 4))
    assert noted(trace, "the log has gaps") and not trace.skipped


def test_a_process_whose_beginning_the_log_does_not_show_is_named(tmp_path: Path) -> None:
    trace = read(tmp_path, MMAP.format(7, 0x7F0000100000))
    assert noted(trace, "the log does not show the beginning of process 7")


@pytest.mark.parametrize("maps", [False, True])
def test_a_process_whose_beginning_is_known_is_not_said_to_be_unknown(maps: bool, tmp_path: Path) -> None:
    text = "" if maps else '7 execve("/bin/a", ["a"], 0x1) = 0\n'
    (tmp_path / "log").write_text(text + MMAP.format(7, 0x7F0000100000))
    (tmp_path / "7.start.maps").write_text("00400000-00401000 r-xp 00000000 fe:00 12      /bin/prog\n")
    (trace,) = load([str(tmp_path / "log")], maps=[str(tmp_path / "7.start.maps")] if maps else [])
    assert not noted(trace, "does not show the beginning")


def test_a_log_of_failed_calls_alone_is_said_to_be_one(tmp_path: Path) -> None:
    trace = read(tmp_path, '7 access("/x", R_OK) = -1 ENOENT (No such file or directory)\n' * 6)
    assert noted(trace, "every call of the log failed")
    one = '7 access("/x", R_OK) = 0\n'
    assert not noted(read(tmp_path, one + '7 access("/x", R_OK) = -1 ENOENT (No)\n' * 6), "every call")


def test_calls_that_began_and_did_not_return_are_counted_and_named(tmp_path: Path) -> None:
    text = (
        "7 munmap(0x1000, 4096 <unfinished ...>\n"
        "8 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0 <unfinished ...>\n"
        "8 brk(NULL) = 0x5000\n"
        "9 munmap(0x2000, 4096 <unfinished ...>\n"
        "9 <... munmap resumed>) = 0\n"
        "7 +++ killed by SIGKILL +++\n"
        "9 mprotect(0x3000, 4096, PROT_READ <detached ...>\n"
    )
    trace = read(tmp_path, text)
    assert noted(
        trace, "3 calls began and did not return in the log (munmap at line 1, mmap at line 2, mprotect at"
    )


def test_a_call_that_only_ends_its_thread_is_not_missed(tmp_path: Path) -> None:
    trace = read(tmp_path, "7 exit_group(0 <unfinished ...>\n7 +++ exited with 0 +++\n")
    assert not noted(trace, "did not return")


def test_advice_on_a_log_that_lacks_areas_says_at_least(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log").write_text(MMAP.format(7, 0x7F0000100000))
    assert run_command(["advise", str(tmp_path / "log")]) == 0
    late = " ".join(capsys.readouterr().out.split())
    assert "At least 1 VMA at the peak" in late and "is at most 65,529 mappings away" in late


def test_advice_on_a_log_of_failed_calls_alone_is_refused(tmp_path: Path) -> None:
    text = '7 access("/x", R_OK) = -1 ENOENT (No such file or directory)\n' * 6 + "7 +++ exited with 0 +++\n"
    with pytest.raises(UsageError, match="RT503"):
        advise_on(replay(read(tmp_path, text)))
