"""The small notation of architecture files: names of bits, masks, tests, slices."""

from __future__ import annotations

from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_U64 = 0xFFFF_FFFF_FFFF_FFFF


def signed(value: int) -> int:
    """`value` modulo 2**64 as a signed 64-bit number."""
    value &= _U64
    return value - (1 << 64) if value >> 63 else value


class Bits:
    """Names of the bits of one PTE; ValueError names what does not fit the notation."""

    def __init__(self, names: Mapping[str, int]) -> None:
        self.masks: dict[str, int] = dict(names)

    def mask(self, text: str) -> int:
        """The bits of all names in `text`."""
        out = 0
        for name in str(text).split():
            if name not in self.masks:
                raise ValueError(f"no bit is called {name!r}")
            out |= self.masks[name]
        return out

    def value(self, given: Any) -> int:
        """A number, or names of bits."""
        return given if isinstance(given, int) else self.mask(given)

    def test(self, text: str) -> tuple[int, int]:
        """(mask, value) of "A !B": A set and B clear; "always", "never"."""
        if text in ("always", "never"):
            return (0, 0 if text == "always" else 1)
        mask = value = 0
        for name in text.split():
            bits = self.mask(name.removeprefix("!"))
            mask |= bits
            if not name.startswith("!"):
                value |= bits
        return (mask, value)

    def range(self, text: str) -> tuple[int, int]:
        """(high, low) of "31:12"; a single number is one bit."""
        high, _, low = str(text).partition(":")
        out = (int(high), int(low or high))
        if not 63 >= out[0] >= out[1] >= 0:
            raise ValueError(f"{text!r} is not a range of bits, high:low")
        return out

    def slice(self, piece: Any) -> tuple[int, int, int]:
        """(right shift, mask, left shift) of "4:0 -> 5:1"; a list of three numbers is taken as it is."""
        if isinstance(piece, list):
            right, mask, left = piece
            return (right, mask, left)
        source, arrow, target = str(piece).partition("->")
        high, low = self.range(source.strip())
        to_high, to_low = self.range(target.strip())
        if not arrow or high - low != to_high - to_low:
            raise ValueError(f"the sides of {piece!r} differ in width")
        return (low, (1 << (high - low + 1)) - 1, to_low)
