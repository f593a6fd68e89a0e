"""Regular expressions as `re` compiled them: what a bundle keeps of `patterns`.

Compiling those of a short scenario takes as long as replaying it. What is kept are the arguments that `re` gives to its
C code, which proves them when it takes them.
"""

from __future__ import annotations

import _sre  # type: ignore[import-not-found]
import marshal

from .. import patterns

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import Any

    from ..patterns import Key
    from .bundle import Bundle


def recall_from(bundle: Bundle) -> None:
    """Have expressions of `patterns` come from `bundle` where it has them."""

    def recalled(key: Key) -> re.Pattern[Any] | None:
        place = bundle.expressions.get(key)
        data = None if place is None else bundle.piece(*place)
        return None if data is None else made(key, data)

    patterns.recall_by(recalled)


def made(key: Key, data: bytes) -> re.Pattern[Any] | None:
    """The expression `key` of what `kept` gave for it; None if it is damaged."""
    try:
        found: re.Pattern[Any] = _sre.compile(key[0], *marshal.loads(data))
    except (EOFError, ValueError, TypeError, RuntimeError, OverflowError):
        return None
    return found


def kept(key: Key) -> bytes:
    """What makes the expression `key` without `re`."""
    import re._compiler as compiler  # type: ignore[import-not-found]

    asked = _Asked()
    own, compiler._sre = compiler._sre, asked
    try:
        compiler.compile(*key)
    finally:
        compiler._sre = own
    flags, code, *rest = asked.arguments
    return marshal.dumps((int(flags), [int(word) for word in code], *rest))


class _Asked:
    """Stands for the C code of `re`, and notes what it is to compile."""

    arguments: tuple[Any, ...] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(_sre, name)

    def compile(self, source: str | bytes, *arguments: Any) -> Any:
        """Compile it, too."""
        self.arguments = arguments
        return _sre.compile(source, *arguments)
