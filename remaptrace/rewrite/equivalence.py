"""Are a trace and its rewriting equivalent: the same accesses allowed, the same refused?

The accesses of the trace are compared one by one. A log without accesses says nothing that way, and
any trace touches only some pages: so probes are added before a process ends, which read, write and
execute a page of every area (of every kind of page, if there are very many).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..abi import kinds as ev
from ..abi.kinds import ACCESSES
from ..abi.outcomes import NAMES, OUT_OK
from ..lateclasses import dataclass, replace
from ..trace.events import Trace
from .output import Rewritten, Words, new_columns
from .rows import rows_of

if TYPE_CHECKING:
    from ..machine.machine import Machine
    from ..result.result import Result

_AREAS = 1000
"""Areas of one process that are probed at its end; more are thinned out evenly."""


@dataclass(frozen=True)
class Difference:
    """One access that ends differently; events of the trace with probes, before and after rewriting."""

    event: int
    rewritten: int
    addr: int
    access: str
    before: str
    after: str


@dataclass(frozen=True)
class Equivalence:
    """How many accesses were compared, and those that are allowed on one side only."""

    accesses: int
    probes: int  # of these, added by the check
    differing: tuple[Difference, ...]
    different: int

    @property
    def equal(self) -> bool:
        """True if every access is allowed or refused as before."""
        return not self.different

    def sentence(self) -> str:
        """The finding in words."""
        what = f"{self.accesses:,} accesses ({self.probes:,} of them probes)"
        if self.equal:
            return f"Equivalent: {what} are allowed and refused as before."
        first = self.differing[0]
        return (
            f"Not equivalent: {self.different:,} of {what} end differently; the first: {first.access} "
            f"{first.addr:#x}, {first.before} before, {first.after} after."
        )


def allowed_alike(
    before: Result, after: Result, origin: npt.NDArray[np.int64], first: int = 8
) -> Equivalence:
    """Compare the accesses of two results; `origin` names for each event of `after` that of `before`."""
    kinds = np.asarray(after.trace.columns["kind"])
    mine = np.flatnonzero(np.isin(kinds, list(ACCESSES)))
    theirs = np.asarray(origin)[mine]
    left, right = before.columns["outcome"][theirs], after.columns["outcome"][mine]
    differ = np.flatnonzero((left == OUT_OK) != (right == OUT_OK))
    flags = np.asarray(after.trace.columns["flags"])[mine]
    found = tuple(
        Difference(
            int(theirs[i]),
            int(mine[i]),
            int(after.trace.columns["a0"][mine[i]]),
            _word(after.trace, int(mine[i])),
            NAMES[int(left[i])] or "none",
            NAMES[int(right[i])] or "none",
        )
        for i in differ[:first]
    )
    probes = int(((flags & ev.EVF_MADE) != 0).sum())
    return Equivalence(len(mine), probes, found, len(differ))


def _word(trace: Trace, event: int) -> str:
    from ..trace.wording import event_text

    return event_text(trace, event).split(" ")[0]


def check(
    trace: Trace,
    done: Rewritten,
    before: Machine,
    after: Machine,
    results: npt.NDArray[np.integer[Any]] | None = None,
    engine: str = "auto",
) -> Equivalence:
    """Compare `done`, a rewriting of `trace`, on `after` with the original on `before`.

    `results` as for `rewrite`. What is compared is that very rewriting: rewritten with its probes the trace could have
    become another one, since a pass takes what it sees of accesses into account.
    """
    from ..engine.run.driver import replay

    probed, new = with_probes(trace, results, engine)
    other, where = _probes_in(done, probed, new)
    return allowed_alike(
        replay(probed, before, follow=True, engine=engine, ends=False),
        replay(other, after, follow=True, engine=engine, ends=False),
        where,
    )


def with_probes(
    trace: Trace, results: npt.NDArray[np.integer[Any]] | None = None, engine: str = "auto"
) -> tuple[Trace, npt.NDArray[np.bool_]]:
    """`trace` with reads, writes and executions of its areas before each process ends, and at its end; which they are.

    `results` and `engine` as for `rewrite`.
    """
    rows = rows_of(trace, results, engine)
    origin, words, _ = rows.walk.run("probes", _AREAS)
    where, new = origin >> 1, origin & 1 != 0
    taken = None if trace.taken is None else trace.taken[where]
    columns = new_columns(rows, where, np.flatnonzero(new), words)
    return (
        replace(trace, columns=columns, truth=None, relocations=None, expects=(), maps=[], taken=taken),
        new,
    )


def _probes_in(done: Rewritten, probed: Trace, new: npt.NDArray[np.bool_]) -> tuple[Trace, Words]:
    """The rewritten trace with the probes of `probed`, and for each of its events that of `probed`.

    `new` as `with_probes` gives it. Probes stand in front of the end of their process, which every pass keeps.
    """
    probes, kept = np.flatnonzero(new), np.flatnonzero(~new)
    ends = np.append(done.origin, len(kept))
    last = np.append(done.trace.columns["kind"] == ev.K_EXIT, True)
    places = {int(ends[at]): int(at) for at in np.flatnonzero(last)}
    behind = np.cumsum(~new)[probes]  # events before a probe: the number of the end in front of which it is
    at = np.array([places[event] for event in behind.tolist()], dtype=np.int64)
    columns = {
        name: np.insert(column, at, probed.columns[name][probes])
        for name, column in done.trace.columns.items()
        if name in probed.columns
    }
    columns["origin"] = where = np.insert(kept[done.origin], at, probes)
    return replace(done.trace, columns=columns), where
