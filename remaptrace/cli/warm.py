"""`remaptrace warm`: compile the engine ahead."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import click

_TICK = 5.0
"""Seconds between signs of life."""


@click.command("warm")
def command() -> None:
    """Compile the engine and the readers of large logs now, so that the first large trace need not wait.

    Done once for each version of the sources; the compiled code is kept in the user's cache folder
    (REMAPTRACE_CACHE names another).
    """
    from ..engine.run.engines import is_compiled, warm
    from ..machinecode.folders import cache_folder
    from ..machinecode.ready import is_ready
    from ..machinecode.ready import warm as warm_readers
    from ..rewrite import walk

    if is_compiled() and is_ready("strace") and is_ready("ftrace") and walk.is_ready():
        root = cache_folder("engine").parent.parent
        sys.stderr.write(f"the engine and the readers are compiled already: {root}\n")
        return
    sys.stderr.write("compiling the engine and the readers, once for this version: a minute or more\n")

    def warm_others() -> None:
        warm_readers()
        walk.warm()

    start = time.monotonic()
    done = threading.Event()
    ticker = threading.Thread(target=_tick, args=(start, done), daemon=True)
    ticker.start()
    try:
        pool = ThreadPoolExecutor(2)
        try:
            for work in [pool.submit(warm), pool.submit(warm_others)]:
                work.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # the interrupted do not wait for a compiler
    finally:
        done.set()
        ticker.join()
    sys.stderr.write(f"compiled in {time.monotonic() - start:.0f} s\n")


def _tick(start: float, done: threading.Event) -> None:
    """Say every few seconds that the compiler is still at work: on a terminal in place, else in dots."""
    live = sys.stderr.isatty()
    while not done.wait(_TICK if not live else 1.0):
        seconds = time.monotonic() - start
        sys.stderr.write(f"\r{seconds:4.0f} s" if live else ".")
        sys.stderr.flush()
    sys.stderr.write("\r\x1b[K" if live else "\n")
