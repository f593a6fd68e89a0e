"""Sizes as people write them: the one reading of them, on the command line, in settings and in scenarios."""

from __future__ import annotations

from .patterns import IGNORECASE, pattern

_SIZE = pattern(
    r"(-?(?:0x[0-9a-f]+|[0-9][0-9_]*|[0-9]{1,3}(?:,[0-9]{3})+))(?:\.([0-9]{1,6}))? ?(k|m|g|t|p)?(i?b)?",
    IGNORECASE,
)
_UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50}


def parse_size(text: str) -> int | None:
    """Bytes: decimal or 0x hexadecimal, with K, KB, KiB up to P (powers of 1024) if you like; None for what is none.

    >>> parse_size("8GiB"), parse_size("64M"), parse_size("0x1000"), parse_size("1.5 GiB"), parse_size("65,530")
    (8589934592, 67108864, 4096, 1610612736, 65530)
    >>> parse_size("unlimited"), parse_size("8 apples")
    (-1, None)
    """
    text = text.strip()
    if text.lower() == "unlimited":
        return -1
    match = _SIZE.fullmatch(text)
    if match is None or len(text) > 40:
        return None
    digits, fraction, unit, byte = match[1].replace(",", ""), match[2], (match[3] or "").lower(), match[4]
    if (byte or "").lower() == "ib" and not unit:
        return None
    plain = digits.lstrip("-")
    if len(plain) > 1 and plain[0] == "0" and plain[1] not in "xX":  # octal, or a slip: not guessed at
        return None
    if digits.lower().lstrip("-").startswith("0x"):
        return None if fraction or unit or byte else int(digits, 16)
    shift = _UNITS[unit]
    whole = int(digits) << shift
    if fraction is None:
        return whole
    if not shift:
        return None
    more = (int(fraction) << shift) // int("1" + "0" * len(fraction))
    return whole - more if digits.startswith("-") else whole + more
