"""A guest's trace on a User-mode Linux architecture, and the host calls derived from it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from remaptrace.abi.kinds import K_FAULT, K_MMAP, K_MUNMAP, K_REMAP_FILE_PAGES, K_SIGNAL
from remaptrace.api import load
from remaptrace.engine.run.driver import replay
from remaptrace.errors import UsageError
from remaptrace.machine import Machine
from remaptrace.trace.scenario.read import read_scenario
from remaptrace.uml import replay_uml

SHARED_FIXED = 0x11
TOUCH = """
vars: {base: 0x10000000}
steps:
- mmap: {addr: base, length: 4000 * page, prot: rw, flags: [private, anonymous, fixed]}
- repeat:
    count: 1000
    shuffle: j
    seed: 3
    steps:
    - write: {addr: base + 2 * j * page, value: 1}
"""


def _run(steps, host="linux-2.6.21", arch="um-i386-2l", **options):
    return replay_uml(read_scenario(steps), Machine.load(arch, "linux-2.6.21", None, host), **options)


def _calls(run, kind):
    c = run.host.trace.columns
    return [tuple(int(c[f"a{i}"][e]) for i in range(6)) for e in np.flatnonzero(c["kind"] == kind)][2:]


@pytest.mark.parametrize("host", ["linux-2.6.21", "linux-6.18"])
def test_every_touched_page_is_an_area_of_its_own_on_the_host(host):
    run = _run(TOUCH, host, "um-x86_64")
    assert run.calls == {"mmap": 1000}
    assert int(run.guest.columns["map_count"].max()) == 1
    assert int(run.host.columns["map_count"].max()) == 1000 + 2  # two pages of the stub


@pytest.mark.parametrize("host", ["linux-2.6.21-rfp", "linux-2.6.21-rfp-intended"])
def test_one_window_needs_one_area_and_every_access_still_works(host):
    run = _run(TOUCH, host)
    assert run.window
    assert run.calls == {"remap_file_pages": 1000}
    assert int(run.host.columns["map_count"].max()) == 1 + 2
    accesses = run.host.columns["outcome"][run.host.columns["outcome"] != 0]
    assert (accesses == 1).all()
    assert len(accesses) == 1000


def test_reading_then_writing_costs_a_host_call_each():
    run = _run("""
steps:
- mmap: {addr: 0x10000000, length: 4096, prot: rw, flags: [shared, anonymous, fixed]}
- read: 0x10000000
- write: {addr: 0x10000000, value: 1}
""")
    assert [(a, n, p) for a, n, p, *_ in _calls(run, K_MMAP)] == [
        (0x10000000, 4096, 5),
        (0x10000000, 4096, 7),
    ]
    assert run.guest.columns["minor"].tolist()[-2:] == [1, 1]


def test_neighbouring_pages_of_one_flush_join():
    run = _run("""
steps:
- mmap: {addr: 0x10000000, length: 32768, prot: rw, flags: [private, anonymous, fixed]}
- write: {addr: 0x10000000, pages: 8}
- mmap: {addr: 0x10400000, length: 4096, prot: r, flags: [private, anonymous, fixed]}
- read: 0x10400000
- munmap: {addr: 0x10002000, length: 12288}
""")
    assert [c[:2] for c in _calls(run, K_MUNMAP)] == []
    c = run.host.trace.columns
    unmaps = [(int(c["a0"][e]), int(c["a1"][e])) for e in np.flatnonzero(c["kind"] == K_MUNMAP)]
    assert unmaps == [(0x10002000, 12288)]


def test_a_guest_fork_maps_every_present_page_anew_in_the_child():
    run = _run(TOUCH + "- fork: {child: 2}\n")
    # 1,000 first touches, 1,000 pages turned read-only in the parent, 1,000 in the child
    assert run.calls["mmap"] == 3000
    assert run.batches == 1000 + -(-1000 // 113) + -(-(2 * 1000 + 1) // 113)


def test_the_derived_pattern_is_that_of_the_recorded_guest():
    recorded = load("traces/uml-touch2000")
    c = recorded.columns
    guest_maps = np.flatnonzero((c["kind"] == K_MMAP) & (c["a3"] == SHARED_FIXED) & (c["a2"] == 7))
    busiest = Counter(c["task"][guest_maps].tolist()).most_common(1)[0][0]
    mine = [e for e in guest_maps.tolist() if c["task"][e] == busiest and c["a1"][e] == 4096]
    before = Counter((int(c["kind"][e - 2]), int(c["kind"][e - 1])) for e in mine)
    assert before.most_common(1)[0][0] in {(K_SIGNAL, K_FAULT), (K_FAULT, K_SIGNAL)}
    steps = Counter(np.diff(c["a5"][mine]).tolist())
    run = _run(TOUCH)
    derived = _calls(run, K_MMAP)
    # one page, shared and fixed, read, write and exec, of one file, at the next page of guest memory
    assert {(n, p, f) for _, n, p, f, *_ in derived} == {(4096, 7, SHARED_FIXED)}
    assert steps.most_common(1)[0][0] == 4096
    assert set(np.diff([d[5] for d in derived]).tolist()) == {4096}


def test_a_machine_without_a_host_is_refused():
    with pytest.raises(UsageError) as caught:
        replay_uml(read_scenario(TOUCH), Machine.load("i386", "linux-2.6.21", None, "linux-2.6.21"))
    assert caught.value.code == "RT407"


def test_the_window_can_be_asked_for_and_fails_on_an_unpatched_host():
    run = _run(TOUCH, "linux-2.6.21", window=True)
    columns = run.host.columns
    kinds = run.host.trace.columns["kind"]
    assert (columns["ret"][kinds == K_REMAP_FILE_PAGES] == -22).all()


@pytest.mark.parametrize(("arch", "error"), [("um-x86_64", "EINVAL"), ("x86_64", "0")])
def test_user_mode_linux_write_protects_nothing_for_userfaultfd(arch, error):
    steps = """
steps:
- mmap: {addr: 0x10000000, length: 8192, prot: rw, flags: [private, anonymous, fixed]}
- userfaultfd: {id: u, flags: 0}
- uffdio_api: {fd: u, features: [0]}
- uffdio_register: {fd: u, addr: 0x10000000, length: 4096, mode: [missing]}
- uffdio_register: {fd: u, addr: 0x10001000, length: 4096, mode: [wp]}
"""
    result = replay(read_scenario(steps), Machine.load(arch, "linux-6.18"))
    assert result.columns["ret"].tolist()[-2:] == [0, -22 if error == "EINVAL" else 0]
