"""One area as /proc/PID/maps and smaps show it, from its words: whether they come from the arena or from the log."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ..abi.attributes import ATTRIBUTES
from ..abi.vmanames import shown_name
from ..abi.vmflags import VM_EXEC, VM_LOCKONFAULT, VM_MAYSHARE, VM_READ, VM_SOFTDIRTY, VM_WRITE, VMFLAG_NAMES
from ..lateclasses import NamedTuple, dataclass
from .result import VmaRow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAMED = list(ATTRIBUTES).index("named")


@lru_cache(maxsize=256)
def perms_text(flags: int) -> str:
    """The permissions column of /proc/PID/maps."""
    return (
        ("r" if flags & VM_READ else "-")
        + ("w" if flags & VM_WRITE else "-")
        + ("x" if flags & VM_EXEC else "-")
        + ("s" if flags & VM_MAYSHARE else "p")
    )


@lru_cache(maxsize=1024)
def vmflags_text(flags: int, lf_named: bool = True) -> str:
    """The VmFlags line of smaps; kernels that cannot name VM_LOCKONFAULT print ``??``."""
    words = []
    for bit, name in VMFLAG_NAMES:
        if flags & bit:
            words.append("??" if bit == VM_LOCKONFAULT and not lf_named else name)
    return " ".join(words)


@dataclass(frozen=True)
class Layout:
    """Where an address space has its heap and its stack, in bytes; 0: not known."""

    start_brk: int = 0
    brk: int = 0
    stack: int = 0


def heap_touches(start: Any, end: Any, layout: Layout, strict: bool) -> Any:
    """Whether an area is of the heap, if there is one; unless `strict` also one that only touches it."""
    touching = 0 if strict else 1
    return (start < layout.brk + touching) & (end + touching > layout.start_brk)


def special_name(start: int, end: int, layout: Layout, strict: bool) -> str:
    """[heap] or [stack], as fs/proc/task_mmu.c decides for areas without a file."""
    if layout.start_brk and heap_touches(start, end, layout, strict):
        return "[heap]"
    if layout.stack and start <= layout.stack <= end:
        return "[stack]"
    return ""


class AreaWords(NamedTuple):
    """All that is known of an area, as the engine has it. Bytes, `pgoff` in pages; identities and strings: 0 none."""

    start: int
    end: int
    flags: int  # VM_*
    pgoff: int
    anon_vma: int
    fork_child: bool
    born: int
    assumed: bool
    special: int  # string of [vdso] and the like
    attributes: tuple[int, ...]  # as abi.attributes has them; "named": string that the program named it
    opened: int  # open file description
    inode: int  # the object that backs it, also behind a file
    file: str  # how that object is shown


@dataclass(frozen=True)
class Shown:
    """What of a machine decides how its /proc shows areas."""

    shift: int  # of a page
    bits: int  # of a word
    heap_strict: bool
    lf_named: bool
    anon_pgoff: bool
    soft_dirty: bool = False  # every area is, until someone writes /proc/PID/clear_refs


def area_row(words: AreaWords, layout: Layout, shown: Shown, strings: Sequence[str]) -> VmaRow:
    """The row of one area."""
    (
        start,
        end,
        flags,
        pgoff,
        anon_vma,
        fork_child,
        born,
        assumed,
        special,
        attributes,
        opened,
        inode,
        file,
    ) = words
    name = ""
    if special:
        name = strings[special]
    elif not inode:
        name = special_name(start, end, layout, shown.heap_strict)
    named = attributes[_NAMED]
    if named and not name:
        name = shown_name(strings[named], bool(inode))
    offset = pgoff << shown.shift if inode or shown.anon_pgoff else 0
    return VmaRow(  # by place: by name takes twice the time
        start,
        end,
        perms_text(flags),
        offset & ((1 << shown.bits) - 1),
        file if inode and not special else None,
        flags,
        vmflags_text(flags | (VM_SOFTDIRTY if shown.soft_dirty else 0), shown.lf_named),
        inode,
        name,
        anon_vma,
        assumed,
        born,
        opened,
        pgoff,
        attributes,
        fork_child,
    )
