"""The passes by name, and what they need to know of the trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import errorcodes as ec
from ..abi import kinds as ev
from ..abi.mman import ADVICE, MAP_ANONYMOUS, MAP_FIXED, MAP_SHARED, MAP_SHARED_VALIDATE, MAP_TYPE
from ..engine.run.driver import replay
from ..engine.run.refusals import settle
from ..errors import UsageError
from ..lateclasses import dataclass
from ..trace.events import Trace
from .dontneed import rewrite_dontneed
from .guards import rewrite_guards, rewrite_rfp_guards
from .leaveout import rewrite_no_names, rewrite_no_nohugepage
from .mergeorder import rewrite_merge_order
from .output import Rewritten
from .rfp import rewrite_rfp
from .rows import Rows, rows_of


@dataclass(frozen=True)
class Pass:
    """One way to rewrite: what it does, and the kernel on which it means what it should."""

    name: str
    about: str
    kernel: str
    run: Callable[[Rows], Rewritten]


PASSES: dict[str, Pass] = {
    p.name: p
    for p in (
        Pass(
            "rfp",
            "page-wise shared mappings of a file become pages of one mapping (remap_file_pages, MAP_CHGPROT)",
            "linux-2.6.21-rfp",
            rewrite_rfp,
        ),
        Pass(
            "rfp-guards",
            "PROT_NONE guards in private memory become protections in PTEs (hypothetical)",
            "linux-2.6.21-rfp-private",
            rewrite_rfp_guards,
        ),
        Pass(
            "guards",
            "PROT_NONE guards become guard regions (MADV_GUARD_INSTALL)",
            "linux-6.13",
            rewrite_guards,
        ),
        Pass(
            "merge-order",
            "protection changes of neighbours, spread over many calls, are made in one call",
            "",
            rewrite_merge_order,
        ),
        Pass(
            "dontneed",
            "memory that would be unmapped from the middle of private memory is emptied instead (MADV_DONTNEED)",
            "",
            rewrite_dontneed,
        ),
        Pass("no-nohugepage", "MADV_NOHUGEPAGE is left out", "", rewrite_no_nohugepage),
        Pass("no-names", "names of anonymous memory are left out", "", rewrite_no_names),
    )
}


def may_change(trace: Trace, name: str) -> bool:
    """False if the pass `name` surely leaves every event of `trace` as it is, told without following it.

    Each pass begins with some kind of call: page-wise shared mappings, memory without access, mprotect.
    """
    kinds, flags = trace.columns["kind"], trace.columns["a3"]
    protects = np.isin(kinds, (ev.K_MPROTECT, ev.K_PKEY_MPROTECT))
    if name == "merge-order":
        return int((kinds == ev.K_MPROTECT).sum()) > 1
    if name == "dontneed":
        return bool((kinds == ev.K_MUNMAP).any())
    if name == "no-nohugepage":
        return bool(((kinds == ev.K_MADVISE) & (trace.columns["a2"] == ADVICE["nohugepage"])).any())
    if name == "no-names":
        return bool((kinds == ev.K_SET_VMA_NAME).any())
    if name in ("guards", "rfp-guards"):
        return bool(protects.any())
    if name == "rfp":
        shared = np.isin(flags & MAP_TYPE, (MAP_SHARED, MAP_SHARED_VALIDATE))
        of_file = (flags & MAP_FIXED != 0) & (flags & MAP_ANONYMOUS == 0)
        return int(((kinds == ev.K_MMAP) & shared & of_file).sum()) > 1
    return True


def rewrite(
    trace: Trace,
    names: Iterable[str],
    results: npt.NDArray[np.integer[Any]] | None = None,
    rows: Rows | None = None,
    engine: str = "auto",
) -> Rewritten:
    """Rewrite `trace` by the passes of `names`, one after the other.

    `rows`: those of `rows_of(trace, results)`, if the caller has them already.

    `results`: what every event returned, from a replay of `trace`; needed for a scenario, whose file
    does not say where its mappings lie. `engine` as in `replay`: how the passes are run. UsageError RT230 for an
    unknown pass.
    """
    settle(trace, lambda t, m: replay(t, m, follow=True))
    done: Rewritten | None = None
    for name in names:
        if name not in PASSES:
            raise UsageError(ec.RT_REWRITE, f"unknown rewrite '{name}'", expected=", ".join(PASSES))
        before = done.trace if done else trace
        own = (
            rows if rows is not None and done is None else rows_of(before, None if done else results, engine)
        )
        step = PASSES[name].run(own)
        done = step if done is None else _composed(done, step)
    if done is None:
        raise UsageError(ec.RT_REWRITE, "no rewrite is named", expected=", ".join(PASSES))
    return done


def _composed(first: Rewritten, second: Rewritten) -> Rewritten:
    counts = {**first.counts, **second.counts}
    notes = tuple(dict.fromkeys((*first.notes, *second.notes)))
    return Rewritten(second.trace, first.origin[second.origin], counts, notes)
