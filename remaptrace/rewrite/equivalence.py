"""Are a trace and its rewriting equivalent: the same accesses allowed, the same refused?

The accesses of the trace are compared one by one. A log without accesses says nothing that way, and
any trace touches only some pages: so probes are tried before a process ends, which read, write and
execute a page of every area (of every kind of page, if there are very many). They are made on the way of the replays
of both traces and leave nothing behind, so that the replay that tells of the rewritten trace answers them, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..abi import kinds as ev
from ..abi.kinds import ACCESSES
from ..abi.outcomes import NAMES, OUT_OK
from ..abi.rows import E_ARGS, E_KIND
from ..lateclasses import dataclass, replace
from ..trace.events import Trace, distinct, rows_where
from ..trace.wording import event_word
from .output import Rewritten, Words
from .rows import Rows, rows_of

if TYPE_CHECKING:
    from ..engine.run.trials import Trials
    from ..machine.machine import Machine
    from ..result.result import Result

AREAS = 1000
"""Areas of one process that are probed at its end; more are thinned out evenly."""
_COPIES = 8
"""Ends of processes in front of which a replay may be put back: each takes two copies of the machine."""


@dataclass(frozen=True)
class Difference:
    """One access that ends differently; events before and after rewriting, counted with the probes."""

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
    before: Result,
    after: Result,
    origin: npt.NDArray[np.int64],
    tried: tuple[Trials, Trials] | None = None,
    first: int = 8,
) -> Equivalence:
    """Compare the accesses of two results, and the probes that were `tried` on their way.

    `origin` names for each event of `after` that of `before`.
    """
    columns = after.trace.columns
    mine = rows_where(lambda kinds: np.isin(kinds, ACCESSES), columns["kind"]).astype(np.int64)
    theirs = np.asarray(origin)[mine]
    left, right = before.columns["outcome"][theirs], after.columns["outcome"][mine]
    probes = int((columns["flags"][mine] & ev.EVF_MADE != 0).sum())
    numbers = theirs, mine
    if tried is not None:
        probes += len(tried[0].rows)
        left, right = np.append(left, tried[0].outcomes), np.append(right, tried[1].outcomes)
        numbers = _numbered(theirs, tried[0]), _numbered(mine, tried[1])
    differ = np.flatnonzero((left == OUT_OK) != (right == OUT_OK))
    differ = differ[np.argsort(numbers[1][differ], kind="stable")]
    found = []
    for i in differ[:first].tolist():
        if tried is None or i < len(mine):
            what = _access(after.trace, int(mine[i]))
        else:
            what = _probe(tried[1], i - len(mine))
        names = (NAMES[int(outcome)] or "none" for outcome in (left[i], right[i]))
        found.append(Difference(int(numbers[0][i]), int(numbers[1][i]), *what, *names))
    return Equivalence(len(left), probes, tuple(found), len(differ))


def _numbered(events: Words, probes: Trials) -> Words:
    """The numbers that `events` and then the probes have in the trace when probes are counted, too."""
    own = probes.events + np.arange(len(probes.events))
    return np.append(events + np.searchsorted(probes.events, events, side="right"), own)


def _access(trace: Trace, event: int) -> tuple[int, str]:
    """The address and the verb of an access of the trace."""
    columns = trace.columns
    return int(columns["a0"][event]), event_word(int(columns["kind"][event]), int(columns["a1"][event]))


def _probe(probes: Trials, number: int) -> tuple[int, str]:
    row = probes.rows[number]
    return int(row[E_ARGS]), event_word(int(row[E_KIND]), 0)


class Check:
    """The comparison of `done`, a rewriting of the trace of `rows`, with the original, which is replayed on `before`.

    What is compared is that very rewriting: rewritten with its probes the trace could have become another one, since a
    pass takes what it sees of accesses into account. `trials` are the probes for a replay of the rewritten trace, of
    which `compared` tells. `alone`: that replay has to be made for them, since putting the machine back in front of so
    many ends of processes would take longer.
    """

    def __init__(self, rows: Rows, done: Rewritten, before: Machine, engine: str = "auto") -> None:
        """`rows` with AREAS; `engine` as in `replay`, which says what is raised."""
        from ..engine.run.driver import replay
        from ..engine.run.trials import Trials

        events, probes = rows.walk.probes()
        rows.forget()
        self.alone = len(distinct(events[events < len(rows)])) > _COPIES
        self._own = Trials(events, probes, lasting=self.alone)
        self.trials = Trials(_places_in(done, events, len(rows)), probes, lasting=self.alone)
        self._origin = done.origin
        told = replace(rows.told, taken=rows.trace.taken)
        self._before = replay(told, before, follow=True, engine=engine, ends=False, trials=self._own)

    def compared(self, after: Result) -> Equivalence:
        """`after`: the replay of the rewritten trace, followed, with `trials`."""
        return allowed_alike(self._before, after, self._origin, (self._own, self.trials))


def check(
    trace: Trace,
    done: Rewritten,
    before: Machine,
    after: Machine,
    results: npt.NDArray[np.integer[Any]] | None = None,
    engine: str = "auto",
) -> Equivalence:
    """Compare `done`, a rewriting of `trace`, on `after` with the original on `before`; `results` as for `rewrite`."""
    return checked(rows_of(trace, results, engine, AREAS), done, before, after, engine)


def checked(
    rows: Rows, done: Rewritten, before: Machine, after: Machine, engine: str = "auto"
) -> Equivalence:
    """The same for the rows of a trace."""
    from ..engine.run.driver import replay

    it = Check(rows, done, before, engine)
    return it.compared(replay(done.trace, after, follow=True, engine=engine, ends=False, trials=it.trials))


def _places_in(done: Rewritten, events: Words, count: int) -> Words:
    """The places in the rewritten trace of probes in front of `events` of the trace, which has `count` of them.

    They stand in front of the end of their process, which every pass keeps.
    """
    ends = np.flatnonzero(done.trace.columns["kind"] == ev.K_EXIT)
    places = {**dict(zip(done.origin[ends].tolist(), ends.tolist(), strict=True)), count: len(done.origin)}
    return np.array([places[event] for event in events.tolist()], dtype=np.int64)
