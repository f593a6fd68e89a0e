"""An address space as /proc/PID/maps and smaps print it, and one PTE word bit by bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from ..result.result import Snapshot, VmaRow
from ..trace.events import MapsFile
from .errortext import printable
from .layout import Cell, Sheet

if TYPE_CHECKING:
    from ..abi.places import Place
    from .documents.machines import Maps
    from .documents.run import MmFacts

_NAME_COLUMN = 73  # fs/proc/task_mmu.c pads to it

SMAPS_FIELDS = (
    ("Rss", "rss"),
    ("Anonymous", "anonymous"),
    ("Shared", "shared"),
    ("Dirty", "dirty"),
    ("HugePages", "huge"),
    ("Swap", "swap"),
    ("FilePtes", "file_ptes"),
    ("Guards", "guards"),
)
"""Lines of smaps that the replay knows, and their counts. Shared: mapped more than once; FilePtes: absent
pages of a non-linear area; Guards: guard markers."""


Identities = Mapping[str, tuple[str, int]]
"""Name of a file: device and inode, as a recorded maps file shows them."""


def maps_line(row: VmaRow, known: Identities | None = None) -> str:
    """One line of /proc/PID/maps. Without a recorded identity the inode is the number of the simulated object."""
    device, inode = (known or {}).get(row.file or "", ("00:00", row.inode))
    head = f"{row.start:08x}-{row.end:08x} {row.perms} {row.offset:08x} {device} {inode}"
    name = printable(row.name or row.file or "")
    if row.assumed:
        name = f"{name} (assumed)".lstrip()
    return f"{head.ljust(_NAME_COLUMN - 1)} {name}" if name else head


def identities(maps: Sequence[MapsFile]) -> Identities:
    """Devices and inodes of the files that recorded maps name."""
    return {row.name: (row.dev, row.inode) for file in maps for row in file.rows if row.inode}


def maps_lines(rows: Iterable[VmaRow], known: Identities | None = None) -> Iterator[str]:
    """Areas, a line each."""
    return (maps_line(row, known) + "\n" for row in rows)


def smaps_text(snapshot: Snapshot, page_size: int, known: Identities | None = None) -> Iterator[str]:
    """All areas with their resident pages and VmFlags, one after the other; the fields that the replay knows."""
    resident = snapshot.facts.get("resident", [])
    for i, row in enumerate(snapshot.vmas):
        lines = [
            maps_line(row, known),
            _size("Size", row.end - row.start),
            _size("KernelPageSize", page_size),
        ]
        if i < len(resident):
            lines += [_size(label, resident[i][key] * page_size) for label, key in SMAPS_FIELDS]
        lines.append(f"VmFlags: {row.vmflags}\n")
        yield "\n".join(lines)


def _size(label: str, amount: int) -> str:
    return f"{label + ':':<16}{amount >> 10:>8} kB"


def maps_facts(snapshot: Snapshot, at: Place) -> Maps:
    """The same as plain data (remaptrace/maps/1)."""
    resident: Sequence[Any] = snapshot.facts.get("resident", [])
    return {
        "schema": "remaptrace/maps/1",
        "at": at,
        "vmas": [
            {
                "start": row.start,
                "end": row.end,
                "perms": row.perms,
                "offset": row.offset,
                "inode": row.inode,
                "name": row.name or row.file,
                "vmflags": row.vmflags.split(),
                "assumed": row.assumed,
                "pages": resident[i] if i < len(resident) else None,
            }
            for i, row in enumerate(snapshot.vmas)
        ],
        "mm": cast("MmFacts", {k: v for k, v in snapshot.facts.items() if k != "resident"}),
    }


def pte_sheet(
    addr: int, row: VmaRow | None, word: int, kind: str, fields: Sequence[Any], width: int
) -> Sheet:
    """The PTE word of `addr`: what it is taken for, and every field of it."""
    sheet = Sheet(width)
    sheet.line((f"{addr:#x}", "head"), "  in  ", maps_line(row) if row else "no area")
    if kind == "none":
        sheet.line("PTE        empty: nothing is mapped and nothing remembered")
        return sheet
    sheet.line(f"PTE        {word:#x}  ", (kind, "head"))
    sheet.blank()
    rows: list[list[Cell]] = [[("bits", "dim"), ("name", "dim"), ("value", "dim"), ("meaning", "dim")]]
    rows += [[f.bits, f.name, f.value, f.meaning] for f in fields]
    sheet.table(rows, "rlll", gap=2, flexible=3, wrap=True)
    return sheet
