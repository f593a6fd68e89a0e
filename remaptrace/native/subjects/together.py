"""Several subjects in one program, as real programs mix them: registered memory with policies that is merged by KSM.

A program takes the steps of two to four subjects, each with its own beginning.
"""

from __future__ import annotations

from ..profiles import PROFILES, Weights
from ..window import Window
from . import huge, special, sysv, uffd

_BEGINNINGS = {"sysv": sysv.begin, "uffd": uffd.begin, "special": special.begin, "huge": huge.begin}


def weights(w: Window) -> Weights:
    """The kinds of steps of the subjects that this program takes, each subject with the same weight in all.

    Makes their first steps. Subjects in `w.without` are not taken; huge pages and segments come seldom together, as
    both number their segments.
    """
    r = w.random
    there = [name for name in PROFILES if name not in ("uml", "disk", *w.without)]
    chosen = r.sample(there, min(len(there), r.choice((2, 2, 3, 3, 4))))
    if {"huge", "sysv"} <= set(chosen):
        chosen.remove("sysv")
    mixed: Weights = {}
    for name in chosen:
        if name in _BEGINNINGS:
            _BEGINNINGS[name](w)
        total = sum(PROFILES[name].values())
        for kind, weight in PROFILES[name].items():
            mixed[kind] = mixed.get(kind, 0) + weight * 1000 // total
    if "uffd" in chosen:
        w.unguarded = not w.counts["guards"]
    elif "numa" in chosen or "names" in chosen:
        w.fill_window()
    return mixed
