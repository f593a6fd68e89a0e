"""Why two neighbouring areas are two: asks the engine's own merge predicate (engine.areas.mergeable).

Two areas become two rows of attributes, laid out as VMAs; the predicate names the first attribute that keeps
them apart. That one is then made equal and the predicate asked again, until it finds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..abi.vmflags import (
    VM_ACCESS,
    VM_ACCOUNT,
    VM_MAYEXEC,
    VM_MAYREAD,
    VM_MAYWRITE,
    VM_NONLINEAR,
    VM_PKEY,
    VMFLAG_NAMES,
)
from ..engine.areas.mergeable import (
    APART_ANON_VMA,
    APART_ATTRIBUTES,
    APART_CLOSE,
    APART_FILE,
    APART_FLAGS,
    APART_HOLE,
    APART_NAMES,
    APART_OFFSET,
    APART_SPECIAL,
    VM_IGNORE_MERGE,
    apart,
)
from ..engine.state import (
    H_ARCH,
    H_RULES,
    N_ATTRIBUTES,
    V_ATTRIBUTES,
    V_AV,
    V_AVMULTI,
    V_END,
    V_FILE,
    V_FLAGS,
    V_OPS,
    V_PGOFF,
    V_START,
    V_WORDS,
)
from ..machine.archwords import A_PAGE_SHIFT, N_ARCH
from ..machine.rules import N_RULES, R_MERGE_FAULTED_UNFAULTED
from ..result.result import VmaRow

NOTHING = "nothing"
"""Of a pair that the rules would let merge, though no call has tried to."""

_LOW = H_RULES + N_RULES + N_ARCH
_HIGH = _LOW + V_WORDS
_WORDS_OF = {
    APART_FLAGS: (V_FLAGS,),
    APART_FILE: (V_FILE,),
    APART_CLOSE: (V_OPS,),
    APART_ANON_VMA: (V_AV, V_AVMULTI),
    **{APART_ATTRIBUTES + i: (V_ATTRIBUTES + i,) for i in range(N_ATTRIBUTES)},
}
_PROTECTION = VM_ACCESS | VM_ACCOUNT | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC


def flag_names(flags: int) -> str:
    """The two-letter names of the bits, as smaps prints them."""
    return " ".join(name for bit, name in VMFLAG_NAMES if flags & bit)


class Neighbours:
    """Asks the merge predicate about areas of reports. `rules`: of the machine, by number; its newest without."""

    def __init__(self, rules: Sequence[int] | None = None, page_size: int = 4096) -> None:
        self._m = [0] * (_HIGH + V_WORDS)
        self.shift = page_size.bit_length() - 1
        self._files: dict[tuple[int, str | None, int], int] = {}
        self._known: dict[tuple[int, ...], tuple[str, ...]] = {}
        if rules is None:
            self._m[H_RULES + R_MERGE_FAULTED_UNFAULTED] = 1
        else:
            self._m[H_RULES : H_RULES + N_RULES] = list(rules)
        self._m[H_ARCH + A_PAGE_SHIFT] = self.shift

    def _file(self, vma: VmaRow) -> int:
        if not vma.inode and vma.file is None and not vma.opened:
            return 0
        key = (0, None, vma.opened) if vma.opened else (vma.inode, vma.file, 0)
        return self._files.setdefault(key, len(self._files) + 1)

    def pgoff(self, vma: VmaRow) -> int:
        """Its page offset in pages: of anonymous memory that of its address, unless known."""
        if vma.pgoff >= 0:
            return vma.pgoff
        return (vma.offset if vma.inode or vma.file else vma.start) >> self.shift

    def _fill(self, at: int, vma: VmaRow) -> None:
        m = self._m
        m[at + V_START], m[at + V_END], m[at + V_FLAGS] = vma.start, vma.end, vma.vm_flags
        m[at + V_FILE], m[at + V_PGOFF] = self._file(vma), self.pgoff(vma)
        m[at + V_ATTRIBUTES : at + V_ATTRIBUTES + N_ATTRIBUTES] = vma.attributes
        m[at + V_AV], m[at + V_AVMULTI] = vma.anon_vma, int(vma.fork_child)

    def one_area(
        self, lower: VmaRow, upper: VmaRow, *, protection: bool = False, offset: bool = False
    ) -> bool:
        """True if both could be one area, were differences in `protection` or `offset` allowed inside it."""
        m = self._m
        self._fill(_LOW, lower)
        self._fill(_HIGH, upper)
        allowed = (_PROTECTION if protection else 0) | (VM_NONLINEAR if offset else 0)
        m[_HIGH + V_FLAGS] = upper.vm_flags & ~allowed | lower.vm_flags & allowed
        if offset:
            m[_HIGH + V_PGOFF] = m[_LOW + V_PGOFF] + ((lower.end - lower.start) >> self.shift)
        if protection or offset:  # the area would never have been two, so nor would its anon_vma
            m[_HIGH + V_AV], m[_HIGH + V_AVMULTI] = lower.anon_vma, int(lower.fork_child)
        return apart(self._m, _LOW, _HIGH) == 0  # type: ignore[arg-type]

    def differences(self, lower: VmaRow, upper: VmaRow) -> tuple[str, ...]:
        """Every attribute that keeps the two apart, flags by their two letters; () if nothing does.

        ("hole",) for areas that do not touch, ("special mapping",) where one can never merge.
        """
        if lower.end != upper.start:
            return (APART_NAMES[APART_HOLE],)
        self._fill(_LOW, lower)
        self._fill(_HIGH, upper)
        m = self._m
        key = (
            m[_LOW + V_FLAGS],
            m[_HIGH + V_FLAGS],
            m[_LOW + V_FILE] - m[_HIGH + V_FILE],
            m[_HIGH + V_PGOFF] - m[_LOW + V_PGOFF] - ((lower.end - lower.start) >> self.shift),
            *(low - high for low, high in zip(lower.attributes, upper.attributes, strict=True)),
            (m[_LOW + V_AV] != 0) + 2 * (m[_HIGH + V_AV] != 0) + 4 * (m[_LOW + V_AV] == m[_HIGH + V_AV]),
            m[_LOW + V_AVMULTI] + 2 * m[_HIGH + V_AVMULTI],
        )
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._ask()
        return found

    def _ask(self) -> tuple[str, ...]:
        """Ask, make equal what was named, ask again."""
        m = self._m
        words: list[str] = []
        while found := apart(m, _LOW, _HIGH):  # type: ignore[arg-type]
            if found == APART_SPECIAL:
                return (APART_NAMES[APART_SPECIAL],)
            if found == APART_FLAGS:
                differing = (m[_LOW + V_FLAGS] ^ m[_HIGH + V_FLAGS]) & ~VM_IGNORE_MERGE
                words += flag_names(differing).split()
                if differing & VM_PKEY:
                    words.append("protection key")
            else:
                words.append(APART_NAMES[found])
            for word in _WORDS_OF.get(found, ()):
                m[_HIGH + word] = m[_LOW + word]
            if found == APART_OFFSET:
                size = (m[_LOW + V_END] - m[_LOW + V_START]) >> self.shift
                m[_HIGH + V_PGOFF] = m[_LOW + V_PGOFF] + size
        return tuple(words)

    def by_protection(self, lower: VmaRow, upper: VmaRow) -> bool:
        """True if access alone keeps them apart (accounting and anon_vmas follow it)."""
        found = self.differences(lower, upper)
        return any(d in _ACCESS for d in found) and all(d in _FOLLOWS or d == "anon_vma" for d in found)

    def why_apart(self, lower: VmaRow, upper: VmaRow) -> str:
        """The differences in words: ``protection``, ``account``, ``flags (nh)``, ``file, offset``, ``nothing``."""
        return in_words(self.differences(lower, upper))


_ACCESS = frozenset(flag_names(VM_ACCESS).split())
_FOLLOWS = frozenset(flag_names(_PROTECTION).split())
_FLAGS = frozenset(name for _, name in VMFLAG_NAMES)


def in_words(differences: Sequence[str]) -> str:
    """`differences` as one label: what access and accounting share is ``protection``, other flags in brackets."""
    words: list[str] = []
    if any(d in _ACCESS for d in differences):
        words.append("protection")
        left = [d for d in differences if d not in _FOLLOWS]
    elif "ac" in differences:
        words.append("account")
        left = [d for d in differences if d != "ac"]
    else:
        left = list(differences)
    flags = [d for d in left if d in _FLAGS]
    if flags:
        words.append(f"flags ({' '.join(flags)})")
    words += [d for d in left if d not in _FLAGS]
    return ", ".join(words) or NOTHING
