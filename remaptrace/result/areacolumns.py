"""The rows of many areas as columns: what is asked of every area or of every border is asked of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from ..abi.attributes import ATTRIBUTES
from ..lateclasses import dataclass
from .manyareas import ManyAreas
from .result import VmaRow

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Labels(Sequence[str]):
    """A word an area: `words[ids[i]]` is that of area i."""

    def __init__(self, words: Sequence[str], ids: Ints) -> None:
        self.words: tuple[str, ...] = tuple(words)
        self.ids = ids

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[str, ...]: ...
    def __getitem__(self, at: int | slice) -> str | tuple[str, ...]:
        if isinstance(at, slice):
            return tuple(self.words[i] for i in self.ids[at].tolist())
        return self.words[int(self.ids[at])]

    def __iter__(self) -> Iterator[str]:
        return map(self.words.__getitem__, self.ids.tolist())

    def found(self) -> set[str]:
        """The words that some area has."""
        return {self.words[i] for i in np.unique(self.ids).tolist()}

    def where(self, true: Callable[[str], bool]) -> Bools:
        """Of which areas the word is one of which `true` is true."""
        return np.array([true(word) for word in self.words], dtype=np.bool_)[self.ids]


@dataclass(frozen=True)
class AreaColumns:
    """Areas by address. Bytes; `pgoff` in pages, negative: not known; identities as in VmaRow, 0: none.

    `offset` is unsigned. `file`: words of the names, that of areas without a file is "", and `has_file` False.
    """

    start: Ints
    end: Ints
    flags: Ints
    offset: npt.NDArray[np.uint64]
    pgoff: Ints
    inode: Ints
    opened: Ints
    anon_vma: Ints
    fork_child: Bools
    born: Ints
    has_file: Bools
    file: Labels
    name: Labels
    perms: Labels
    attributes: tuple[Ints, ...]

    def __len__(self) -> int:
        return len(self.start)

    def part(self, which: slice) -> AreaColumns:
        """The columns of some of the areas."""
        plain: dict[str, Any] = {name: getattr(self, name)[which] for name in _PLAIN}
        for name in _TEXTS:
            labels = getattr(self, name)
            plain[name] = Labels(labels.words, labels.ids[which])
        return AreaColumns(**plain, attributes=tuple(a[which] for a in self.attributes))

    def row(self, at: int) -> VmaRow:
        """The row of one area; `vmflags` is left out."""
        return VmaRow(
            start=int(self.start[at]),
            end=int(self.end[at]),
            perms=self.perms.words[self.perms.ids[at]],
            offset=int(self.offset[at]),
            file=self.file.words[self.file.ids[at]] if self.has_file[at] else None,
            vm_flags=int(self.flags[at]),
            vmflags="",
            inode=int(self.inode[at]),
            name=self.name.words[self.name.ids[at]],
            anon_vma=int(self.anon_vma[at]),
            born=int(self.born[at]),
            opened=int(self.opened[at]),
            pgoff=int(self.pgoff[at]),
            attributes=tuple(int(a[at]) for a in self.attributes),
            fork_child=bool(self.fork_child[at]),
        )


_TEXTS = ("file", "name", "perms")
_PLAIN = (
    *("start", "end", "flags", "offset", "pgoff", "inode", "opened", "anon_vma", "fork_child", "born"),
    "has_file",
)


def one_each(words: Sequence[str], ids: Ints) -> Labels:
    """Labels of `words`, of which some may be equal."""
    labels = labelled(words)
    return Labels(labels.words, labels.ids[ids])


def one_word(a: Labels, b: Labels) -> Bools:
    """Whether the words in the same place of both are equal."""
    number = {word: at for at, word in enumerate(b.words)}
    same = np.array([number.get(word, -1) for word in a.words], dtype=np.int64)
    equal: Bools = same[a.ids] == b.ids
    return equal


def packed(*columns: npt.NDArray[np.generic]) -> Ints:
    """One number for each row of `columns` of whole numbers: equal where, and only where, the rows are equal."""
    code, span = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        values = column.astype(np.int64)
        low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
        if low == high:
            continue
        if high - low >= 1 << 40:
            values = np.unique(values, return_inverse=True)[1].reshape(-1)
            low, high = 0, int(values.max())
        if span * (high - low + 1) >= 1 << 62:
            code = np.unique(code, return_inverse=True)[1].reshape(-1)
            span = int(code.max()) + 1
        code = code * (high - low + 1) + (values - low)
        span *= high - low + 1
    return code


def kinds_of(code: Ints) -> tuple[Ints, Ints]:
    """Of rows that `packed` made: the first row of each kind, in their order, and of which kind every row is."""
    _, first, kind = np.unique(code, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return first[order].astype(np.int64), rank[kind.reshape(-1)]


def labelled(texts: Sequence[str]) -> Labels:
    """`texts` as labels, in the order of their first areas."""
    numbers: dict[str, int] = {}
    ids = [numbers.setdefault(text, len(numbers)) for text in texts]
    return Labels(tuple(numbers), np.array(ids, dtype=np.int64))


def columns_of(vmas: Sequence[VmaRow]) -> AreaColumns:
    """The columns of areas, however they are kept."""
    return vmas.kept_columns(_of_many) if isinstance(vmas, ManyAreas) else _of_rows(vmas)


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _of_rows(vmas: Sequence[VmaRow]) -> AreaColumns:
    return AreaColumns(
        start=_ints([v.start for v in vmas]),
        end=_ints([v.end for v in vmas]),
        flags=_ints([v.vm_flags for v in vmas]),
        offset=np.array([v.offset for v in vmas], dtype=np.uint64),
        pgoff=_ints([v.pgoff for v in vmas]),
        inode=_ints([v.inode for v in vmas]),
        opened=_ints([v.opened for v in vmas]),
        anon_vma=_ints([v.anon_vma for v in vmas]),
        fork_child=np.array([v.fork_child for v in vmas], dtype=np.bool_),
        born=_ints([v.born for v in vmas]),
        has_file=np.array([v.file is not None for v in vmas], dtype=np.bool_),
        file=labelled([v.file or "" for v in vmas]),
        name=labelled([v.name for v in vmas]),
        perms=labelled([v.perms for v in vmas]),
        attributes=tuple(_ints([v.attributes[i] for v in vmas]) for i in range(len(ATTRIBUTES))),
    )


def _by_kind(many: ManyAreas, code: Ints, of: str) -> Labels:
    """What the rows have in their field `of`, where `code` decides it: of each kind one row is made."""
    first, kind = kinds_of(code)
    return one_each([getattr(many[at], of) or "" for at in first.tolist()], kind)


def _of_many(many: ManyAreas) -> AreaColumns:
    word, inside = many.word, (many.word("inode") != 0)
    special, named = word("special"), many.attribute("named")
    heap, stack = many.places()
    file = np.where(inside & (special == 0), word("file") + 1, 0)
    shift, bits = many.shown.shift, many.shown.bits
    shown = inside | many.shown.anon_pgoff
    offset = np.where(shown, word("pgoff").view(np.uint64) << np.uint64(shift), np.uint64(0))
    return AreaColumns(
        start=word("start"),
        end=word("end"),
        flags=word("flags"),
        offset=offset & np.uint64((1 << bits) - 1),
        pgoff=word("pgoff"),
        inode=word("inode"),
        opened=word("opened"),
        anon_vma=word("anon_vma"),
        fork_child=word("fork_child") != 0,
        born=word("born"),
        has_file=file != 0,
        file=_by_kind(many, packed(file), "file"),
        name=_by_kind(many, packed(special, named, inside, heap, stack), "name"),
        perms=_by_kind(many, packed(word("flags")), "perms"),
        attributes=tuple(many.attribute(name) for name in ATTRIBUTES),
    )
