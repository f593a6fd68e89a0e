"""Errors in words: code, problem, place, the text with a mark, what was expected."""

from __future__ import annotations

from remaptrace.errors import InputError
from remaptrace.report.errortext import error_text


def test_the_offending_part_of_the_line_is_marked() -> None:
    text = "- mmap: {addr: 0x10000000, flags: [shard, fixed]}"
    error = InputError(
        "RT104",
        "unknown flag 'shard' in mmap",
        path="window.yaml",
        line=14,
        column=text.index("shard") + 1,
        text=text,
        found="shard",
        expected="one of: shared, private, fixed (did you mean 'shared'?)",
    )
    assert error_text(error) == (
        "error RT104: unknown flag 'shard' in mmap\n"
        "  window.yaml:14:36\n"
        "  14 | - mmap: {addr: 0x10000000, flags: [shard, fixed]}\n"
        "     |                                    ^^^^^\n"
        "  expected one of: shared, private, fixed (did you mean 'shared'?)\n"
    )


def test_a_ten_megabyte_line_is_quoted_around_the_fault_only() -> None:
    text = "x" * 5_000_000 + "BAD" + "y" * 5_000_000
    shown = error_text(InputError("RT201", "bad", path="a", line=1, column=5_000_001, text=text, found="BAD"))
    assert len(shown) < 400
    quoted, mark = shown.splitlines()[2:4]
    assert quoted[mark.index("^") :].startswith("BAD")


def test_binary_noise_cannot_disturb_the_terminal() -> None:
    shown = error_text(InputError("RT201", "bad \x1b[31m", path="a\x07", line=1, text="\x1b[2J\x00\udcff"))
    assert "\x1b" not in shown
    assert "\x00" not in shown
    shown.encode("utf-8")


def test_without_a_place_only_the_problem_is_said() -> None:
    assert error_text(InputError("RT006", "empty input")) == "error RT006: empty input\n"


def test_a_guess_is_asked_and_not_said_to_be_expected() -> None:
    error = InputError("RT401", "unknown kernel 'linux-6.81'", expected="did you mean linux-6.18?")
    assert error_text(error) == "error RT401: unknown kernel 'linux-6.81'\n  did you mean linux-6.18?\n"
