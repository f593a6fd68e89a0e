"""Passes that are compiled: events in, the rows of the new trace out. See `engine.whatif`."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import errorcodes as ec
from ..abi.kinds import ACCESSES
from ..abi.rows import EV_WORDS
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
    W_HELD,
    W_LAST_HELD,
    W_LAST_SPACE,
    W_NEED,
    W_NHELD,
    W_NREOPENED,
    W_NTASKS,
    W_OUT,
    W_PASS,
    W_REGIONS,
    W_REOPENED,
    W_ROOM,
    W_SEES_WRITES,
    W_SPACES,
    W_TASKS,
)
from ..errors import ReplayError
from ..machinecode.folders import WHATIF
from ..machinecode.ready import is_compiled
from .descriptors import what_is_mapped

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
Words = npt.NDArray[np.int64]


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


class Walk:
    """Compiled passes over the same rows; what the first look at them finds serves all of them."""

    def __init__(self, table: Words, tasks: int, engine: str) -> None:
        """`table`: the events, `trace.events.COLUMNS` each; `tasks`: how many there are; `engine` as in `replay`."""
        self._table = table
        self._tasks = tasks
        self._compiled = _compiled(len(table), engine)
        self._extra = what_is_mapped(table)
        if self._compiled:
            self._loop: Any = _machine_code()
        else:
            from ..engine.whatif.loop import rewrite

            self._loop = rewrite

    @cached_property
    def _m(self) -> Any:
        """The arena of all passes on these rows, with room for what each event says of regions."""
        try:
            m = arena.new_arena((), (), compiled=self._compiled)
        except OSError as error:
            raise MemoryError(f"no memory for following areas: {error.strerror or error}") from None
        view = memoryview(m) if self._compiled else m
        for word in (W_REGIONS, W_REOPENED):
            view[word] = _words(view, len(self._table))
        view[W_NTASKS] = self._tasks
        kinds = self._table[:, 0]
        view[W_SEES_WRITES] = int(np.isin(kinds, ACCESSES).any())
        return m

    @cached_property
    def reopened(self) -> int:
        """Calls that close pages of private memory whose contents are wanted again: the first look finds them."""
        self._run(P_FIND, 0)
        return int(self._m[W_NREOPENED])

    def run(self, name: str, areas: int = 0) -> tuple[Words, Words, list[int]]:
        """The pass `name`: for each new row 2 * event, plus 1 if it is new; the words of new rows; counts by C_*.

        `areas`: of one process, those that are probed. Raises ReplayError RT600 when memory runs out.
        """
        if name in ("guards", "rfp-guards"):
            assert self.reopened >= 0  # found before anything is written
        return self._run(PASSES[name], areas)

    def _run(self, what: int, areas: int) -> tuple[Words, Words, list[int]]:
        m = self._m
        view = memoryview(m) if self._compiled else m
        for word in (W_SPACES, W_LAST_SPACE, W_HELD, W_LAST_HELD, W_NHELD, *range(W_COUNTS, W_COUNTS + 4)):
            view[word] = 0
        view[W_PASS], view[W_EVENT], view[W_AREAS] = what, -1, areas
        view[W_TASKS] = _words(view, view[W_NTASKS])
        room = _ROOM if self._compiled else _ROOM_INTERPRETED
        origins: list[Words] = []
        changes: list[Words] = []
        flat: Any = self._table.reshape(-1)
        extra: Any = self._extra
        if not self._compiled:
            flat, extra = memoryview(flat), memoryview(extra)
        at, last, ended = 0, len(self._table), False
        while not ended:
            origin, changed = np.empty(room, dtype=np.int64), np.empty((room, EV_WORDS), dtype=np.int64)
            view[W_OUT] = view[W_CHANGED] = view[W_NEED] = 0
            view[W_ROOM] = room if what != P_FIND else 1 << 62
            out: tuple[Any, Any] = origin, changed.reshape(-1)
            if not self._compiled:
                out = memoryview(out[0]), memoryview(out[1])
            if at < last:
                at = int(self._loop(m, flat, extra, *out, at, last))
            if at == last:
                ended = not self._loop(m, flat, extra, *out, last, last)
            _check(view)
            origins.append(origin[: view[W_OUT]].copy())
            changes.append(changed[: view[W_CHANGED]].copy())
            # what one event may take grows with the areas: with room for it alone the next would end the call again
            room = max(room, _AHEAD * int(view[W_NEED]))
        return (
            np.concatenate(origins),
            np.concatenate(changes),
            [int(view[W_COUNTS + i]) for i in range(4)],
        )
