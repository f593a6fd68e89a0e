"""Rows from several processes, in order. Each is forked with everything in memory and is sent numbers of pieces.

A process forked behind what was read and loaded shares it, and nothing is sent to it but a number: a pool of
`multiprocessing` takes longer to be loaded than a hundred small traces to be replayed, and sends every job whole.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # without its enums
import gc
import mmap
import os
import select
import time
from _pickle import dumps, loads  # type: ignore[import-not-found]  # without what is Python of it, and `re`
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from ..parent import end_with_parent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn, TypeVar

    Piece = TypeVar("Piece")
_AHEAD = 32
"""Pieces for each process that are begun before their turn at most: their rows wait here."""
_TOGETHER = 0.005
"""Seconds in which rows of small pieces gather: to be woken for each of them takes the processor from those at work."""
_NUMBER = 4  # bytes
_LENGTH = 4
_READ = 1 << 16


class WorkerLost(Exception):
    """A process was ended from outside. `number` is that of the piece which it was at."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def in_order(
    pieces: Sequence[Piece],
    work: Callable[[Piece], Iterable[Any]],
    workers: int,
    here: Callable[[Piece], bool] = lambda _: False,
) -> Iterator[Any]:
    """The rows that `work` gives for each of `pieces`, in order, from `workers` processes, each as soon as it is there
    or, where it gives a list, all of them at once.

    Pieces that are to be done `here` are done by this process at their turn. What `work` raises is raised here at the
    turn of its piece. WorkerLost if a process ends before its time.
    """
    stays = [here(piece) for piece in pieces]
    away = deque(number for number, stay in enumerate(stays) if not stay)
    crew = _Crew(pieces, work, min(workers, len(away)))
    try:
        for number, piece in enumerate(pieces):
            if stays[number]:
                yield from work(piece)
                continue
            if away and away[0] <= number + _AHEAD * workers // 2:
                begun = []
                while away and away[0] < number + _AHEAD * workers:
                    begun.append(away.popleft())
                crew.begin(begun)
            yield from crew.rows(number)
    finally:
        crew.end()


class _Crew:
    """The processes, the pipe that they take numbers from, and one for each that its rows come through."""

    def __init__(self, pieces: Sequence[Piece], work: Callable[[Piece], Iterable[Any]], workers: int) -> None:
        self._taking, self._giving = os.pipe()
        self._held: dict[int, bytearray] = {}  # what came of a message that is not whole yet, by pipe
        self._rows: dict[int, deque[Any]] = {}  # of each piece, what came; None: that was all
        self._pids: list[int] = []
        self._poll = select.poll()
        self._at = mmap.mmap(-1, max(workers, 1) * _NUMBER)  # of each process the piece that it is at
        self._open = 0  # pieces that are begun and not done
        self._heard = 0.0  # when rows came
        for worker in range(workers):
            reading, writing = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(self._giving)
                at = memoryview(self._at)[worker * _NUMBER :][:_NUMBER]
                _be_worker(pieces, work, self._taking, writing, at)
            os.close(writing)
            self._pids.append(pid)
            self._held[reading] = bytearray()
            self._poll.register(reading, select.POLLIN)

    def begin(self, numbers: Sequence[int]) -> None:
        """Let the processes do pieces, each the next one when it is free."""
        self._open += len(numbers)
        os.write(self._giving, b"".join(number.to_bytes(_NUMBER, "little") for number in numbers))

    def rows(self, number: int) -> Iterator[Any]:
        """The rows of piece `number`, each when it is there."""
        mine = self._rows.setdefault(number, deque())
        while True:
            while not mine:
                self._listen()
            failed, row = mine.popleft()
            if failed:
                raise row
            if row is None:
                del self._rows[number]
                return
            yield row

    def _listen(self) -> None:
        ready = self._poll.poll()
        if self._open > 2 * len(self._pids) and time.monotonic() - self._heard < _TOGETHER:
            time.sleep(_TOGETHER)
            ready = self._poll.poll()
        self._heard = time.monotonic()
        for reading, _ in ready:
            came = os.read(reading, _READ)
            if not came:
                worker = list(self._held).index(reading)
                raise WorkerLost(int.from_bytes(self._at[worker * _NUMBER :][:_NUMBER], "little"))
            held = self._held[reading]
            held += came
            at = 0
            while len(held) - at >= _LENGTH:
                end = at + _LENGTH + int.from_bytes(held[at : at + _LENGTH], "little")
                if len(held) < end:
                    break
                piece, failed, rows = loads(held[at + _LENGTH : end])
                self._rows.setdefault(piece, deque()).extend((failed, row) for row in rows)
                self._open -= failed or rows[-1] is None
                at = end
            del held[:at]

    def end(self) -> None:
        """End the processes, whatever they do."""
        for pid in self._pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in self._pids:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        for descriptor in (self._taking, self._giving, *self._held):
            os.close(descriptor)
        self._at.close()


def _be_worker(
    pieces: Sequence[Piece],
    work: Callable[[Piece], Iterable[Any]],
    taking: int,
    writing: int,
    at: memoryview,
) -> NoReturn:
    """Do pieces until the process that asks for them ends this one. `at` is where it says which one it is at."""
    try:
        end_with_parent()
        signal.set_wakeup_fd(-1)  # signals of the terminal are for the process that is waited for
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        gc.freeze()  # what is shared stays so: a collection would write into every object
        while len(number := os.read(taking, _NUMBER)) == _NUMBER:
            at[:] = number
            piece = int.from_bytes(number, "little")
            try:
                rows = work(pieces[piece])
                if not isinstance(rows, list):
                    for row in rows:
                        _tell(writing, (piece, False, (row,)))
                    rows = []
                _tell(writing, (piece, False, (*rows, None)))
            except Exception as error:  # raised where it is waited for
                _tell(writing, (piece, True, (_that_can_be_sent(error),)))
    finally:
        os._exit(0)


def _that_can_be_sent(error: Exception) -> Exception:
    """`error`, or its words where nobody can put it together again."""
    try:
        loads(dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _tell(writing: int, message: tuple[int, bool, Any]) -> None:
    data = dumps(message)
    data = len(data).to_bytes(_LENGTH, "little") + data
    while data:
        data = data[os.write(writing, data) :]
