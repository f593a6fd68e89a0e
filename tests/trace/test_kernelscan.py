"""The byte machine for common lines and the plain reader give equal records, whatever the text."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.trace.tracepoints.ftrace import ftrace_records
from remaptrace.trace.tracepoints.perf import perf_records
from remaptrace.trace.tracepoints.records import OP_EXIT, R_CALL, R_OP, KernelText, text_of

FORMS = Path(__file__).parent / "data" / "kernel-text"
SETS = Path(__file__).parents[2] / "traces"

SAMPLES = {
    "ftrace": [*sorted(FORMS.glob("ftrace-*.txt.gz")), SETS / "zoo" / "ftrace.txt.gz"],
    "perf": [
        *(p for p in sorted(FORMS.glob("perf-*.txt.gz")) if "perf-trace" not in p.name),
        SETS / "zoo" / "perf.txt.gz",
    ],
}
READERS: dict[str, Callable[..., KernelText]] = {"ftrace": ftrace_records, "perf": perf_records}


def known(text: KernelText) -> list[tuple[object, ...]]:
    """Records with the names of calls and tasks in place of numbers."""
    out: list[tuple[object, ...]] = []
    for row in text.records.T.tolist():
        call = text.calls.names[row[R_CALL]] if row[R_OP] <= OP_EXIT else ""
        out.append((*row[:R_CALL], call, *row[R_CALL + 1 : -1], text_of(text.data, row[-1])))
    return out


def same(form: str, data: bytes) -> None:
    plain = READERS[form](data, compiled=False)
    fast = READERS[form](data, compiled=True)
    assert known(fast) == known(plain)
    assert fast.skipped == plain.skipped
    assert (fast.notes, fast.has_times, fast.arch) == (plain.notes, plain.has_times, plain.arch)


@pytest.mark.parametrize("form", ["ftrace", "perf"])
def test_every_form_reads_the_same_both_ways(form: str) -> None:
    for path in SAMPLES[form]:
        same(form, gzip.decompress(path.read_bytes()))


def lines(form: str) -> list[bytes]:
    out: list[bytes] = []
    for path in SAMPLES[form]:
        found = gzip.decompress(path.read_bytes()).split(b"\n")
        out += found[12:40:3] + found[100:110]
    return out


PIECES = [
    b" ",
    b"  ",
    b"\t",
    b"\r",
    b":",
    b",",
    b")",
    b"(",
    b"-",
    b"0x",
    b"0",
    b"9" * 19,
    b"f" * 17,
    b'"a"',
    b"=",
    b"\xff",
    b"NR 9",
    b"->",
]


@st.composite
def damaged(draw: st.DrawFn, form: str) -> bytes:
    """A few real lines with pieces put in, taken out and cut off."""
    out = []
    for line in draw(st.lists(st.sampled_from(LINES[form]), min_size=1, max_size=6)):
        for _ in range(draw(st.integers(0, 2))):
            at = draw(st.integers(0, len(line)))
            drop = draw(st.integers(0, 4))
            line = line[:at] + draw(st.sampled_from(PIECES)) + line[at + drop :]  # noqa: PLW2901
        out.append(line)
    text = b"\n".join(out) + draw(st.sampled_from([b"", b"\n", b"\n\n"]))
    return text[: draw(st.integers(max(len(text) - 30, 0), len(text)))]


LINES = {form: lines(form) for form in SAMPLES}


@settings(max_examples=250)
@given(damaged("ftrace"))
def test_damaged_ftrace_reads_the_same_both_ways(data: bytes) -> None:
    same("ftrace", data)


@settings(max_examples=250)
@given(damaged("perf"))
def test_damaged_perf_script_reads_the_same_both_ways(data: bytes) -> None:
    same("perf", data)


def test_lines_too_long_to_be_lines_are_skipped_quickly() -> None:
    plain = LINES["ftrace"][0]
    for long in (
        b" " * 3_000_000 + b"x",
        b"x" * 3_000_000,
        plain.replace(b"[", b" " * 10_000 + b"["),
        b"#" * 9000,
    ):
        same("ftrace", plain + b"\n" + long + b"\n" + plain + b"\n")
    plain = LINES["perf"][0]
    chain = b"\t" + b" " * 10_000 + b"20ca3 mmap64+0x13"
    for long in (b"a" + b" " * 3_000_000, b"1 " * 1_000_000, chain):
        same("perf", plain + b"\n" + long + b"\n" + plain + b"\n")


def test_binary_noise_is_skipped_line_by_line() -> None:
    noise = bytes((i * i * 31 + (i >> 3)) & 0xFF for i in range(200_000))
    for form in ("ftrace", "perf"):
        same(form, noise)
        assert READERS[form](noise).skipped


@pytest.mark.parametrize("form", ["ftrace", "perf"])
def test_an_empty_text_has_no_records(form: str) -> None:
    assert READERS[form](b"", compiled=True).records.shape[1] == 0
    assert READERS[form](b"", compiled=False).records.shape[1] == 0


def test_a_line_of_one_tab_does_not_borrow_the_next_line() -> None:
    event = (
        b"      sh 18450   0  2042.701280:    exceptions:page_fault_user: address=0x55c01a5d8040"
        b" ip=0x7ff3c65dc6a8 error_code=0x4\n"
    )
    for blank in (b"\t\n", b"  \t\n", b"\t   \n", b":\n"):
        data = event + blank + event
        same("perf", data)
        assert READERS["perf"](data, compiled=True).records.shape[1] == 2


@pytest.mark.parametrize("odd", [b"\r", b"\v", b"\x01", b"\x7f"])
def test_a_name_that_ends_in_a_character_that_is_no_letter_is_read_alike(odd: bytes) -> None:
    fields = b" 18953/18953 [001]  2056.992943505: exceptions:page_fault_user: address=0x7f69 ip=0x7f69 error_code=0x14"
    same("perf", b"".join(b"              s" + end + fields + b"\n" for end in (b"h", odd)))
