"""Steps of single subjects beside those of `generate`: a module a subject, each with its kinds of steps by name."""

from __future__ import annotations

from collections.abc import Callable

from ..steps import Step
from ..window import Window
from . import huge, keys, names, numa, process, special, sysv, uffd

MAKERS: dict[str, Callable[[Window], Step]] = {
    **sysv.MAKERS,
    **numa.MAKERS,
    **uffd.MAKERS,
    **special.MAKERS,
    **huge.MAKERS,
    **keys.MAKERS,
    **names.MAKERS,
    **process.MAKERS,
}
"""Kind of step, as `profiles` names it: what makes one."""

BEGINNINGS: dict[str, Callable[[Window], None]] = {
    "sysv": sysv.begin,
    "numa": Window.fill_window,
    "names": Window.fill_window,
    "process": Window.fill_window,
    "keys": Window.fill_window,
    "pkeys": Window.fill_window,
    "uffd": uffd.begin,
    "special": special.begin,
    "huge": huge.begin,
}
"""Subject: the steps that its programs begin with."""
