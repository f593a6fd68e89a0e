"""Archives as the kernel unpacks them for its first process: newc cpio (Documentation/driver-api/early-userspace)."""

from __future__ import annotations

from collections.abc import Iterable
from stat import S_IFCHR, S_IFDIR, S_IFREG

from ..lateclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One name in the archive: a folder, a file with its bytes, or a device."""

    name: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)  # major, minor


def folder(name: str) -> Entry:
    """A folder that everybody may enter."""
    return Entry(name, S_IFDIR | 0o755)


def file(name: str, data: bytes, *, executable: bool = False) -> Entry:
    """A file with its bytes."""
    return Entry(name, S_IFREG | (0o755 if executable else 0o644), data)


def character_device(name: str, major: int, minor: int) -> Entry:
    """A node of a character device."""
    return Entry(name, S_IFCHR | 0o600, device=(major, minor))


def archive(entries: Iterable[Entry]) -> bytes:
    """The bytes of the archive, padded to 512."""
    out = bytearray()
    for number, entry in enumerate((*entries, Entry("TRAILER!!!", 0)), 1):
        name = entry.name.encode() + b"\0"
        fields = (
            *(number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0),  # inode to device
            *(*entry.device, len(name), 0),
        )
        out += b"070701" + b"".join(b"%08X" % value for value in fields) + name
        out += bytes(-len(out) % 4)
        out += entry.data
        out += bytes(-len(out) % 4)
    return bytes(out + bytes(-len(out) % 512))
