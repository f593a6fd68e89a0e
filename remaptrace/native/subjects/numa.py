"""NUMA policies of areas: modes with their flags, masks, home nodes."""

from __future__ import annotations

from collections.abc import Callable

from ..steps import Step, ranged
from ..window import Window

_MODES = (
    "default",
    "default",
    "preferred",
    "preferred",
    "bind",
    "bind",
    "interleave",
    "local",
    "preferred_many",
    "weighted_interleave",
    7,
)
_FLAGS = ("static_nodes", "relative_nodes", "numa_balancing", 0x1000)


def _mode(w: Window) -> list[object]:
    r = w.random
    mode: list[object] = [r.choice(_MODES)]
    if r.random() < 0.3:
        mode += r.sample(_FLAGS, r.choice((1, 1, 1, 2)))
    return mode


def _mask(w: Window, mode: list[object]) -> dict[str, object]:
    """A mask that fits the mode most often."""
    r = w.random
    empty = mode[0] in ("default", "local") or (mode[0] == "preferred" and r.random() < 0.3)
    if r.random() < 0.1:
        empty = not empty
    nodes: object = r.choice((None, 0)) if empty else r.choice((1, 1, 1, 1, 3, 2, 0x40, 0x11))
    most = r.choice((64, 64, 64, 65, 2, 8, 1, 0, 128, 32769, 32770)) if r.random() < 0.3 else 64
    return {"nodes": nodes, "maxnode": most}


def _bind(w: Window) -> Step:
    r = w.random
    addr, length = w.range()
    mode = _mode(w)
    flags = r.choice((0, 0, 0, 1, 2, 4, 3, 8))  # strict, move, move_all
    if r.random() < 0.05:
        addr += r.choice((1, 0x800))
    if r.random() < 0.05:
        length = r.choice((0, 1, length - 1, 0xFFFF_FFFF_FFFF_F000, 0x7FFF_FFFF_FFFF_F000))
    return ranged("mbind", addr, length, mode=mode, **_mask(w, mode), flags=[flags])


def _home(w: Window) -> Step:
    r = w.random
    addr, length = w.range()
    if r.random() < 0.05:
        addr += r.choice((1, 0x800))
    if r.random() < 0.05:
        length = r.choice((0, 1, 0xFFFF_FFFF_FFFF_F000))
    node = r.choice((0, 0, 0, 0, 0, 0, 1, 63, 1 << 40))
    return ranged("home_node", addr, length, node=node, flags=1 if r.random() < 0.03 else 0)


def _task(w: Window) -> Step:
    mode = _mode(w)
    return {"set_mempolicy": {"mode": mode, **_mask(w, mode)}}


MAKERS: dict[str, Callable[[Window], Step]] = {"policy": _bind, "home_node": _home, "task_policy": _task}
