"""The command line: one thin module a command, loaded when it is called."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the `remaptrace` command."""
    from .entry import run_command

    sys.exit(run_command(sys.argv[1:]))
