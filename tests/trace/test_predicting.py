"""`--predict` on a recording: later calls name what earlier ones returned on the simulated machine."""

from __future__ import annotations

from remaptrace.abi import kinds as ev
from remaptrace.api import check, replay
from remaptrace.trace.detect import read_data
from remaptrace.trace.predicting import translated

LOG = """\
7 execve("/bin/x", ["x"], 0x7ffd /* 9 vars */) = 0
7 brk(NULL) = 0x555500000000
7 brk(0x555500021000) = 0x555500021000
7 mmap(NULL, 65536, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f1234560000
7 mprotect(0x7f1234564000, 4096, PROT_NONE) = 0
7 mmap(0x7f1234568000, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0) = 0x7f1234568000
7 mremap(0x7f1234569000, 4096, 8192, MREMAP_MAYMOVE) = 0x7f1234550000
7 madvise(0x555500001000, 4096, MADV_DONTFORK) = 0
7 munmap(0x7f1234551000, 4096) = 0
7 munmap(0x6000000, 4096) = 0
"""


def test_addresses_follow_what_the_machine_placed() -> None:
    trace = read_data(LOG.encode(), "t")
    result = replay(trace, follow=False)
    kinds = result.trace.columns["kind"].tolist()
    at = kinds.index(ev.K_MMAP)
    base = int(result.columns["ret"][at])
    assert base != 0x7F1234560000
    assert int(result.columns["ret"][at + 2]) == base + 0x8000
    assert (result.columns["ret"] >= 0).all()


def test_a_prediction_agrees_where_calls_succeed_alike() -> None:
    outcome = check(replay(read_data(LOG.encode(), "t"), follow=False))
    assert outcome.agrees


def test_a_break_that_is_refused_on_one_side_only_differs() -> None:
    log = LOG.replace("brk(0x555500021000) = 0x555500021000", "brk(0x555500021000) = 0x555500000000")
    outcome = check(replay(read_data(log.encode(), "t"), follow=False))
    assert not outcome.agrees


def test_addresses_that_no_call_explains_are_named() -> None:
    notes = translated(read_data(LOG.encode(), "t")).notes
    assert any("1 address of no call" in n and "0x6000000 in line 10" in n for n in notes)


def test_a_forked_child_knows_its_parents_places() -> None:
    log = LOG + "7 fork() = 8\n8 mprotect(0x7f1234560000, 4096, PROT_READ) = 0\n"
    result = replay(read_data(log.encode(), "t"), follow=False)
    assert int(result.columns["ret"][-1]) == 0
