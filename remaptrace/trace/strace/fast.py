"""Large strace logs: a byte machine reads the common lines, the plain reader the others.

The log is cut into blocks. Threads lex blocks ahead (`compiled.stracelex`); one thread follows processes and
makes events (`compiled.stracefollow`), and stops at each line that is not plain, which `StraceReader` then
reads as it would read any. The result is the same as if it had read all of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...machinecode.ready import Progress
from ..compiled import followstate as fo
from ..compiled import lexrows as lex
from ..compiled import scan
from ..compiled.stracefollow import add_path, follow
from ..compiled.stracelex import lex_lines
from ..filetypes import file_type
from .args import unescape
from .lines import call_name, read_head, unfinished
from .model import Pending, Task
from .nametables import MAX_IGNORED, known_names
from .read import CHILD, Log, StraceReader

BLOCK_BYTES = 1 << 20
_MAX_TIDS = 1 << 22  # pid_max of a 64-bit kernel
_BUCKETS = 1 << 16

_ENDS_OTHERS = (b"+++ superseded", b"+++ killed", b"exit_group", b"execve")
"""Words of lines that may end other threads, with what they have under way."""

Words = npt.NDArray[np.int64]


class _Block(NamedTuple):
    """A stretch of whole lines: the ends of the lines, where the first begins, the rows that lexing fills."""

    ends: Words
    first: int
    rows: Words


class FastStraceReader(StraceReader):
    """Reads one large log; `threads` lex it."""

    def __init__(
        self, data: Log, name: str, source: int = 0, threads: int = 1, progress: Progress | None = None
    ) -> None:
        super().__init__(data, name, source)
        self.threads = threads
        self.progress = progress
        self._bytes: npt.NDArray[np.uint8] = np.frombuffer(data, dtype=np.uint8)
        self._state = np.zeros(fo.ST_WORDS, dtype=np.int64)
        self._state[fo.S_UNNAMED] = -1
        self._state[fo.S_SOURCE] = source
        self._tids = np.zeros(_MAX_TIDS, dtype=np.int32)
        self._tasks = np.zeros((64, fo.W_TASK), dtype=np.int64)
        self._paths = np.zeros((1024, 3), dtype=np.int64)
        self._buckets = np.zeros(_BUCKETS, dtype=np.int32)
        self._counts = np.zeros(MAX_IGNORED, dtype=np.int64)
        self._names = known_names()
        for word, number in self._names.counted.items():
            self._state[word] = number

    # -- blocks

    def read_all(self) -> None:
        """Read every line."""
        whole = len(self.data)
        for block in self._lexed():
            self._follow(block)
            if self.progress is not None:
                self.progress("read", self.offset_of(block), whole)
        end = self.data.rfind(b"\n") + 1
        if end < len(self.data):  # the last line lacks its newline
            self.offset = len(self.data)
            self._read_plainly(self.data[end:], int(self._state[fo.S_LINE]) + 1)
        for living in [one for tasks in self.model.by_pid.values() for one in tasks]:
            self._hold(living)
        self._bytes = self._bytes[:0].copy()  # a mapped file can be closed now
        self.understood += int(self._state[fo.S_UNDERSTOOD])
        for name, count in zip(self._names.ignored, self._counts.tolist(), strict=False):
            if count:
                self.model.ignored[name] = self.model.ignored.get(name, 0) + count

    @staticmethod
    def offset_of(block: _Block) -> int:
        """How much of the log is read with this block."""
        return int(block.ends[-1]) + 1

    def _lexed(self) -> Iterator[_Block]:
        """The blocks in order, lexed."""
        if self.threads < 2:
            for start, end in self._cuts():
                yield self._lex(start, end)
            return
        with ThreadPoolExecutor(self.threads) as pool:
            waiting: deque[Future[_Block]] = deque()
            for start, end in self._cuts():
                waiting.append(pool.submit(self._lex, start, end))
                if len(waiting) > self.threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _cuts(self) -> Iterator[tuple[int, int]]:
        """Begin and end (behind a newline) of each block."""
        start, last = 0, self.data.rfind(b"\n") + 1
        while start < last:
            end = self.data.find(b"\n", min(start + BLOCK_BYTES, last - 1)) + 1
            yield start, end
            start = end

    def _lex(self, start: int, end: int) -> _Block:
        ends = np.flatnonzero(self._bytes[start:end] == scan.NEWLINE) + start
        rows = np.empty((len(ends), lex.W), dtype=np.int64)
        lex_lines(self._bytes, ends, start, rows, self._names.words, self._names.plain, self._names.texts)
        return _Block(ends, start, rows)

    # -- following

    def _follow(self, block: _Block) -> None:
        """Make the events of a block."""
        at, count = 0, len(block.ends)
        out = self.model.out
        state = self._state
        while at < count:
            state[fo.S_USED] = out.used
            at = follow(
                self._bytes, block.rows, at, count, state, self._tids, self._tasks, self.model.files.table,
                self._paths, self._buckets, self._counts, self._names.plain, out.block,
            )  # fmt: skip
            out.used = int(state[fo.S_USED])
            if at >= count:
                break
            if out.room() == 0:
                out.flush()
                continue
            at = self._by_hand(block, at)
        state[fo.S_LINE] += count

    def _by_hand(self, block: _Block, at: int) -> int:
        """Give a line to the plain reader, and those behind it that continue it: the row to go on with."""
        while True:
            start = int(block.rows[at, lex.L_BEGIN])
            end = int(block.ends[at])
            self.offset = end + 1
            line = self.data[start:end]
            self._read_plainly(line, int(self._state[fo.S_LINE]) + at + 1)
            if block.rows[at, lex.L_OP] != lex.OP_SLOW:
                self._learn_path(block.rows[at])
            else:
                self._learn_name(line)
            at += 1
            if not self._open or at >= len(block.ends):
                return at

    def _read_plainly(self, line: bytes, number: int) -> None:
        state, model = self._state, self.model
        self._clock, self._day = int(state[fo.S_CLOCK]), int(state[fo.S_DAY])
        tid = read_head(self._open + line).tid  # of a line that a notice broke, its beginning
        task = model.by_tid.get(tid) if tid is not None else self._unnamed()
        others: list[Task] = []
        if any(word in line for word in _ENDS_OTHERS):
            others = self._in_a_call()
            for living in others:
                self._hold(living)
        elif task is not None:
            self._hold(task)
        born = CHILD.search(line)  # whoever has the id of a thread that is born ends
        if not others and born is not None and (named := model.by_tid.get(int(born[1], 0))) is not None:
            others = [named]
            self._hold(named)
        self.read_line(line, number)
        state[fo.S_CLOCK], state[fo.S_DAY] = self._clock, self._day
        if task is not None:
            self._note_pending(task)
        for living in others:
            self._note_pending(living)
        for changed in model.changed:
            self._note_task(changed)
        model.changed.clear()
        if tid is not None and (task := model.by_tid.get(tid)) is not None:
            self._note_pending(task)
        unnamed = self._unnamed()
        state[fo.S_UNNAMED] = unnamed.row if unnamed is not None else -1
        if len(model.strings) > len(self._paths):
            self._paths = np.concatenate([self._paths, np.zeros_like(self._paths)])

    def _in_a_call(self) -> list[Task]:
        """The living tasks of whose call only the first part was seen: all that the end of others changes."""
        tasks = self.model.tasks
        waiting = np.flatnonzero(self._tasks[: len(tasks), fo.T_PENDING]).tolist()
        return [tasks[row] for row in waiting if tasks[row].alive]

    def _hold(self, task: Task) -> None:
        """Hand the first part of a call that the machine keeps to the plain reader."""
        kept = int(self._tasks[task.row, fo.T_PENDING])
        if kept <= 0:
            return
        start = int(self._tasks[task.row, fo.T_BEGIN])
        line = self.data[start : self.data.find(b"\n", start)].rstrip(b"\r")
        text = line[read_head(line).start :]
        name, first_part = call_name(text), unfinished(text)
        assert name is not None and first_part is not None
        name = self.names.real(name)
        self.model.pend(task, Pending(name, first_part[0], int(self._tasks[task.row, fo.T_LINE])))
        self._tasks[task.row, fo.T_PENDING] = fo.HELD  # a line may name one thread twice

    def _note_pending(self, task: Task) -> None:
        self._tasks[task.row, fo.T_PENDING] = fo.HELD if task.pending is not None else 0

    def _note_task(self, task: Task) -> None:
        while task.row >= len(self._tasks):
            self._tasks = np.concatenate([self._tasks, np.zeros_like(self._tasks)])
        self._tasks[task.row, fo.T_FILES] = task.files
        self._note_pending(task)
        if 0 < task.tid < _MAX_TIDS:
            named = self.model.by_tid.get(task.tid)
            if named is task:
                self._tids[task.tid] = task.row + 1 if task.alive else 0

    # -- learning

    def _learn_path(self, row: Words) -> None:
        """Remember where the path stands that made the machine stop."""
        span = int(row[lex.L_SHOWN]) or int(row[lex.L_ARG])
        if span == 0:
            return
        start, length = span >> 24, span & 0xFFFFFF
        path = unescape(self.data[start : start + length])
        number = self.model.number_of(path)
        if number:
            add_path(self._bytes, span, number, file_type(path, shown=True), self._paths, self._buckets)

    def _learn_name(self, line: bytes) -> None:
        """Let the machine count further calls of this name by itself if it is one that is only counted."""
        name = call_name(line[read_head(line).start :])
        if name is None or name.startswith(b"?"):
            return
        self._names.count_only(name)
