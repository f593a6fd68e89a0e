"""The front door: texts of --help and the plain forms of short commands, told without the reader of command lines.

Loading click takes as long as two interpreters that do nothing. Nothing is parsed here: a command line has exactly one
of few shapes, or click reads it, as it reads everything in-process. What is told is what click would have told: the
texts were made by it (``python -m tools.helptexts``), and tests compare both ways.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

HELP_FOLDER = os.path.join(os.path.dirname(__file__), "helptexts")
HELP_WIDTHS = (80, 100)
"""Columns of the terminals that texts are kept for; lines of wider ones are no longer than those of the widest."""

_ASKS = ("--help", "-h")
_SAID_ELSEWHERE = ("_REMAPTRACE_COMPLETE", "REMAPTRACE_LIMIT_MEMORY")
"""Variables that change what any command line means."""


def answered(args: list[str], begin: Callable[[], None] | None = None) -> int | None:
    """Answer the command line `args`, of the program itself; its exit status. None: click must read it.

    `begin` is called in front of what is more than a text of --help.
    """
    if any(name in os.environ for name in _SAID_ELSEWHERE) or not _is_utf8(sys.stdout):
        return None
    if not args or args[-1] in _ASKS:
        text = _help(args[:-1])
        return None if text is None else _told(text)
    if args == ["--version"]:
        from .. import __version__

        return _told(f"remaptrace {__version__}\n")
    command, *words = args
    jobs: int | None = None
    if command == "sweep" and len(words) > 2:
        words, jobs = _without_jobs(words)
    least, most = _PLAIN.get(command, (1, 0))
    if not least <= len(words) <= most or any(not word or word.startswith("-") for word in words):
        return None
    if begin is not None:
        begin()
    if command in ("run", "check", "sweep"):
        from ..startup.numpylate import prepare_numpy
        from .entry import guarded

        prepare_numpy()

        return guarded(args, lambda: _done(command, words, jobs))
    from .entry import ended

    return ended(lambda: _done(command, words))


_MANY = (1, 1 << 30)
_PLAIN = {
    "kernels": (0, 0),
    "arches": (0, 0),
    "explain": (0, 1),
    "run": _MANY,
    "check": _MANY,
    "sweep": _MANY,
}
"""How few and how many words, none of them an option or ``-``, a command may have to be done at once."""


def _without_jobs(words: list[str]) -> tuple[list[str], int | None]:
    """The words of a sweep without ``-j N`` in front of its traces or behind them, and that number."""
    for place, rest in ((words[:2], words[2:]), (words[-2:], words[:-2])):
        name, number = place
        if name == "-j" and number.isascii() and number.isdigit() and number[0] != "0" and len(number) < 6:
            return rest, int(number)
    return words, None


def _done(command: str, words: list[str], jobs: int | None = None) -> int:
    """Do what the plain form of a command asks for; the exit status."""
    if command == "kernels":
        from .doing import kernels

        kernels.kernels()
    elif command == "arches":
        from .doing import arches

        arches.arches()
    elif command == "explain":
        from .doing import explain

        explain.told(*words)
    elif command == "run":
        from .doing import run

        return run.run(tuple(words))
    elif command == "sweep":
        from .doing import sweep

        return sweep.sweep(tuple(words), jobs=jobs)
    else:
        from .doing import check

        return check.check(tuple(words))
    return 0


def help_name(words: list[str], columns: int) -> str:
    """The file in HELP_FOLDER of the help of a command, for a terminal of so many columns."""
    return f"{'-'.join(['remaptrace', *words])}.{columns}.txt"


def _help(words: list[str]) -> str | None:
    """The help of the command that `words` name; None if there is none, or none kept for this terminal."""
    if not all(word.isascii() and word.isalpha() for word in words):
        return None
    columns = _columns()
    if columns >= HELP_WIDTHS[-1]:
        columns = HELP_WIDTHS[-1]
    elif columns not in HELP_WIDTHS:
        return None
    try:
        with open(os.path.join(HELP_FOLDER, help_name(words, columns)), encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def _columns() -> int:
    """Columns of the terminal as click takes them; 0: click must find out."""
    told = os.environ.get("COLUMNS", "")
    if told:
        return int(told) if told.isascii() and told.isdigit() and told.strip("0") else 0
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


def _is_utf8(stream: object) -> bool:
    """True for an open stream that takes every character; others are prepared by `guard`."""
    return (getattr(stream, "encoding", None) or "").lower() in ("utf-8", "utf8")


def _told(text: str) -> int:
    """Write to standard output."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        from .entry import failed
        from .output import unwritten

        return failed(error if isinstance(error, BrokenPipeError) else unwritten("standard output", error))
    return 0
