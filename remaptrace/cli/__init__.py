"""The command line: one thin module a command, loaded when it is called."""

from __future__ import annotations

import os
import signal
import sys
from types import ModuleType


def main() -> None:
    """Entry point of the `remaptrace` command."""
    # nothing is begun: Ctrl-C ends it without words
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # numpy starts its threads, of which nothing here makes use
    if "numpy" not in sys.modules:  # a tenth of the time it takes to load goes into docstrings
        for name in ("_add_newdocs", "_add_newdocs_scalars"):
            sys.modules[f"numpy._core.{name}"] = ModuleType(name)
    from .entry import guarded

    sys.exit(guarded(sys.argv[1:]))
