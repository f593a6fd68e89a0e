"""Texts of --help as click makes them, kept for `remaptrace.cli.front`: ``python -m tools.helptexts``.

Writes remaptrace/cli/helptexts/: a file for each command and kept width. A test compares each with click's own.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from remaptrace.cli.front import HELP_FOLDER, HELP_WIDTHS, help_name
from remaptrace.cli.group import group


def contexts(terminal: int) -> Iterator[click.Context]:
    """A context for the whole, and for each command, of a terminal with so many columns."""
    whole = click.Context(group, info_name="remaptrace", terminal_width=None, **group.context_settings)
    whole.terminal_width = min(terminal, whole.max_content_width or terminal) - 2
    yield whole
    pending = [whole]
    while pending:
        parent = pending.pop()
        assert isinstance(parent.command, click.Group)
        for word in parent.command.list_commands(parent):
            command = parent.command.get_command(parent, word)
            assert command is not None
            context = click.Context(command, info_name=word, parent=parent, **command.context_settings)
            yield context
            if isinstance(command, click.Group):
                pending.append(context)


def texts() -> dict[str, str]:
    """Every text by the name of its file."""
    found = {}
    for width in HELP_WIDTHS:
        for context in contexts(width):
            words = context.command_path.split()[1:]
            found[help_name(words, width)] = context.get_help() + "\n"
    return found


def main() -> int:
    """Write them all; files of commands that are gone are taken away."""
    made = texts()
    folder = Path(HELP_FOLDER)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(made)} texts in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
