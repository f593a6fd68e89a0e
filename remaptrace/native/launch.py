"""Compiling the runner.

The runner is one C file beside this module, with a header instead of a C library. It is built once
(static, without position independence) into the cache folder, under a name that carries a hash of its source.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .. import errorcodes as ec
from ..errors import InputError, UsageError
from ..kept import cache_root, damaged, keep, kept, make_folder, may_use

_SOURCE = Path(__file__).with_name("runner.c")
_PARTS = (_SOURCE, *(_SOURCE.with_name(f"{part}.h") for part in ("bare", "calls", "disk", "init")))
_FLAGS = (
    "-O1", "-static", "-fno-pie", "-no-pie", "-nostdlib", "-ffreestanding", "-fno-stack-protector",
    "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-Wl,--build-id=none", "-Wl,-z,noexecstack",
)  # fmt: skip


def compiler() -> str | None:
    """The C compiler to use: $CC, cc, gcc or clang."""
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name and shutil.which(name):
            return name
    return None


def runner() -> Path:
    """The compiled runner; compiled now if it is not there.

    Raises UsageError (RT801) without a C compiler, InputError (RT802) when compiling fails.
    """
    digest = hashlib.sha256(b"".join(part.read_bytes() for part in _PARTS)).hexdigest()[:16]
    target = cache_root() / "native" / f"runner-{digest}"
    seal = target.with_suffix(".seal")
    if _is_whole(target, seal):
        return target
    cc = compiler()
    if cc is None:
        raise UsageError(
            ec.RT_COMPILER, "running on this kernel needs a C compiler", expected="cc, gcc or clang"
        )
    try:
        make_folder(target.parent)
    except OSError as error:
        raise InputError(ec.RT_RUNNER, "the runner cannot be kept", str(target), found=str(error)) from None
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        built = Path(folder) / "runner"
        done = subprocess.run(
            [cc, *_FLAGS, "-o", str(built), str(_SOURCE)], capture_output=True, text=True, check=False
        )  # fmt: skip
        if done.returncode:
            raise InputError(
                ec.RT_RUNNER, "the runner does not compile here", found=done.stderr.strip()[:400]
            )
        try:
            built.chmod(0o700)
            keep(seal, hashlib.blake2b(built.read_bytes()).digest())
            built.replace(target)
        except OSError as error:
            raise InputError(
                ec.RT_RUNNER, "the runner cannot be kept", str(target), found=str(error)
            ) from None
    return target


def _is_whole(target: Path, seal: Path) -> bool:
    """True if the runner is there, is nobody else's, and is what its seal says: it is code that will run."""
    if not may_use(target):
        return False
    wanted = kept(seal)
    try:
        whole = wanted is not None and hashlib.blake2b(target.read_bytes()).digest() == wanted
        if whole and os.access(target, os.X_OK):
            return True
    except OSError:
        pass
    damaged(target)
    return False
