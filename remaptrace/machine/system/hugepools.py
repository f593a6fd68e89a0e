"""Pools of huge pages as boot parameters ask for them (mm/hugetlb.c: hugepages_setup, default_hugepagesz_setup)."""

from __future__ import annotations


class HugePools:
    """What `hugepages`, `hugepagesz` and `default_hugepagesz` of one command line come to, in their order.

    A count in front of every size is of the default size, whichever that turns out to be; of two counts
    that follow each other without a size between them the kernel ignores the second one.
    """

    def __init__(self, common: int) -> None:
        self.common = common  # bytes of the huge pages that the processor has in common use
        self.default = common
        self._leading: int | None = None
        self._pools: dict[int, int] = {}
        self._size = 0
        self._counted = -1  # the size that the last count was for

    def size(self, value: int, default: bool) -> None:
        """``hugepagesz=`` or ``default_hugepagesz=`` with bytes."""
        self._size = value
        if default:
            self.default = value

    def count(self, pages: int) -> bool:
        """``hugepages=``; False if the kernel ignores it."""
        if self._counted == self._size:
            return False
        self._counted = self._size
        if self._size:
            self._pools[self._size] = pages
        else:
            self._leading = pages
        return True

    def pools(self) -> dict[int, int]:
        """Bytes of a page: pages of its pool."""
        if self._leading is None:
            return self._pools
        if self.default != self.common:
            return {**self._pools, self.default: self._leading}
        return {self.default: self._leading, **self._pools}


def sized(size: int) -> str:
    """Bytes of a page as boot parameters write them: 2M, 1G."""
    for shift, unit in ((30, "G"), (20, "M"), (10, "K")):
        if size and not size % (1 << shift):
            return f"{size >> shift}{unit}"
    return str(size)
