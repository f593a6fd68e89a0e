"""Mappings that follow rules of their own: rings of perf, io_uring and packet sockets, maps of bpf, secret memory,
vcpus, /dev/zero; mapped whole and in wrong pieces, then given to every call.
"""

from __future__ import annotations

from collections.abc import Callable

from ..steps import Step, mmap, mremap, ranged, remap_file_pages
from ..window import BASE, PAGE, WINDOW, Window

KINDS = ("perf_event", "io_uring", "bpf_array", "packet_ring", "secretmem", "kvm_vcpu", "zero")
_URING_OFFSETS = (0, 0x8000000, 0x10000000)
_PROTS = ("rw",) * 12 + ("r", "r", "r", "none", "w", "rwx", "rx")
_ADVICE = (
    "dontneed", "dontneed", "free", "remove", "pageout", "cold", "dontneed_locked", "populate_read",
    "populate_write", "guard_install", "guard_remove", "dontfork", "dofork", "dontdump", "dodump", "sequential",
    "normal", "wipeonfork", "keeponfork", "hugepage", "nohugepage", "mergeable", "unmergeable", "willneed", "collapse",
)  # fmt: skip


def begin(w: Window) -> None:
    """Descriptors of two or three kinds, each mapped once."""
    r = w.random
    there = [kind for kind in KINDS if kind not in w.without]
    w.kinds = r.sample(there, min(len(there), r.choice((2, 2, 3))))
    for kind in w.kinds:
        pages = r.choice((1, 2, 3, 4, 8)) if kind not in ("perf_event", "io_uring", "zero") else 0
        if kind == "kvm_vcpu":
            pages = 3
        w.files[kind] = pages or r.choice((1, 2, 3, 5, 9))
        step = {"id": kind, "kind": kind, "pages": pages, "entries": r.choice((1, 8, 64, 256))}
        w.steps.append({"special_file": step})
    for _ in range(4):
        w.steps.append(_map(w))


def _map(w: Window) -> Step:
    r = w.random
    kind = r.choice(w.kinds)
    pages = w.files[kind]
    length = pages * PAGE
    offset = 0
    if r.random() < 0.25:
        length = r.choice((1, 2, 3, 4, 5, 9)) * PAGE
    if r.random() < 0.2:
        offset = r.choice((0, 1, 2, 3)) * PAGE
    addr: int = BASE + r.randrange(WINDOW - 10) * PAGE
    flags: list[object] = ["shared" if r.random() < 0.85 else "private", "fixed"]
    if kind == "io_uring":
        offset = r.choice(_URING_OFFSETS) if r.random() < 0.9 else offset
        if r.random() < 0.85:
            addr, flags = 0, flags[:1]
            w.placed.append((len(w.steps), length // PAGE))
    if r.random() < 0.15:
        flags.append(r.choice(("populate", "locked", "noreserve", "growsdown", "stack")))
    return mmap(addr, length, r.choice(_PROTS), flags, kind, offset)


def _mapped(w: Window) -> tuple[object, int]:
    """(addr, bytes) of a piece of what was mapped, sometimes with a page around it."""
    r = w.random
    steps = [
        (i, step["mmap"])
        for i, step in enumerate(w.steps)
        if "mmap" in step and step["mmap"]["fd"] in w.kinds
    ]
    if not steps or r.random() < 0.05:
        return w.range(6)
    number, a = r.choice(steps)
    pages = max(1, a["length"] // PAGE)
    first = r.randrange(pages) if r.random() < 0.5 else 0
    count = r.randint(1, pages - first) if r.random() < 0.5 else pages - first
    if not a["addr"]:
        return f"@{number}" + (f"+0x{first * PAGE:x}" if first else ""), count * PAGE
    return a["addr"] + first * PAGE, (count + (r.random() < 0.1)) * PAGE


def _touch(w: Window) -> Step:
    r = w.random
    addr, length = _mapped(w)
    if isinstance(addr, int):
        addr += r.randrange(length // PAGE) * PAGE + r.choice((0, 0, 1, 0x10, 0x7F8, 0xFFF))
    if r.random() < 0.5:
        return {"write": {"addr": addr, "value": r.randrange(256)}}
    if r.random() < 0.95:
        return {"read": addr}
    return {
        "exec": addr & ~0xF if isinstance(addr, int) else addr
    }  # bytes of zero are one instruction of two


def _call(w: Window) -> Step:
    r = w.random
    addr, length = _mapped(w)
    target = BASE + r.randrange(WINDOW - 10) * PAGE
    return r.choice(
        (
            ranged("munmap", addr, length),
            ranged("mprotect", addr, length, prot=w.prot()),
            ranged("mprotect", addr, length, prot=w.prot()),
            mremap(addr, length, length, ["maymove", "fixed"], target),
            mremap(addr, length, length + PAGE, r.choice(([], ["maymove"]))),
            mremap(addr, length, max(PAGE, length - PAGE), []),
            mremap(addr, length, length, ["maymove", "fixed", "dontunmap"], target),
            mremap(addr, 0, length, ["maymove", "fixed"], target),
            ranged("mlock", addr, length),
            ranged("mlock2", addr, length, flags=["onfault"]),
            ranged("munlock", addr, length),
            ranged("msync", addr, length, flags=[r.choice(("sync", "async", "invalidate"))]),
            ranged("mseal", addr, length, flags=0) if r.random() < 0.1 else ranged("munlock", addr, length),
            remap_file_pages(addr, length, r.randrange(4)) if isinstance(addr, int) else {"dump": {}},
        )
    )


def _advise(w: Window) -> Step:
    addr, length = _mapped(w)
    return ranged("madvise", addr, length, advice=w.random.choice(_ADVICE))


def _file(w: Window) -> Step:
    r = w.random
    kind = r.choice(w.kinds)
    return r.choice(
        (
            {"ftruncate": {"fd": kind, "size": r.choice((0, PAGE, 5 * PAGE))}},
            {"punch_hole": {"fd": kind, "offset": 0, "length": PAGE}},
            {"dup": {"fd": kind, "new_fd": "copy"}},
        )
    )


MAKERS: dict[str, Callable[[Window], Step]] = {
    "special_map": _map,
    "special_touch": _touch,
    "special_call": _call,
    "special_advice": _advise,
    "special_file": _file,
}
