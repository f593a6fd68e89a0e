"""Protection keys where the processor has none: what is refused how, and mprotect under the other name."""

from __future__ import annotations

from collections.abc import Callable

from ..steps import Step, ranged
from ..window import Window


def _alloc(w: Window) -> Step:
    r = w.random
    return {"pkey_alloc": {"flags": r.choice((0, 0, 0, 0, 1)), "rights": r.choice((0, 0, 1, 2, 3, 4, 8))}}


def _free(w: Window) -> Step:
    return {"pkey_free": {"pkey": w.random.choice((0, 1, 2, 15, 16, -1, 1 << 31))}}


def _protect(w: Window) -> Step:
    r = w.random
    addr, length = w.range()
    if r.random() < 0.06:
        addr += 1
    if r.random() < 0.06:
        length = r.choice((0, 0xFFFF_FFFF_FFFF_F000))
    prot: object = w.prot() if r.random() < 0.92 else r.choice((0x10, 8, 0x1000000))
    return ranged("pkey_mprotect", addr, length, prot=prot, pkey=r.choice((-1, -1, -1, -1, 0, 1, -2, 15, 16)))


MAKERS: dict[str, Callable[[Window], Step]] = {
    "key_alloc": _alloc,
    "key_free": _free,
    "key_protect": _protect,
}
