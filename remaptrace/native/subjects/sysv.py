"""System V segments: made, attached, detached in pieces, removed while attached.

The runner has a namespace of its own for them, so that identifiers count from 0.
"""

from __future__ import annotations

from collections.abc import Callable

from ...abi.sysv import IPC_CREAT, IPC_EXCL
from ..steps import Step, mremap, ranged, remap_file_pages
from ..window import BASE, PAGE, WINDOW, Window

_KEYS = (0, 0, 0, 0x7711, 0x7712)
_ATTACH: tuple[list[object], ...] = (
    [], ["remap"], ["remap"], ["remap"], ["remap"], ["rdonly"], ["exec", "remap"], ["rdonly", "remap"],
)  # fmt: skip
_RMID, _STAT, _LOCK, _UNLOCK = 0, 2, 11, 12


def _ident(w: Window) -> int:
    """The identifier of a segment that may be there, seldom one that is not."""
    made = w.counts.get("segments", 0)
    return w.random.choice((-1, 99, 32768)) if w.random.random() < 0.04 else w.random.randrange(max(made, 1))


def _get(w: Window) -> Step:
    r = w.random
    key = r.choice(_KEYS) if r.random() < 0.5 else 0
    pages = r.choice((1, 2, 3, 4, 4, 8, 12, 16))
    flags = 0o600 | (IPC_CREAT if r.random() < 0.9 else 0) | (IPC_EXCL if r.random() < 0.2 else 0)
    size = pages * PAGE - r.choice((0, 0, 0, 1, 100, 4095))
    if r.random() < 0.05:
        size = r.choice((0, 1 << 62, -1))
    w.counts["segments"] = w.counts.get("segments", 0) + (1 if size > 0 else 0)
    return {"shmget": {"key": key, "size": size, "flags": flags}}


def _at(w: Window) -> Step:
    r = w.random
    addr = BASE + r.randrange(WINDOW) * PAGE
    flags: list[object] = r.choice(_ATTACH)
    if r.random() < 0.1:
        addr += r.choice((1, 0x123, 0x800))
        flags = [*flags, *r.choice(([], ["rnd"]))]
    if r.random() < 0.15:
        addr = 0
        w.placed.append((len(w.steps), 1))
    elif r.random() < 0.02:
        addr = r.choice((0x800, PAGE, 0x7FFF_FFFF_F000, 0xFFFF_8000_0000_0000))
    return {"shmat": {"shmid": _ident(w), "addr": addr, "flags": flags}}


def _dt(w: Window) -> Step:
    r = w.random
    if w.placed and r.random() < 0.15:
        return {"shmdt": {"addr": w.somewhere()[0]}}
    attached = [a["addr"] for a in (step.get("shmat", {}) for step in w.steps) if a.get("addr")]
    if attached and r.random() < 0.7:
        return {"shmdt": {"addr": r.choice(attached) & ~0xFFF}}
    return {"shmdt": {"addr": BASE + r.randrange(WINDOW) * PAGE + (1 if r.random() < 0.03 else 0)}}


def _ctl(w: Window) -> Step:
    command = w.random.choice((_RMID, _RMID, _STAT, _LOCK, _LOCK, _UNLOCK))
    return {"shmctl": {"shmid": _ident(w), "command": command}}


def _piece(w: Window) -> Step:
    """A call on what may be a piece of a segment."""
    r = w.random
    addr, length = w.range(6)
    target, _ = w.range(1)
    return r.choice(
        (
            mremap(addr, length, length, ["maymove", "fixed"], target),
            mremap(addr, length, length + r.choice((PAGE, 4 * PAGE)), r.choice(([], ["maymove"]))),
            mremap(addr, 0, length, ["maymove", "fixed"], target),
            mremap(addr, length, length, ["maymove", "fixed", "dontunmap"], target),
            remap_file_pages(addr, length, r.randrange(6)),
            ranged("madvise", addr, length, advice="remove"),
            ranged("mseal", addr, PAGE, flags=0),
        )
    )


def begin(w: Window) -> None:
    """Segments of several sizes, and some of them attached."""
    for _ in range(w.random.randint(2, 5)):
        w.steps.append(_get(w))
    for _ in range(w.random.randint(2, 5)):
        w.steps.append(_at(w))


MAKERS: dict[str, Callable[[Window], Step]] = {
    "segment": _get,
    "attach": _at,
    "detach": _dt,
    "segment_control": _ctl,
    "segment_piece": _piece,
}
