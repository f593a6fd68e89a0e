"""Host calls of a guest of Linux 6.x: rules that single events show, read in arch/um and asked of 6.1 and 6.12."""

from __future__ import annotations

import numpy as np
import pytest

from remaptrace.abi.kinds import K_MMAP, K_MPROTECT, K_MUNMAP
from remaptrace.errors import UsageError
from remaptrace.machine import Machine
from remaptrace.trace.scenario.read import read_scenario
from remaptrace.uml import replay_uml

BASE = 0x10000000
AREA = """
steps:
- mmap: {addr: 0x10000000, length: 0x800000, prot: rw, flags: [private, anonymous, fixed]}
"""
NAMES = {K_MMAP: "mmap", K_MUNMAP: "munmap", K_MPROTECT: "mprotect"}
EAGER, LATE = "linux-6.1", "linux-6.12"


def asked(steps, kernel, host="linux-6.18", settings=None):
    """(call, page from BASE, pages, protection) of each host process behind its start, without the stub's own pages."""
    machine = Machine.load("um-x86_64", kernel, settings, host)
    run = replay_uml(read_scenario(AREA + steps), machine)
    c = run.host.trace.columns
    out = {}
    for e in np.flatnonzero(np.isin(c["kind"], list(NAMES))).tolist():
        addr, length = int(c["a0"][e]), int(c["a1"][e])
        if BASE <= addr < BASE + (1 << 28):
            name = NAMES[int(c["kind"][e])]
            prot = int(c["a2"][e]) if name != "munmap" else None
            calls = out.setdefault(int(c["task"][e]), [])
            calls.append((name, (addr - BASE) / 4096, length / 4096, prot))
    return list(out.values())


@pytest.mark.parametrize("kernel", [EAGER, LATE, "linux-6.6", "linux-6.18"])
def test_a_first_write_maps_its_page(kernel):
    assert asked("- write: {addr: 0x10003000, value: 1}\n", kernel) == [[("mmap", 3, 1, 7)]]


def test_a_copied_page_is_unmapped_in_between_until_6_10():
    steps = "- read: 0x10000000\n- write: {addr: 0x10000000, value: 1}\n"
    assert asked(steps, EAGER) == [[("mmap", 0, 1, 5), ("munmap", 0, 1, None), ("mmap", 0, 1, 7)]]
    assert asked(steps, LATE) == [[("mmap", 0, 1, 5), ("mmap", 0, 1, 7)]]


def test_mprotect_maps_every_present_page_anew_even_with_equal_rights():
    steps = """
- write: {addr: 0x10000000, value: 1}
- write: {addr: 0x10002000, value: 1}
- mprotect: {addr: 0x10000000, length: 0x4000, prot: rwx}
- mprotect: {addr: 0x10000000, length: 0x4000, prot: rwx}
"""
    twice = [("mmap", 0, 1, 7), ("mmap", 2, 1, 7)]
    # a word without the write bit comes back: mprotect keeps dirty private pages writable, the second call nothing
    for kernel in (EAGER, LATE):
        assert [c[:3] for c in asked(steps, kernel)[0]] == [c[:3] for c in twice * 2]


def test_no_access_is_a_mapping_without_rights():
    steps = (
        "- write: {addr: 0x10000000, value: 1}\n- mprotect: {addr: 0x10000000, length: 0x1000, prot: none}\n"
    )
    for kernel in (EAGER, LATE):
        assert asked(steps, kernel) == [[("mmap", 0, 1, 7), ("mmap", 0, 1, 0)]]


def test_unmapping_goes_area_by_area_until_6_10_and_in_one_go_after():
    steps = """
- write: {addr: 0x10000000, pages: 4}
- mprotect: {addr: 0x10000000, length: 0x2000, prot: r}
- munmap: {addr: 0x10000000, length: 0x4000}
"""
    assert asked(steps, EAGER)[0][-2:] == [("munmap", 0, 2, None), ("munmap", 2, 2, None)]
    assert asked(steps, LATE)[0][-1:] == [("munmap", 0, 4, None)]


def test_a_table_that_goes_is_unmapped_as_far_as_the_flush_reaches():
    """free_pgtables: from the start of the first span to one page behind the start of the last one."""
    steps = """
- write: {addr: 0x10005000, value: 1}
- write: {addr: 0x10205000, value: 1}
- munmap: {addr: 0x10000000, length: 0x800000}
"""
    # the table above goes too: its first page is page 0 of its GiB, so the flush begins there
    assert asked(steps, EAGER)[0][2:4] == [("munmap", 5, 1, None), ("munmap", 517, 1, None)]
    assert [c[0] for c in asked(steps, LATE)[0]] == ["mmap", "mmap"]  # one call from 0 on, below BASE


def test_a_moved_page_is_mapped_when_it_is_touched():
    steps = """
- write: {addr: 0x10000000, value: 1}
- mremap: {addr: 0x10000000, old_length: 0x1000, new_length: 0x1000, flags: [maymove, fixed], new_addr: 0x11000000}
- read: 0x11000000
"""
    page = 0x1000
    assert asked(steps, EAGER)[0] == [("mmap", 0, 1, 7), ("munmap", 0, 1, None), ("mmap", page, 1, 7)]
    # since 6.11 both ends are marked and told at once
    assert asked(steps, LATE)[0] == [("mmap", 0, 1, 7), ("munmap", 0, 1, None), ("mmap", page, 1, 7)]


