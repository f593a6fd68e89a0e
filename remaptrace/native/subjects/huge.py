"""Huge pages of the pool: private, shared, of files and of segments, while the pool is large, small or empty.

The pool belongs to the whole machine: the runner lets one program at it at a time and puts it back behind each. No
program moves a part of a private mapping: pages promised to the rest would be lost until the next start.
"""

from __future__ import annotations

from collections.abc import Callable

from ...abi.sysv import SHM_HUGETLB, SHM_NORESERVE
from ..steps import Step, mmap, mremap, ranged, remap_file_pages
from ..window import HUGE, PAGE, Window

SIZE = 2 << 20  # bytes of a huge page
_PLACES = 8  # huge pages of the window
_ALONE = (10, 11, 13)  # places behind it for mappings of one page, which are all that is moved
_ADVICE = (
    "dontneed", "dontneed", "dontneed", "free", "remove", "remove", "pageout", "cold", "dontneed_locked",
    "populate_read", "populate_write", "populate_write", "guard_install", "guard_remove", "dontfork", "dofork",
    "dontdump", "dodump", "sequential", "random", "normal", "wipeonfork", "hugepage", "nohugepage", "mergeable",
    "willneed", "collapse",
)  # fmt: skip
_PROTS = ("rw",) * 10 + ("r", "r", "none", "rx", "rwx", "w")


def begin(w: Window) -> None:
    """A pool, two files of huge pages and a few mappings."""
    r = w.random
    w.steps.append(_sysctl("nr_overcommit_hugepages", r.choice((0, 0, 0, 1, 2, 4))))
    w.steps.append(_sysctl("nr_hugepages", r.choice((0, 1, 2, 3, 4, 4, 6, 8))))
    w.counts["segments"] = 0
    for name in ("h", "i"):
        pages = r.choice((1, 2, 3, 4))
        w.steps.append({"memfd": {"id": name, "pages": pages * 512, "hugetlb": SIZE}})
    for _ in range(3):
        w.steps.append(_map(w))


def _sysctl(name: str, value: int) -> Step:
    return {"sysctl": {"name": f"vm.{name}", "value": value}}


