"""The typed front of the engine: a Trace and a Machine in, a Result out.

Small traces run as plain Python at once, large ones compiled (see `jit`); both give equal results. Events go
through the loop in chunks, and result columns are narrowed chunk by chunk, so memory stays bounded.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np

from ... import errorcodes as ec
from ...abi.kinds import (
    EVF_OBSERVE,
    EVF_TAKEN,
    K_EXIT,
    K_FAULT,
)
from ...abi.rows import (
    E_FLAGS,
    E_KIND,
    E_TASK,
    EV_WORDS,
    RS_RET,
    RS_WORDS,
)
from ...errors import TraceRefused
from ...lateclasses import replace
from ...machine.ruletable import N_RULES
from ...result.result import Result, Snapshot
from ...trace.events import Trace, occurs
from ...trace.proved import Flaw, prove
from .. import arena
from ..look.observe import Observer, wants_observation
from ..state import (
    G_OWN_LIMIT,
    G_TAKING,
    G_TASKS,
    H_ERROR,
    H_RULES,
    T_MM,
)
from .columns import Columns, Part, Rows
from .engines import choose_engine, is_compiled, link_engine, load_engine
from .eventrows import EventRows
from .moments import Moment, Moments, go_back
from .refusals import Sizes, mark_resolved_faults, mark_taken, settle, taking
from .setup import set_up
from .shown import shown_by
from .telling import broken, notes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from ..look.changes import Recorder
    from .trials import Trials

CHUNK = 1 << 16
_HUGE_PAGES_FROM = 20_000  # events: clearing one huge page costs as much as some thousand of them
_LOOK_AHEAD = 256  # events behind a chunk among which a fault's signal is looked for
CHUNK_INTERPRETED = 1 << 12  # progress every second or so

Progress = Callable[[str, int, int], None]
"""Called with a phase ("compile" or "replay"), how much is done and the whole."""


def replay(
    trace: Trace,
    machine: Any,
    *,
    follow: bool | None = None,
    observe_at: Iterable[int] = (),
    observe_before: Iterable[int] = (),
    counters: bool = False,
    engine: str = "auto",
    progress: Progress | None = None,
    watch: Callable[[Any, int], None] | None = None,
    ends: bool = True,
    pages: bool = True,
    changes: bool = False,
    peak: str = "",
    trials: Trials | None = None,
) -> Result:
    """Replay `trace` on `machine`.

    `follow`: place mappings where the log says (default: for recorded traces) or by the machine's own
    search. `observe_at` and `observe_before` are event numbers behind or in front of which the address space
    of the event's task is kept in `Result.observed`; scenario steps that report something always are.
    `counters` adds total_vm, data_vm, stack_vm, locked_vm and rss after every event, in pages; `changes` brings rss.
    `progress` is called as the work goes on, first with "compile" if the engine must be compiled. `watch` is called
    behind every event with the arena and the event's number. Without `ends` the address spaces at exits and at the
    end, and totals, are not kept: for a replay that is made for one look. Without `pages` the address spaces at the
    end of a scenario say nothing of their pages: for those who compare areas and columns. `changes` keeps every
    change of areas in `Result.changes` (result/changes.py). `peak` ("first" or "last") keeps what makes a look at the
    first or last event with the most areas cheap (`Result.looks`). `trials` are made on the way and get their outcomes.

    Raises ReplayError RT600 when memory runs out, RT601 on broken state, RT603 on a bad table.
    """
    followed = trace.recorded if follow is None else follow
    if followed:
        mark_taken(trace, machine, lambda t, m: replay(t, m, follow=True, engine=engine))
    compiled = choose_engine(trace, engine) == "compiled"
    if compiled and progress is not None and not is_compiled():
        progress("compile", 0, 1)
    run = _Run(trace, machine, load_engine(compiled), compiled, followed)
    run.observer.behind.update(observe_at)
    run.observer.before.update(observe_before)
    run.watch = watch
    run.ends = ends
    run.observer.pages = pages
    run.trials = trials
    if changes:
        from ..look.changes import Recorder

        run.recorder = Recorder(run.view, trace.strings)
    if peak:
        run.moments = Moments(run.m, peak, len(trace))
    result = run.go(counters, progress)
    later = _Later(run) if peak else None

    def look(event: int) -> Snapshot | None:
        if later is not None and later.knows(event):
            return later.look(event)
        from ...trace.cutting import first_events

        return replay(
            first_events(trace, event + 1),
            machine,
            follow=follow,
            observe_at=[event],
            engine=engine,
            ends=False,
        ).observed.get(event)

    return replace(result, looks=look)


def prepare(trace: Trace) -> None:
    """Do ahead what every replay of `trace` needs, whatever the machine: for processes that are forked behind it."""
    if choose_engine(trace) == "compiled":
        link_engine()
    settle(trace, lambda t, m: replay(t, m, follow=True))


def rules_read(trace: Trace, machine: Any) -> tuple[Result, frozenset[int]]:
    """The result of `trace` on `machine`, and the numbers of the rules that were read on the way, interpreted.

    Another value of any other rule gives the same result. Raises as `replay`.
    """
    run = _Run(trace, machine, load_engine(compiled=False), False, trace.recorded, watched=True)
    result = run.go(counters=False, progress=None)
    return result, frozenset(run.m.seen)


class _Watched:
    """An arena that notes which rules are read."""

    __slots__ = ("seen", "words")

    def __init__(self, words: Any) -> None:
        self.words = words
        self.seen: set[int] = set()

    def __getitem__(self, at: Any) -> Any:
        if at.__class__ is int and H_RULES <= at < H_RULES + N_RULES:
            self.seen.add(at - H_RULES)
        return self.words[at]

    def __setitem__(self, at: Any, value: Any) -> None:
        self.words[at] = value

    def __len__(self) -> int:
        return len(self.words)


def walk(trace: Trace, machine: Any, *, follow: bool | None = None) -> Iterator[tuple[int, Any, int, int]]:
    """Replay interpreted; behind every event: its number, the arena, the task's mm (0: none), the result.

    For those who watch every change, such as `remaptrace.lookup`. The arena is only to be read, and only
    until the next step. Raises as `replay`.
    """

    run = _Run(
        trace, machine, load_engine(compiled=False), False, trace.recorded if follow is None else follow
    )
    for base in range(0, len(trace), CHUNK_INTERPRETED):
        events = trace.rows(base, min(base + CHUNK_INTERPRETED, len(trace)))
        run._mark(events, base)
        table: Any = events.reshape(-1)
        ev, rs = memoryview(table), run.rows_of(len(events)).words
        loop = run._loop_over(ev)
        for row in range(len(events)):
            run._run_to(loop, ev, base, row, row + 1)
            task = run.view[run.view[G_TASKS] + int(events[row, E_TASK])]
            yield (
                base + row,
                run.view,
                int(run.view[task + T_MM]) if task else 0,
                int(rs[row * RS_WORDS + RS_RET]),
            )


class _Run:
    """One replay: the arena and what is kept of it."""

    def __init__(
        self,
        trace: Trace,
        machine: Any,
        loop: Callable[..., int],
        compiled: bool,
        follow: bool,
        *,
        watched: bool = False,
    ) -> None:
        check_tables(trace)
        self.trace = trace
        self.machine = machine
        self.loop = loop
        self.compiled = compiled
        self.follow = follow
        try:
            self.m = arena.new_arena(
                machine.rules, machine.archwords, compiled=compiled, huge=len(trace) >= _HUGE_PAGES_FROM
            )
        except OSError as error:
            raise MemoryError(f"no memory for a simulated machine: {error.strerror or error}") from None
        if watched:
            self.m = _Watched(self.m)
        self.view = memoryview(self.m) if compiled else self.m
        set_up(self.view, trace, follow)
        self.view[G_TAKING], self.view[G_OWN_LIMIT] = taking(trace, machine) if follow else (0, 0)
        shown, self.notes = shown_by(trace, machine)
        for rule, value in shown.items():
            self.view[H_RULES + rule] = value
        self.observer = Observer(self.view, trace)
        self.ends = True
        self.watch: Callable[[Any, int], None] | None = None
        self.reporting: npt.NDArray[np.bool_] = np.zeros(0, dtype=bool)
        self.recorder: Recorder | None = None
        self.trials: Trials | None = None
        self.moments: Moments | None = None
        self.counted = False
        self.chunk = CHUNK if compiled else CHUNK_INTERPRETED
        self._events = EventRows(trace, self.chunk + _LOOK_AHEAD)
        self._rows = Rows(0, False)
        self._answers: tuple[Any, Any] = (self._rows.words, self._rows.counts)

    def rows_of(self, events: int) -> Rows:
        """Room for the results of `events` events."""
        if len(self._rows.words) < events * RS_WORDS or self._rows.counted != self.counted:
            self._rows = Rows(events, self.counted)
            words: tuple[Any, Any] = (self._rows.words, self._rows.counts)
            self._answers = words if self.compiled else (memoryview(words[0]), memoryview(words[1]))
        return self._rows

    def look(self, moment: Moment, event: int) -> Snapshot | None:
        """Behind `go`: back to `moment`, which was taken on the way, and on to `event`; the address space behind it."""
        go_back(self.m, moment)
        self.ends, self.watch, self.recorder, self.moments, self.trials = False, None, None, None, None
        self.observer = Observer(self.view, self.trace)
        self.observer.behind.add(event)
        for first in range(moment.event, event + 1, self.chunk):
            self._chunk(first, min(first + self.chunk, len(self.trace)), event + 1)
        return self.observer.observed.get(event)

    def go(self, counters: bool, progress: Progress | None) -> Result:
        """Replay every event."""
        total = len(self.trace)
        columns = Columns(
            total, counters, resident=self.recorder is not None, recorded=self.trace.columns["ret"]
        )
        sizes = Sizes(self.trace) if self.follow else None
        self.counted = counters or (sizes is not None and sizes.wanted)
        kinds = self.trace.columns["kind"]
        for base in range(0, total, self.chunk):
            if self.moments is not None:
                self.moments.in_front(base)
            rows = self._chunk(base, min(base + self.chunk, total))
            if self.moments is not None:
                self.moments.behind(kinds[base : base + self.chunk], rows)
            if sizes is not None:
                sizes.add(base, rows)
            columns.add(rows)
            if progress is not None:
                progress("replay", min(base + self.chunk, total), total)
        ends, notes = self.observer.final() if self.ends else ((), [])
        log = self.recorder.finish() if self.recorder is not None else None
        if self.recorder is not None and log is None:
            notes.append("one event changed more areas than the log of changes has room for: it is not kept")
        result = Result(
            trace=self.trace,
            machine=self.machine,
            columns=columns.whole(),
            snapshots=tuple(self.observer.exits) + ends,
            observed=self.observer.observed,
            totals=self.observer.totals() if self.ends else {},
            notes=(*self.notes, *notes_of(self.view, self.trace, self.machine.page_size), *notes),
            at_refusals={} if sizes is None else sizes.at_refusals,
            most={} if sizes is None else sizes.most,
            followed=self.follow,
            changes=log,
        )
        self._try(total, back=self.moments is not None)
        return result

    def _try(self, event: int, back: bool) -> None:
        if self.trials is not None:
            back = back and not self.trials.lasting
            self.trials.make(self.trace, self.m, self.loop, event, view=self.view, back=back)

    def _chunk(self, base: int, end: int, last: int = 1 << 62) -> Part:
        """Replay events base..end-1, those before event `last`; their results."""
        ahead = min(end + _LOOK_AHEAD, len(self.trace))
        events = self._events.rows(base, ahead)
        if self.follow and occurs(self.trace.columns["kind"][base:ahead], (K_FAULT,)):
            mark_resolved_faults(events)
        end = min(end, last)
        events = events[: end - base]
        stops = self._mark(events, base)
        rows = self.rows_of(end - base)
        ev: Any = events.reshape(-1)
        if not self.compiled:
            ev = memoryview(ev)
        assert events.shape[1] == EV_WORDS
        at, size = 0, end - base
        loop = self._loop_over(ev)
        for stop in [*stops, size]:
            if stop < size and stop >= at:
                at = self._run_to(loop, ev, base, at, stop)
                self._try(base + stop, back=True)
                if self.ends or base + stop in self.observer.before:
                    self.observer.in_front(base + stop, events[stop])
            elif stop == size:
                at = self._run_to(loop, ev, base, at, size)
        return rows.first(size)

    def _loop_over(self, ev: Any) -> Callable[[int, int, int], int]:
        """The loop over the rows `ev` of a chunk, which the caller keeps: of its first event's number and two rows."""
        shared = (self.m, ev, *self._answers, int(self.counted))
        if not self.compiled:
            return partial(self.loop, *shared)
        loop: Any = self.loop
        words = loop.words_of(*shared)
        return lambda base, at, last: int(loop.with_words([*words, base, at, last]))

    def _run_to(self, loop: Callable[[int, int, int], int], ev: Any, base: int, at: int, last: int) -> int:
        """Replay rows at..last-1, looking at the state where events ask for it."""
        while at < last:
            at = int(loop(base, at, last))
            if self.recorder is not None:
                self.recorder.read()
            error = self.view[H_ERROR]
            if error:
                raise broken(self.trace, int(error), base + at - 1)
            if ev[(at - 1) * EV_WORDS + E_FLAGS] & EVF_OBSERVE:
                if self.watch is None or self.reporting[at - 1]:
                    self.observer.behind_event(base + at - 1)
                if self.watch is not None:
                    self.watch(self.view, base + at - 1)
        return at

    def _mark(self, events: npt.NDArray[np.int64], base: int) -> list[int]:
        """Set flags that the loop needs; the rows in front of which the observer looks."""
        kinds, flags = events[:, E_KIND], events[:, E_FLAGS]
        if self.trace.taken is not None:
            flags[self.trace.taken[base : base + len(events)]] |= EVF_TAKEN
        if not self.trace.recorded:
            flags[wants_observation(kinds)] |= EVF_OBSERVE
        for event in self.observer.behind:
            if base <= event < base + len(events):
                flags[event - base] |= EVF_OBSERVE
        if self.watch is not None:
            self.reporting = flags & EVF_OBSERVE != 0
            flags |= EVF_OBSERVE
        narrow = self.trace.columns["kind"][base : base + len(events)]
        stops = set((narrow == K_EXIT).nonzero()[0].tolist()) if self.ends else set()
        stops.update(e - base for e in self.observer.before if base <= e < base + len(events))
        if self.trials is not None:
            stops.update(e - base for e in self.trials.places(base, base + len(events)))
        return sorted(stops)


