"""The one place that turns exceptions into words on standard error and an exit status."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from ..errorcodes import RT_MEMORY, RT_OUTPUT
from ..errors import EXIT_INPUT, EXIT_INTERNAL, EXIT_INTERRUPTED, InputError, RemapTraceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

EXIT_PIPE = 141  # as a shell reports SIGPIPE


EXIT_TERMINATED = 143  # as a shell reports SIGTERM
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def guarded(args: Sequence[str], work: Callable[[], int] | None = None) -> int:
    """`run_command`, ended in time by `guard`: on signals, and when more memory is taken than --limit-memory allows.

    `work` is done instead, where it is known that the command line asks for that.
    """
    from . import guard

    guard.escape_what_cannot_be_written()
    try:
        rest, limit = guard.memory_limit(list(args))
    except RemapTraceError as error:
        _show(error)
        return error.exit_status
    guard.start(limit)
    try:
        guard.listen(while_at_work=True)
        status = run_command(rest) if work is None else ended(work)
        guard.listen(while_at_work=False)
    except KeyboardInterrupt as signal:  # as it began or ended
        return _interrupted(signal)
    if status in (EXIT_INTERRUPTED, EXIT_TERMINATED):
        guard.leave(status)
    return status


def run_command(args: Sequence[str]) -> int:
    """Run the command line `args` and return the exit status; never raises an Exception."""
    from .parsing import dispatch

    return ended(lambda: dispatch(list(args)))


def ended(work: Callable[[], int]) -> int:
    """The exit status of `work`, or of what it raises, with words about it."""
    try:
        status = work()
        sys.stdout.flush()
        return status
    except KeyboardInterrupt as signal:
        sys.stderr.write("\ninterrupted\n")
        return _interrupted(signal)
    except BrokenPipeError:
        # The reader is gone: nothing to say, and the interpreter must not flush into the pipe again.
        _silence(sys.stdout)
        return EXIT_PIPE
    except RemapTraceError as error:
        _show(error)
        _silence_if_it_fails(sys.stdout)
        return error.exit_status
    except MemoryError as error:
        _show(InputError(RT_MEMORY, "there is not enough memory", found=str(error)))
        return EXIT_INPUT
    except Exception as error:
        if "click" in sys.modules:  # else it cannot be one of its own
            from .parsing import answer_to

            answer = answer_to(error)
            if isinstance(answer, int):
                return answer
            if answer is not None:
                _show(answer)
                return answer.exit_status
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            _silence(sys.stdout)
            _show(
                InputError(RT_OUTPUT, f"cannot write: {error.strerror}", error.filename or "standard output")
            )
            return EXIT_INPUT
        if os.environ.get("REMAPTRACE_DEBUG"):
            raise
        where = _innermost(error)
        sys.stderr.write(
            f"internal error: {type(error).__name__}: {error} ({where}). This is a defect of remaptrace; "
            "please report it with the trace and what REMAPTRACE_DEBUG=1 prints\n"
        )
        return EXIT_INTERNAL


def failed(error: Exception) -> int:
    """Tell of an exception that was met outside of `run_command`, as it does; the exit status."""

    def again() -> int:
        raise error

    return ended(again)


def _interrupted(signal: KeyboardInterrupt) -> int:
    """The exit status of a signal: `guard.Terminated`, which not every caller of this module loads, or SIGINT."""
    return EXIT_TERMINATED if type(signal).__name__ == "Terminated" else EXIT_INTERRUPTED


def _silence(stream: TextIO) -> None:
    """Let nothing more of `stream` reach where it goes, nor fail there."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _silence_if_it_fails(stream: TextIO) -> None:
    """What could not be written is written again as the interpreter ends, which would end with 120 and say so, too."""
    try:
        stream.flush()
    except OSError:
        _silence(stream)


def _show(error: RemapTraceError) -> None:
    from ..report.errortext import error_text

    text = error_text(error)
    if sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
        text = text.replace("error", "\x1b[31m\x1b[1merror\x1b[0m", 1)
    with suppress(OSError):  # standard error is full or gone: the exit status still tells
        sys.stderr.write(text)
    _silence_if_it_fails(sys.stderr)


def _innermost(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "nowhere"
    code = trace.tb_frame.f_code
    return f"{os.path.basename(code.co_filename)}:{trace.tb_lineno}"
