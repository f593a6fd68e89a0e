"""What a page knows of areas: each with its life, from one event to another, so that every event can be shown.

Taken from the log of changes. A life has a place, a look (words that many areas share) and a birth. Where there are
more of them than a page should carry, events are put together: the page then shows some moments exactly, and says so.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...lateclasses import dataclass
from ...result.areakinds import kind_of
from ...result.arearow import Layout, special_name
from ...result.changes import NEVER, Changes
from .columns import column, steps, varints

if TYPE_CHECKING:
    from ..documents.page import SpaceColumns

LIVES = 300_000
"""Lives that a page carries at most: a browser draws them in a second."""
PACKED = 800_000
"""Bytes that they may take, compressed."""
_FEWEST = 4
_SPACED = 0.75
"""The part of the room for moments that are spaced over the whole; the rest is for those around the peak."""
_WIDEST, _NARROWEST = 2048, 16

Ints = npt.NDArray[np.int64]


@dataclass
class Space:
    """The lives of one address space, by `first`."""

    row: Ints  # of the log
    first: Ints  # event
    until: Ints  # event, NEVER: to the end
    look: Ints


class Looks:
    """The words of areas, numbered: permissions, kind, name, VmFlags, whether it is assumed."""

    def __init__(self, log: Changes) -> None:
        self.log = log
        self.rows: list[list[int]] = []
        self.names: dict[str, int] = {}
        self.words: dict[str, int] = {}
        self._numbers: dict[tuple[int, str], int] = {}

    def number(self, row: int, layout: Layout, special: str) -> int:
        """The look of log row `row`; `special` is "[heap]", "[stack]" or empty."""
        key = int(self.log.kind[row]), special
        if key not in self._numbers:
            vma = self.log.row(row, layout)
            name = self.names.setdefault(vma.name or vma.file or "", len(self.names))
            perms = self.words.setdefault(vma.perms, len(self.words))
            flags = self.words.setdefault(vma.vmflags, len(self.words))
            self._numbers[key] = len(self.rows)
            self.rows.append([perms, kind_of(vma), name, flags, int(vma.assumed)])
        return self._numbers[key]


def space_of(log: Changes, space: int, looks: Looks) -> Space:
    """The lives of one address space; an area that becomes [heap] or [stack] begins a new one."""
    lives = log.lives(space)
    layouts = log.layouts[log.layouts[:, 1] == space]
    words = [Layout(), *(Layout(*map(int, r[2:])) for r in layouts)]
    since = layouts[:, 0]
    nameless = np.array([k.inode == 0 and k.special == 0 for k in log.kinds], dtype=bool)[log.kind[lives.row]]
    touched = nameless & _near(log.start[lives.row], log.end[lives.row], layouts)
    look = np.full(len(lives.row), -1, dtype=np.int64)
    plain = np.flatnonzero(~touched)
    kinds, back = np.unique(log.kind[lives.row[plain]], return_inverse=True)
    if len(kinds):
        examples = lives.row[plain][np.unique(back, return_index=True)[1]]
        numbers = np.array([looks.number(int(r), Layout(), "") for r in examples], dtype=np.int64)
        look[plain] = numbers[back]
    rows, firsts, untils, made = [lives.row[plain]], [lives.first[plain]], [lives.until[plain]], [look[plain]]
    for i in np.flatnonzero(touched).tolist():
        row, first, until = int(lives.row[i]), int(lives.first[i]), int(lives.until[i])
        at = int(np.searchsorted(since, first, side="right"))
        parts = [(first, at)]
        while at < len(since) and since[at] < until:
            at += 1
            parts.append((int(since[at - 1]), at))
        last = None
        for begin, number in parts:
            strict = log.shown.heap_strict
            name = special_name(int(log.start[row]), int(log.end[row]), words[number], strict)
            if name == last:
                continue
            if last is not None:
                untils[-1] = np.array([begin])
            rows.append(np.array([row]))
            firsts.append(np.array([begin]))
            untils.append(np.array([until]))
            made.append(np.array([looks.number(row, words[number], name)]))
            last = name
    every, since_, until_, looks_ = (np.concatenate(part) for part in (rows, firsts, untils, made))
    order = np.lexsort((log.start[every], since_))
    alive = order[until_[order] > since_[order]]
    return Space(every[alive], since_[alive], until_[alive], looks_[alive])


def _near(start: Ints, end: Ints, layouts: Ints) -> npt.NDArray[np.bool_]:
    """Which areas heap or stack may ever be."""
    if not len(layouts):
        return np.zeros(len(start), dtype=bool)
    low, high = layouts[:, 2][layouts[:, 2] != 0], layouts[:, 3]
    near = np.zeros(len(start), dtype=bool)
    if len(low):
        near |= (start <= high.max()) & (end >= low.min())
    for stack in np.unique(layouts[:, 4]).tolist():
        near |= (stack != 0) & (start <= stack) & (stack <= end)
    return near


def stops_for(
    spaces: Sequence[Space], log: Changes, must: Iterable[int], most: int = LIVES, size: int = PACKED
) -> Ints | None:
    """Moments to show if all are too many; None: every event.

    As many as `most` lives of `size` bytes allow, spaced by changes, and those of `must` in any case. A part of the
    room is for every event around the first of `must`, the peak: where areas come and go at random, moments far from
    each other share few of them, neighbours nearly all.
    """
    if _fits(spaces, log, most, size):
        return None
    most, size = most // 2, size // 2  # a page whose areas never rest takes a browser longer for each
    events = np.sort(np.concatenate([s.first for s in spaces]))
    must = list(must)
    wanted, count = np.array(sorted(must), dtype=np.int64), 8192

    def fits(stops: Ints, part: float) -> bool:
        return sum(int(_surviving(s, stops).sum()) for s in spaces) <= most * part and _fits(
            [thinned(s, stops) for s in spaces], log, int(most * part), int(size * part)
        )

    while True:
        at = np.linspace(0, len(events) - 1, count).astype(np.int64)
        stops = np.unique(np.concatenate([events[at], wanted]))
        if count <= _FEWEST or fits(stops, _SPACED):
            break
        count //= 2
    wide = _WIDEST
    while must and wide >= _NARROWEST:
        near = np.arange(max(0, must[0] - wide), must[0] + wide + 1)
        more = np.unique(np.concatenate([stops, near]))
        more = more[more <= max(int(events[-1]), int(stops[-1]))]
        if fits(more, 1.0):
            return more
        wide //= 2
    return stops


def _fits(spaces: Sequence[Space], log: Changes, most: int, size: int) -> bool:
    lives = sum(len(space.row) for space in spaces)
    if lives > most:
        return False
    if lives * 4 < size:  # a life takes less than that only where many are alike
        return True
    whole = b"".join(map(_bytes, (packed(space, log) for space in spaces)))
    return len(zlib.compress(whole, 6)) <= size


def _bytes(space: SpaceColumns) -> bytes:
    columns = (space["first"], space["until"], space["start"], space["pages"], space["look"], space["born"])
    return b"".join(varints(column.values) for column in columns)


def _surviving(space: Space, stops: Ints) -> npt.NDArray[np.bool_]:
    surviving: npt.NDArray[np.bool_] = np.searchsorted(stops, space.first) < np.searchsorted(
        stops, space.until
    )
    return surviving


def thinned(space: Space, stops: Ints) -> Space:
    """`space` as it is at `stops`: a life begins and ends at the first of them that shows it so."""
    kept = _surviving(space, stops)
    row, first, until, look = (c[kept] for c in (space.row, space.first, space.until, space.look))
    first = stops[np.searchsorted(stops, first)]
    ends = np.searchsorted(stops, until)
    until = np.where(ends < len(stops), stops[np.minimum(ends, len(stops) - 1)], NEVER)
    order = np.lexsort((row, first))
    return Space(row[order], first[order], until[order], look[order])


def packed(space: Space, log: Changes) -> SpaceColumns:
    """The columns of a page. Pages, not bytes; `until` 0: to the end, `born` -1: before the trace."""
    shift = log.shown.shift
    start, end = log.start[space.row] >> shift, log.end[space.row] >> shift
    return {
        "first": steps(space.first),
        "until": steps(np.where(space.until == NEVER, 0, space.until)),
        "start": steps(start),
        "pages": column(end - start),
        "look": column(space.look),
        "born": steps(log.born[space.row]),
    }