class _Later:
    """Looks at a machine whose replay is done: as it stands, and by going back to moments that were kept on the way.

    Looks of several threads come one after the other.
    """

    def __init__(self, run: _Run) -> None:
        self._run, self._moments, self._at_end = run, run.moments, run.ends
        self._lock = allocate_lock()

    def knows(self, event: int) -> bool:
        """Whether a look behind `event` needs no new replay."""
        return self._stands(event) or self._before(event) is not None

    def look(self, event: int) -> Snapshot | None:
        """The address space behind `event`, of which it knows."""
        with self._lock:
            moment = self._before(event)
            if self._stands(event) or moment is None:
                return self._run.observer.behind_last(event)
            self._at_end = False
            return self._run.look(moment, event)

    def _stands(self, event: int) -> bool:
        return self._at_end and event == len(self._run.trace) - 1

    def _before(self, event: int) -> Moment | None:
        return self._moments.before(event) if self._moments is not None else None


def check_tables(trace: Trace) -> None:
    """Refuse tables that do not hold together: compiled code would read and write past their ends. RT603."""
    try:
        prove(trace)
    except Flaw as flaw:
        line, path = 0, trace.sources[0] if isinstance(trace.sources, list) and trace.sources else ""
        if flaw.event >= 0 and "line" in trace.columns:
            line = int(trace.columns["line"][flaw.event])
        raise TraceRefused(
            ec.RT_BAD_TRACE, flaw.problem, path=str(path), line=line, found=flaw.found, expected=flaw.expected
        ) from None
