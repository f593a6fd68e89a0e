"""Rewriting: what each pass makes of small programs, and that the check notices what differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from remaptrace.abi import kinds as ev
from remaptrace.engine.run.driver import replay
from remaptrace.errors import UsageError
from remaptrace.machine.machine import Machine
from remaptrace.rewrite.equivalence import allowed_alike, check
from remaptrace.rewrite.output import Rewritten
from remaptrace.rewrite.passes import PASSES, rewrite
from remaptrace.trace.detect import load
from remaptrace.trace.events import Trace
from remaptrace.trace.scenario.read import read_scenario
from remaptrace.trace.stored.jsonlread import read_jsonl
from remaptrace.trace.stored.jsonlwrite import write_jsonl
from remaptrace.trace.wording import event_text

TRACES = Path(__file__).parents[2] / "traces"
MODERN = Machine.load("x86_64", "linux-6.18")
RFP = Machine.load("x86_64", "linux-2.6.21-rfp-intended")
PRIVATE = Machine.load("x86_64", "linux-2.6.21-rfp-private")
B = 0x40000000


def program(steps: str) -> Trace:
    """A scenario, with the results that its machine gives."""
    return read_scenario(f"steps:\n{steps}")


def rewritten(trace: Trace, *names: str) -> Rewritten:
    return rewrite(trace, names, replay(trace, MODERN).columns["ret"])


def calls(done: Rewritten) -> list[str]:
    """The memory calls of a rewritten trace, in words."""
    kinds = done.trace.columns["kind"]
    return [event_text(done.trace, i) for i in range(len(done.trace)) if kinds[i] < ev.K_OPEN]


def peak(trace: Trace, machine: Machine) -> int:
    return int(replay(trace, machine).columns["map_count"].max())


WINDOW = f"""
- memfd: {{id: ram, pages: 64, fill: true}}
- repeat:
    count: 16
    shuffle: p
    seed: 3
    steps:
    - mmap: {{addr: {B} + 8192 * i, length: page, prot: rw, flags: [shared, fixed], fd: ram, offset: page * p}}
    - write: {B} + 8192 * i
- mprotect: {{addr: {B}, length: 4096, prot: r}}
- write: {B}
- munmap: {{addr: {B + 8192}, length: 4096}}
- read: {B + 8192}
- read: {B + 4096}
- fork: {{child: 2}}
- mmap: {{addr: {B + 8192}, length: 4096, prot: r, flags: [shared, fixed], fd: ram, offset: 0}}
  pid: 2
- read: {B + 8192}
  pid: 2
