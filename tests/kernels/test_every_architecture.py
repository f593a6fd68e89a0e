"""Random programs on every architecture: other page sizes, table depths and PTE words break no invariant."""

from __future__ import annotations

import random
import zlib

import pytest

from remaptrace.abi import kinds as ev
from remaptrace.engine.look.invariants import violations
from remaptrace.engine.run.driver import replay
from remaptrace.machine import Machine, arch_names
from remaptrace.machine import archwords as A
from remaptrace.machine.arch import describes, load_arch_file
from remaptrace.machine.load import load_kernel
from remaptrace.trace.events import TraceBuilder

CHGPROT, NONBLOCK = 1 << 40, 0x10000
KERNELS = {
    "2.6": ("linux-2.6.20", "linux-2.6.21-rfp", "linux-2.6.21-rfp-intended", "linux-2.6.13-rfp2005"),
    "modern": ("linux-4.0", "linux-6.1", "linux-6.6", "linux-6.12", "linux-6.18"),
}


def _program(rng, machine, steps=45):
    """A program on 24 pages of address space, a tmpfs file (3) and a file on disk (4)."""
    page = machine.page_size
    base = min(0x8000000, machine.arch.words[A.A_TASK_SIZE] // 2) // page * page

    def addr():
        return base + rng.randrange(24) * page + (0 if rng.random() < 0.95 else rng.randrange(page))

    def length():
        return rng.randrange(1, 6) * page + (0 if rng.random() < 0.95 else 5)

    def pick(*values):
        return rng.choice(values)

    b = TraceBuilder()
    task = b.task(1, 1)
    for fd, disk in ((3, 0), (4, 1)):
        b.event(ev.K_MAKEFILE, task, (fd, 16, 1, disk, b.string("f")))
    for _ in range(steps):
        kind = pick(
            *[ev.K_MMAP] * 3, ev.K_MUNMAP, ev.K_MPROTECT, ev.K_MREMAP, ev.K_MADVISE, *[ev.K_REMAP_FILE_PAGES] * 2,
            ev.K_MLOCK, ev.K_RECLAIM, ev.K_FTRUNCATE, ev.K_WRITEBACK, ev.K_FORK_STEP, *[ev.K_READ] * 3,
        )  # fmt: skip
        if kind == ev.K_MMAP:
            flags = pick(0x11, 0x11, 0x12, 0x32, 0x31, 0x22)
            args = (
                pick(0, addr()),
                length(),
                rng.randrange(8),
                flags,
                pick(3, 4, -1),
                rng.randrange(16) * page,
            )
        elif kind == ev.K_MPROTECT:
            args = (addr(), length(), rng.randrange(8))
        elif kind == ev.K_MREMAP:
            args = (addr(), length(), length(), pick(0, 1, 3), addr())
        elif kind == ev.K_MADVISE:
            args = (addr(), length(), pick(0, 1, 2, 3, 4, 9, 10, 11))
        elif kind == ev.K_REMAP_FILE_PAGES:
            args = (
                addr(),
                length(),
                pick(0, 0, 1, 3),
                rng.randrange(16),
                pick(0, CHGPROT, CHGPROT | NONBLOCK),
            )
        elif kind == ev.K_RECLAIM:
            args = (pick(0, addr()), pick(0, 4 * page), -1)
        elif kind == ev.K_FTRUNCATE:
            args = (pick(3, 4), rng.randrange(17) * page)
        elif kind == ev.K_WRITEBACK:
            args = (-1,)
        elif kind == ev.K_READ:
            kind, args = pick(ev.K_READ, ev.K_WRITE, ev.K_EXECUTE), (addr(), rng.randrange(256), 0, 0)
        elif kind == ev.K_FORK_STEP:
            child = b.task(len(b.tasks) + 1, len(b.tasks) + 1, parent=task)
            b.event(kind, task, (child,))
            task = child
            continue
        else:
            args = (addr(), length())
        b.event(kind, task, args)
    return b.finish(recorded=False)


@pytest.mark.parametrize("name", arch_names())
def test_random_programs_break_no_invariant(name):
    kernels = [k for k in KERNELS[load_arch_file(name, "plain").era] if describes(name, load_kernel(k))]
    assert kernels
    for kernel in kernels:
        rng = random.Random(zlib.crc32(f"{name} {kernel}".encode()))
        machine = Machine.load(name, kernel, {"swap": "8M", "ram": rng.choice(("64M", "2M"))})

        def look(m, event, kernel=kernel):
            assert violations(m) == [], f"{kernel}, behind event {event}"

        replay(_program(rng, machine), machine, engine="interpreted", watch=look)
