"""`run - --live`: what a pipe has brought so far, replayed now and then while it is open; the report comes at its end.

Each look reads and replays all that has come, so that it says what a run of that much would say. Looks wait several
times as long as the last one took: what they cost is a bounded share of the time that passes.
"""

from __future__ import annotations

import io
import os
import select
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...counting import counted, number
from ...errorcodes import RT_USAGE
from ...errors import InputError, UsageError
from ...interrupts import answered

if TYPE_CHECKING:
    from mmap import mmap

    from ...result.result import Result
    from ...trace.incoming.spool import Spool
    from .. import session

_AT_ONCE = 1 << 20
_EVERY = 1.0
"""Seconds between two looks, at least."""
_REST = 4
"""Times as long as a look took that nothing is looked at after it."""


def followed(traces: Sequence[str], choice: session.Choice, placing: str | None) -> None:
    """Read standard input to its end, with a line on standard error about each look; leave it to be read again.

    Ctrl-C ends the reading, not the run: the report is then of what had come. UsageError RT501 unless `traces` is
    standard input alone.
    """
    if list(traces) != ["-"]:
        raise UsageError(RT_USAGE, "--live follows standard input", " ".join(traces), expected="run - --live")
    from ...trace.incoming.spool import Spool
    from ...trace.opening import SPOOL_FROM, standard_input

    show = _shower()
    data = Spool(SPOOL_FROM)
    try:
        with answered(1):
            _read(standard_input().fileno(), data, lambda whole: show(_look(whole, choice, placing)))
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted: the report is of what had come\n")
    show("")
    file = data.file()
    sys.stdin = io.TextIOWrapper(io.BytesIO(bytes(data.whole())) if file is None else io.BufferedReader(file))


def _read(source: int, data: Spool, look: Callable[[bytes | mmap], object]) -> None:
    """Fill `data` from the descriptor `source`; `look` is given its whole lines now and then."""
    seen, lines, due = 0, 0, time.monotonic()
    while True:
        wait = None if seen == len(data) else max(0.0, due - time.monotonic())
        ready, _, _ = select.select([source], [], [], wait)
        if ready:
            piece = os.read(source, _AT_ONCE)
            if not piece:
                return
            lines = len(data) + piece.rfind(b"\n") + 1 if b"\n" in piece else lines
            data.add(piece)
        if seen < len(data) and time.monotonic() >= due:
            began = time.monotonic()
            rest = _REST if seen else 0  # the first look loads the engine
            seen = len(data)
            look(data.whole(lines) if lines else b"")
            took = time.monotonic() - began
            due = began + took + max(_EVERY, rest * took)


def _look(data: bytes | mmap, choice: session.Choice, placing: str | None) -> str:
    """A line about a replay of `data`; empty while there is nothing to replay."""
    from ...trace.detect import read_text
    from ..session import replay_timed

    try:
        trace, _ = read_text(data, "-")
    except InputError:
        return ""  # the end may bring what is missing; the report says what is wrong
    result, _ = replay_timed(trace, choice.machine(trace), placing)
    return state_line(result)


def state_line(result: Result) -> str:
    """Events, processes, the areas now and at the peak, refused calls: of the process with the most areas."""
    import numpy as np

    trace = result.trace
    counts = np.asarray(result.columns["map_count"])
    if not len(counts):
        return "no memory call yet"
    pids = trace.tasks["pid"][np.asarray(trace.columns["task"])]
    _, backwards = np.unique(pids[::-1], return_index=True)
    now = counts[len(counts) - 1 - backwards]
    returned = np.asarray(result.columns["ret"])
    refused = int(((returned < 0) & (returned >= -4095)).sum())
    alive = now >= 0  # behind an exit there is no address space
    living = f"{counted(int(alive.sum()), 'process', 'processes')} alive of {number(len(now))}"
    if alive.any():
        most = int(pids[len(counts) - 1 - backwards[int(now.argmax())]])
        living += f"; most VMAs now: {number(int(now.max()))} (process {most})"
    return (
        f"{counted(len(counts), 'event')}; {living}; VMAs at the peak: {number(int(counts.max()))};"
        f" {counted(refused, 'call')} refused"
    )


def _shower() -> Callable[[str], None]:
    """What writes a line to standard error: over the last one on a terminal, else below it."""
    terminal = sys.stderr.isatty()
    width = 0

    def show(text: str) -> None:
        nonlocal width
        if terminal:
            sys.stderr.write("\r" + text.ljust(width) + ("" if text else "\r"))
            width = len(text)
        elif text:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    return show
