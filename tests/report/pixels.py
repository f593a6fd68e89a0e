"""Pictures as coarse grids of colours, which fonts, smoothing and a pixel more or less do not change."""

from __future__ import annotations

import struct
import zlib

Grid = list[list[tuple[int, int, int]]]


def decoded(png: bytes) -> tuple[int, int, list[bytes], int]:
    """Width, height, rows and bytes a pixel of a PNG of 8 bits, not interlaced, as browsers make them."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data = 8, b""
    width = height = size = 0
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            assert (depth, interlaced) == (8, 0) and colour in (2, 6)
            size = 3 if colour == 2 else 4
        elif kind == b"IDAT":
            data += body
        at += 12 + length
    raw, stride = zlib.decompress(data), width * size
    rows: list[bytes] = []
    before = bytes(stride)
    for row in range(height):
        line = bytearray(raw[row * (stride + 1) + 1 : (row + 1) * (stride + 1)])
        unfilter(raw[row * (stride + 1)], line, before, size)
        before = bytes(line)
        rows.append(before)
    return width, height, rows, size


def unfilter(kind: int, line: bytearray, above: bytes, size: int) -> None:
    """Undo the filter of one row, in place (PNG, section 9)."""
    for i in range(len(line)):
        left = line[i - size] if i >= size else 0
        up, corner = above[i], above[i - size] if i >= size else 0
        if kind == 1:
            line[i] = line[i] + left & 255
        elif kind == 2:
            line[i] = line[i] + up & 255
        elif kind == 3:
            line[i] = line[i] + (left + up) // 2 & 255
        elif kind == 4:
            guess = left + up - corner
            near = min(
                (abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner)
            )
            line[i] = line[i] + near[2] & 255


def grid(png: bytes, across: int, down: int) -> Grid:
    """The mean colour of each of `across` times `down` parts."""
    width, height, rows, size = decoded(png)
    out: Grid = []
    for y in range(down):
        band = rows[y * height // down : max((y + 1) * height // down, y * height // down + 1)]
        cells = []
        for x in range(across):
            first, last = x * width // across, max((x + 1) * width // across, x * width // across + 1)
            parts = [row[first * size : last * size] for row in band]
            count = len(parts) * (last - first)
            red, green, blue = (sum(sum(part[c::size]) for part in parts) // count for c in range(3))
            cells.append((red, green, blue))
        out.append(cells)
    return out


def as_text(cells: Grid) -> str:
    """A line a row, six hexadecimal digits a cell."""
    return "".join(" ".join(f"{r:02x}{g:02x}{b:02x}" for r, g, b in row) + "\n" for row in cells)


def from_text(text: str) -> Grid:
    """What `as_text` wrote."""
    return [
        [(int(c[:2], 16), int(c[2:4], 16), int(c[4:], 16)) for c in line.split()]
        for line in text.splitlines()
    ]


def apart(one: Grid, other: Grid, tolerance: int) -> float:
    """The share of cells that differ by more than `tolerance` of 255 in some colour."""
    assert [len(row) for row in one] == [len(row) for row in other]
    pairs = [(a, b) for left, right in zip(one, other, strict=True) for a, b in zip(left, right, strict=True)]
    wrong = sum(max(abs(x - y) for x, y in zip(a, b, strict=True)) > tolerance for a, b in pairs)
    return wrong / len(pairs)
