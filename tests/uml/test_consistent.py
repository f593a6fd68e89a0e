"""Random guests: behind every event the host has no page that the guest's tables have not, and no right too many."""

from __future__ import annotations

import random

import numpy as np
import pytest

from remaptrace.abi import kinds as ev
from remaptrace.abi.mman import PROT_EXEC, PROT_READ, PROT_WRITE
from remaptrace.engine.pages import pte
from remaptrace.machine import Machine
from remaptrace.trace.events import TraceBuilder
from remaptrace.uml import replay_uml
from remaptrace.uml import run as uml_run
from remaptrace.uml.today import Today

BASE, PAGE = 0x1FFE000, 4096  # two leaf tables
ADVICE = (4, 8, 14, 18, 20, 21)  # DONTNEED, FREE, HUGEPAGE (EINVAL), WIPEONFORK, COLD, PAGEOUT


def program(seed, steps=120):
    rng = random.Random(seed)
    b = TraceBuilder()
    task = b.task(1, 1)
    tasks = [task]
    for fd, disk in ((3, 0), (4, 1)):
        b.event(ev.K_MAKEFILE, task, (fd, 16, 1, disk, b.string("f")))

    def addr():
        return BASE + rng.randrange(24) * PAGE

    def length():
        return rng.randrange(1, 7) * PAGE

    for _ in range(steps):
        task = rng.choice(tasks)
        kind = rng.choice(
            [ev.K_MMAP] * 3
            + [ev.K_READ, ev.K_WRITE] * 4
            + [ev.K_EXECUTE, ev.K_MUNMAP, ev.K_MPROTECT, ev.K_MREMAP, ev.K_MADVISE, ev.K_MLOCK, ev.K_RECLAIM]
            + [ev.K_FTRUNCATE, ev.K_FORK, ev.K_EXIT]
        )
        if kind == ev.K_MMAP:
            flags = rng.choice((0x11, 0x12, 0x32, 0x31, 0x8032, 0x32))
            args = (addr(), length(), rng.randrange(8), flags, rng.choice((3, 4)), rng.randrange(8) * PAGE)
        elif kind in (ev.K_READ, ev.K_WRITE, ev.K_EXECUTE):
            args = (addr() + rng.randrange(PAGE), 1, rng.choice((1, 1, 3)), 0)
        elif kind == ev.K_MPROTECT:
            args = (addr(), length(), rng.randrange(8))
        elif kind == ev.K_MREMAP:
            args = (addr(), length(), length(), rng.choice((0, 1, 3, 3)), addr())
        elif kind == ev.K_MADVISE:
            args = (addr(), length(), rng.choice(ADVICE))
        elif kind == ev.K_RECLAIM:
            args = (addr(), length(), -1)
        elif kind == ev.K_FTRUNCATE:
            args = (rng.choice((3, 4)), rng.randrange(17) * PAGE)
        elif kind == ev.K_FORK:
            if len(tasks) > 3:
                continue
            tid = len(b.tasks) + 1
            child = b.task(tid, tid, parent=task)
            b.event(kind, task, (child, 0))
            tasks.append(child)
            continue
        elif kind == ev.K_EXIT:
            if task == tasks[0] or rng.random() < 0.7:
                continue
            tasks.remove(task)
            args = (0, 1)
        else:
            args = (addr(), length())
        b.event(kind, task, args)
    return b.finish(recorded=False)


class Watched(Today):
    """Looks at every process of the host behind every event of the guest."""

    def __call__(self, m, event):
        super().__call__(m, event)
        for space in self.spaces.values():
            for page, prot, frame in space.host.pages():
                word = space.tables.word(page)
                assert word, f"event {event}: {page:#x} is on the host only"
                assert pte.pte_present(m, word), f"event {event}: {page:#x} is not present"
                assert pte.pte_pfn(m, word) * PAGE == frame, f"event {event}: {page:#x} has another frame"
                rights = pte.pte_rights(m, word)
                if prot & PROT_WRITE:
                    assert rights & PROT_WRITE, f"event {event}: {page:#x}"
                    assert pte.pte_dirty(m, word), f"event {event}: {page:#x}"
                assert not prot & (PROT_READ | PROT_EXEC) or rights & PROT_READ, f"event {event}: {page:#x}"


@pytest.mark.parametrize("kernel", ["linux-6.1", "linux-6.12", "linux-6.18"])
@pytest.mark.parametrize("seed", range(12))
def test_the_host_never_has_what_the_guest_has_not(monkeypatch, kernel, seed):
    monkeypatch.setattr(uml_run, "Today", Watched)
    settings = {"swap": "8M", "ram": "64M"}
    machine = Machine.load("um-x86_64", kernel, settings, "linux-6.18")
    run = replay_uml(program(seed), machine)
    host = run.host
    assert (host.columns["outcome"][host.columns["outcome"] != 0] == 1).all()
    kinds = host.trace.columns["kind"]
    assert (host.columns["ret"][np.isin(kinds, (ev.K_MMAP, ev.K_MUNMAP))] >= 0).all()
    guest_ok = int((run.guest.columns["outcome"] == 1).sum())
    assert guest_ok > 0
