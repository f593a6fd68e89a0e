"""What random programs share: a source of chance, the window they keep to, files and areas made so far."""

from __future__ import annotations

import random

from .steps import Step, mmap

PAGE = 4096
BASE = 0x1000_0000_0000
WINDOW = 48  # pages
HUGE = 0x1100_0000_0000
"""Where areas of huge pages lie: aligned to 2 MiB, apart from the window."""


class Window:
    """The steps of one program so far; remembers which of them returned an address that later ones may use."""

    def __init__(self, seed: int, profile: str) -> None:
        self.random = random.Random(f"{profile}/{seed}")
        self.profile = profile
        self.steps: list[Step] = []
        self.placed: list[tuple[int, int]] = []  # step number, pages
        self.files: dict[str, int] = {}  # pages
        self.kinds: list[str] = []  # of special files, which are their names, too
        self.without: frozenset[str] = frozenset()  # kinds of special files, and subjects, that there are not
        self.unguarded = False  # no step installs a guard
        self.counts: dict[str, int] = {}  # what a subject counts: segments, descriptors

    def range(self, longest: int = 12) -> tuple[int, int]:
        """(addr, length) in bytes of a range in the window, up to `longest` pages."""
        first = self.random.randrange(WINDOW)
        return BASE + first * PAGE, self.random.randint(1, min(longest, WINDOW - first)) * PAGE

    def byte(self) -> int:
        """An address in the window."""
        r = self.random
        return BASE + r.randrange(WINDOW) * PAGE + r.choice((0, 0, 1, 8, 0x10, 0x7F8, 0xFFF))

    def prot(self) -> str:
        """A protection as scenarios write it, rw most often."""
        return self.random.choices(("rw", "r", "none", "rx", "rwx", "w", "x"), (50, 16, 14, 8, 6, 3, 3))[0]

    def fd(self) -> str:
        """The id of one of the files."""
        return self.random.choice(list(self.files))

    def offset(self, fd: str) -> int:
        """An offset in bytes into file `fd`, or up to a page behind its end."""
        return self.random.randrange(self.files[fd] + 2) * PAGE

    def mmap(self, addr: object, length: int, flags: list[object], fd: object = -1, offset: int = 0) -> Step:
        """An mmap step with any protection."""
        return mmap(addr, length, self.prot(), flags, fd, offset)

    def may(self, step: Step) -> bool:
        """Whether the program may have it."""
        advice = step.get("madvise", {}).get("advice")
        return not (self.unguarded and advice == "guard_install")

    def somewhere(self) -> tuple[str, int]:
        """A reference into an area that the kernel placed, and the pages from there to its end."""
        if not self.placed:
            return f"0x{BASE:x}", 4
        step, pages = self.random.choice(self.placed)
        first = self.random.randrange(pages)
        return f"@{step}" + (f"+0x{first * PAGE:x}" if first else ""), pages - first

    def fill_window(self) -> None:
        """Map most of the window, as private and as shared memory, so that few calls meet holes."""
        at = 0
        while at < WINDOW:
            pages = min(self.random.randint(4, 20), WINDOW - at)
            kind = "private" if self.random.random() < 0.8 else "shared"
            if self.random.random() < 0.92:
                flags = [kind, "fixed", "anonymous"]
                self.steps.append(mmap(BASE + at * PAGE, pages * PAGE, "rw", flags))
            at += pages
