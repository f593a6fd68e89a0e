"""Where Linux 2.6.20 differs from 2.6.21."""

from __future__ import annotations

import pytest

from remaptrace.abi import kinds as ev
from remaptrace.abi.outcomes import OUT_LIVELOCK
from remaptrace.api import Machine, check
from remaptrace.engine.run.driver import replay
from remaptrace.trace.events import TraceBuilder
from remaptrace.trace.scenario.read import read_scenario

PAGE = 4096
MADV_REMOVE = 9


def _remove(start, pages, kernel):
    """Two touching areas of two pages of different files; MADV_REMOVE of `pages` from page `start` on."""
    b = TraceBuilder()
    task = b.task(1, 1)
    for fd, at in ((3, 0), (4, 2)):
        b.event(ev.K_MAKEFILE, task, (fd, 8, 1, 0, b.string(f"f{fd}")))
        b.event(ev.K_MMAP, task, (0x50000000 + at * PAGE, 2 * PAGE, 3, 0x11, fd, 0))
    call = b.event(ev.K_MADVISE, task, (0x50000000 + start * PAGE, pages * PAGE, MADV_REMOVE))
    b.event(ev.K_READ, task, (0x50003000, -1))
    result = replay(b.finish(recorded=False), Machine.load("i386", kernel), engine="interpreted")
    return (
        int(result.columns["outcome"][call]),
        int(result.columns["ret"][call]),
        int(result.columns["value"][-1]),
    )


def test_remove_of_a_whole_area_and_more_never_returns():
    assert _remove(0, 4, "linux-2.6.20")[0] == OUT_LIVELOCK


@pytest.mark.parametrize(("start", "pages"), [(0, 2), (1, 3), (0, 1)])
def test_remove_returns_when_it_begins_inside_an_area_or_ends_with_it(start, pages):
    outcome, ret, _ = _remove(start, pages, "linux-2.6.20")
    assert (outcome, ret) == (0, 0)


def test_the_loop_is_gone_in_2_6_21():
    assert _remove(0, 4, "linux-2.6.21") == (0, 0, 0)


@pytest.mark.parametrize(("kernel", "areas"), [("linux-2.6.20", 1), ("linux-2.6.21", 1), ("linux-6.18", 3)])
def test_pieces_of_one_area_join_again_in_a_child_that_shares_the_anon_vma(kernel, areas):
    b = TraceBuilder()
    parent, child = b.task(1, 1), b.task(2, 2, parent=0)
    at = 0x50000000
    b.event(ev.K_MMAP, parent, (at, 3 * PAGE, 3, 0x32, -1, 0))
    for page in range(3):
        b.event(ev.K_WRITE, parent, (at + page * PAGE, 1, 0, 0))
    b.event(ev.K_MPROTECT, parent, (at + PAGE, PAGE, 1))
    b.event(ev.K_FORK_STEP, parent, (child,))
    b.event(ev.K_MPROTECT, child, (at + PAGE, PAGE, 3))
    arch = "i386" if kernel.startswith("linux-2.6") else "x86_64"
    result = replay(b.finish(recorded=False), Machine.load(arch, kernel), engine="interpreted")
    assert int(result.columns["map_count"][-1]) == areas


@pytest.mark.parametrize(("kernel", "byte"), [("linux-2.6.20", "0"), ("linux-2.6.21", "1")])
def test_mincore_asks_for_the_linear_page_before_2_6_21(kernel, byte):
    steps = f"""
steps:
- memfd: {{id: t, pages: 8, fill: false}}
- mmap: {{addr: 0x50000000, length: 8192, prot: rw, flags: [shared, fixed], fd: t}}
- remap_file_pages: {{addr: 0x50000000, size: 4096, prot: none, pgoff: 5}}
- mincore: {{addr: 0x50000000, length: 4096}}
  expect: {{result: 0, resident: '{byte}'}}
"""
    # page 5 was allocated by the call and is mapped; page 0, the linear one, is a hole
    assert check(replay(read_scenario(steps), Machine.load("i386", kernel), engine="interpreted")).agrees
