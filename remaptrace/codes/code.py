"""An error code in words."""

from __future__ import annotations

from ..lateclasses import dataclass


@dataclass(frozen=True)
class ErrorCode:
    """One code: a title of a few words, what it means, an example, what to do."""

    code: str
    title: str
    meaning: str
    example: str = ""
    advice: str = ""
