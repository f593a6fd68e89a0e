"""The areas of an address space that has very many: as columns, of which a row is made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..abi.attributes import ATTRIBUTES
from .arearow import AreaWords, Layout, Shown, area_row, heap_touches
from .result import VmaRow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias, overload

    import numpy.typing as npt

    from .areacolumns import AreaColumns

COLUMNS = (
    *("start", "end", "flags", "pgoff", "anon_vma", "fork_child", "born", "assumed", "special"),
    *("opened", "inode", "file"),
)
"""Words of `AreaWords`; `file` as a number of `files`. Behind them come the attributes, as abi.attributes has them."""
MULTI, ASSUMED, INODE = (COLUMNS.index(n) for n in ("fork_child", "assumed", "inode"))
_PLAIN = len(COLUMNS)
_FLAGS, _SPECIAL = COLUMNS.index("flags"), COLUMNS.index("special")


Words: TypeAlias = "npt.NDArray[np.int64]"
_AT_ONCE = 4096


class ManyAreas(Sequence[VmaRow]):
    """Rows by address, equal to those of a tuple of them. `words`: int64, a column a word, of an area each."""

    def __init__(
        self,
        words: Sequence[Words],
        files: Sequence[str],
        layout: Layout,
        shown: Shown,
        strings: Sequence[str],
    ) -> None:
        self._words, self._files = words, files
        self._layout, self.shown, self._strings = layout, shown, strings
        self._columns: AreaColumns | None = None

    def word(self, name: str) -> Words:
        """The column of one of COLUMNS, unsigned words of 64 bits."""
        return self._words[COLUMNS.index(name)]

    def attribute(self, name: str) -> Words:
        """The column of one of abi.attributes."""
        return self._words[_PLAIN + list(ATTRIBUTES).index(name)]

    def places(self) -> tuple[Words, Words]:
        """Which areas lie where the heap is, and which hold the first byte of the stack: 1, else 0."""
        start, end, layout = self.word("start"), self.word("end"), self._layout
        heap = heap_touches(start, end, layout, self.shown.heap_strict) & (layout.start_brk != 0)
        stack = (start <= layout.stack) & (layout.stack <= end) & (layout.stack != 0)
        return heap.astype(np.int64), stack.astype(np.int64)

    def kept_columns(self, made: Callable[[ManyAreas], AreaColumns]) -> AreaColumns:
        """What `made` makes of it, once."""
        if self._columns is None:
            self._columns = made(self)
        return self._columns

    def __len__(self) -> int:
        return len(self._words[0])

    def _rows(self, which: slice) -> list[list[int]]:
        rows: list[list[int]] = np.stack([column[which] for column in self._words], axis=1).tolist()
        return rows

    def rows_of(self, which: slice, layout: Layout) -> tuple[VmaRow, ...]:
        """The rows of some, in an address space with this layout."""
        return tuple(self._row(words, layout) for words in self._rows(which))

    def _row(self, words: list[int], layout: Layout | None = None) -> VmaRow:
        start, end, flags, pgoff, anon_vma, multi, born, assumed, special, opened, inode, file = words[
            :_PLAIN
        ]
        own = AreaWords(
            *(start, end, flags, pgoff, anon_vma, multi != 0, born, assumed != 0, special),
            *(tuple(words[_PLAIN:]), opened, inode, self._files[file]),
        )
        return area_row(own, layout or self._layout, self.shown, self._strings)

    def __iter__(self) -> Iterator[VmaRow]:
        for first in range(0, len(self), _AT_ONCE):
            for words in self._rows(slice(first, first + _AT_ONCE)):
                yield self._row(words)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, at: int) -> VmaRow: ...
        @overload
        def __getitem__(self, at: slice) -> tuple[VmaRow, ...]: ...

    def __getitem__(self, at: int | slice) -> VmaRow | tuple[VmaRow, ...]:
        if isinstance(at, slice):
            return tuple(self._row(words) for words in self._rows(at))
        return self._row([int(column[at]) for column in self._words])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(other) != len(self):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self):,} areas>"

    def grouped(self) -> list[tuple[VmaRow, int]]:
        """One row of each kind, and how many there are: alike in flags, in having a file, in being assumed."""
        words = self._words
        found: dict[int, tuple[int, int]] = {}
        for first in range(0, len(self), 16 * _AT_ONCE):
            some = slice(first, first + 16 * _AT_ONCE)
            has_file = (words[INODE][some] != 0) & (words[_SPECIAL][some] == 0)
            keys = (words[_FLAGS][some] << 2) | (has_file << 1) | (words[ASSUMED][some] != 0)
            kinds, firsts, counts = np.unique(keys, return_index=True, return_counts=True)
            for i in np.argsort(firsts).tolist():
                at, before = found.get(int(kinds[i]), (first + int(firsts[i]), 0))
                found[int(kinds[i])] = at, before + int(counts[i])
        return [(self[at], number) for at, number in found.values()]


class LateAreas(Sequence[VmaRow]):
    """Some of the areas of `of`, an address space with this layout: the rows are made when the first is asked for."""

    def __init__(self, of: ManyAreas, which: slice, layout: Layout) -> None:
        self._of, self._which, self._layout = of, which, layout
        self._made: tuple[VmaRow, ...] | None = None

    def _rows(self) -> tuple[VmaRow, ...]:
        if self._made is None:
            self._made = self._of.rows_of(self._which, self._layout)
        return self._made

    def __len__(self) -> int:
        return int(self._which.stop - self._which.start)

    def __iter__(self) -> Iterator[VmaRow]:
        return iter(self._rows())

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, at: int) -> VmaRow: ...
        @overload
        def __getitem__(self, at: slice) -> tuple[VmaRow, ...]: ...

    def __getitem__(self, at: int | slice) -> VmaRow | tuple[VmaRow, ...]:
        return self._rows()[at]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._rows() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._rows())

    def __repr__(self) -> str:
        return repr(self._rows())


def grouped(vmas: Sequence[VmaRow]) -> Iterator[tuple[VmaRow, int]]:
    """Rows with how many each stands for: by kind where there are very many, else each for itself."""
    yield from vmas.grouped() if isinstance(vmas, ManyAreas) else ((vma, 1) for vma in vmas)