- read: {B + 8192}
"""


def test_page_wise_mappings_become_one_window() -> None:
    trace = program(WINDOW)
    done = rewritten(trace, "rfp")
    assert done.counts["windows"] == 1
    assert done.counts["mappings that became pages"] == 17
    assert calls(done)[0] == f"mmap({B:#x}, {31 * 4096}, none, shared|fixed|noreserve, 3, 0)"
    assert peak(trace, MODERN) == 16
    assert peak(done.trace, RFP) == 1


def test_a_window_refuses_what_the_mappings_refused() -> None:
    trace = program(WINDOW)
    results = replay(trace, MODERN).columns["ret"]
    found = check(trace, rewrite(trace, ["rfp"], results), MODERN, RFP, results)
    assert found.equal, found.sentence()
    assert found.accesses > 60
    assert "allowed and refused as before" in found.sentence()


def test_mappings_with_something_between_them_are_windows_apart() -> None:
    steps = "- memfd: {id: ram, pages: 64}\n"
    for page in (0, 1, 2, 5, 6):
        steps += f"- mmap: {{addr: {B + page * 4096}, length: 4096, prot: r, flags: [shared, fixed], "
        steps += f"fd: ram, offset: {page * 8192}}}\n"
        if page == 2:
            steps += f"- mmap: {{addr: {B + 3 * 4096}, length: 4096, prot: r, "
            steps += "flags: [private, fixed, anonymous]}\n"
    done = rewritten(program(steps), "rfp")
    assert [c for c in calls(done) if c.startswith("mmap")] == [
        f"mmap({B:#x}, 12288, none, shared|fixed|noreserve, 3, 0)",
        f"mmap({B + 3 * 4096:#x}, 4096, r, private|fixed|anonymous, -1, 0)",
        f"mmap({B + 5 * 4096:#x}, 8192, none, shared|fixed|noreserve, 3, 0)",
    ]


def test_a_single_mapping_stays_what_it_is() -> None:
    trace = program(
        "- memfd: {id: ram, pages: 4}\n"
        f"- mmap: {{addr: {B}, length: 4096, prot: r, flags: [shared, fixed], fd: ram}}\n"
    )
    done = rewritten(trace, "rfp")
    assert calls(done) == [f"mmap({B:#x}, 4096, r, shared|fixed, 3, 0)"]
    assert done.notes == ("no file is mapped page by page: nothing to rewrite",)


def test_unmapping_more_than_the_window_ends_it() -> None:
    trace = program(WINDOW + f"- munmap: {{addr: {B - 4096}, length: {64 * 4096}}}\n- read: {B + 16384}\n")
    done = rewritten(trace, "rfp")
    assert calls(done)[-1] == f"munmap({B - 4096:#x}, {64 * 4096})"
    assert replay(done.trace, RFP).columns["outcome"][-1] == 2


STACK = """
- mmap: {addr: 0, length: 65536, prot: none, flags: [private, anonymous, stack]}
  as: stack
