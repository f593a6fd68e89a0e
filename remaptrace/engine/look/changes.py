"""Taking the log of changes out of a running replay, see areas/changelog.py and result/changes.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...result.changes import Changes, Ints, Kind
from ..areas.changelog import (
    L_ATTRIBUTES,
    L_AV,
    L_AVMULTI,
    L_BORN,
    L_END,
    L_EVENT,
    L_FLAGS,
    L_IBORN,
    L_IKIND,
    L_INAME,
    L_INODE,
    L_ISHMID,
    L_ITYPE,
    L_KIND,
    L_MARK,
    L_NAME,
    L_OPENED,
    L_PGOFF,
    L_SPACE,
    L_STACK,
    L_START,
    LOG_AREA,
    LOG_GONE,
    LOG_LAYOUT,
    LOG_TASK,
    LOG_WORDS,
    log_open,
)
from ..marks import MARK_ASSUMED
from ..state import G_LOG, G_LOG_EVENT, G_LOG_LOST, H_LIMIT, N_ATTRIBUTES
from .inspect import object_name, shown_of

_COMMON = (
    *range(L_ATTRIBUTES, L_ATTRIBUTES + N_ATTRIBUTES),
    *(L_FLAGS, L_AVMULTI, L_MARK, L_NAME, L_OPENED),
    *(L_INODE, L_INAME, L_ITYPE, L_IKIND, L_IBORN, L_ISHMID),
)
_OWN = (L_EVENT, L_SPACE, L_START, L_END, L_PGOFF, L_AV, L_BORN)


class Recorder:
    """Reads the log whenever the replay pauses. From before the first event."""

    def __init__(self, m: Any, strings: Sequence[str]) -> None:
        self.m = m
        self.strings = strings
        log_open(m)
        self._own: list[Ints] = []
        self._kind: list[Ints] = []
        self._numbers: dict[bytes, int] = {}
        self._kinds: list[Kind] = []
        self._tasks: list[Ints] = []
        self._layouts: list[Ints] = []
        self._gone: dict[int, int] = {}

    def read(self) -> None:
        """Take out what stands in the log, and make room."""
        first, end = int(self.m[H_LIMIT]), int(self.m[G_LOG])
        if end == first:
            return
        words = np.asarray(self.m[first:end], dtype=np.int64)
        table = words.reshape(-1, LOG_WORDS)
        kinds = table[:, L_KIND]
        self._tasks.append(table[kinds == LOG_TASK][:, [L_EVENT, L_START, L_SPACE]])
        self._layouts.append(table[kinds == LOG_LAYOUT][:, [L_EVENT, L_SPACE, *range(L_START, L_STACK + 1)]])
        for event, space in table[kinds == LOG_GONE][:, [L_EVENT, L_SPACE]].tolist():
            self._gone[space] = event
        areas = table[kinds == LOG_AREA]
        own = areas[:, _OWN]
        own[areas[:, L_END] == 0, _OWN.index(L_PGOFF) :] = (
            0  # words of earlier rows, which mean nothing there
        )
        self._own.append(own)
        self._kind.append(self._numbered(areas))
        self.m[G_LOG] = self.m[G_LOG_EVENT] = first

    def _numbered(self, areas: Ints) -> Ints:
        """The kind of each row; -1 where no area begins. New kinds get a number."""
        numbers = np.full(len(areas), -1, dtype=np.int64)
        there = np.flatnonzero(areas[:, L_END] != 0)
        common = np.ascontiguousarray(areas[there][:, _COMMON])
        common[common[:, _COMMON.index(L_INODE)] == 0, _COMMON.index(L_INAME) :] = 0
        raw = common.view(np.dtype((np.void, common.shape[1] * 8))).ravel()
        changes = np.flatnonzero(np.r_[True, raw[1:] != raw[:-1]]) if len(raw) else np.zeros(0, np.int64)
        of_run = [self._number(raw[i].tobytes(), common[i]) for i in changes.tolist()]
        numbers[there] = np.repeat(of_run, np.diff(np.r_[changes, len(raw)])) if len(raw) else 0
        return numbers

    def _number(self, key: bytes, words: Ints) -> int:
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._kinds)
            attributes = tuple(words[:N_ATTRIBUTES].tolist())
            flags, multi, mark, special, opened, inode, iname, ops, ikind, born, shmid = words[
                N_ATTRIBUTES:
            ].tolist()
            known = self.strings[iname] if inode and 0 <= iname < len(self.strings) else ""
            file = object_name(known, ops, ikind, shmid != 0, born) if inode else ""
            self._kinds.append(
                Kind(flags, multi != 0, mark == MARK_ASSUMED, special, attributes, opened, inode, file)
            )
        return number

    def finish(self) -> Changes | None:
        """The whole log; None if rows were lost because one event had more of them than there is room."""
        self.read()
        if self.m[G_LOG_LOST]:
            return None
        own, kind = _kept(
            np.concatenate([np.zeros((0, len(_OWN)), np.int64), *self._own]),
            np.concatenate([np.zeros(0, np.int64), *self._kind]),
        )
        event, space, start, end, pgoff, anon_vma, born = own.T
        return Changes(
            event=event,
            space=space,
            start=start,
            end=end,
            pgoff=pgoff,
            anon_vma=anon_vma,
            born=born,
            kind=kind,
            kinds=tuple(self._kinds),
            tasks=np.concatenate([np.zeros((0, 3), np.int64), *self._tasks]),
            layouts=np.concatenate([np.zeros((0, 5), np.int64), *self._layouts]),
            gone=self._gone,
            shown=shown_of(self.m),
            strings=self.strings,
        )


def _kept(own: Ints, kind: Ints) -> tuple[Ints, Ints]:
    """Without the rows that say what is known: of one event and address the last stays, if it changes something."""
    event, space, start = own[:, 0], own[:, 1], own[:, 2]
    order = np.lexsort((event, start, space))  # stable: rows of one event stay in their order
    rows, kinds = own[order], kind[order]
    same = np.all(rows[1:, 1:3] == rows[:-1, 1:3], axis=1)
    last: npt.NDArray[np.bool_] = np.ones(len(rows), dtype=bool)
    last[:-1] = ~(same & (rows[1:, 0] == rows[:-1, 0]))
    order, rows, kinds = order[last], rows[last], kinds[last]
    same = np.all(rows[1:, 1:3] == rows[:-1, 1:3], axis=1)
    there = rows[:, 3] != 0
    equal = np.all(rows[1:, 3:] == rows[:-1, 3:], axis=1) & (kinds[1:] == kinds[:-1])
    new: npt.NDArray[np.bool_] = there.copy()
    new[1:] = ~same & there[1:] | same & (there[1:] | there[:-1]) & ~(equal & there[1:])
    final = np.sort(order[new])
    return own[final], kind[final]
