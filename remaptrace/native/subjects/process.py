"""What a process may set for all of its memory, and calls that reach its memory by other doors.

KSM, huge pages and MDWE by prctl, mlockall, personality, rings of aio, process_vm_readv and _writev on itself,
fallocate.
"""

from __future__ import annotations

from collections.abc import Callable

from ...abi.mman import READ_IMPLIES_EXEC
from ..steps import Step, mremap, ranged
from ..window import BASE, PAGE, WINDOW, Window

_TOP = 0x7FFF_F7FF_7000
_MCL = (
    ["current"],
    ["future"],
    ["current", "future"],
    ["current", "onfault"],
    ["future", "onfault"],
    [0],
    ["onfault"],
)


def _prctl(w: Window) -> Step:
    r = w.random
    option, args = r.choice(
        (
            ("set_memory_merge", [1]),
            ("set_memory_merge", [1]),
            ("set_memory_merge", [0]),
            ("set_memory_merge", [r.choice((2, 1, 0)), r.choice((0, 1))]),
            ("get_memory_merge", []),
            ("set_thp_disable", [r.choice((0, 1, 1, 2)), r.choice((0, 0, 0, 1, 2))]),
            ("get_thp_disable", []),
            ("set_mdwe", [r.choice((1, 3, 3, 0, 2, 4))]) if r.random() < 0.3 else ("get_mdwe", []),
            ("get_mdwe", []),
        )
    )
    return {"prctl": {"option": option, "args": args}}


def _lock_all(w: Window) -> Step:
    r = w.random
    if r.random() < 0.35:
        return {"munlockall": {}}
    return {"mlockall": {"flags": r.choice(_MCL)}}


def _persona(w: Window) -> Step:
    return {"personality": {"persona": w.random.choice((0, READ_IMPLIES_EXEC))}}


def _vm(w: Window) -> Step:
    r = w.random
    addr, length = w.range(6)
    addr += r.choice((0, 0, 1, 0x800, 0xFFF))
    length = r.choice((length, length - 1, 1, 4, 0x1001))
    return ranged(r.choice(("process_vm_readv", "process_vm_writev")), addr, length)


def _aio(w: Window) -> Step:
    """A ring, or a call on where one may be: below the kernel's own areas, as far as they are where they mostly are."""
    r = w.random
    if r.random() < 0.4:
        return {"io_setup": {"events": r.choice((1, 16, 126, 127, 254, 1000))}}
    target = BASE + r.randrange(WINDOW - 8) * PAGE
    size = r.choice((PAGE, PAGE, PAGE, 2 * PAGE, 3 * PAGE))
    ring = r.choice((_TOP - size, _TOP - size, target))
    advice = r.choice(("dontneed", "dontfork", "dofork", "remove", "guard_install", "pageout", "mergeable"))
    return r.choice(
        (
            {"io_destroy": {"ctx": ring}},
            {"io_destroy": {"ctx": ring}},
            mremap(ring, size, size, ["maymove", "fixed"], target),
            mremap(ring, size, size, ["maymove", "fixed"], target),
            mremap(ring, size, size, ["maymove", "fixed", "dontunmap"], target),
            mremap(ring, size, size + PAGE, ["maymove"]),
            mremap(target, size, size, ["maymove", "fixed"], _TOP - size),
            ranged("mprotect", ring, PAGE, prot=r.choice(("r", "rw", "none", "rx"))),
            ranged("munmap", ring, PAGE),
            ranged("mlock", ring, PAGE),
            ranged("madvise", ring, PAGE, advice=advice),
            {"pages": {"addr": ring, "count": 1}},
        )
    )


def _allocate(w: Window) -> Step:
    r = w.random
    fd = w.fd()
    mode = r.choice(([], [], ["keep_size"], ["punch_hole", "keep_size"], ["punch_hole"], ["zero_range"],
                     ["collapse_range"], ["insert_range"], [0x80]))  # fmt: skip
    offset = w.offset(fd) + r.choice((0, 0, 0, 100))
    length = r.choice((PAGE, 3 * PAGE, 8 * PAGE, 100, 0))
    return {"fallocate": {"fd": fd, "mode": mode, "offset": offset, "length": length}}


MAKERS: dict[str, Callable[[Window], Step]] = {
    "process_prctl": _prctl,
    "lock_all": _lock_all,
    "persona": _persona,
    "process_vm": _vm,
    "aio": _aio,
    "allocate": _allocate,
}
