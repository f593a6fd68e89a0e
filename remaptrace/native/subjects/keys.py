"""Protection keys where the processor has none: what is refused how, and mprotect under the other name.

And where it has them (pkey_*): areas and pages with keys, the register, execute-only memory. Key 0 holds the runner
itself: it is neither given back nor denied.
"""

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


def _alloc_key(w: Window) -> Step:
    r = w.random
    return {"pkey_alloc": {"flags": r.choice((0, 0, 0, 0, 0, 1)), "rights": r.choice((0, 0, 0, 1, 2, 3, 4))}}


def _free_key(w: Window) -> Step:
    return {"pkey_free": {"pkey": w.random.choice((1, 1, 2, 3, 4, 15, 16, -1))}}


def _protect_key(w: Window) -> Step:
    r = w.random
    addr, length = w.range()
    if r.random() < 0.03:
        addr += 1
    prot: object = w.prot() if r.random() < 0.8 else r.choice(("x", "x", "x", 0x10))
    return ranged(
        "pkey_mprotect", addr, length, prot=prot, pkey=r.choice((1, 1, 1, 2, 2, 3, 0, -1, -1, 4, 15, 16))
    )


def _register(w: Window) -> Step:
    """Rights of keys 1 to 15: two bits a key, no access and no writing."""
    r = w.random
    if r.random() < 0.2:
        return {"pkru": {}}
    value = r.choice((0, 0x55555554, 0x55555554, 0))
    for key in (1, 2, 3, 4):
        value = value & ~(3 << 2 * key) | r.choice((0, 0, 1, 2, 3)) << 2 * key
    return {"pkru": {"value": value}}


MAKERS: dict[str, Callable[[Window], Step]] = {
    "key_alloc": _alloc,
    "key_free": _free,
    "key_protect": _protect,
    "pkey_alloc": _alloc_key,
    "pkey_free": _free_key,
    "pkey_protect": _protect_key,
    "pkru": _register,
}