def test_fork_makes_pages_old_and_the_child_is_flushed_by_force():
    steps = """
- write: {addr: 0x10001000, value: 1}
- fork: {child: 2}
- read: 0x10001000
  pid: 2
- write: {addr: 0x10001000, value: 1}
  pid: 2
"""
    parent, child = asked(steps, EAGER)
    assert parent == [("mmap", 1, 1, 7), ("mmap", 1, 1, 5)]
    # everything absent is unmapped, the page is mapped for execution alone: readable, so that reading asks nothing
    assert child[:3] == [("munmap", 0, 1, None), ("mmap", 1, 1, 4), ("munmap", 2, 2046, None)]
    assert child[3:] == [("munmap", 1, 1, None), ("mmap", 1, 1, 7)]
    parent, child = asked(steps, LATE)
    assert child == [("mmap", 1, 1, 4), ("mmap", 1, 1, 7)]


def test_a_host_with_protection_keys_refuses_to_read_old_pages():
    steps = """
- write: {addr: 0x10001000, value: 1}
- fork: {child: 2}
- read: 0x10001000
  pid: 2
"""
    machine = Machine.load("um-x86_64", LATE, None, Machine.load("x86_64", "linux-6.18", {"pkeys": 16}))
    run = replay_uml(read_scenario(AREA + steps), machine)
    c = run.host.trace.columns
    prots = [int(p) for p in c["a2"][(c["kind"] == K_MMAP) & (c["a0"] == 0x10001000)]]
    assert prots == [7, 5, 4, 5]


def test_a_thread_is_flushed_by_force_too_until_6_10():
    steps = "- write: {addr: 0x10001000, value: 1}\n- vfork: {child: 2}\n- exit: {}\n  pid: 2\n"
    assert asked(steps, EAGER)[0] == [
        ("mmap", 1, 1, 7),
        ("munmap", 0, 1, None),
        ("munmap", 2, 2046, None),
    ]
    assert asked(steps, LATE)[0] == [("mmap", 1, 1, 7)]


def test_pages_around_a_fault_are_told_late_or_with_it():
    steps = """
- mmap: {addr: 0x11000000, length: 0x10000, prot: r, flags: [private, fixed], fd: f}
- read: 0x11003000
- read: 0x11004000
"""
    files = "files:\n- {id: f, pages: 16, fill: true}\n"
    machine = {k: Machine.load("um-x86_64", k, None, "linux-6.18") for k in (EAGER, LATE)}
    maps = {}
    for kernel, chosen in machine.items():
        c = replay_uml(read_scenario(files + AREA + steps), chosen).host.trace.columns
        rows = np.flatnonzero((c["kind"] == K_MMAP) & (c["a0"] >= 0x11000000) & (c["a0"] < 0x12000000))
        maps[kernel] = [(int(c["a0"][e]), int(c["a1"][e])) for e in rows]
    assert maps[EAGER] == [(0x11003000, 4096), (0x11004000, 4096)]
    assert (
        sum(length for _, length in maps[LATE]) == 16 * 4096
    )  # all at the first touch, joined where frames follow


def test_the_window_of_2007_is_refused():
    machine = Machine.load("um-x86_64", EAGER, None, "linux-2.6.21-rfp")
    with pytest.raises(UsageError, match="page by page"):
        replay_uml(read_scenario(AREA), machine, window=True)
    assert not replay_uml(read_scenario(AREA), machine).window


@pytest.mark.parametrize("kernel", [EAGER, LATE])
@pytest.mark.parametrize("kind", ["read", "write"])
def test_an_access_of_many_pages_asks_what_as_many_accesses_ask(kernel, kind):
    files = "files:\n- {id: f, pages: 40, fill: true}\n"
    setting = """
- mmap: {addr: 0x11000000, length: 0x28000, prot: rw, flags: [private, fixed], fd: f}
- mmap: {addr: 0x12000000, length: 0x28000, prot: rw, flags: [shared, fixed], fd: f}
- read: 0x10001000
- read: 0x11005000
- read: 0x12005000
"""
    value = ", value: 1" if kind == "write" else ""
    machine = Machine.load("um-x86_64", kernel, None, "linux-6.18")
    found = []
    for base in (0x10000000, 0x11000000, 0x12000000):
        many = f"- {kind}: {{addr: {base:#x}, pages: 40{value}}}\n"
        single = "".join(f"- {kind}: {{addr: {base + i * 4096:#x}{value}}}\n" for i in range(40))
        for steps in (many, single):
            c = replay_uml(read_scenario(files + AREA + setting + steps), machine).host.trace.columns
            rows = np.flatnonzero(np.isin(c["kind"], list(NAMES)))
            found.append([tuple(int(c[n][e]) for n in ("kind", "a0", "a1", "a2")) for e in rows])
        assert found[-2] == found[-1], hex(base)
