"""The command line: one thin module a command, loaded when it is called."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # without the enums of `signal`: they are a tenth of a short command
import sys


def main() -> None:
    """Entry point of the `remaptrace` command."""
    # nothing is begun: Ctrl-C ends it without words
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    _prepare_numpy()
    from .front import answered

    status = answered(sys.argv[1:])
    if status is None:
        from .entry import guarded

        status = guarded(sys.argv[1:])
    sys.exit(status)


def _prepare_numpy() -> None:
    """Numpy without its threads, of which nothing here makes use, and its docstrings, a tenth of what it loads."""
    import os
    from types import ModuleType

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if "numpy" not in sys.modules:
        for name in ("_add_newdocs", "_add_newdocs_scalars"):
            sys.modules[f"numpy._core.{name}"] = ModuleType(name)
