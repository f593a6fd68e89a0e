"""Numbers as every output writes them."""

from __future__ import annotations


def number(value: int) -> str:
    """A count with thousands separators."""
    return f"{value:,}"


def counted(value: int, one: str, many: str = "") -> str:
    """A count with its noun: ``1 line``, ``2 lines``."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"
