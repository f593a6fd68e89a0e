"""What one process of the host has of its guest's pages: protections by page, kept so that ranges go fast."""

from __future__ import annotations

from collections.abc import Iterator

from .flush import UNMAP, Operation
from .hosttrace import PAGE

_ROOM = 1 << 21  # bytes of addresses kept together


class HostPages:
    """Pages mapped on the host by address, each with its protection (PROT_*) and the frame behind it (bytes)."""

    def __init__(self) -> None:
        self._rooms: dict[int, dict[int, tuple[int, int]]] = {}

    def copy(self) -> HostPages:
        """Those of a copy of the process."""
        other = HostPages()
        other._rooms = {room: dict(pages) for room, pages in self._rooms.items()}
        return other

    def prot(self, page: int) -> int:
        """The protection of `page`, 0 where it is not mapped."""
        return self._rooms.get(page & -_ROOM, {}).get(page, (0, 0))[0]

    def pages(self) -> Iterator[tuple[int, int, int]]:
        """(page, protection, frame) of all."""
        for pages in self._rooms.values():
            for page, (prot, frame) in pages.items():
                yield page, prot, frame

    def apply(self, operation: Operation) -> None:
        """Map or unmap a range."""
        start, end = operation.start, operation.start + operation.length
        if operation.prot == UNMAP:
            self._forget(start, end)
            return
        for page in range(start, end, PAGE):
            room = self._rooms.setdefault(page & -_ROOM, {})
            room[page] = (operation.prot, operation.offset + page - start)

    def _forget(self, start: int, end: int) -> None:
        first, last = start & -_ROOM, (end - 1) & -_ROOM
        many = (last - first) // _ROOM >= len(self._rooms)
        for room in list(self._rooms) if many else range(first, last + 1, _ROOM):
            pages = self._rooms.get(room)
            if not pages or room + _ROOM <= start or room >= end:
                continue
            if start <= room and room + _ROOM <= end:
                del self._rooms[room]
                continue
            for page in [page for page in pages if start <= page < end]:
                del pages[page]
