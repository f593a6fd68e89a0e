"""Bytes changed as damaged, cut and hostile files are: bits, words, numbers, lines."""

from __future__ import annotations

import random
import re

NUMBERS = (
    b"0", b"1", b"-1", b"07", b"4095", b"4096", b"65536", b"2147483648", b"4294967295", b"4294967296",
    b"9223372036854775807", b"9223372036854775808", b"18446744073709551615", b"18446744073709551616",
    b"99999999999999999999", b"0xffffffffffffffff", b"0x7fffffffffff", b"0x7ffffffff000", b"0x800000000000",
    b"0xfffffffffffff000", b"-0xffffffffffffffff", b"-9223372036854775808", b"0x8000000000000000", b"1e400",
    b"1_000", b"0x", b"0b1", b"1.5", b"NaN",
)  # fmt: skip
"""Numbers at the edges of what words hold, and spellings that one grammar takes and another does not."""

WORDS = (
    b"[]", b"{}", b"null", b"true", b'""', b"?", b"...", b" = ", b"<unfinished ...>", b"/* x */", b"(INJECTED)",
    b" <0.000001>", b"(deleted)", b" -1 ENOMEM", b"-1 errno=12", b", ", b"(", b")", b"<", b">", b'"', b"|", b":",
    b"\r", b"\n", b"\r\n", b"\t", b" ", b"\x00", b"\xff", b"\xc3\x28", b"\xef\xbb\xbf", b"\x1b[31m",
    b"\xe2\x80\xae", b"# ", b"- ", b"NULL", b"MAP_FIXED", b"PROT_NONE", b"0x1f|0x20", b"f" * 17, b"9" * 40,
)  # fmt: skip

_NUMBER = re.compile(rb"-?(?:0x)?[0-9a-fA-F]*[0-9][0-9a-fA-F]*")


def mutated(data: bytes, rng: random.Random, most: int = 4) -> bytes:
    """`data` with one to `most` changes: a bit, a byte, a number, a word, a part cut, doubled or moved."""
    out = bytearray(data)
    for _ in range(rng.randint(1, most)):
        _change(out, rng)
    return bytes(out)


def _change(out: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(out) + 1)
    how = rng.randrange(10)
    if how == 0 and at < len(out):
        out[at] ^= 1 << rng.randrange(8)
    elif how == 1 and at < len(out):
        out[at] = rng.randrange(256)
    elif how in (2, 3, 4):
        found = _NUMBER.search(out, at) or _NUMBER.search(out)
        if found:
            out[found.start() : found.end()] = rng.choice(NUMBERS)
    elif how == 5:
        out[at:at] = rng.choice(WORDS)
    elif how == 6:
        del out[at : at + rng.randint(1, 12)]
    elif how == 7:
        begin = rng.randrange(len(out) + 1)
        out[at:at] = out[begin : begin + rng.randint(1, 60)]
    elif how == 8:
        out[at : at + rng.randint(1, 12)] = rng.choice(WORDS)
    elif rng.random() < 0.2:
        del out[at:]


def some_lines(text: bytes, rng: random.Random, most: int = 30) -> bytes:
    """Up to `most` lines of `text` that follow each other, sometimes with one missing, doubled or moved."""
    lines = text.split(b"\n")
    begin = rng.randrange(max(len(lines) - 1, 1))
    chosen = lines[begin : begin + rng.randint(1, most)]
    how = rng.randrange(6)
    at = rng.randrange(len(chosen))
    if how == 0:
        del chosen[at]
    elif how == 1:
        chosen.insert(at, chosen[rng.randrange(len(chosen))])
    elif how == 2:
        chosen.insert(rng.randrange(len(chosen)), chosen.pop(at))
    return b"\n".join(chosen) + b"\n"


def wild_number(rng: random.Random) -> int:
    """A number of 64 bits: small, a page, an address, an edge, or anything."""
    how = rng.randrange(7)
    if how == 0:
        return rng.randint(-3, 64)
    if how == 1:
        return rng.randint(0, 64) * 4096
    if how == 2:
        return 0x10000000 + rng.randint(0, 64) * 4096
    if how == 3:
        return 1 << rng.randrange(63)
    if how == 4:
        return (1 << rng.choice((31, 32, 47, 48, 56, 63))) - rng.choice((1, 4096))
    if how == 5:
        return -(1 << rng.randrange(64))
    return rng.getrandbits(64) - (1 << 63)
