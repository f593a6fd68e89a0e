"""Where a recorded program lies when another kernel is asked: as recorded, but for what the asking needs itself."""

from __future__ import annotations

from ...lateclasses import dataclass, field

LOW = 1 << 32
TOP = 0x7FFF_F000_0000
"""From here on a process without address randomisation has its stack and the kernel's own areas."""
_UP = 0x0200_0000_0000
_DOWN = 0x0100_0000_0000
_LEAST = 0x10000
_PROGRAM = (0x400000, 0x800000)
"""Where static programs lie that are not position independent: the one that asks, too."""


@dataclass
class Places:
    """Maps recorded addresses to those used. Hints below 64 KiB, and null, stay what they are."""

    low: bool = False  # addresses below 4 GiB go up by 2 TiB
    top: bool = False  # those from TOP on go down by 1 TiB
    skipped: list[tuple[int, int]] = field(default_factory=list)  # areas that are not set up

    @classmethod
    def of(cls, areas: list[tuple[int, int]], *, fixed_low: bool) -> Places:
        """For a program with these areas; `fixed_low`: it asks for addresses below 4 GiB by flag, which stay."""
        low = any(a < _PROGRAM[1] and _PROGRAM[0] < b for a, b in areas)
        top = any(b > TOP and a < 1 << 47 for a, b in areas)
        return cls(low and not fixed_low, top)

    def at(self, address: int) -> int:
        """The address that stands for a recorded one."""
        address &= (1 << 64) - 1
        if self.low and _LEAST <= address < LOW:
            return address + _UP
        if self.top and TOP <= address < 1 << 47:
            return address - _DOWN
        return address

    def skips(self, address: int) -> bool:
        """Whether the address lies in an area that is not set up."""
        return any(a <= address < b for a, b in self.skipped)

    def words(self) -> list[str]:
        """What was moved, for notes."""
        return [
            *(["addresses below 4 GiB are 2 TiB further up"] if self.low else []),
            *(["addresses from 0x7ffff0000000 on are 1 TiB further down"] if self.top else []),
        ]
