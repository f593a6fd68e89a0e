"""Non-linear windows against an obvious twin, and every invariant after every step of random programs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.abi import kinds as ev
from remaptrace.abi.outcomes import OUT_ACCERR, OUT_BUSERR, OUT_OK
from remaptrace.api import Machine
from remaptrace.engine.look.invariants import violations
from remaptrace.engine.run.driver import replay
from remaptrace.trace.events import TraceBuilder

PAGE = 4096
WINDOW, PAGES, FILE_PAGES = 0x50000000, 8, 16
CHGPROT, NONBLOCK = 1 << 40, 0x10000
KERNELS = (
    "linux-2.6.20",
    "linux-2.6.21",
    "linux-2.6.21-fault",
    "linux-2.6.21-rfp",
    "linux-2.6.21-rfp-intended",
    "linux-2.6.21-rfp-private",
)


def _replay(rows, kernel, arch="i386", rules=None, watch=None):
    b = TraceBuilder()
    task = b.task(1, 1)
    b.event(ev.K_MAKEFILE, task, (3, FILE_PAGES, 1, 0, b.string("t")))
    b.event(ev.K_MMAP, task, (WINDOW, PAGES * PAGE, 3, 0x11, 3, 0))
    for kind, args in rows:
        if kind == ev.K_FORK_STEP:
            task = b.task(len(b.tasks) + 1, len(b.tasks) + 1, parent=task)
            b.event(kind, task - 1, (task,))
        else:
            b.event(kind, task, args)
    trace = b.finish(recorded=False)
    machine = Machine.load(arch, kernel, {"swap": "1M", **(rules or {})})
    return replay(trace, machine, engine="interpreted", watch=watch)


def _steps(chgprot):
    page = st.integers(0, PAGES - 1)
    remap = st.builds(
        lambda at, n, prot, pgoff, flags: (
            ev.K_REMAP_FILE_PAGES,
            (WINDOW + at * PAGE, min(n, PAGES - at) * PAGE, prot if flags & CHGPROT else 0, pgoff, flags),
        ),
        page,
        st.integers(1, 3),
        st.integers(0, 3),
        st.integers(0, FILE_PAGES - 4),
        st.sampled_from([CHGPROT, CHGPROT | NONBLOCK] if chgprot else [0, NONBLOCK, CHGPROT]),
    )
    access = st.builds(
        lambda kind, at, value: (kind, (WINDOW + at * PAGE, value, 0, 0)),
        st.sampled_from([ev.K_READ, ev.K_WRITE]),
        page,
        st.integers(0, 255),
    )
    advise = st.builds(
        lambda at, n: (ev.K_MADVISE, (WINDOW + at * PAGE, min(n, PAGES - at) * PAGE, 4)),
        page,
        st.integers(1, 8),
    )
    reclaim = st.sampled_from([(ev.K_RECLAIM, (0, 0, -1)), (ev.K_RECLAIM, (WINDOW, 3 * PAGE, -1))])
    return st.lists(st.one_of(remap, access, access, advise, reclaim), max_size=25)


@settings(max_examples=80)
@given(rows=_steps(chgprot=True))
def test_a_window_with_protections_is_what_its_twin_says(rows):
    """The intended series: a page is where it was put last, with the protection it was given last."""
    where = {i: (i, 3) for i in range(PAGES)}
    bytes_ = {p: (p + 1) % 256 for p in range(FILE_PAGES)}
    wanted = []
    for kind, args in rows:
        at = (args[0] - WINDOW) // PAGE
        if kind == ev.K_REMAP_FILE_PAGES:
            for i in range(args[1] // PAGE):
                where[at + i] = (args[3] + i, args[2])
        elif kind in (ev.K_READ, ev.K_WRITE):
            page, prot = where[at]
            allowed = prot & 2 if kind == ev.K_WRITE else prot & 3  # write implies read on i386
            if kind == ev.K_WRITE and allowed:
                bytes_[page] = args[1]
            wanted.append(
                (OUT_OK, bytes_[page] if kind == ev.K_READ else None) if allowed else (OUT_ACCERR, None)
            )
    result = _replay(rows, "linux-2.6.21-rfp-intended")
    got = []
    for e in range(len(result.trace)):
        kind = result.trace.columns["kind"][e]
        if kind in (ev.K_READ, ev.K_WRITE):
            outcome = int(result.columns["outcome"][e])
            value = int(result.columns["value"][e]) if kind == ev.K_READ and outcome == OUT_OK else None
            got.append((outcome, value))
    assert got == wanted
    assert int(result.columns["map_count"].max()) == 1


def _any_steps():
    area = st.integers(0, PAGES - 1)
    more = st.one_of(
        st.builds(
            lambda at, n, prot: (ev.K_MPROTECT, (WINDOW + at * PAGE, min(n, PAGES - at) * PAGE, prot)),
            area,
            st.integers(1, 4),
            st.integers(0, 7),
        ),
        st.builds(lambda at, n: (ev.K_MUNMAP, (WINDOW + at * PAGE, n * PAGE)), area, st.integers(1, 2)),
        st.builds(lambda n: (ev.K_FTRUNCATE, (3, n * PAGE)), st.integers(0, FILE_PAGES)),
        st.builds(
            lambda at, n: (
                ev.K_MREMAP,
                (WINDOW + at * PAGE, n * PAGE, n * PAGE, 3, WINDOW + 0x100000 + at * PAGE),
            ),
            area,
            st.integers(1, 3),
        ),
        st.builds(lambda at: (ev.K_MMAP, (WINDOW + at * PAGE, 2 * PAGE, 3, 0x12, 3, 4 * PAGE)), area),
        st.builds(lambda at: (ev.K_MMAP, (WINDOW + 0x8000 + at * PAGE, PAGE, 3, 0x32, -1, 0)), area),
        st.builds(lambda at: (ev.K_MLOCK, (WINDOW + at * PAGE, PAGE)), area),
        st.just((ev.K_FORK_STEP, ())),
        st.just((ev.K_WRITEBACK, (-1,))),
    )
    return st.lists(
        st.one_of(_steps(chgprot=False).map(lambda x: x[:3]), more.map(lambda x: [x])), max_size=14
    ).map(lambda lists: [row for rows in lists for row in rows])


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=40)
@given(rows=_any_steps())
def test_no_program_breaks_an_invariant(kernel, rows):
    def look(m, event):
        assert violations(m) == [], f"behind event {event}: {rows}"

    _replay(rows, kernel, watch=look)


# ---- RAM and swap are bounded ----------------------------------------------------------------


def _touch(pages, kind=ev.K_WRITE, base=0x60000000):
    return [(kind, (base + i * PAGE, i % 251, 0, 0)) for i in range(pages)]


def test_memory_larger_than_ram_goes_to_swap_and_comes_back():
    count = 600
    rows = [(ev.K_MMAP, (0x60000000, count * PAGE, 3, 0x32, -1, 0)), *_touch(count)]
    rows += _touch(count, ev.K_READ)
    result = _replay(rows, "linux-2.6.21", rules={"ram": "1M", "swap": "4M", "overcommit_memory": 1})
    reads = slice(3 + count, 3 + 2 * count)
    assert result.columns["outcome"][reads].tolist() == [OUT_OK] * count
    assert result.columns["value"][reads].tolist() == [i % 251 for i in range(count)]
    assert int(result.columns["major"][reads].sum()) >= count - 256
    again = _replay(rows, "linux-2.6.21", rules={"ram": "1M", "swap": "4M", "overcommit_memory": 1})
    assert again.columns["major"].tolist() == result.columns["major"].tolist()


def test_without_swap_the_process_is_killed():
    rows = [(ev.K_MMAP, (0x60000000, 600 * PAGE, 3, 0x32, -1, 0)), *_touch(600)]
    result = _replay(rows, "linux-2.6.21", rules={"ram": "1M", "swap": "0", "overcommit_memory": 1})
    names = result.columns["outcome"].tolist()
    assert 7 in names  # OOM
    assert names.index(7) > 200


def test_clean_pages_of_a_file_on_disk_make_room_without_swap():
    b = TraceBuilder()
    task = b.task(1, 1)
    b.event(ev.K_MAKEFILE, task, (3, 600, 1, 1, b.string("d")))
    b.event(ev.K_MMAP, task, (0x60000000, 600 * PAGE, 1, 0x12, 3, 0))
    for _ in range(2):
        for kind, args in _touch(600, ev.K_READ):
            b.event(kind, task, (args[0], -1))
    machine = Machine.load("i386", "linux-2.6.21", {"ram": "1M"})
    result = replay(b.finish(recorded=False), machine, engine="interpreted")
    assert result.columns["outcome"][2:].tolist() == [OUT_OK] * 1200
    assert result.columns["value"][602:].tolist() == [(i + 1) % 256 for i in range(600)]
    assert int(result.columns["major"][602:].sum()) >= 600 - 256


def test_a_page_past_the_end_is_a_bus_error_and_comes_back_with_the_file():
    rows = [
        (ev.K_REMAP_FILE_PAGES, (WINDOW, PAGE, 0, 9, 0)),
        (ev.K_FTRUNCATE, (3, PAGE)),
        (ev.K_READ, (WINDOW, -1, 0, 0)),
        (ev.K_FTRUNCATE, (3, FILE_PAGES * PAGE)),
        (ev.K_READ, (WINDOW, -1, 0, 0)),
    ]
    result = _replay(rows, "linux-2.6.21")
    assert result.columns["outcome"][[4, 6]].tolist() == [OUT_BUSERR, OUT_OK]


@pytest.mark.parametrize("kernel", ["linux-2.6.21", "linux-2.6.21-rfp-intended"])
def test_a_window_larger_than_ram_keeps_its_arrangement(kernel):
    pages = 500
    b = TraceBuilder()
    task = b.task(1, 1)
    b.event(ev.K_MAKEFILE, task, (3, pages, 1, 0, b.string("t")))
    b.event(ev.K_MMAP, task, (0x60000000, pages * PAGE, 3, 0x11, 3, 0))
    protections = kernel != "linux-2.6.21"
    for i in range(pages):
        prot = 1 if protections and i % 3 == 0 else 3
        flags = CHGPROT if protections else 0
        args = (0x60000000 + i * PAGE, PAGE, prot if protections else 0, pages - 1 - i, flags)
        b.event(ev.K_REMAP_FILE_PAGES, task, args)
    first = len(b.rows)
    for i in range(pages):
        b.event(ev.K_READ, task, (0x60000000 + i * PAGE, -1, 0, 0))
    for i in range(pages):
        b.event(ev.K_WRITE, task, (0x60000000 + i * PAGE, 7, 0, 0))
    machine = Machine.load("i386", kernel, {"ram": "1M", "swap": "4M"})
    seen = []

    def look(m, event):
        if event % 97 == 0:
            seen.extend(violations(m))

    result = replay(b.finish(recorded=False), machine, engine="interpreted", watch=look)
    assert seen == []
    outcomes = result.columns["outcome"]
    assert outcomes[first : first + pages].tolist() == [OUT_OK] * pages
    assert result.columns["value"][first : first + pages].tolist() == [
        (pages - i) % 256 for i in range(pages)
    ]
    want = [OUT_ACCERR if protections and i % 3 == 0 else OUT_OK for i in range(pages)]
    assert outcomes[first + pages :].tolist() == want
    assert int(result.columns["map_count"].max()) == 1
