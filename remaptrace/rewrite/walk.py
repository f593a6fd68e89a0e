"""Passes that are compiled: events in, the rows of the new trace out. See `engine.whatif`."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import errorcodes as ec
from ..abi.rows import E_ARGS, E_RET, EV_WORDS
from ..engine import arena
from ..engine.state import H_ERROR, kalloc
from ..engine.whatif.words import (
    P_DONTNEED,
    P_FIND,
    P_GUARDS,
    P_MERGE_ORDER,
    P_PROBES,
    P_RFP_GUARDS,
    W_AREAS,
    W_CHANGED,
    W_COUNTS,
    W_EVENT,
    W_GONE,
    W_HELD,
    W_LAST_HELD,
    W_LAST_SPACE,
    W_NEED,
    W_NHELD,
    W_NREOPENED,
    W_NTASKS,
    W_OUT,
    W_PASS,
    W_PROBE_ROOM,
    W_PROBED,
    W_REGIONS,
    W_ROOM,
    W_SEES_WRITES,
    W_SPACES,
    W_TASKS,
)
from ..errors import ReplayError
from ..lateclasses import dataclass
from ..machinecode.folders import WHATIF
from ..machinecode.ready import is_compiled
from ..trace.events import Trace, has_accesses
from .descriptors import attached

if TYPE_CHECKING:
    from ..machinecode.load import Function

PASSES = {
    "guards": P_GUARDS,
    "rfp-guards": P_RFP_GUARDS,
    "merge-order": P_MERGE_ORDER,
    "dontneed": P_DONTNEED,
    "probes": P_PROBES,
}
_LOOP = "whatif.loop.rewrite"
_INTERPRETED_BELOW = 2_000
"""Events below which loading compiled code does not pay, unless it came with the package."""
_COMPILE_FROM = 60_000
"""Events from which compiling the passes, half a minute once, takes no longer than `advise` takes with plain Python."""
_ROOM = 1 << 16
_ROOM_INTERPRETED = 1 << 12
_AHEAD = 4
"""Times the rows that one event may take for which there is room at least."""
_PROBES = 1 << 12
"""Rows of probes for which there is room beside those of one process."""
_PAGES_OF_AN_AREA = 3 * 2
"""Rows that probe an area: its first and its last page are read, written and executed."""
_CHUNK = 1 << 16
Words = npt.NDArray[np.int64]
_NO_EVENTS: Words = np.zeros((0, EV_WORDS), dtype=np.int64)


@lru_cache(maxsize=1)
def _machine_code() -> Function:
    from ..machinecode.load import Function

    return Function(WHATIF, _LOOP)


def _compiled(events: int, engine: str) -> bool:
    """True if a pass over so many events is to be compiled; `engine` as in `replay`."""
    if engine != "auto":
        return engine == "compiled"
    from ..machinecode.shipped import is_shipped

    if is_shipped(WHATIF, _LOOP):
        return True
    from ..machinecode.folders import can_compile

    if events >= _COMPILE_FROM and can_compile():
        return True
    return events >= _INTERPRETED_BELOW and is_compiled(WHATIF, _LOOP)


def is_ready() -> bool:
    """True when the machine code of the passes is at hand."""
    return is_compiled(WHATIF, _LOOP)


def warm() -> None:
    """Compile the passes now if their machine code is not on disk. ReplayError RT605 if it cannot be made or kept."""
    from ..machinecode.build import keep_object

    keep_object(WHATIF, _LOOP)


def _words(view: Any, words: int) -> int:
    at = kalloc(view, max(words, 1))
    _check(view)
    return at


def _check(view: Any) -> None:
    if view[H_ERROR]:
        raise ReplayError(ec.RT_ARENA_FULL, arena.ERROR_WORDS[view[H_ERROR]])


@dataclass(frozen=True)
class Written:
    """What a pass wrote: for each new row the event it stands for; which rows are new, and their words; counts by C_*.

    `probes`: rows of accesses to be tried, if the pass was asked for them, and in `in_front` of which event each is.
    """

    origin: Words
    where: Words
    words: Words
    counts: list[int]
    probes: Words
    in_front: Words


class Walk:
    """Compiled passes over the events of a trace; what the first look at them finds serves all of them."""

    def __init__(self, told: Trace, engine: str, areas: int = 0) -> None:
        """`told`: the trace with the results and addresses that hold; `engine` as in `replay`.

        `areas`: of one process, those that are probed at its end, by each pass that follows the trace as it is.
        """
        self._trace = told
        self._areas = areas
        self._compiled = _compiled(len(told), engine)
        self._attached = attached(told)
        self._probes: tuple[Words, Words] | None = None
        if self._compiled:
            self._loop: Any = _machine_code()
        else:
            from ..engine.whatif.loop import rewrite

            self._loop = rewrite

    @cached_property
    def _m(self) -> Any:
        """The arena of all passes on these rows."""
        try:
            m = arena.new_arena((), (), compiled=self._compiled, huge=False)
        except OSError as error:
            raise MemoryError(f"no memory for following areas: {error.strerror or error}") from None
        view = memoryview(m) if self._compiled else m
        view[W_NTASKS] = len(self._trace.tasks)
        view[W_SEES_WRITES] = int(has_accesses(self._trace))
        return m

    @cached_property
    def reopened(self) -> int:
        """Calls that close pages of private memory whose contents are wanted again: the first look finds them."""
        view = memoryview(self._m) if self._compiled else self._m
        view[W_REGIONS] = _words(view, len(self._trace))
        self._run(P_FIND, 0)
        return int(self._m[W_NREOPENED])

    def run(self, name: str) -> Written:
        """The pass `name`. Raises ReplayError RT600 when memory runs out."""
        if name in ("guards", "rfp-guards"):
            assert self.reopened >= 0  # found before anything is written
        wanted = self._areas if self._probes is None and name != "dontneed" else 0
        written = self._run(PASSES[name], wanted)
        if wanted:
            self._probes = written.in_front, written.probes
        return written

    def probes(self) -> tuple[Words, Words]:
        """In front of which event each access stands that is to be tried, ascending, and their rows."""
        if self._probes is None:
            self.run("probes")
        assert self._probes is not None
        return self._probes

    def _run(self, what: int, areas: int) -> Written:
        m, trace = self._m, self._trace
        view = memoryview(m) if self._compiled else m
        for word in (W_SPACES, W_LAST_SPACE, W_HELD, W_LAST_HELD, W_NHELD, *range(W_COUNTS, W_COUNTS + 4)):
            view[word] = 0
        view[W_PASS], view[W_EVENT], view[W_AREAS] = what, -1, areas
        view[W_TASKS], view[W_GONE] = _words(view, view[W_NTASKS]), _words(view, view[W_NTASKS])
        pieces = _Pieces(_ROOM if self._compiled else _ROOM_INTERPRETED, areas)
        for base in range(0, len(trace), _CHUNK):
            events = self._events(base, min(base + _CHUNK, len(trace)))
            at = 0
            while at < len(events):
                at = self._some(pieces, events, base, at, len(events))
        while self._some(pieces, _NO_EVENTS, len(trace), 0, 0):
            pass
        return pieces.whole([int(view[W_COUNTS + i]) for i in range(4)])

    def _events(self, first: int, last: int) -> Words:
        """Rows of events first..last-1; those of shmat have the bytes of the segment behind their arguments."""
        table = self._trace.rows(first, last)
        for event, size in self._attached.items():
            if first <= event < last:
                table[event - first, E_ARGS + 5] = size
        return table

    def _some(self, pieces: _Pieces, events: Words, base: int, at: int, last: int) -> int:
        """Rows at..last-1 of the pass as far as there is room; what the loop returns."""
        m = self._m
        view = memoryview(m) if self._compiled else m
        view[W_OUT] = view[W_CHANGED] = view[W_NEED] = view[W_PROBED] = 0
        view[W_ROOM] = pieces.room if view[W_PASS] not in (P_FIND, P_PROBES) else 1 << 62
        view[W_PROBE_ROOM] = len(pieces.probes)
        flat: tuple[Any, ...] = tuple(
            part.reshape(-1) for part in (events, pieces.origin, pieces.changed, pieces.probes)
        )
        if not self._compiled:
            flat = tuple(map(memoryview, flat))
        done = int(self._loop(m, *flat, base, at, last))
        _check(view)
        pieces.add(view[W_OUT], view[W_CHANGED], view[W_PROBED])
        pieces.grow(_AHEAD * int(view[W_NEED]))
        return done


class _Pieces:
    """What a pass writes, taken over piece by piece."""

    def __init__(self, room: int, areas: int) -> None:
        self.room = 0
        self.grow(room)
        self.probes = np.empty(
            (_PAGES_OF_AN_AREA * areas + _PROBES if areas else 0, EV_WORDS), dtype=np.int64
        )
        self._rows = 0
        self._taken: tuple[list[Words], ...] = ([], [], [], [])

    def grow(self, room: int) -> None:
        """Make room for as many rows. What one event may take grows with the areas: with room for it alone the next
        would end the call again.
        """
        if room > self.room:
            self.room = room
            self.origin = np.empty(room, dtype=np.int64)
            self.changed = np.empty((room, EV_WORDS), dtype=np.int64)

    def add(self, rows: int, changed: int, probes: int) -> None:
        """The first of each are written."""
        origins, wheres, words, tried = self._taken
        origin = self.origin[:rows]
        origins.append(origin >> 1)
        wheres.append(np.flatnonzero(origin & 1) + self._rows)
        words.append(self.changed[:changed].copy())
        tried.append(self.probes[:probes].copy())
        self._rows += rows

    def whole(self, counts: list[int]) -> Written:
        """All of them."""
        origin, where, words, probes = map(np.concatenate, self._taken)
        in_front = probes[:, E_RET].copy()
        probes[:, E_RET] = 0
        return Written(origin, where, words, counts, probes, in_front)
