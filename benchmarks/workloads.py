"""The event rows that both kernels do: the running one (kernel_ops.c) and the simulated one.

A workload is a table of rows (kind, a0..a5), the number of rows that set the scene, and how many
timed rows count as one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from remaptrace.abi import kinds as ev

PAGE = 4096
BASE = 0x2000_0000_0000
RW, R, NONE = 3, 1, 0
ANON = 0x32  # private, fixed, anonymous
Row = tuple[int, ...]
Body = Callable[[int], Iterator[Row]]


@dataclass(frozen=True)
class Workload:
    """`rows` int64[n, 7]; the first `setup` rows are not timed; the rest counts as `calls` calls."""

    name: str
    vmas: int
    rows: npt.NDArray[np.int64]
    setup: int
    calls: int
    rounds: int = 15


def _table(rows: list[Row]) -> npt.NDArray[np.int64]:
    table = np.zeros((len(rows), 7), dtype=np.int64)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table


def _scene(vmas: int) -> list[Row]:
    """`vmas` areas of 8 pages with a gap of 8 pages behind each."""
    return [(ev.K_MMAP, BASE + i * 16 * PAGE, 8 * PAGE, RW, ANON, -1, 0) for i in range(vmas)]


def _mmap_munmap(at: int) -> Iterator[Row]:
    yield ev.K_MMAP, at + 10 * PAGE, 2 * PAGE, RW, ANON, -1, 0
    yield ev.K_MUNMAP, at + 10 * PAGE, 2 * PAGE


def _mprotect_whole(at: int) -> Iterator[Row]:
    yield ev.K_MPROTECT, at, 8 * PAGE, R
    yield ev.K_MPROTECT, at, 8 * PAGE, RW


def _mprotect_split(at: int) -> Iterator[Row]:
    yield ev.K_MPROTECT, at + 2 * PAGE, 2 * PAGE, NONE
    yield ev.K_MPROTECT, at + 2 * PAGE, 2 * PAGE, RW


def _madvise(at: int) -> Iterator[Row]:
    yield ev.K_MADVISE, at, 8 * PAGE, 10  # DONTFORK
    yield ev.K_MADVISE, at, 8 * PAGE, 11


def _dontneed(at: int) -> Iterator[Row]:
    yield ev.K_MADVISE, at, 8 * PAGE, 4


def _mremap(at: int) -> Iterator[Row]:
    yield ev.K_MREMAP, at, 8 * PAGE, 4 * PAGE, 0, 0
    yield ev.K_MREMAP, at, 4 * PAGE, 8 * PAGE, 0, 0


def _mremap_move(at: int) -> Iterator[Row]:
    yield ev.K_MREMAP, at, 2 * PAGE, 2 * PAGE, 3, at + 12 * PAGE
    yield ev.K_MREMAP, at + 12 * PAGE, 2 * PAGE, 2 * PAGE, 3, at


def _munmap_hole(at: int) -> Iterator[Row]:
    yield ev.K_MUNMAP, at + 2 * PAGE, 2 * PAGE
    yield ev.K_MMAP, at + 2 * PAGE, 2 * PAGE, RW, ANON, -1, 0


CALLS: dict[str, Body] = {
    "mmap + munmap": _mmap_munmap,
    "mprotect, whole area": _mprotect_whole,
    "mprotect, split and merge": _mprotect_split,
    "munmap a hole, mmap it back": _munmap_hole,
    "madvise flag": _madvise,
    "madvise DONTNEED, empty": _dontneed,
    "mremap shrink and grow": _mremap,
    "mremap move": _mremap_move,
}


def call_workloads(vmas: int, calls: int = 20_000) -> list[Workload]:
    """One workload for each system call, at random places among `vmas` areas."""
    spots = [int(i) for i in np.random.default_rng(vmas).integers(0, vmas, calls)]
    scene = _scene(vmas)
    made = []
    for name, body in CALLS.items():
        per = len(list(body(BASE)))
        timed = [row for spot in spots[: calls // per] for row in body(BASE + spot * 16 * PAGE)]
        made.append(Workload(name, vmas, _table(scene + timed), len(scene), len(timed)))
    return made


def first_touch(name: str, stride: int, count: int) -> Workload:
    """`count` first writes, one every `stride` pages, each an event of its own."""
    rows: list[Row] = [(ev.K_MMAP, BASE, stride * count * PAGE, RW, ANON | 0x4000, -1, 0)]
    rows += [(ev.K_WRITE, BASE + i * stride * PAGE, -1, 0) for i in range(count)]
    return Workload(name, 1, _table(rows), 1, count, rounds=1)


def retouch_range(pages: int, times: int) -> Workload:
    """A range of present pages written again as one event, `times` times; counted by page."""
    touch = (ev.K_WRITE, BASE, -1, pages)
    rows: list[Row] = [(ev.K_MMAP, BASE, pages * PAGE, RW, ANON, -1, 0), *[touch] * (times + 1)]
    return Workload("re-touch a present range, per page", 1, _table(rows), 2, pages * times)


def random_mix(calls: int, areas: int = 5_500, seed: int = 1) -> Workload:
    """mmap, mprotect and munmap at random over about `areas` areas."""
    rng = np.random.default_rng(seed)
    scene = _scene(areas)
    kinds = rng.integers(0, 3, calls)
    table = np.zeros((len(scene) + calls, 7), dtype=np.int64)
    table[: len(scene)] = _table(scene)
    timed = table[len(scene) :]
    timed[:, 0] = np.array([ev.K_MMAP, ev.K_MPROTECT, ev.K_MUNMAP])[kinds]
    timed[:, 1] = BASE + (rng.integers(0, areas, calls) * 16 + rng.integers(0, 12, calls)) * PAGE
    timed[:, 2] = rng.integers(1, 4, calls) * PAGE
    timed[:, 3] = rng.choice([RW, RW, R, NONE], calls)
    timed[:, 4] = np.where(kinds == 0, ANON, 0)
    timed[:, 5] = np.where(kinds == 0, -1, 0)
    return Workload(f"random mix over about {areas:,} areas", areas, table, len(scene), calls, rounds=1)
