"""Machine code as it lies in memory: one file, which needs neither a linker nor LLVM to be loaded.

An image holds the sections of one object file in one order, all that one says of another as distances, so that it runs
at any address. Behind them are cells for the few functions of the C library that it calls: eight bytes that jump, eight
for the address, which is entered when it is loaded. `linking` makes images.
"""

from __future__ import annotations

import mmap
import os
import struct

from .calling import address_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


HEAD = struct.Struct("<8sIIIIII32x")
"""Format, ELF number of the machine, bytes in all, offsets of the entry and of the cells, which cells; a cache line."""
FORMAT = b"rtimage1"
OUTSIDE = ("memset", "memcpy", "memmove", "memcmp")
"""What code may call that is not in it: a bit each in the head, a cell each in this order."""
CELLS = {
    62: bytes.fromhex("ff2502000000 0f0b"),  # EM_X86_64: jmp *2(%rip); ud2
    183: bytes.fromhex("50000058 00021fd6"),  # EM_AARCH64: ldr x16, .+8; br x16
}
"""For each machine what stands in front of the address in a cell."""
MACHINES = {"x86_64": 62, "aarch64": 183}
_NOEXEC_SEAL = 0x8  # memfd.h: the file is never a program (6.3); it may be mapped as code
_CODE = mmap.PROT_READ | mmap.PROT_EXEC
_alive: list[mmap.mmap] = []
"""The code lives as long as they do."""


def placed(image: bytes) -> int:
    """Put an image into this process; the address of its function.

    Pages are never writable and code at once. ValueError for what is no image for this machine; OSError where code
    cannot be mapped.
    """
    if len(image) < HEAD.size:
        raise ValueError("no image")
    form, machine, size, entry, cells, mask, _ = HEAD.unpack_from(image)
    if form != FORMAT or machine != MACHINES.get(os.uname().machine) or size != len(image):
        raise ValueError("no image for this machine")
    whole = bytearray(image)
    for name in (name for bit, name in enumerate(OUTSIDE) if mask >> bit & 1):
        struct.pack_into("<Q", whole, cells + 8, address_of(name))
        cells += 16
    try:
        memory = _mapped(whole)
    except OSError:  # no such files here (a sandbox), or they may not be code
        memory = _changed(whole)
    _alive.append(memory)
    address: int = _start(memory) + entry
    return address


def _mapped(code: bytearray) -> mmap.mmap:
    """Code in a file without a name: also where memory that was written may never be code (PR_SET_MDWE)."""
    file = _memory_file()
    try:
        if os.write(file, code) != len(code):
            raise OSError("memory is short")
        return mmap.mmap(file, len(code), flags=mmap.MAP_PRIVATE, prot=_CODE)
    finally:
        os.close(file)


def _changed(code: bytearray) -> mmap.mmap:
    """Memory that is written, then code."""
    memory = mmap.mmap(-1, len(code), flags=mmap.MAP_PRIVATE)
    memory[:] = code
    import ctypes

    protect = ctypes.CDLL(None, use_errno=True).mprotect
    if protect(ctypes.c_void_p(_start(memory)), ctypes.c_size_t(len(code)), _CODE):
        raise OSError(ctypes.get_errno(), "no code can be put into memory here")
    return memory


def _memory_file() -> int:
    try:
        return os.memfd_create("remaptrace", os.MFD_CLOEXEC | _NOEXEC_SEAL)
    except OSError:  # an older kernel
        return os.memfd_create("remaptrace", os.MFD_CLOEXEC)


def _start(memory: Any) -> int:
    import numpy as np  # `ctypes` tells the address of writable memory only

    address: int = np.frombuffer(memory, dtype=np.uint8).__array_interface__["data"][0]
    return address
