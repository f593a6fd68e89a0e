"""The front door: texts of --help and the plain forms of short commands, told without the reader of command lines.

Loading click takes as long as two interpreters that do nothing. Nothing is parsed here: a command line has exactly one
of few shapes, or click reads it, as it reads everything in-process. What is told is what click would have told: the
texts were made by it (``python -m tools.helptexts``), and tests compare both ways.
"""

from __future__ import annotations

import os
import sys

HELP_FOLDER = os.path.join(os.path.dirname(__file__), "helptexts")
HELP_WIDTHS = (80, 100)
"""Columns of the terminals that texts are kept for; lines of wider ones are no longer than those of the widest."""

_ASKS = ("--help", "-h")
_SAID_ELSEWHERE = ("_REMAPTRACE_COMPLETE", "REMAPTRACE_LIMIT_MEMORY")
"""Variables that change what any command line means."""


def answered(args: list[str]) -> int | None:
    """Answer the command line `args`, of the program itself; its exit status. None: click must read it."""
    if any(name in os.environ for name in _SAID_ELSEWHERE):
        return None
    if not args or args[-1] in _ASKS:
        text = _help(args[:-1])
        return None if text is None else _told(text)
    if args == ["--version"]:
        from .. import __version__

        return _told(f"remaptrace {__version__}\n")
    return None


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


def _told(text: str) -> int | None:
    """Write to standard output, which must be there and take every character."""
    encoding = getattr(sys.stdout, "encoding", None) or ""
    if encoding.lower() not in ("utf-8", "utf8"):
        return None
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        from .entry import failed

        return failed(error)
    return 0
