"""What a scenario looks like; asked of every input, so that nothing else is loaded here."""

from __future__ import annotations

KEYS = (
    "name",
    "about",
    "arch",
    "page_size",
    "machine",
    "vars",
    "files",
    "layout",
    "initial",
    "brk_start",
    "mmap_base",
    "first_free_top",
    "steps",
    "vmas",
)
"""The keys of the whole document."""


def looks_like_scenario(head: str) -> bool:
    """True if the first lines of a file are those of a scenario: mapping keys, one of them known."""
    for line in head.removeprefix("\ufeff").splitlines():
        if line[:1] in ("", "#", " ", "-", "\t", "}", "]") or line == "---":
            continue
        key, colon, rest = line.partition(":")
        if not colon or not key.isidentifier() or rest[:1] not in ("", " "):
            return False
        if key in KEYS:
            return True
    return False
