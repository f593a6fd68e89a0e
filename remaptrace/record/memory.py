"""What lies in a stopped task's memory and behind its descriptors."""

from __future__ import annotations

import os
from contextlib import suppress

_MOST_OF_A_STRING = 4096  # PATH_MAX


def read_bytes(tid: int, address: int, length: int) -> bytes | None:
    """`length` bytes at `address`; None where they are not all there."""
    try:
        fd = os.open(f"/proc/{tid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        data = os.pread(fd, length, address)
    except (OSError, OverflowError):
        return None
    finally:
        os.close(fd)
    return data if len(data) == length else None


def read_string(tid: int, address: int) -> bytes | None:
    """The string at `address`, without its zero byte; None if it is not there or longer than a path."""
    try:
        fd = os.open(f"/proc/{tid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    found = b""
    try:
        while len(found) < _MOST_OF_A_STRING:
            step = 256 - (address + len(found)) % 256  # never into a page that may not be there
            piece = os.pread(fd, step, address + len(found))
            end = piece.find(b"\0")
            if end >= 0:
                return found + piece[:end]
            if len(piece) < step:
                return None
            found += piece
    except (OSError, OverflowError):
        return None
    finally:
        os.close(fd)
    return None


def descriptor_path(tid: int, fd: int) -> bytes | None:
    """What the kernel calls the file behind a descriptor of a task."""
    with suppress(OSError):
        return os.readlink(f"/proc/{tid}/fd/{fd}".encode())
    return None


def working_directory(tid: int) -> bytes | None:
    """The directory that AT_FDCWD means to a task."""
    with suppress(OSError):
        return os.readlink(f"/proc/{tid}/cwd".encode())
    return None
