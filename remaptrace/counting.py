"""Numbers as every output and note writes them."""

from __future__ import annotations


def number(value: int) -> str:
    """A count with thousands separators."""
    return f"{value:,}"


def counted(value: int, one: str, many: str = "") -> str:
    """A count with its noun: ``1 line``, ``2 lines``."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def be(value: int) -> str:
    """The verb of so many: ``is``, ``are``."""
    return "is" if value == 1 else "are"


def was(value: int) -> str:
    """The same of what is over: ``was``, ``were``."""
    return "was" if value == 1 else "were"
