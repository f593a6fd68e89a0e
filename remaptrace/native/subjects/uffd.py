"""userfaultfd: registrations of areas, and pages that ioctls fill, protect, move and poison.

Descriptors ask for SIGBUS, so that an access to a missing page is answered and does not wait for a handler. Guards are
installed only in programs that protect nothing: over the marker of a protected page of shared memory the kernel tries
to for ever (madvise_guard_install restarts the call).
"""

from __future__ import annotations

from collections.abc import Callable

from ..steps import Step, mremap, ranged
from ..window import PAGE, Window

_FEATURES = (
    "pagefault_flag_wp",
    "missing_shmem",
    "minor_shmem",
    "wp_hugetlbfs_shmem",
    "exact_address",
    "wp_unpopulated",
    "poison",
    "wp_async",
    "move",
    "thread_id",
)
_NAMES = ("u", "v")
_MODES_OF_GUARDED = (["missing"],) * 9 + (["minor"], ["minor"], [0], [8])
_MODES = (["missing"],) * 5 + (["wp"],) * 4 + (["missing", "wp"],) * 4 + (["minor"], [0], [8], [7])


def _descriptor(w: Window) -> str:
    r = w.random.random()
    if r < 0.01:
        return "bad"
    if r < 0.02:
        return "a"
    return "u" if r < 0.85 else "v"


def _open(w: Window, name: str) -> list[Step]:
    r = w.random
    features: list[object] = ["sigbus", *r.sample(_FEATURES, r.choice((0, 0, 1, 2, 3, 5)))]
    return [
        {"userfaultfd": {"id": name, "flags": r.choice((0, 0, 0, ["user_mode_only"]))}},
        {"uffdio_api": {"fd": name, "features": features, "version": 0xAA}},
    ]


def begin(w: Window) -> None:
    """Two descriptors and a window full of areas."""
    w.counts["guards"] = int(w.random.random() < 0.3)
    for name in _NAMES:
        w.steps += _open(w, name)
    w.fill_window()
    for _ in range(w.random.randint(1, 4)):
        w.steps.append(_register(w))


def _again(w: Window) -> Step:
    """A second UFFDIO_API, wrong versions and features; another descriptor under a name."""
    r = w.random
    name = r.choice(_NAMES)
    return r.choice(
        (
            {"uffdio_api": {"fd": name, "features": [r.choice((0, "sigbus", 1 << 40))], "version": 0xAA}},
            {"uffdio_api": {"fd": name, "features": ["sigbus"], "version": r.choice((0, 1, 0xAB))}},
            {"userfaultfd": {"id": "w", "flags": r.choice((2, 0x400, 1))}},
        )
    )


def _wrong(w: Window, addr: int, length: int) -> tuple[int, int]:
    """The range, sometimes a wrong one."""
    r = w.random
    if r.random() < 0.04:
        addr += r.choice((1, 0x800))
    if r.random() < 0.04:
        length = r.choice((0, 1, length - 1, 0x7FFF_FFFF_F000, 0xFFFF_FFFF_FFFF_F000))
    return addr, length


def _inside(w: Window, longest: int) -> tuple[int, int]:
    """A range in one that was registered once, or anywhere."""
    r = w.random
    ranges = [
        a for a in (step.get("uffdio_register") for step in w.steps) if a and PAGE <= a["length"] < 1 << 20
    ]
    if not ranges or r.random() < 0.15:
        return _wrong(w, *w.range(longest))
    chosen = r.choice(ranges)
    pages = chosen["length"] // PAGE
    first = r.randrange(pages)
    length = r.randint(1, min(longest, pages - first)) * PAGE
    return _wrong(w, (chosen["addr"] & ~0xFFF) + first * PAGE, length)


def _register(w: Window) -> Step:
    r = w.random
    addr, length = _wrong(w, *w.range(16))
    mode = r.choice(_MODES_OF_GUARDED if w.counts["guards"] else _MODES)
    return ranged("uffdio_register", addr, length, fd=_descriptor(w), mode=mode)


def _unregister(w: Window) -> Step:
    addr, length = _wrong(w, *w.range(16))
    return ranged("uffdio_unregister", addr, length, fd=_descriptor(w))


def _moved(w: Window) -> Step:
    r = w.random
    dst, length = _inside(w, 2)
    src, _ = w.range(3)
    if r.random() < 0.55:
        mode: object = r.choice((0, 0, 0, 0, 1, 2, 2, 3, 4))
        if r.random() < 0.1:
            src += r.choice((1, 0x800))
        return {"uffdio_copy": {"fd": _descriptor(w), "dst": dst, "src": src, "length": length, "mode": mode}}
    mode = r.choice((0, 0, 1, 2, 2, 4))
    return {"uffdio_move": {"fd": _descriptor(w), "dst": dst, "src": src, "length": length, "mode": mode}}


def _filled(w: Window) -> Step:
    r = w.random
    addr, length = _inside(w, 4)
    call = r.choice(
        ("uffdio_zeropage",) * 3 + ("uffdio_writeprotect",) * 6 + ("uffdio_continue", "uffdio_poison")
    )
    mode = (
        r.choice((0, 0, 0, 1, 1, 2, 3, 4))
        if call != "uffdio_writeprotect"
        else r.choice((1, 1, 1, 0, 2, 3, 4))
    )
    return ranged(call, addr, length, fd=_descriptor(w), mode=mode)


def _close(w: Window) -> Step:
    return {"close": {"fd": "v"}} if w.random.random() < 0.6 else {"close": {"fd": "u"}}


def _piece(w: Window) -> Step:
    """A call that meets registrations: moves, growth, dropping, locking."""
    r = w.random
    addr, length = w.range(6)
    target, _ = w.range(1)
    return r.choice(
        (
            mremap(addr, length, length, ["maymove", "fixed"], target),
            mremap(addr, length, length, ["maymove", "fixed", "dontunmap"], target),
            mremap(addr, length, length + PAGE, []),
            mremap(addr, length, max(PAGE, length - PAGE), []),
            ranged("madvise", addr, length, advice="dontneed"),
            ranged("madvise", addr, length, advice="guard_install" if w.counts["guards"] else "remove"),
            ranged("madvise", addr, length, advice="populate_write"),
            ranged("mlock", addr, length),
        )
    )


MAKERS: dict[str, Callable[[Window], Step]] = {
    "uffd_again": _again,
    "register": _register,
    "unregister": _unregister,
    "uffd_move": _moved,
    "uffd_fill": _filled,
    "uffd_close": _close,
    "uffd_piece": _piece,
}
