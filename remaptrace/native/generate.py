"""Random programs of memory calls and accesses, by subject, from a seed.

A program is a list of steps as a scenario writes them: ``{"mmap": {...}}``, ``{"read": address}``.
Every subject (see `profiles`) keeps to a window of 48 pages that the runner leaves free, so that calls meet each
other often; `layout` and `limits` also let the kernel choose addresses. A subject is
nothing but weights of the kinds of steps below.
"""

from __future__ import annotations

from .profiles import PROFILES, TOGETHER
from .steps import Step, mremap, ranged, remap_file_pages
from .subjects import BEGINNINGS, MAKERS, together
from .window import BASE, HUGE, PAGE, Window
from .wrong import wrong_step


class Generator(Window):
    """Makes the steps of all subjects."""

    def program(self, length: int) -> list[Step]:
        """A program of `length` steps, files first."""
        r = self.random
        for name in ("a", "b"):
            pages = r.choice((1, 3, 8, 16, 24, 40))
            self.files[name] = pages
            self.steps.append(self._file(name, pages))
        if r.random() < 0.3:
            self.steps.append({"reopen": {"fd": "a", "new_fd": "ro", "mode": "r"}})
            self.files["ro"] = self.files["a"]
        if r.random() < 0.1:
            self.steps.append({"reopen": {"fd": "a", "new_fd": "wo", "mode": "w"}})
            self.files["wo"] = self.files["a"]
        if self.profile in BEGINNINGS:
            BEGINNINGS[self.profile](self)
        weights = together.weights(self) if self.profile == TOGETHER else PROFILES[self.profile]
        kinds = r.choices(list(weights), weights=list(weights.values()), k=length)
        for kind in kinds:
            maker = MAKERS.get(kind)
            step = maker(self) if maker else getattr(self, f"_{kind}")()
            self.steps.append(step if self.may(step) else self._write())
        return self.steps

    def _file(self, name: str, pages: int) -> Step:
        if self.profile != "disk":
            return {"memfd": {"id": name, "pages": pages, "fill": self.random.random() < 0.8}}
        folio = self.random.choice([size for size in (1, 2, 4, 8, 16) if pages % size == 0])
        return {"diskfile": {"id": name, "pages": pages, "fill": True, "folio": folio}}

    # ---- steps

    def _map(self) -> Step:
        addr, length = self.range()
        extra: list[list[object]] = [[], [], [], [], ["noreserve"], ["populate"], ["stack"]]
        flags: list[object] = ["private", "fixed", "anonymous", *self.random.choice(extra)]
        if self.random.random() < 0.1:
            flags[0] = "shared"
        if self.random.random() < 0.06:
            flags[1] = "fixed_noreplace"
        return self.mmap(addr, length, flags)

    def _shared(self) -> Step:
        addr, length = self.range()
        fd = self.fd()
        return self.mmap(addr, length, ["shared", "fixed"], fd, self.offset(fd))

    def _private_file(self) -> Step:
        addr, length = self.range()
        fd = self.fd()
        return self.mmap(addr, length, ["private", "fixed"], fd, self.offset(fd))

    def _file_page(self) -> Step:
        addr, length = self.range(2)
        step = self.mmap(addr, length, ["shared", "fixed"], "a", self.offset("a"))
        step["mmap"]["prot"] = self.random.choice(("rx", "rwx", "rw", "r"))
        return step

    def _unmap(self) -> Step:
        addr, length = self.range()
        return ranged("munmap", addr, length)

    def _protect(self) -> Step:
        addr, length = self.range()
        return ranged("mprotect", addr, length, prot=self.prot())

    def _move(self) -> Step:
        r = self.random
        addr, length = self.range(8)
        target, new = self.range(8)
        if r.random() < 0.5:
            new = length
        kind = r.random()
        if kind < 0.5:
            return mremap(addr, length, new, ["maymove", "fixed"], target)
        if kind < 0.65:
            return mremap(addr, length, length, ["maymove", "fixed", "dontunmap"], target)
        return mremap(addr, length, new, [])

    def _advise(self, *advice: str) -> Step:
        addr, length = self.range()
        return ranged("madvise", addr, length, advice=self.random.choice(advice))

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
        addr, length = self.range()
        r = self.random.random()
        if r < 0.4:
            return ranged("mlock", addr, length)
        if r < 0.6:
            return ranged("mlock2", addr, length, flags=["onfault"])
        return ranged("munlock", addr, length)

    def _remap(self) -> Step:
        r = self.random
        addr, size = self.range(6)
        pgoff = r.randrange(self.files["a"] + 3)
        prot = "none" if r.random() < 0.95 else "r"
        return remap_file_pages(addr, size, pgoff, prot, r.choice((0, 0, 0, 0x10000)))

    def _read(self) -> Step:
        return {"read": self.byte()}

    def _write(self) -> Step:
        return {"write": {"addr": self.byte(), "value": self.random.randrange(256)}}

    def _exec(self) -> Step:
        return {"exec": self.byte() & ~0xFFF | self.random.choice((0, 1, 8, 0x10, 0x7F8))}

    def _resize(self) -> Step:
        fd = self.fd()
        return {"ftruncate": {"fd": fd, "size": self.offset(fd) + self.random.choice((0, 0, 100))}}

    def _file_byte(self) -> Step:
        fd = self.fd()
        offset = self.offset(fd) + self.random.choice((0, 1, 77))
        if self.random.random() < 0.5:
            return {"pread": {"fd": fd, "offset": offset}}
        return {"pwrite": {"fd": fd, "offset": offset, "value": self.random.randrange(256)}}

    def _sync(self) -> Step:
        addr, length = self.range()
        return ranged("msync", addr, length, flags=[self.random.choice(("sync", "async"))])

    def _mincore(self) -> Step:
        addr, length = self.range(6)
        return ranged("mincore", addr, length)

    def _pages(self) -> Step:
        addr, length = self.range(8)
        return {"pages": {"addr": addr, "count": length // PAGE}}

    def _seal(self) -> Step:
        addr, length = self.range(4)
        return ranged("mseal", addr, length, flags=0)

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
            step = self.mmap(HUGE, pages * PAGE, ["private", "fixed", "anonymous"])
            step["mmap"]["prot"] = r.choice(("rw", "rw", "rw", "r"))
            return step
        return ranged("madvise", HUGE, pages * PAGE, advice=r.choice(("hugepage", "hugepage", "nohugepage")))

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
                ranged("madvise", addr, length, advice="guard_install"),
                ranged("mprotect", addr, length, prot=r.choice(("r", "rw", "none"))),
                ranged("munmap", addr, length),
                mremap(addr, length, length, ["maymove", "fixed"], HUGE + 2048 * PAGE),
                {"pages": {"addr": addr, "count": 4}},
            )
        )

    def _part_advice(self, addr: int, length: int) -> Step:
        advice = self.random.choice(("dontneed", "free", "populate_write"))
        return ranged("madvise", addr, length, advice=advice)

    def _grow(self) -> Step:
        addr, length = self.range(3)
        return self.mmap(addr, length, ["private", "fixed", "anonymous", "growsdown"])

    def _below(self) -> Step:
        r = self.random
        page = BASE - r.choice((1, 2, 8, 200, 255, 256, 257, 300)) * PAGE
        return (
            {"read": page} if r.random() < 0.4 else {"write": {"addr": page + 8, "value": r.randrange(256)}}
        )

    def _punch(self) -> Step:
        fd = self.fd()
        length = self.random.randint(1, 4) * PAGE
        return {"punch_hole": {"fd": fd, "offset": self.offset(fd), "length": length}}

    def _seal_file(self) -> Step:
        seal = self.random.choice(("shrink", "grow", "write", "future_write"))
        return {"seal": {"fd": self.fd(), "seals": [seal]}}

    def _unusual(self) -> Step:
        r = self.random
        addr, length = self.range(6)
        extra: list[object] = [
            r.choice(("locked", "noreserve", "stack", "populate", "nonblock", "denywrite"))
        ]
        if r.random() < 0.3:
            fd = self.fd()
            kind = r.choice(("shared", "private", "shared_validate"))
            return self.mmap(addr, length, [kind, "fixed", *extra], fd, self.offset(fd))
        kind = r.choice(("private", "private", "shared", "droppable"))
        return self.mmap(addr, length, [kind, "fixed", "anonymous", *extra])

    def _unusual_anywhere(self) -> Step:
        r = self.random
        pages = r.choice((1, 2, 16, 512))
        self.placed.append((len(self.steps), pages))
        if r.random() < 0.5:
            fd = self.fd()
            return self.mmap(0, pages * PAGE, [r.choice(("shared", "private"))], fd, self.offset(fd))
        return self.mmap(
            0, pages * PAGE, ["private", "anonymous", r.choice(("growsdown", "locked", "populate", "stack"))]
        )

    def _collapse(self) -> Step:
        r = self.random
        addr = HUGE + r.choice((0, 0, 0, 1, 512, 512, 700, 1024)) * PAGE
        length = r.choice((1, 511, 512, 512, 512, 513, 1024)) * PAGE
        return ranged("madvise", addr, length, advice="collapse")

    def _huge_piece(self) -> Step:
        """As `_huge_part`, without what is not modelled of folios that are mapped in parts.

        Pages are asked by access: pagemap shows the huge zero page as a file's.
        """
        step = self._huge_part()
        while "pages" in step or step.get("madvise", {}).get("advice") in ("free", "cold", "pageout"):
            step = self._huge_part()
        return step

    def _huge_hint(self) -> Step:
        r = self.random
        self.placed.append((len(self.steps), 512))
        return self.mmap(r.choice((BASE, HUGE, HUGE + 0x1000)), 512 * PAGE, ["private", "anonymous"])

    # ---- the kernel chooses

    def _anywhere(self) -> Step:
        r = self.random
        pages = r.choice((1, 1, 2, 3, 5, 8, 17, 64, 511, 512, 513, 1024, 1536))
        flags: list[object] = ["private", "anonymous", *r.choice(([], [], [], ["noreserve"], ["stack"]))]
        if r.random() < 0.15:
            flags[0] = "shared"
        self.placed.append((len(self.steps), pages))
        return self.mmap(0, pages * PAGE - r.choice((0, 0, 0, 1)), flags)

    def _unmap_result(self) -> Step:
        addr, pages = self.somewhere()
        return ranged("munmap", addr, self.random.randint(1, pages) * PAGE)

    def _protect_result(self) -> Step:
        addr, pages = self.somewhere()
        return ranged("mprotect", addr, self.random.randint(1, pages) * PAGE, prot=self.prot())

    def _move_result(self) -> Step:
        addr, pages = self.somewhere()
        r = self.random
        new = r.choice((pages, pages + 1, pages + 512, max(1, pages - 1)))
        return mremap(addr, pages * PAGE, new * PAGE, r.choice((["maymove"], ["maymove"], [])))

    def _write_result(self) -> Step:
        addr, _ = self.somewhere()
        return {"write": {"addr": addr, "value": 1}}

    def _hint(self) -> Step:
        addr, length = self.range()
        step = self.mmap(addr + self.random.choice((0, 0, 123)), length, ["private", "anonymous"])
        self.placed.append((len(self.steps), length // PAGE))
        return step

    def _low(self) -> Step:
        pages = self.random.choice((1, 4, 64))
        self.placed.append((len(self.steps), pages))
        return self.mmap(0, pages * PAGE, ["private", "anonymous", "32bit"])

    def _brk(self) -> Step:
        return {"brk": {"offset": self.random.randrange(0, 64) * PAGE + self.random.choice((0, 0, 100))}}

    def _limit(self) -> Step:
        r = self.random
        name = r.choice(("as", "data", "stack"))
        soft = {"as": 20_000_000, "data": 16_000_000, "stack": 8_388_608}[name]
        return {"setrlimit": {"resource": name, "soft": soft + r.randrange(400) * PAGE}}

    def _bad(self) -> Step:
        addr, length = self.range()
        return wrong_step(self.random, addr, length, self.prot())


def generate(seed: int, profile: str, length: int = 50, without: frozenset[str] = frozenset()) -> list[Step]:
    """The program of `seed` in `profile`, the same one on every machine; `without` some kinds of special files."""
    generator = Generator(seed, profile)
    generator.without = without
    return generator.program(length)
