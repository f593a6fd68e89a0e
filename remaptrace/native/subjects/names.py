"""Names of anonymous memory: given to parts, holes and files, taken off, and carried along by every call."""

from __future__ import annotations

from collections.abc import Callable

from ..steps import Step, ranged
from ..window import Window

_NAMES: tuple[object, ...] = (
    "heap", "heap", "heap", "stack", "stack", "a b", "", "x" * 79, None, None,
)  # fmt: skip
_WRONG: tuple[object, ...] = ("x" * 80, "a[b", "a]b", "a$b", "a`b", "a\\b", "tab\t", "\x7f", 1)


def _name(w: Window) -> Step:
    r = w.random
    addr, length = w.range()
    if r.random() < 0.05:
        addr += r.choice((1, 0x800))
    if r.random() < 0.1:
        length = r.choice((0, 1, length - 1, length + 1, 0xFFFF_FFFF_FFFF_F000, 0xFFFF_FFFF_FFFF_FFFF))
    name = r.choice(_NAMES) if r.random() < 0.9 else r.choice(_WRONG)
    return ranged("vma_name", addr, length, name=name)


MAKERS: dict[str, Callable[[Window], Step]] = {"name": _name}
