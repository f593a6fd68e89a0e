"""Text of files and names as a terminal, a page or a log may show it: what acts instead of being read is escaped."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` with control, direction-changing and undecodable characters as escapes (``\\x1b``, ``\\u202e``)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
