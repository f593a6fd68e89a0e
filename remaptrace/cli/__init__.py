"""The command line: one thin module a command, loaded when it is called."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # without the enums of `signal`: they are a tenth of a short command
import gc
import os
import sys


def main() -> None:
    """Entry point of the `remaptrace` command."""
    # nothing is begun: Ctrl-C ends it without words
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    if sys.stderr is None:  # closed before we began: what is told there is told to nobody
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:  # the same; that it cannot be written is told as on a full disk
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: SIM115
    if not os.path.isdir(os.path.dirname(__file__)):  # in a zip: refused there
        from ..machine.presetcache import all_presets
        from .entry import ended

        sys.exit(ended(lambda: len(all_presets())))
    _prepare_numpy()
    from ..startup import begin
    from .front import answered

    gc.set_threshold(_COLLECT_FROM)
    status = answered(sys.argv[1:], begin)
    if status is not None:
        _leave(status)
        sys.exit(status)
    begin()
    from ..startup.numpylate import prepare_numpy
    from .entry import guarded

    prepare_numpy()
    status = guarded(sys.argv[1:])
    if sys.argv[1:2] and sys.argv[1] in _PLAINLY_ENDED:
        _leave(status)
    sys.exit(status)


_PLAINLY_ENDED = ("run", "check", "maps", "diff", "sweep", "advise")
"""Commands whose files are whole and closed when they have answered."""

_COLLECT_FROM = 100_000
"""New objects from which the collector of cycles looks for garbage: what is imported is none."""


def _leave(status: int) -> None:
    """End the process here, with nothing taken apart first: that takes a tenth of a short run.

    For commands that leave nothing open; what was registered for the end is done. Returns where someone
    waits for the usual end: a debugger, a profiler, another thread, or output that cannot be written.
    """
    import atexit

    from ..startup import end

    threading = sys.modules.get("threading")
    others = threading is not None and any(
        not one.daemon for one in threading.enumerate() if one is not threading.main_thread()
    )
    if others or sys.flags.inspect or _is_watched():
        return
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
        end()
    except (OSError, ValueError):
        return
    os._exit(status)


def _is_watched() -> bool:
    """Whether a debugger or profiler is at work, by the old ways or, since Python 3.12, as a tool of sys.monitoring."""
    if sys.getprofile() is not None or sys.gettrace() is not None:
        return True
    monitoring = getattr(sys, "monitoring", None)
    return monitoring is not None and any(map(monitoring.get_tool, range(_TOOLS)))


_TOOLS = 6
"""Numbers that tools of sys.monitoring have."""


def _prepare_numpy() -> None:
    """Numpy without its threads, of which nothing here makes use, and its docstrings, a tenth of what it loads."""
    from types import ModuleType

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if "numpy" not in sys.modules:
        for name in ("_add_newdocs", "_add_newdocs_scalars"):
            sys.modules[f"numpy._core.{name}"] = ModuleType(name)
