"""The command line: one thin module a command, loaded when it is called."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Entry point of the `remaptrace` command."""
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # numpy starts its threads, of which nothing here makes use
    from .entry import guarded

    sys.exit(guarded(sys.argv[1:]))
