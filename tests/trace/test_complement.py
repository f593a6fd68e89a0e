"""Calls that tracepoints do not see are taken from the strace text of the same run."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.abi import kinds as ev
from remaptrace.abi.calls import KIND_NAMES
from remaptrace.trace.events import Trace, TraceBuilder
from remaptrace.trace.recorded.complement import complement, has_more
from remaptrace.trace.recorded.read import find_set, read_bytes, read_set

SETS = Path(__file__).parents[2] / "traces"
PAGE = 0x1000


def program(*calls: tuple[int, tuple[int, ...], int | None]) -> Trace:
    b = TraceBuilder()
    task = b.task(7, 7)
    for number, (kind, args, ret) in enumerate(calls, 1):
        b.event(kind, task, args, ret, line=number)
    return b.finish(sources=["text"], name="text")


MAPPED = (ev.K_MMAP, (0, 2 * PAGE, 3, 0x22, -1, 0), 0xF7FC0000)
FAULT = (ev.K_FAULT, (0xF7FC1000, 6, 0), None)
UNMAPPED = (ev.K_MUNMAP, (0xF7FC0000, 2 * PAGE), 0)
BREAK = (ev.K_BRK, (0,), 0x8000)
END = (ev.K_EXIT, (0, 0), None)


def kinds(t: Trace) -> list[str]:
    return [KIND_NAMES[int(k)] for k in t.columns["kind"]]


def test_a_missing_mapping_comes_before_the_first_fault_in_it_and_the_rest_at_the_end_of_the_gap() -> None:
    t = program(BREAK, FAULT, END)
    complement(t, program(BREAK, MAPPED, UNMAPPED, END))
    assert kinds(t) == ["brk", "mmap", "page_fault", "munmap", "exit"]
    assert t.columns["ret"].tolist()[1] == 0xF7FC0000
    assert t.columns["line"].tolist() == [1, 2, 2, 3, 3]
    assert t.columns["source"].tolist() == [0, 1, 0, 1, 0]


def test_a_call_of_the_same_result_is_the_same_call() -> None:
    t = program(MAPPED, FAULT, UNMAPPED, END)
    complement(t, program(MAPPED, UNMAPPED, END))
    assert kinds(t) == ["mmap", "page_fault", "munmap", "exit"]
    assert t.notes == []


def test_another_threads_calls_stay_out() -> None:
    t = program(BREAK, END)
    other = program(BREAK, MAPPED, END)
    other.tasks["tid"] = 8
    complement(t, other)
    assert kinds(t) == ["brk", "exit"]


@pytest.mark.parametrize("name", ["ls", "fuzz-2", "gcc-compile", "redis-bgsave", "threads500"])
def test_texts_of_native_programs_lack_nothing(name: str) -> None:
    t = read_set(SETS / name, "ftrace")
    before = len(t)
    complement(t, read_set(SETS / name, "strace"))
    assert len(t) == before
    found = find_set(SETS / name)
    assert found is not None
    assert not has_more(read_bytes(found.texts["strace"]))


def test_the_zoo_has_its_32_bit_calls_and_ranges_of_process_madvise() -> None:
    t = read_set(SETS / "zoo")
    taken = t.columns["source"] == 1
    assert taken.sum() == 13
    assert (t.columns["kind"][taken] == ev.K_PROCESS_MADVISE).sum() == 4
    assert "process_madvise" not in t.unmodelled
    fault = next(
        i for i in range(len(t)) if t.columns["kind"][i] == ev.K_FAULT and t.columns["a0"][i] == 0xF7FC0000
    )
    before = [i for i in range(len(t)) if taken[i] and t.columns["ret"][i] == 0xF7FC0000]
    assert before
    assert before[0] < fault


def test_a_text_that_is_asked_for_comes_alone() -> None:
    assert read_set(SETS / "zoo", "ftrace").sources == [str(SETS / "zoo" / "ftrace.txt.gz")]
