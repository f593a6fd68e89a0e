"""Regular expressions compiled when they are first used: most runs use few of those that their modules have.

The command line keeps them as `re` compiled them (`startup.bundle`), so that a later command need not load `re`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable
    from typing import Any, AnyStr, TypeAlias

    Key: TypeAlias = tuple[str | bytes, int]

IGNORECASE, MULTILINE = 2, 8
"""Those flags of `re` that expressions used in every run have, without `re`."""

unknown: list[Key] = []
"""Expressions that were compiled here."""
_recall: list[Callable[[Key], re.Pattern[Any] | None]] = []


def recall_by(recall: Callable[[Key], re.Pattern[Any] | None]) -> None:
    """Ask `recall` for an expression in front of compiling it."""
    _recall[:] = [recall]


def _made(key: Key) -> re.Pattern[Any]:
    for recall in _recall:
        found = recall(key)
        if found is not None:
            return found
    import re

    unknown.append(key)
    return re.compile(*key)


class _Late:
    """Stands in for a compiled pattern, and compiles it when the first of its methods is asked for."""

    def __init__(self, source: str | bytes, flags: int) -> None:
        self._key = source, flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(_made(self._key), name)
        setattr(self, name, found)  # asked for once
        return found


def pattern(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """`re.compile`, later."""
    made: Any = _Late(source, int(flags))
    return made  # type: ignore[no-any-return]
