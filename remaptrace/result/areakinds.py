"""What an area is there for, in one word, as pictures colour it."""

from __future__ import annotations

from .result import VmaRow

KINDS = ("program or library", "other file", "shared", "heap", "stack", "anonymous", "no access", "special")


def kind_of(vma: VmaRow) -> int:
    """Which of KINDS an area is; no access comes before what it is made of."""
    if vma.perms.startswith("---"):
        return 6
    if vma.name in ("[heap]", "[stack]"):
        return 3 if vma.name == "[heap]" else 4
    if vma.name.startswith("[") and not vma.name.startswith("[anon"):
        return 7
    if vma.perms.endswith("s"):
        return 2
    if vma.file:
        program = ".so" in vma.file or "x" in vma.perms or vma.file.startswith(("/usr/", "/lib", "/bin"))
        return 0 if program else 1
    return 5
