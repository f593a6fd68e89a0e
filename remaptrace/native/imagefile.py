"""What a kernel image is, and why one said nothing."""

from __future__ import annotations

import re
from pathlib import Path

from .. import errorcodes as ec
from ..errors import InputError

_ELF = b"\x7fELF"
_NEEDED = (
    (b"Unable to mount root fs", "CONFIG_BLK_DEV_INITRD", "it did not unpack the initramfs"),
    (b"(error -8)", "CONFIG_BINFMT_ELF, 64BIT", "it does not run 64-bit ELF programs"),
    (b"no second serial line", "CONFIG_SERIAL_8250_NR_UARTS of 2 or more", "it has no second serial line"),
    (b"runner: proc", "CONFIG_PROC_FS", "it has no /proc"),
)


def kind_of(path: str) -> str:
    """``bzimage`` or ``uml``. InputError RT822 for anything else, with what it is instead."""
    try:
        with open(path, "rb") as file:
            head = file.read(1 << 12)
            rest = file.read() if head.startswith(_ELF) else b""
    except OSError as error:
        raise InputError(
            ec.RT_IMAGE, error.strerror or "cannot be read", path, expected="bzImage or linux.uml"
        ) from None
    if head[0x202:0x206] == b"HdrS":
        return "bzimage"
    if head.startswith(_ELF):
        if b"User Mode Linux" in head + rest or b"UML" in head + rest:
            return "uml"
        found = "an ELF file that is no User-mode Linux: vmlinux? qemu takes arch/x86/boot/bzImage"
    elif head[56:60] == b"ARM\x64":
        found = "an image for arm64"
    elif head[:2] == b"\x1f\x8b":
        found = "a gzip file"
    else:
        found = "no kernel image"
    raise InputError(
        ec.RT_IMAGE, "this is no image for x86-64", path, found=found, expected="bzImage or linux.uml"
    )


def release_of(path: str) -> str:
    """The release that a bzImage says it is (Documentation/arch/x86/boot.rst, kernel_version); empty: none said."""
    head = Path(path).read_bytes()[: 1 << 16]
    at = 0x200 + int.from_bytes(head[0x20E:0x210], "little")
    return head[at : at + 200].split(b"\0")[0].decode("latin-1").split(" ")[0]


def complaint(path: str, console: bytes, words: str) -> InputError:
    """Why an image brought no answers, from what it wrote to its console. RT823."""
    for mark, option, problem in _NEEDED:
        if mark in console:
            return InputError(ec.RT_IMAGE_LACKS, problem, path, found=_last(console), expected=option)
    panic = re.search(rb"Kernel panic - not syncing: ([^\r\n]*)", console)
    if panic:
        return InputError(
            ec.RT_IMAGE_LACKS,
            "it panicked before it ran the programs",
            path,
            found=panic[1].decode("latin-1"),
        )
    if not console.strip():
        return InputError(
            ec.RT_IMAGE_LACKS,
            "it wrote nothing to its first serial line",
            path,
            found=words or "no words of the emulator either",
            expected="an image that boots in qemu -machine pc, with CONFIG_SERIAL_8250_CONSOLE",
        )
    return InputError(
        ec.RT_IMAGE_LACKS, "it did not come as far as its first process", path, found=_last(console)
    )


def _last(console: bytes) -> str:
    lines = [line for line in console.decode("latin-1").replace("\r", "").split("\n") if line.strip()]
    return " / ".join(lines[-3:])[-300:]
