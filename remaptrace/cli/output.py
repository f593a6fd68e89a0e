"""Where a command's data goes: standard output, or a file that is whole or not there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

from ..errorcodes import RT_OUTPUT
from ..errors import RemapTraceError
from ..outfile import write_file
from ..report.formats import PICTURES, ending_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..report.layout import Sheet

_WIDEST = 160  # beyond that, lines are hard to follow


class OutputError(RemapTraceError):
    """The result cannot be written where it was asked for. Exit 3."""


def width() -> int:
    """Columns to lay a report out for: the terminal's, COLUMNS, or 80; between 60 and 160."""
    return max(60, min(_WIDEST, _terminal()))


def _terminal() -> int:
    """COLUMNS, or what the terminal says, or 80 (shutil.get_terminal_size, without what shutil loads)."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


def coloured() -> bool:
    """True when standard output is a terminal that shows colours and NO_COLOR is not set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show(sheet: Sheet, path: str | None = None, title: str = "remaptrace") -> None:
    """Deliver a sheet: to the terminal, as text, or as the picture that the file's ending asks for."""
    if path is not None:
        write_text(_for_file(sheet, path, title), path)
    elif coloured():
        from ..report.rich.paint import to_terminal

        write_text([to_terminal(sheet)], None)
    else:
        write_text([sheet.text()], None)


def _for_file(sheet: Sheet, path: str, title: str) -> list[str]:
    ending = ending_of(path, PICTURES)
    if ending is None:
        return [sheet.text()]
    from ..report.rich.paint import to_html, to_svg

    return [to_svg(sheet, title) if ending == ".svg" else to_html(sheet, title)]


def write_text(parts: Iterable[str], path: str | None) -> None:
    """Write text to a file, or to standard output when `path` is None or ``-``.

    A file appears under its name only when it is complete, see `remaptrace.outfile`. OutputError RT502 when it cannot
    be written.
    """
    if path is None or path == "-":
        try:
            for part in parts:
                sys.stdout.write(part)
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise unwritten("standard output", error) from None
        return
    try:
        write_file(path, (part.encode("utf-8", "surrogateescape") for part in parts))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritten(path, error) from None


def write_bytes(data: bytes, path: str) -> None:
    """Write a file that is no text; as `write_text` otherwise."""
    try:
        write_file(path, [data])
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritten(path, error) from None


def unwritten(path: str, error: OSError) -> OutputError:
    """The error that tells that `path` cannot be written, RT502."""
    return OutputError(
        RT_OUTPUT,
        f"cannot write: {error.strerror or error}",
        path=path,
        expected="a file that can be written, in a folder that exists, on a disk with room",
    )


def warn(text: str) -> None:
    """A line on standard error."""
    sys.stderr.write(text.rstrip("\n") + "\n")


def show_unread(errors: Sequence[RemapTraceError], inputs: int) -> None:
    """Say on standard error, behind the report, which of several inputs could not be read and why."""
    from ..report.errortext import error_text

    sys.stderr.write(f"{len(errors)} of {inputs} inputs could not be read:\n")
    for error in errors:
        sys.stderr.write(error_text(error))