def _range(w: Window, longest: int = 4) -> tuple[int, int]:
    """(addr, bytes) of a range of huge pages, sometimes a few small pages off."""
    r = w.random
    first = r.randrange(_PLACES)
    addr = HUGE + first * SIZE
    length = r.randint(1, min(longest, _PLACES - first)) * SIZE
    if r.random() < 0.06:
        addr += r.choice((PAGE, 0x1000 * 17, 123))
    if r.random() < 0.08:
        length += r.choice((-PAGE, PAGE, 1, -SIZE // 2))
    return addr, length


def _map(w: Window) -> Step:
    r = w.random
    addr, length = _range(w)
    if r.random() < 0.15:
        addr, length = HUGE + r.choice(_ALONE) * SIZE, SIZE
    extra: list[object] = list(
        r.choice(((), (), (), (), ("noreserve",), ("populate",), ("locked",), ("stack",)))
    )
    fixed = ["fixed"] if r.random() < 0.9 else ["fixed_noreplace"]
    if r.random() < 0.1:
        addr, fixed = r.choice((0, addr)), []
        w.placed.append((len(w.steps), max(1, length // PAGE)))
    if r.random() < 0.35:
        offset = r.choice((0, 0, 1, 2, 3)) * SIZE + (PAGE if r.random() < 0.05 else 0)
        kind = r.choice(("shared", "shared", "private"))
        return mmap(addr, length, r.choice(_PROTS), [kind, *fixed, *extra], r.choice(("h", "i")), offset)
    kind = r.choice(("private", "private", "private", "shared"))
    size: list[object] = ["hugetlb"]
    if r.random() < 0.1:
        size.append(r.choice((21, 30, 22, 12)) << 26)
    if r.random() < 0.03:
        extra.append("growsdown")
    return mmap(addr, length, r.choice(_PROTS), [kind, *fixed, "anonymous", *size, *extra])


def _touch(w: Window) -> Step:
    r = w.random
    addr = (
        HUGE
        + r.choice((*range(_PLACES), *_ALONE)) * SIZE
        + r.choice((0, 0, 0, 1, PAGE, SIZE - 1, 300 * PAGE))
    )
    if r.random() < 0.6:
        return {"write": {"addr": addr, "value": r.randrange(256)}}
    return {"read": addr} if r.random() < 0.9 else {"exec": addr & ~0xFFF}


def _call(w: Window) -> Step:
    r = w.random
    addr, length = _range(w)
    alone, target = (HUGE + r.choice(_ALONE) * SIZE for _ in range(2))
    if r.random() < 0.3:
        addr, length = alone, SIZE
    return r.choice(
        (
            ranged("munmap", addr, length),
            ranged("munmap", addr, length),
            ranged("mprotect", addr, length, prot=r.choice(_PROTS)),
            ranged("mprotect", addr, length, prot=r.choice(_PROTS)),
            mremap(alone, SIZE, SIZE, ["maymove", "fixed"], target),
            mremap(alone, SIZE, SIZE, ["maymove", "fixed"], target + r.choice((0, PAGE))),
            mremap(HUGE + 10 * SIZE, 2 * SIZE, 2 * SIZE, ["maymove", "fixed"], HUGE + 12 * SIZE),
            mremap(
                addr,
                length,
                r.choice((PAGE, length - SIZE or SIZE, length + SIZE)),
                r.choice(([], ["maymove"])),
            ),
            mremap(addr, length, length, ["maymove", "fixed", "dontunmap"], target),
            ranged("mlock", addr, length),
            ranged("munlock", addr, length),
            ranged("msync", addr, length, flags=[r.choice(("sync", "async"))]),
            ranged("mincore", addr & ~0xFFF, min(length, 2 * SIZE)),
            remap_file_pages(addr, length, r.choice((0, 512, 1024, 1))),
            ranged("mseal", addr, length, flags=0) if r.random() < 0.2 else {"hugepages": {}},
        )
    )


def _advise(w: Window) -> Step:
    addr, length = _range(w)
    return ranged("madvise", addr, length, advice=w.random.choice(_ADVICE))


def _file(w: Window) -> Step:
    r = w.random
    fd = r.choice(("h", "i"))
    odd = PAGE if r.random() < 0.1 else 0
    hole = r.choice((SIZE, 2 * SIZE, PAGE))
    return r.choice(
        (
            {"ftruncate": {"fd": fd, "size": r.randrange(5) * SIZE + odd}},
            {"punch_hole": {"fd": fd, "offset": r.randrange(4) * SIZE + odd, "length": hole}},
            {"pread": {"fd": fd, "offset": r.randrange(3) * SIZE + 7}},
            {"pwrite": {"fd": fd, "offset": 0, "value": 1}},
            {"seal": {"fd": fd, "seals": [r.choice(("shrink", "grow", "write", "future_write"))]}},
        )
    )


def _segment(w: Window) -> Step:
    r = w.random
    made = w.counts["segments"]
    what = r.random()
    if what < 0.35 or made == 0:
        w.counts["segments"] += 1
        flags = 0o1600 | SHM_HUGETLB | (SHM_NORESERVE if r.random() < 0.2 else 0)
        return {
            "shmget": {"key": 0, "size": r.choice((1, SIZE, SIZE, 2 * SIZE, 3 * SIZE - 5)), "flags": flags}
        }
    ident = r.randrange(made)
    addr = HUGE + r.randrange(_PLACES) * SIZE
    if what < 0.7:
        how = r.choice((["remap"], ["remap"], [], ["rdonly", "remap"]))
        return {"shmat": {"shmid": ident, "addr": addr, "flags": how}}
    if what < 0.85:
        return {"shmdt": {"addr": addr}}
    return {"shmctl": {"shmid": ident, "command": 0}}


def _pool(w: Window) -> Step:
    r = w.random
    if r.random() < 0.3:
        return _sysctl("nr_overcommit_hugepages", r.choice((0, 1, 2, 4)))
    return _sysctl("nr_hugepages", r.choice((0, 1, 2, 3, 4, 6, 8)))


def _look(w: Window) -> Step:
    return {"hugepages": {}}


MAKERS: dict[str, Callable[[Window], Step]] = {
    "hugetlb_map": _map,
    "hugetlb_touch": _touch,
    "hugetlb_call": _call,
    "hugetlb_advice": _advise,
    "hugetlb_file": _file,
    "hugetlb_segment": _segment,
    "pool": _pool,
    "hugepages": _look,
}
