"""Large strace logs: a byte machine reads the common lines, the plain reader the others.

The log is cut into blocks. Threads lex blocks ahead (`compiled.stracelex`); one thread follows processes and
makes events (`compiled.stracefollow`), and stops at each line that is not plain, which `StraceReader` then
reads as it would read any. The result is the same as if it had read all of them.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from ...machinecode.ready import Progress
from ..compiled import followstate as fo
from ..compiled import lexrows as lex
from ..compiled.alike.forms import FORMS_WORDS
from ..compiled.calls.logpaths import LogPaths
from ..compiled.fastblocks import FastBlocks
from ..compiled.stracefollow import EVENTS_OF_LINE, follow, read_lines
from ..compiled.stracelex import lex_lines
from ..compiled.wide import SLACK
from .args import unescape
from .lines import call_name, read_head, unfinished
from .model import FORKS, Model, Pending, Task
from .nametables import MAX_IGNORED, NameTables, known_names
from .read import Log, StraceReader
from .threads import Exit

if TYPE_CHECKING:
    from ...machinecode.load import Function

BLOCK_BYTES = 1 << 20
_USUAL_LINE = 64  # bytes: a block of shorter lines takes several rooms
LINES_AT_ONCE, EVENTS_AT_ONCE = 255, 504
"""Lines that one thread lexes and follows, and events that it puts into columns, at once: what a cache holds."""
_FOLLOW, _LEX, _READ = cast("Function", follow), cast("Function", lex_lines), cast("Function", read_lines)
_MAX_TIDS = 1 << 22  # pid_max of a 64-bit kernel
_OF_BIRTH = [*range(fo.T_THREAD, fo.T_PARENT + 1), fo.T_FILES]
"""What the machine keeps of a task that the model has to know: thread, process, parent, descriptors."""

_ENDS_OTHERS = (b"+++ superseded", b"+++ killed", b"exit_group", b"execve")
"""Words of lines that may end other threads, with what they have under way."""
_MAKES_OTHERS = (b"clone", b"fork")
_ANSWER = re.compile(rb"= (0x[0-9a-fA-F]{1,16}|[1-9]\d{0,18})\b")

_PLAIN_PATH = re.compile(rb"/[\w.+,:/@~-]+", re.ASCII)
"""Paths that the plain reader takes as they stand."""

Words = npt.NDArray[np.int64]


def _aligned(words: int) -> Words:
    """Zeros that begin where a cache line does."""
    memory = np.zeros(words + 8, dtype=np.int64)
    return memory[(-memory.__array_interface__["data"][0] // 8) % 8 :][:words]


class _Room:
    """What lexing writes to: rows, one more than lines, and what it remembers of lines. Of one block at a time."""

    def __init__(self, names: NameTables, lines: int) -> None:
        self.rows: Words = _aligned((lines + 1) * lex.W).reshape(lines + 1, lex.W)
        self.known: Words = np.zeros((lex.KNOWN_ROWS, lex.KNOWN_WORDS), dtype=np.int64)
        self.forms: Words = _aligned(FORMS_WORDS)
        memory = self.known, self.forms
        self.row_words = _FOLLOW.words_of(self.rows)
        self.lex_words = _LEX.words_of(self.rows, names.words, names.plain, names.texts, *memory)
        self.known_words = _READ.words_of(names.words, names.texts, *memory)


class _Block(NamedTuple):
    """Lines that stand together: how many, and the room with their rows; behind these the row with their end."""

    lines: int
    room: _Room

    @property
    def end(self) -> int:
        """Where the line behind the last one begins."""
        return self.end_of(self.lines - 1) + 1

    def end_of(self, line: int) -> int:
        """Where the newline of a line stands."""
        return int(self.room.rows[line + 1, lex.L_BEGIN]) - 1


class FastStraceReader(StraceReader):
    """Reads one large log; `threads` lex it."""

    def __init__(
        self, data: Log, name: str, source: int = 0, threads: int = 1, progress: Progress | None = None
    ) -> None:
        self._events = FastBlocks(EVENTS_AT_ONCE)
        super().__init__(data, name, source, Model(out=self._events))
        self.threads = threads
        self.progress = progress
        self._bytes: npt.NDArray[np.uint8] = np.frombuffer(data, dtype=np.uint8)
        self._state = np.zeros(fo.ST_WORDS, dtype=np.int64)
        self._state[fo.S_UNNAMED] = -1
        self._state[fo.S_SOURCE] = source
        self._tids = np.zeros(_MAX_TIDS, dtype=np.int32)
        self._tasks = np.zeros((64, fo.W_TASK), dtype=np.int64)
        self._living = np.zeros(_MAX_TIDS, dtype=np.int32)
        self._lives = np.zeros((fo.LIFE_ROWS, 4), dtype=np.int64)
        self._counts = np.zeros(MAX_IGNORED, dtype=np.int64)
        self._names = known_names()
        self._learned: set[bytes] = set()
        self._rooms: list[_Room] = []  # that no block has
        self._few = _Room(self._names, LINES_AT_ONCE)
        self._words_of: tuple[object, ...] = ()
        self._words: list[int] = []
        self._text = _FOLLOW.words_of(self._bytes)
        self._paths = LogPaths(data, self._text)
        for word, number in self._names.counted.items():
            self._state[word] = number

    # -- blocks

    def read_all(self) -> None:
        """Read every line."""
        if self.threads < 2:
            for start, end in self._cuts():
                if end + SLACK <= len(self.data):
                    self._read_through(start, end)
                else:
                    self._follow_all(self._lex(start, end))
                self._tell(end)
        else:
            for blocks in self._lexed():
                self._follow_all(blocks)
                self._tell(blocks[-1].end)
        end = self.data.rfind(b"\n") + 1
        if end < len(self.data):  # the last line lacks its newline
            self.offset = len(self.data)
            self._read_plainly(self.data[end:], int(self._state[fo.S_LINE]) + 1)
        self._learn_lives()
        for living in [one for tasks in self.model.by_pid.values() for one in tasks]:
            self._hold(living)
        self._bytes = self._bytes[:0].copy()  # a mapped file can be closed now
        self.understood += int(self._state[fo.S_UNDERSTOOD])
        for name, count in zip(self._names.ignored, self._counts.tolist(), strict=False):
            if count:
                self.model.ignored[name] = self.model.ignored.get(name, 0) + count

    def _tell(self, end: int) -> None:
        if self.progress is not None:
            self.progress("read", end, len(self.data))

    def _lexed(self) -> Iterator[list[_Block]]:
        """The blocks in order, lexed ahead by other threads."""
        with ThreadPoolExecutor(self.threads) as pool:
            waiting: deque[Future[list[_Block]]] = deque()
            for start, end in self._cuts():
                waiting.append(pool.submit(self._lex, start, end))
                if len(waiting) > self.threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _cuts(self) -> Iterator[tuple[int, int]]:
        """Begin and end (behind a newline) of each block; the last lines, behind which little stands, are the last."""
        last = self.data.rfind(b"\n") + 1
        start, most = 0, self.data.rfind(b"\n", 0, max(len(self.data) - SLACK, 0)) + 1
        while start < last:
            whole = most if start < most else last
            end = self.data.find(b"\n", min(start + BLOCK_BYTES, whole - 1)) + 1
            yield start, end
            start = end

    def _lex(self, start: int, end: int) -> list[_Block]:
        if end + SLACK <= len(self.data):
            return self._lex_from(self._bytes, 0, start, end)
        text = np.frombuffer(self.data[start:end] + bytes(SLACK), dtype=np.uint8)
        return self._lex_from(text, start, 0, end - start)

    def _lex_from(self, text: npt.NDArray[np.uint8], base: int, start: int, end: int) -> list[_Block]:
        """The lines of text[start:end]; it stands at `base` of the log."""
        blocks: list[_Block] = []
        words = _LEX.words_of(text)
        while start < end:
            try:
                room = self._rooms.pop()
            except IndexError:
                room = _Room(self._names, BLOCK_BYTES // _USUAL_LINE + 1)
            count = _LEX.with_words([*words, start, end, *room.lex_words])
            start = int(room.rows[count, lex.L_BEGIN])
            if base:
                room.rows[: count + 1, lex.L_BEGIN] += base
                for place in (lex.L_ARG, lex.L_SHOWN):
                    told = room.rows[:count, place] != 0
                    room.rows[:count, place][told] += base << 24
            blocks.append(_Block(count, room))
        return blocks

    # -- following

    def _read_through(self, start: int, end: int) -> None:
        """Make the events of data[start:end], each few lines lexed and followed at once."""
        room, text, state = self._few, self._text, self._state
        begin, at, lines = start, 0, 0
        while True:
            if at == lines and self._open:  # a notice broke the last line
                state[fo.S_LINE] += lines
                if begin >= end:
                    return
                lines = _LEX.with_words([*text, begin, end, *room.lex_words])
                begin, at = int(room.rows[lines, lex.L_BEGIN]), self._by_hand(_Block(lines, room), 0)
                continue
            room.rows[lines, lex.L_BEGIN] = begin
            at = self._follow_on(_READ, [*text, end, *room.row_words, at, lines, *room.known_words])
            lines = int(state[fo.S_LINES])
            if not lines:
                return
            begin = int(room.rows[lines, lex.L_BEGIN])
            if self._events.room() >= EVENTS_OF_LINE:
                at = self._by_hand(_Block(lines, room), at)
            else:
                self._events.flush()

    def _follow_on(self, function: Function, words: list[int]) -> int:
        """What `follow` or `read_lines` answers."""
        out, state = self._events, self._state
        state[fo.S_USED], state[fo.S_BEFORE] = out.used, len(out) - out.used
        at = function.with_words([*words, *self._tables()])
        out.taken(int(state[fo.S_BEFORE]), int(state[fo.S_USED]))
        return at

    def _follow_all(self, blocks: list[_Block]) -> None:
        for block in blocks:
            self._follow(block)
            self._rooms.append(block.room)

    def _follow(self, block: _Block) -> None:
        """Make the events of a block."""
        count = block.lines
        at = self._by_hand(block, 0) if self._open else 0  # a notice broke the last line before
        text = [*self._text, *block.room.row_words]
        while at < count:
            at = self._follow_on(_FOLLOW, [*text, at, count])
            if at >= count:
                break
            if self._events.room() >= EVENTS_OF_LINE:
                at = self._by_hand(block, at)
            else:
                self._events.flush()
        self._state[fo.S_LINE] += count

    def _tables(self) -> list[int]:
        """The words of all that `follow` keeps, taken anew where a table has grown."""
        files, paths, out = self.model.files, self._paths, self._events
        grown = self._tasks, files.table, files.users, files.free, paths.table
        if len(self._words_of) != len(grown) or any(
            a is not b for a, b in zip(self._words_of, grown, strict=True)
        ):
            self._words_of = grown
            self._words = _FOLLOW.words_of(
                self._state, self._tids, self._living, self._tasks, files.table, files.users, files.free,
                self._lives, paths.table, paths.buckets, self._counts, self._names.plain, out.block, out.table,
            )  # fmt: skip
        return self._words

    def _by_hand(self, block: _Block, at: int) -> int:
        """Give a line, and those that continue it, to the plain reader, or learn its path: the row to go on with."""
        rows = block.room.rows
        if self._learn_new_path():
            return at
        while True:
            start, end = int(rows[at, lex.L_BEGIN]), block.end_of(at)
            self.offset = end + 1
            line = self.data[start:end]
            number = int(self._state[fo.S_LINE]) + at + 1
            self._read_plainly(line, number)
            if rows[at, lex.L_OP] != lex.OP_SLOW:
                self._learn_path(rows[at])
            else:
                self._learn_name(line)
            at += 1
            if not self._open or at >= block.lines:
                return at

    def _read_plainly(self, line: bytes, number: int) -> None:
        state, model = self._state, self.model
        self._learn_lives()
        self._hold_births()
        self._clock, self._day = int(state[fo.S_CLOCK]), int(state[fo.S_DAY])
        head = read_head(self._open + line)  # of a line that a notice broke, its beginning
        tid = head.tid
        task = model.by_tid.get(tid) if tid is not None else self._unnamed()
        if task is None and self._root is not None and self._root.tid == 0:
            task = self._root  # whose id this may be
        others: list[Task] = []
        if any(word in line for word in _ENDS_OTHERS):
            others = self._in_a_call()
            for living in others:
                self._hold(living)
        elif task is not None:
            self._hold(task)
        if not others and any(
            word in line for word in _MAKES_OTHERS
        ):  # whoever has the id of who is born ends
            ids = {int(answer, 0) for answer in _ANSWER.findall(line)}
            others = [named for tid in ids if (named := model.by_tid.get(tid)) is not None]
            for named in others:
                self._hold(named)
        self.read_line(line, number)
        state[fo.S_CLOCK], state[fo.S_DAY] = self._clock, self._day
        if task is not None:
            self._note_pending(task)
        for living in others:
            self._note_pending(living)
        self._note_changed()
        if tid is not None and (task := model.by_tid.get(tid)) is not None:
            self._note_pending(task)
        unnamed = self._unnamed()
        state[fo.S_UNNAMED] = unnamed.row if unnamed is not None else -1
        state[fo.S_ASKS] = bool(model.forking) or (self._root is not None and self._root.tid == 0)
        state[fo.S_FAR] = model.files.has_far
        for op, name in enumerate((b"clone", b"clone3", b"fork", b"vfork")):
            state[fo.S_MARKS + op] = model.number_of(name.decode())
        self._paths.make_room(len(model.strings))

    def _note_changed(self) -> None:
        for changed in self.model.changed:
            self._note_task(changed)
        self.model.changed.clear()

    def _learn_lives(self) -> None:
        """Let the model know which threads were born and ended since the last line that the plain reader read."""
        state, model = self._state, self.model
        lives = self._lives[: int(state[fo.S_LIVES])]
        born = lives[lives[:, 0] == fo.LIFE_BORN, 1]
        words = iter(self._tasks[born][:, _OF_BIRTH].tolist() if len(born) else ())
        for what, one, status, at in lives.tolist():
            if what == fo.LIFE_BORN:
                model.new_task(*next(words))
            elif what == fo.LIFE_DIED:
                model.forget(model.tasks[one])
            else:
                self.exits.append(Exit(one, status, at >> 1, bool(at & 1)))
        state[fo.S_LIVES] = 0
        model.changed.clear()  # nothing of it is new to the machine

    def _hold_births(self) -> None:
        """Hand the births under way to the plain reader, which must tell whose child speaks."""
        state, model = self._state, self.model
        if not state[fo.S_BIRTHS]:
            return
        pending = self._tasks[: len(model.tasks), fo.T_PENDING]
        for row in np.flatnonzero((pending >= lex.OP_CLONE) & (pending <= lex.OP_VFORK)).tolist():
            self._hold(model.tasks[row])
        state[fo.S_BIRTHS] = state[fo.S_FORKING] = 0
        begun = {row: task.pending.line for row, task in model.forking.items() if task.pending is not None}
        model.forking = {row: model.forking[row] for row in sorted(begun, key=begun.__getitem__)}

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
        spoke = int(self._tasks[task.row, fo.T_CHILD])
        child = self.model.tasks[spoke - 1] if spoke and name in FORKS else None
        self.model.pend(task, Pending(name, first_part[0], int(self._tasks[task.row, fo.T_LINE]), child))
        self._tasks[task.row, fo.T_PENDING] = fo.HELD  # a line may name one thread twice

    def _note_pending(self, task: Task) -> None:
        self._tasks[task.row, fo.T_PENDING] = fo.HELD if task.pending is not None else 0

    def _note_task(self, task: Task) -> None:
        while task.row >= len(self._tasks):
            self._tasks = np.concatenate([self._tasks, np.zeros_like(self._tasks)])
        parent = self.model.parents[task.row]
        self._tasks[task.row, fo.T_FILES] = task.files
        self._tasks[task.row, fo.T_THREAD : fo.T_PARENT + 1] = task.tid, task.pid, parent
        self._state[fo.S_TASKS] = len(self.model.tasks)
        self._note_pending(task)
        if 0 < task.pid < _MAX_TIDS:
            self._living[task.pid] = len(self.model.by_pid.get(task.pid, ()))
        if 0 < task.tid < _MAX_TIDS:
            named = self.model.by_tid.get(task.tid)
            if named is task:
                self._tids[task.tid] = task.row + 1 if task.alive else 0

    # -- learning

    def _learn_new_path(self) -> bool:
        """Tell the machine the path for which alone it stopped at a call that opens it. False: that is not so.

        Only what the plain reader would take as it stands: it is a string of the log from here on, as it would be then.
        """
        span, self._state[fo.S_NEW_PATH] = int(self._state[fo.S_NEW_PATH]), 0
        text = self._paths.text_at(span)
        if _PLAIN_PATH.fullmatch(text) is None:
            return False
        number = self.model.string(text.decode())
        self._paths.make_room(len(self.model.strings))
        return self._paths.add(span, number, text.decode())

    def _learn_path(self, row: Words) -> None:
        """Remember where the path stands that made the machine stop."""
        span = int(row[lex.L_SHOWN]) or int(row[lex.L_ARG])
        path = unescape(self._paths.text_at(span))
        self._paths.add(span, self.model.number_of(path), path)

    def _learn_name(self, line: bytes) -> None:
        """Let the machine count further calls of this name by itself if it is one that is only counted."""
        name = call_name(line[read_head(line).start :])
        if name is None or name.startswith(b"?") or name in self._learned:
            return
        self._learned.add(name)
        self._names.count_only(name)
