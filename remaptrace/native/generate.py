"""Random programs of memory calls and accesses, by subject, from a seed.

A program is a list of steps as a scenario writes them: ``{"mmap": {...}}``, ``{"read": address}``.
Every profile keeps to a window of 48 pages that the runner leaves free, so that calls meet each
other often; `layout` and `limits` also let the kernel choose addresses. The weights below are the
whole difference between profiles.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Step = dict[str, Any]
Weights = dict[str, int]

PAGE = 4096
BASE = 0x1000_0000_0000
WINDOW = 48  # pages
HUGE = 0x1100_0000_0000
"""Where areas of huge pages lie: aligned to 2 MiB, apart from the window."""

PROFILES: dict[str, Weights] = {
    "merge": {
        "map": 20,
        "unmap": 6,
        "protect": 14,
        "move": 7,
        "flag_advice": 10,
        "lock": 6,
        "write": 14,
        "read": 6,
        "fork": 1,
        "fork_wait": 1,
        "dump": 3,
        "grow": 2,
        "below": 2,
        "unusual": 5,
    },
    "uml": {
        "file_page": 30,
        "unmap": 8,
        "protect": 6,
        "write": 20,
        "read": 12,
        "fork_wait": 1,
        "pages": 3,
        "dump": 3,
        "move": 1,
    },
    "guard": {
        "map": 10,
        "guard": 22,
        "unmap": 3,
        "protect": 7,
        "move": 5,
        "drop": 6,
        "lock": 3,
        "write": 12,
        "read": 12,
        "exec": 2,
        "populate": 6,
        "mincore": 3,
        "pages": 5,
        "fork": 1,
        "dump": 2,
    },
    "rfp": {
        "shared": 12,
        "remap": 28,
        "unmap": 4,
        "protect": 6,
        "move": 4,
        "write": 10,
        "read": 12,
        "resize": 3,
        "mincore": 3,
        "pages": 4,
        "lock": 2,
        "flag_advice": 2,
        "dump": 3,
    },
    "fault": {
        "map": 12,
        "shared": 8,
        "private_file": 8,
        "unmap": 3,
        "protect": 8,
        "move": 4,
        "write": 20,
        "read": 20,
        "exec": 6,
        "resize": 4,
        "file_byte": 4,
        "drop": 6,
        "populate": 4,
        "sync": 2,
        "pages": 8,
        "mincore": 3,
        "fork": 1,
        "fork_wait": 1,
        "huge": 6,
        "huge_part": 8,
        "grow": 4,
        "below": 6,
        "punch": 3,
    },
    "layout": {
        "anywhere": 30,
        "unmap_result": 12,
        "protect_result": 6,
        "move_result": 8,
        "brk": 8,
        "hint": 8,
        "low": 4,
        "write_result": 8,
        "dump": 3,
        "unusual_anywhere": 6,
        "grow": 3,
        "below": 3,
        "huge_hint": 4,
    },
    "errors": {
        "bad": 40,
        "map": 12,
        "shared": 4,
        "unmap": 3,
        "protect": 4,
        "move": 3,
        "lock": 2,
        "write": 4,
        "read": 4,
        "dump": 2,
        "seal_file": 4,
        "resize": 3,
        "file_byte": 3,
        "unusual": 14,
        "hint": 3,
        "sync": 3,
    },
    "limits": {
        "limit": 6,
        "anywhere": 16,
        "map": 12,
        "unmap": 6,
        "protect": 10,
        "move": 6,
        "brk": 6,
        "write": 8,
        "dump": 2,
    },
}
PROFILES["mixed"] = {
    "map": 14,
    "shared": 8,
    "private_file": 6,
    "unmap": 6,
    "protect": 10,
    "move": 6,
    "flag_advice": 6,
    "lock": 4,
    "guard": 5,
    "remap": 5,
    "drop": 5,
    "populate": 3,
    "write": 12,
    "read": 10,
    "exec": 2,
    "resize": 2,
    "file_byte": 2,
    "sync": 1,
    "mincore": 2,
    "pages": 3,
    "fork": 1,
    "fork_wait": 1,
    "seal": 1,
    "dump": 3,
    "huge": 2,
    "huge_part": 3,
    "grow": 2,
    "below": 3,
    "punch": 2,
    "unusual": 4,
    "anywhere": 3,
    "move_result": 3,
    "write_result": 3,
    "unmap_result": 2,
}


class Generator:
    """Makes steps; remembers which steps returned an address that later ones may use."""

    def __init__(self, seed: int, profile: str) -> None:
        self.random = random.Random(f"{profile}/{seed}")
        self.profile = profile
        self.steps: list[Step] = []
        self.placed: list[tuple[int, int]] = []  # step number, pages
        self.files: dict[str, int] = {}

    def program(self, length: int) -> list[Step]:
        """A program of `length` steps, files first."""
        r = self.random
        for name in ("a", "b"):
            pages = r.choice((1, 3, 8, 16, 24, 40))
            self.files[name] = pages
            self.steps.append({"memfd": {"id": name, "pages": pages, "fill": r.random() < 0.8}})
        if r.random() < 0.3:
            self.steps.append({"reopen": {"fd": "a", "new_fd": "ro", "mode": "r"}})
            self.files["ro"] = self.files["a"]
        if r.random() < 0.1:
            self.steps.append({"reopen": {"fd": "a", "new_fd": "wo", "mode": "w"}})
            self.files["wo"] = self.files["a"]
        weights = PROFILES[self.profile]
        kinds = r.choices(list(weights), weights=list(weights.values()), k=length)
        for kind in kinds:
            maker: Callable[[], Step] = getattr(self, f"_{kind}")
            self.steps.append(maker())
        return self.steps

    # ---- pieces

    def _range(self, longest: int = 12) -> tuple[int, int]:
        first = self.random.randrange(WINDOW)
        return BASE + first * PAGE, self.random.randint(1, min(longest, WINDOW - first)) * PAGE

    def _byte(self) -> int:
        r = self.random
        return BASE + r.randrange(WINDOW) * PAGE + r.choice((0, 0, 1, 8, 0x10, 0x7F8, 0xFFF))

    def _prot(self) -> str:
        return self.random.choices(("rw", "r", "none", "rx", "rwx", "w", "x"), (50, 16, 14, 8, 6, 3, 3))[0]

    def _fd(self) -> str:
        return self.random.choice(list(self.files))

    def _offset(self, fd: str) -> int:
        return self.random.randrange(self.files[fd] + 2) * PAGE

    def _mmap(self, addr: object, length: int, flags: list[object], fd: object = -1, offset: int = 0) -> Step:
        return {
            "mmap": {
                "addr": addr,
                "length": length,
                "prot": self._prot(),
                "flags": flags,
                "fd": fd,
                "offset": offset,
            }
        }

    # ---- steps

    def _map(self) -> Step:
        addr, length = self._range()
        extra: list[list[object]] = [[], [], [], [], ["noreserve"], ["populate"], ["stack"]]
        flags: list[object] = ["private", "fixed", "anonymous", *self.random.choice(extra)]
        if self.random.random() < 0.1:
            flags[0] = "shared"
        if self.random.random() < 0.06:
            flags[1] = "fixed_noreplace"
        return self._mmap(addr, length, flags)

    def _shared(self) -> Step:
        addr, length = self._range()
        fd = self._fd()
        return self._mmap(addr, length, ["shared", "fixed"], fd, self._offset(fd))

    def _private_file(self) -> Step:
        addr, length = self._range()
        fd = self._fd()
        return self._mmap(addr, length, ["private", "fixed"], fd, self._offset(fd))

    def _file_page(self) -> Step:
        addr, length = self._range(2)
        step = self._mmap(addr, length, ["shared", "fixed"], "a", self._offset("a"))
        step["mmap"]["prot"] = self.random.choice(("rx", "rwx", "rw", "r"))
        return step

    def _unmap(self) -> Step:
        addr, length = self._range()
        return {"munmap": {"addr": addr, "length": length}}

    def _protect(self) -> Step:
        addr, length = self._range()
        return {"mprotect": {"addr": addr, "length": length, "prot": self._prot()}}

    def _move(self) -> Step:
        r = self.random
        addr, length = self._range(8)
        target, new = self._range(8)
        if r.random() < 0.5:
            new = length
        kind = r.random()
        if kind < 0.5:
            step: Step = {
                "addr": addr,
                "old_length": length,
                "new_length": new,
                "flags": ["maymove", "fixed"],
                "new_addr": target,
            }
        elif kind < 0.65:
            step = {
                "addr": addr,
                "old_length": length,
                "new_length": length,
                "flags": ["maymove", "fixed", "dontunmap"],
                "new_addr": target,
            }
        else:
            step = {"addr": addr, "old_length": length, "new_length": new, "flags": [], "new_addr": 0}
        return {"mremap": step}

    def _advise(self, *advice: str) -> Step:
        addr, length = self._range()
        return {"madvise": {"addr": addr, "length": length, "advice": self.random.choice(advice)}}

    def _flag_advice(self) -> Step:
        return self._advise(
            "dontfork",
            "dofork",
            "sequential",
            "random",
            "normal",
            "dontdump",
            "dodump",
            "wipeonfork",
            "keeponfork",
            "nohugepage",
            "mergeable",
            "unmergeable",
        )

    def _drop(self) -> Step:
        return self._advise("dontneed", "dontneed", "free", "remove", "pageout", "cold", "dontneed_locked")

    def _guard(self) -> Step:
        return self._advise("guard_install", "guard_install", "guard_remove")

    def _populate(self) -> Step:
        return self._advise("populate_read", "populate_write")

    def _lock(self) -> Step:
        addr, length = self._range()
        r = self.random.random()
        if r < 0.4:
            return {"mlock": {"addr": addr, "length": length}}
        if r < 0.6:
            return {"mlock2": {"addr": addr, "length": length, "flags": ["onfault"]}}
        return {"munlock": {"addr": addr, "length": length}}

    def _remap(self) -> Step:
        r = self.random
        addr, size = self._range(6)
        return {
            "remap_file_pages": {
                "addr": addr,
                "size": size,
                "prot": "none" if r.random() < 0.95 else "r",
                "pgoff": r.randrange(self.files["a"] + 3),
                "flags": r.choice((0, 0, 0, 0x10000)),
            }
        }

    def _read(self) -> Step:
        return {"read": self._byte()}

    def _write(self) -> Step:
        return {"write": {"addr": self._byte(), "value": self.random.randrange(256)}}

    def _exec(self) -> Step:
        return {"exec": self._byte() & ~0xFFF | self.random.choice((0, 1, 8, 0x10, 0x7F8))}

    def _resize(self) -> Step:
        fd = self._fd()
        return {"ftruncate": {"fd": fd, "size": self._offset(fd) + self.random.choice((0, 0, 100))}}

    def _file_byte(self) -> Step:
        fd = self._fd()
        offset = self._offset(fd) + self.random.choice((0, 1, 77))
        if self.random.random() < 0.5:
            return {"pread": {"fd": fd, "offset": offset}}
        return {"pwrite": {"fd": fd, "offset": offset, "value": self.random.randrange(256)}}

    def _sync(self) -> Step:
        addr, length = self._range()
        return {"msync": {"addr": addr, "length": length, "flags": [self.random.choice(("sync", "async"))]}}

    def _mincore(self) -> Step:
        addr, length = self._range(6)
        return {"mincore": {"addr": addr, "length": length}}

    def _pages(self) -> Step:
        addr, length = self._range(8)
        return {"pages": {"addr": addr, "count": length // PAGE}}

    def _seal(self) -> Step:
        addr, length = self._range(4)
        return {"mseal": {"addr": addr, "length": length, "flags": 0}}

    def _fork(self) -> Step:
        return {"fork": {}}

    def _fork_wait(self) -> Step:
        return {"fork_wait": {}}

    def _dump(self) -> Step:
        return {"dump": {}}

    # ---- huge pages, growing areas, less usual flags

    def _huge(self) -> Step:
        r = self.random
        pages = r.choice((512, 1024, 1536))
        if r.random() < 0.5:
            step = self._mmap(HUGE, pages * PAGE, ["private", "fixed", "anonymous"])
            step["mmap"]["prot"] = r.choice(("rw", "rw", "rw", "r"))
            return step
        return {
            "madvise": {
                "addr": HUGE,
                "length": pages * PAGE,
                "advice": r.choice(("hugepage", "hugepage", "nohugepage")),
            }
        }

    def _huge_part(self) -> Step:
        r = self.random
        addr = HUGE + r.choice((0, 1, 5, 511, 512, 700, 1023)) * PAGE
        length = r.choice((1, 2, 511, 512, 600)) * PAGE
        return r.choice(
            (
                {"write": {"addr": addr, "value": r.randrange(256)}},
                {"write": {"addr": addr + 8, "value": r.randrange(256)}},
                {"read": addr},
                {"read": addr + 0x10},
                self._part_advice(addr, length),
                {"madvise": {"addr": addr, "length": length, "advice": "guard_install"}},
                {"mprotect": {"addr": addr, "length": length, "prot": r.choice(("r", "rw", "none"))}},
                {"munmap": {"addr": addr, "length": length}},
                {"mremap": {"addr": addr, "old_length": length, "new_length": length,
                            "flags": ["maymove", "fixed"], "new_addr": HUGE + 2048 * PAGE}},
                {"pages": {"addr": addr, "count": 4}},
            )
        )  # fmt: skip

    def _part_advice(self, addr: int, length: int) -> Step:
        advice = self.random.choice(("dontneed", "free", "populate_write"))
        return {"madvise": {"addr": addr, "length": length, "advice": advice}}

    def _grow(self) -> Step:
        addr, length = self._range(3)
        return self._mmap(addr, length, ["private", "fixed", "anonymous", "growsdown"])

    def _below(self) -> Step:
        r = self.random
        page = BASE - r.choice((1, 2, 8, 200, 255, 256, 257, 300)) * PAGE
        return (
            {"read": page} if r.random() < 0.4 else {"write": {"addr": page + 8, "value": r.randrange(256)}}
        )

    def _punch(self) -> Step:
        fd = self._fd()
        return {
            "punch_hole": {"fd": fd, "offset": self._offset(fd), "length": self.random.randint(1, 4) * PAGE}
        }

    def _seal_file(self) -> Step:
        return {
            "seal": {
                "fd": self._fd(),
                "seals": [self.random.choice(("shrink", "grow", "write", "future_write"))],
            }
        }

    def _unusual(self) -> Step:
        r = self.random
        addr, length = self._range(6)
        extra: list[object] = [
            r.choice(("locked", "noreserve", "stack", "populate", "nonblock", "denywrite"))
        ]
        if r.random() < 0.3:
            fd = self._fd()
            kind = r.choice(("shared", "private", "shared_validate"))
            return self._mmap(addr, length, [kind, "fixed", *extra], fd, self._offset(fd))
        kind = r.choice(("private", "private", "shared", "droppable"))
        return self._mmap(addr, length, [kind, "fixed", "anonymous", *extra])

    def _unusual_anywhere(self) -> Step:
        r = self.random
        pages = r.choice((1, 2, 16, 512))
        self.placed.append((len(self.steps), pages))
        if r.random() < 0.5:
            fd = self._fd()
            return self._mmap(0, pages * PAGE, [r.choice(("shared", "private"))], fd, self._offset(fd))
        return self._mmap(
            0, pages * PAGE, ["private", "anonymous", r.choice(("growsdown", "locked", "populate", "stack"))]
        )

    def _huge_hint(self) -> Step:
        r = self.random
        self.placed.append((len(self.steps), 512))
        return self._mmap(r.choice((BASE, HUGE, HUGE + 0x1000)), 512 * PAGE, ["private", "anonymous"])

    # ---- the kernel chooses

    def _anywhere(self) -> Step:
        r = self.random
        pages = r.choice((1, 1, 2, 3, 5, 8, 17, 64, 511, 512, 513, 1024, 1536))
        flags: list[object] = ["private", "anonymous", *r.choice(([], [], [], ["noreserve"], ["stack"]))]
        if r.random() < 0.15:
            flags[0] = "shared"
        self.placed.append((len(self.steps), pages))
        return self._mmap(0, pages * PAGE - r.choice((0, 0, 0, 1)), flags)

    def _placed(self) -> tuple[str, int]:
        """A reference into an area that the kernel placed, and the pages from there to its end."""
        if not self.placed:
            return f"0x{BASE:x}", 4
        step, pages = self.random.choice(self.placed)
        first = self.random.randrange(pages)
        return f"@{step}" + (f"+0x{first * PAGE:x}" if first else ""), pages - first

    def _unmap_result(self) -> Step:
        addr, pages = self._placed()
        return {"munmap": {"addr": addr, "length": self.random.randint(1, pages) * PAGE}}

    def _protect_result(self) -> Step:
        addr, pages = self._placed()
        return {
            "mprotect": {"addr": addr, "length": self.random.randint(1, pages) * PAGE, "prot": self._prot()}
        }

    def _move_result(self) -> Step:
        addr, pages = self._placed()
        r = self.random
        return {
            "mremap": {
                "addr": addr,
                "old_length": pages * PAGE,
                "new_length": r.choice((pages, pages + 1, pages + 512, max(1, pages - 1))) * PAGE,
                "flags": r.choice((["maymove"], ["maymove"], [])),
                "new_addr": 0,
            }
        }

    def _write_result(self) -> Step:
        addr, _ = self._placed()
        return {"write": {"addr": addr, "value": 1}}

    def _hint(self) -> Step:
        addr, length = self._range()
        step = self._mmap(addr + self.random.choice((0, 0, 123)), length, ["private", "anonymous"])
        self.placed.append((len(self.steps), length // PAGE))
        return step

    def _low(self) -> Step:
        pages = self.random.choice((1, 4, 64))
        self.placed.append((len(self.steps), pages))
        return self._mmap(0, pages * PAGE, ["private", "anonymous", "32bit"])

    def _brk(self) -> Step:
        return {"brk": {"offset": self.random.randrange(0, 64) * PAGE + self.random.choice((0, 0, 100))}}

    def _limit(self) -> Step:
        r = self.random
        name = r.choice(("as", "data", "stack"))
        soft = {"as": 20_000_000, "data": 16_000_000, "stack": 8_388_608}[name]
        return {"setrlimit": {"resource": name, "soft": soft + r.randrange(400) * PAGE}}

    # ---- wrong arguments

    def _bad(self) -> Step:
        r = self.random
        addr, length = self._range()
        odd = r.choice((1, 123, 0x800))
        huge = r.choice((0xFFFF_FFFF_FFFF_F000, 0x8000_0000_0000, 0x7FFF_FFFF_F000))
        choices: list[Step] = [
            self._mmap(addr + odd, length, ["private", "fixed", "anonymous"]),
            self._mmap(addr, 0, ["private", "fixed", "anonymous"]),
            self._mmap(0, huge, ["private", "anonymous"]),
            self._mmap(addr, length, [r.choice((0, 4, 9)), "fixed", "anonymous"]),
            self._mmap(addr, length, ["shared", "fixed"], "bad"),
            self._mmap(addr, length, ["shared", "fixed"], "a", r.choice((1, 0x7FFF_FFFF_FFFF_F000))),
            self._mmap(addr, length, ["shared_validate", "fixed", 0x8000000], "a"),
            self._mmap(addr, length, ["shared", "fixed", "growsdown"], "a"),
            {"munmap": {"addr": addr + odd, "length": length}},
            {"munmap": {"addr": addr, "length": r.choice((0, 0xFFFF_FFFF_FFFF_F000))}},
            {"mprotect": {"addr": addr + odd, "length": length, "prot": "r"}},
            {"mprotect": {"addr": addr, "length": r.choice((0, 0xFFFF_FFFF_FFFF_F000)), "prot": "r"}},
            {"mprotect": {"addr": addr, "length": length, "prot": r.choice((0x10, 0x1000000, 0x3000000, 8))}},
            {
                "mremap": {
                    "addr": addr + odd,
                    "old_length": length,
                    "new_length": length,
                    "flags": [],
                    "new_addr": 0,
                }
            },
            {
                "mremap": {
                    "addr": addr,
                    "old_length": length,
                    "new_length": 0,
                    "flags": ["maymove"],
                    "new_addr": 0,
                }
            },
            {
                "mremap": {
                    "addr": addr,
                    "old_length": 0,
                    "new_length": length,
                    "flags": r.choice(([], ["maymove"])),
                    "new_addr": 0,
                }
            },
            {
                "mremap": {
                    "addr": addr,
                    "old_length": length,
                    "new_length": length,
                    "flags": r.choice(([8], ["fixed"], ["maymove", "fixed"])),
                    "new_addr": addr,
                }
            },
            {"madvise": {"addr": addr, "length": length, "advice": r.choice((5, 7, 99, 104))}},
            {"madvise": {"addr": addr + odd, "length": length, "advice": "dontneed"}},
            {"mlock2": {"addr": addr, "length": length, "flags": [2]}},
            {"msync": {"addr": addr, "length": length, "flags": ["async", "sync"]}},
            {"msync": {"addr": addr + odd, "length": length, "flags": ["sync"]}},
            {"mincore": {"addr": addr + odd, "length": length}},
            {
                "remap_file_pages": {
                    "addr": addr,
                    "size": r.choice((0, 100, 0xFFFF_FFFF_FFFF_F000)),
                    "prot": "none",
                    "pgoff": 0,
                    "flags": 0,
                }
            },
            {"remap_file_pages": {"addr": addr, "size": length, "prot": "rw", "pgoff": 0, "flags": 0}},
            {
                "remap_file_pages": {
                    "addr": addr,
                    "size": length,
                    "prot": "none",
                    "pgoff": r.choice((0xFFFF_FFFF_FFFF_FFFF, 0x7_FFFF_FFFF_FFFF)),
                    "flags": 0,
                }
            },
            {"mseal": {"addr": addr + r.choice((0, odd)), "length": length, "flags": r.choice((0, 1))}},
        ]
        return r.choice(choices)


def generate(seed: int, profile: str, length: int = 50) -> list[Step]:
    """The program of `seed` in `profile`: the same one on every machine and run."""
    return Generator(seed, profile).program(length)
