"""The bill of a dump: areas as they stand, without the calls that made them; and of two dumps, what grew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..abi.attributes import attributes
from ..abi.vmflags import (
    VM_ACCOUNT,
    VM_DONTEXPAND,
    VM_EXEC,
    VM_GROWSDOWN,
    VM_MAYEXEC,
    VM_MAYREAD,
    VM_MAYSHARE,
    VM_MAYWRITE,
    VM_READ,
    VM_SHARED,
    VM_WRITE,
)
from ..lateclasses import dataclass
from ..result.areacolumns import Labels, columns_of
from ..result.result import VmaRow
from ..trace.dumps.dump import UNKNOWN_PERMS, Dump
from .bill import Bill, Item, bill_views, file_labels, size_labels
from .neighbours import Neighbours
from .patterns import patterns_of
from .shape import Shape, shape_of

_SPECIAL = ("[vdso", "[vvar", "[uprobes]", "[vectors]", "[sigpage]", "[timer")
_MAY = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC


@dataclass(frozen=True)
class DumpBill:
    """The areas of a dump by what they are for. Each view adds up to `total`."""

    dump: Dump
    total: int
    views: dict[str, list[Item]]  # "pattern", "file", "size"
    patterns: Labels
    vmas: tuple[VmaRow, ...]
    shape: Shape | None  # None: the dump shows no permissions
    untouched: tuple[int, int] | None  # areas with no resident page, and their bytes; None: not shown


def vma_rows(dump: Dump) -> tuple[VmaRow, ...]:
    """The areas of a dump as reports have them; flags from VmFlags, else what the permissions imply."""
    numbers: dict[tuple[str, int, str], int] = {}
    out = []
    none = attributes()
    for at, row in enumerate(dump.rows):
        named = row.name.startswith("[")
        flags = dump.flags[at] if dump.flags else _implied(row.perms, row.name)
        key = (row.dev, row.inode, row.name)
        is_file = bool(row.name) and not named
        out.append(
            VmaRow(
                row.start,
                row.end,
                row.perms,
                row.offset,
                row.name if is_file else None,
                flags,
                "",
                inode=numbers.setdefault(key, len(numbers) + 1) if is_file else 0,
                name=row.name if named else "",
                attributes=attributes(named=numbers.setdefault(("", 0, row.name), len(numbers) + 1))
                if _by_program(row.name)
                else none,
            )
        )
    return tuple(out)


def _by_program(name: str) -> bool:
    """True for a name that the program gave by prctl(PR_SET_VMA): it keeps areas apart."""
    return name.startswith(("[anon:", "[anon_shmem:"))


def _implied(perms: str, name: str) -> int:
    """The flags that permissions and name prove or make likely (private memory that is writable is accounted)."""
    if perms == UNKNOWN_PERMS:
        return 0
    flags = (VM_READ if "r" in perms else 0) | (VM_WRITE if "w" in perms else 0)
    flags |= VM_EXEC if "x" in perms else 0
    flags |= _MAY | (VM_SHARED | VM_MAYSHARE if perms[3] == "s" else 0)
    if name.startswith(_SPECIAL):
        flags |= VM_DONTEXPAND
    elif name == "[stack]":
        flags |= VM_GROWSDOWN
    if flags & VM_WRITE and not flags & VM_SHARED:
        flags |= VM_ACCOUNT
    return flags


def dump_bill(dump: Dump) -> DumpBill:
    """The bill of a dump."""
    vmas = vma_rows(dump)
    areas = columns_of(vmas)
    asked = Neighbours(page_size=dump.page_size)
    patterns = patterns_of(areas, asked)
    views = bill_views(
        areas, {"pattern": patterns, "file": file_labels(areas), "size": size_labels(areas)}, 0
    )
    untouched = None
    if dump.resident:
        empty = [v.end - v.start for v, rss in zip(vmas, dump.resident, strict=True) if not rss]
        untouched = (len(empty), sum(empty))
    shape = shape_of(vmas, asked) if dump.shows_perms else None
    return DumpBill(dump, len(vmas), views, patterns, vmas, shape, untouched)


@dataclass(frozen=True)
class Growth:
    """How one line of a bill changed from the first dump to the last."""

    label: str
    before: int
    after: int
    bytes_before: int
    bytes_after: int


def grown(old: DumpBill | Bill, new: DumpBill | Bill, view: str) -> list[Growth]:
    """The lines of a view that changed, those that grew most first."""
    before = {i.label: i for i in old.views[view]}
    after = {i.label: i for i in new.views[view]}
    lines = []
    for label in dict.fromkeys((*after, *before)):
        a, b = before.get(label), after.get(label)
        line = Growth(
            label,
            a.vmas if a else 0,
            b.vmas if b else 0,
            a.bytes if a else 0,
            b.bytes if b else 0,
        )
        if (line.before, line.bytes_before) != (line.after, line.bytes_after):
            lines.append(line)
    return sorted(lines, key=lambda g: (g.before - g.after, g.bytes_before - g.bytes_after))


def new_areas(old: DumpBill, new: DumpBill) -> list[tuple[str, int, int]]:
    """Areas of `new` that lie where `old` had none: (permissions and what they map, size in bytes, how many)."""
    found: Counter[tuple[str, int]] = Counter()
    at = 0
    rows = old.vmas
    for vma in new.vmas:
        while at < len(rows) and rows[at].end <= vma.start:
            at += 1
        if at < len(rows) and rows[at].start < vma.end:
            continue
        what = vma.name or vma.file or "anonymous"
        found[f"{vma.perms} {what}", vma.end - vma.start] += 1
    return [(label, size, count) for (label, size), count in found.most_common()]


def same_process(old: Sequence[VmaRow], new: Sequence[VmaRow]) -> bool:
    """True if the two lists show one process: some file is mapped at the same address in both."""
    places = {(v.start, v.file) for v in old if v.file}
    return any((v.start, v.file) in places for v in new if v.file)
