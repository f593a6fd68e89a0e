"""What the command line's own process does to begin sooner: modules read from one file instead of hundreds.

`bundle` finds modules there, `bundling` writes them behind a report; `expressions` are kept with them. A process that
imports remaptrace as a library has nothing of it.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .bundle import Bundle

_LONG = 3.0
"""Seconds of processor time from which a command does not gain from what a bundle spares."""
_begun: list[tuple[Bundle | None, frozenset[str]]] = []


def begin() -> None:
    """Have modules come from a bundle from now on, where there is one."""
    from .bundle import installed

    bundle = installed()
    _begun.append((bundle, frozenset(sys.modules)))
    if bundle is not None:
        from .expressions import recall_from

        recall_from(bundle)


def end() -> None:
    """Behind the answer: keep what a short command loaded from elsewhere, for the next one."""
    for bundle, before in _begun:
        from time import process_time

        from ..patterns import unknown
        from .bundle import found_elsewhere

        if process_time() < _LONG and (unknown or found_elsewhere(bundle, before)):
            from contextlib import suppress

            from .bundling import keep_modules

            with suppress(OSError):  # the cache cannot be written, or is not this user's
                keep_modules(bundle, before)
