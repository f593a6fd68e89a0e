"""Passes that keep areas whole: holes that are emptied instead, attributes that are not set."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.engine.run.driver import replay
from remaptrace.machine.machine import Machine
from remaptrace.rewrite.equivalence import allowed_alike
from remaptrace.rewrite.output import Rewritten
from remaptrace.rewrite.passes import rewrite
from remaptrace.trace.events import Trace
from remaptrace.trace.scenario.read import read_scenario

MACHINE = Machine.load("x86_64", "linux-6.18", overrides={"anon_vma_name": "yes"})
B = 0x40000000
ANON = f"- mmap: {{addr: {B}, length: 64 * page, prot: rw, flags: [private, anonymous, fixed]}}\n"


def done(steps: str, name: str) -> tuple[Trace, Rewritten]:
    trace = read_scenario("steps:\n" + steps)
    return trace, rewrite(trace, [name], replay(trace, MACHINE).columns["ret"])


def counts(trace: Trace) -> list[int]:
    return [int(n) for n in replay(trace, MACHINE).columns["map_count"]]


def test_holes_in_private_memory_are_emptied_and_the_area_stays_whole() -> None:
    holes = (
        f"- repeat: {{count: 20, steps: [{{munmap: {{addr: {B} + page * (2 * i + 1), length: page}}}}]}}\n"
    )
    trace, after = done(ANON + holes, "dontneed")
    assert (max(counts(trace)), max(counts(after.trace))) == (21, 1)
    assert after.counts == {"unmappings that became MADV_DONTNEED": 20}


def test_emptied_memory_goes_with_what_is_unmapped_beside_it() -> None:
    steps = (
        ANON
        + f"- munmap: {{addr: {B} + page, length: page}}\n"
        + f"- munmap: {{addr: {B}, length: page}}\n"
        + f"- munmap: {{addr: {B} + 2 * page, length: 62 * page}}\n"
    )
    trace, after = done(steps, "dontneed")
    assert counts(trace) == [1, 2, 1, 0] and counts(after.trace) == [1, 1, 1, 0]


def test_unmapping_at_an_end_or_of_other_memory_is_left_as_it_is() -> None:
    steps = (
        ANON
        + f"- munmap: {{addr: {B}, length: page}}\n"
        + f"- mprotect: {{addr: {B} + 8 * page, length: page, prot: none}}\n"
        + f"- munmap: {{addr: {B} + 8 * page, length: page}}\n"
        + f"- memfd: {{id: f, pages: 8, fill: true}}\n- mmap: {{addr: {B} + 128 * page, length: 8 * page, prot: r,"
        " flags: [shared, fixed], fd: f, offset: 0}\n"
        + f"- munmap: {{addr: {B} + 130 * page, length: page}}\n"
    )
    _, after = done(steps, "dontneed")
    assert not after.counts and after.notes == (
        "no call unmaps the middle of private memory: nothing to rewrite",
    )


def test_an_access_to_emptied_memory_is_noticed() -> None:
    steps = ANON + f"- munmap: {{addr: {B} + page, length: page}}\n- read: {B} + page\n"
    trace, after = done(steps, "dontneed")
    assert not allowed_alike(replay(trace, MACHINE), replay(after.trace, MACHINE), after.origin).equal


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["munmap", "mmap", "mprotect"]), st.integers(0, 30), st.integers(1, 6))
    )
)
def test_what_is_mapped_at_the_end_can_be_reached_as_before(ops: list[tuple[str, int, int]]) -> None:
    """Every page that the program has may be used as before; nothing more is left when all is unmapped."""
    steps = ANON
    for name, first, pages in ops:
        where = f"addr: {B} + {first} * page, length: {pages} * page"
        more = {
            "munmap": "",
            "mmap": ", prot: rw, flags: [private, anonymous, fixed]",
            "mprotect": ", prot: r",
        }[name]
        steps += f"- {name}: {{{where}{more}}}\n"
    steps += f"- repeat: {{count: 40, steps: [{{read: {B} + i * page}}]}}\n"
    trace, after = done(steps, "dontneed")
    before, then = replay(trace, MACHINE), replay(after.trace, MACHINE)
    reached = before.columns["outcome"][-40:] == 1
    assert (then.columns["outcome"][-40:][reached] == 1).all()
    whole, rewritten = done(steps + f"- munmap: {{addr: {B}, length: 64 * page}}\n", "dontneed")
    assert counts(rewritten.trace)[-1] == counts(whole)[-1] == 0


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("no-nohugepage", "madvise: {addr: ADDR, length: page, advice: nohugepage}"),
        ("no-names", "vma_name: {addr: ADDR, length: page, name: x}"),
    ],
)
def test_attributes_that_are_not_set_split_nothing(name: str, call: str) -> None:
    each = call.replace("ADDR", f"{B} + 2 * i * page + page")
    trace, after = done(ANON + f"- repeat: {{count: 4, steps: [{{{each}}}]}}\n", name)
    assert (max(counts(trace)), max(counts(after.trace))) == (9, 1)
    assert allowed_alike(replay(trace, MACHINE), replay(after.trace, MACHINE), after.origin).equal