- mprotect: {addr: '@stack+0x1000', length: 61440, prot: rw}
- write: '@stack+0x1000'
- write: '@stack'
"""


def test_a_stack_with_a_guard_is_one_area_with_a_guard_region() -> None:
    trace = program(STACK)
    done = rewritten(trace, "guards")
    base = int(replay(trace, MODERN).columns["ret"][0])
    assert calls(done) == [
        "mmap(0x0, 65536, rw, private|anonymous|stack, -1, 0)",
        f"madvise({base:#x}, 4096, guard_install)",
    ]
    assert (peak(trace, MODERN), peak(done.trace, MODERN)) == (2, 1)
    assert replay(done.trace, MODERN).columns["outcome"][-2:].tolist() == [1, 2]


def test_the_hypothetical_kernel_needs_no_guard_regions() -> None:
    trace = program(STACK)
    done = rewritten(trace, "rfp-guards")
    assert peak(done.trace, PRIVATE) == 1
    assert replay(done.trace, PRIVATE).columns["outcome"][-2:].tolist() == [1, 3]
    assert "hypothetical" in done.notes[-1]


CLOSED = f"""
- mmap: {{addr: {B}, length: 16384, prot: rw, flags: [private, fixed, anonymous]}}
- write: {{addr: {B + 4096}, value: 7}}
- mprotect: {{addr: {B + 4096}, length: 4096, prot: none}}
"""


def test_pages_whose_contents_are_wanted_again_keep_their_mprotect() -> None:
    trace = program(
        CLOSED + f"- mprotect: {{addr: {B + 4096}, length: 4096, prot: rw}}\n- read: {B + 4096}\n"
    )
    done = rewritten(trace, "guards")
    assert "guards set" not in done.counts
    assert any("contents are wanted again" in note for note in done.notes)
    assert replay(done.trace, MODERN).columns["value"][-1] == 7
    kept = rewritten(trace, "rfp-guards")
    assert kept.counts == {"guards set": 1, "guards lifted": 1}
    assert replay(kept.trace, PRIVATE).columns["value"][-1] == 7


def test_pages_that_were_thrown_away_may_be_guards() -> None:
    trace = program(
        CLOSED
        + f"- madvise: {{addr: {B + 4096}, length: 4096, advice: dontneed}}\n"
        + f"- read: {B + 4096}\n- mprotect: {{addr: {B + 4096}, length: 4096, prot: rw}}\n- read: {B + 4096}\n"
    )
    done = rewritten(trace, "guards")
    assert done.counts == {"guards set": 1, "guards lifted": 1}
    assert replay(done.trace, MODERN).columns["outcome"][-4:].tolist()[1] == 2
    assert (peak(trace, MODERN), peak(done.trace, MODERN)) == (3, 1)


def test_a_large_reservation_is_no_guard() -> None:
    trace = program(
        "- mmap: {addr: 0, length: 64MiB, prot: none, flags: [private, anonymous]}\n  as: a\n"
        "- mprotect: {addr: '@a', length: 64KiB, prot: rw}\n"
    )
    done = rewritten(trace, "guards")
    assert [c.split("(")[0] for c in calls(done)] == ["mmap", "mprotect"]
    assert done.notes


def test_protection_changes_of_neighbours_are_joined() -> None:
    trace = program(
        f"- mmap: {{addr: {B}, length: 64KiB, prot: none, flags: [private, fixed, anonymous]}}\n"
        f"- repeat:\n    count: 16\n    shuffle: p\n    steps:\n"
        f"    - mprotect: {{addr: {B} + page * p, length: page, prot: rw}}\n"
        f"- write: {B}\n- mprotect: {{addr: {B}, length: 4096, prot: r}}\n- write: {B}\n"
    )
    done = rewritten(trace, "merge-order")
    assert calls(done)[1:] == [f"mprotect({B:#x}, 65536, rw)", f"mprotect({B:#x}, 4096, r)"]
    assert replay(done.trace, MODERN).columns["outcome"][[2, 4]].tolist() == [1, 3]
    assert peak(trace, MODERN) > peak(done.trace, MODERN) == 2


def test_every_event_knows_which_one_it_stands_for() -> None:
    trace = program(WINDOW)
    done = rewritten(trace, "rfp", "merge-order")
    assert done.trace.columns["origin"].tolist() == done.origin.tolist()
    same = [i for i in range(len(done.trace)) if done.trace.columns["kind"][i] >= ev.K_READ]
    for column in ("kind", "a0", "line"):
        assert (done.trace.columns[column][same] == trace.columns[column][done.origin[same]]).all()


@pytest.mark.parametrize("name", list(PASSES))
def test_a_rewritten_trace_reads_back_the_same(name: str) -> None:
    done = rewritten(program(WINDOW + STACK), name)
    lines = list(write_jsonl(done.trace))
    again = read_jsonl("".join(lines).encode())
    assert list(write_jsonl(again)) == lines
    assert again.recorded, "its mappings lie where the original ones lay"


@pytest.mark.parametrize(
    ("source", "name", "machine", "before", "at_most"),
    [
        ("efence-500", "guards", MODERN, 1034, 40),
        ("threads500", "guards", MODERN, 1053, 60),
        ("efence-500", "rfp-guards", PRIVATE, 1034, 40),
    ],
)
def test_recorded_programs_need_fewer_areas(
    source: str, name: str, machine: Machine, before: int, at_most: int
) -> None:
    (trace,) = load([str(TRACES / source)])
    done = rewrite(trace, [name])
    assert peak(trace, MODERN) == before
    assert peak(done.trace, machine) <= at_most
    assert check(trace, done, MODERN, machine).equal


def test_the_check_notices_an_access_that_ends_differently() -> None:
    trace = program(STACK)
    before = replay(trace, MODERN)
    open_all = replace(
        trace,
        columns={**trace.columns, "a2": np.where(trace.columns["kind"] == ev.K_MMAP, 3, trace.columns["a2"])},
    )
    found = allowed_alike(before, replay(open_all, MODERN), np.arange(len(trace)))
    assert (found.equal, found.different, found.accesses) == (False, 1, 2)
    assert "SIGSEGV/SEGV_ACCERR before, ok after" in found.sentence()


def test_an_unknown_pass_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as error:
        rewrite(program(STACK), ["rpf"])
    assert error.value.code == "RT230"


steps = st.lists(
    st.one_of(
        st.builds(
            lambda page, size, prot: (
                f"- mprotect: {{addr: {B + page * 4096}, length: {size * 4096}, prot: {prot}}}\n"
            ),
            st.integers(0, 11),
            st.integers(1, 4),
            st.sampled_from(["none", "none", "rw", "rw", "r"]),
        ),
        st.builds(
            lambda kind, page: f"- {kind}: {B + page * 4096}\n",
            st.sampled_from(["read", "write"]),
            st.integers(0, 12),
        ),
        st.builds(
            lambda page, size: f"- munmap: {{addr: {B + page * 4096}, length: {size * 4096}}}\n",
            st.integers(0, 11),
            st.integers(1, 3),
        ),
        st.builds(
            lambda page, size, prot, offset: (
                f"- mmap: {{addr: {B + page * 4096}, length: {size * 4096}, prot: {prot}, "
                f"flags: [shared, fixed], fd: a, offset: {offset * 4096}}}\n"
            ),
            st.integers(0, 11),
            st.integers(1, 2),
            st.sampled_from(["r", "rw"]),
            st.integers(0, 5),
        ),
        st.builds(
            lambda page, size, prot: (
                f"- mmap: {{addr: {B + page * 4096}, length: {size * 4096}, prot: {prot}, "
                "flags: [private, fixed, anonymous]}\n"
            ),
            st.integers(0, 11),
            st.integers(1, 4),
            st.sampled_from(["none", "rw"]),
        ),
        st.builds(
            lambda page: f"- madvise: {{addr: {B + page * 4096}, length: 4096, advice: dontneed}}\n",
            st.integers(0, 11),
        ),
        st.just("- fork_wait: {}\n"),
    ),
    max_size=14,
).map(lambda lines: "- memfd: {id: a, pages: 8, fill: true}\n" + "".join(lines))


_NONE = f"- mmap: {{addr: {B}, length: 8192, prot: none, flags: [private, fixed, anonymous]}}\n"


@given(steps)
@settings(max_examples=40)
@example(_NONE + f"- read: {B}\n- mprotect: {{addr: {B}, length: 8192, prot: rw}}\n")
@example(_NONE + f"- read: {B}\n- mprotect: {{addr: {B}, length: 4096, prot: rw}}\n")
@example(_NONE + f"- mprotect: {{addr: {B}, length: 4096, prot: rw}}\n- read: {B + 4096}\n")
def test_guard_regions_change_no_outcome_and_no_value(text: str) -> None:
    trace = program(text)
    before = replay(trace, MODERN)
    done = rewrite(trace, ["guards"], before.columns["ret"])
    after = replay(done.trace, MODERN)
    assert allowed_alike(before, after, done.origin).equal
    reads = np.flatnonzero(done.trace.columns["kind"] == ev.K_READ)
    assert (before.columns["value"][done.origin[reads]] == after.columns["value"][reads]).all()


@given(steps)
@settings(max_examples=40)
def test_windows_change_no_outcome_and_no_value(text: str) -> None:
    trace = program(text)
    before = replay(trace, MODERN)
    done = rewrite(trace, ["rfp"], before.columns["ret"])
    after = replay(done.trace, RFP)
    found = allowed_alike(before, after, done.origin)
    assert found.equal, found.sentence()
    reads = np.flatnonzero(done.trace.columns["kind"] == ev.K_READ)
    assert (before.columns["value"][done.origin[reads]] == after.columns["value"][reads]).all()


@given(steps)
@settings(max_examples=40)
def test_joined_changes_change_no_outcome_and_no_value(text: str) -> None:
    trace = program(text)
    before = replay(trace, MODERN)
    done = rewrite(trace, ["merge-order"], before.columns["ret"])
    after = replay(done.trace, MODERN)
    assert allowed_alike(before, after, done.origin).equal
    assert len(done.trace) <= len(trace)
