"""A machine as a file of a system describes it, and the sysctls that decide a rule."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...errorcodes import RT_CONFIG
from ...errors import InputError

_MOST_BYTES = 1 << 24

SYSCTLS = {
    "vm.max_map_count": "max_map_count",
    "vm.overcommit_memory": "overcommit_memory",
    "vm.overcommit_ratio": "overcommit_ratio",
    "vm.mmap_min_addr": "mmap_min_addr",
    "vm.legacy_va_layout": "legacy_va_layout",
    "vm.nr_hugepages": "nr_hugepages",
    "vm.nr_overcommit_hugepages": "nr_overcommit_hugepages",
    "vm.unprivileged_userfaultfd": "unprivileged_userfaultfd",
    "vm.overcommit_kbytes": "overcommit_kbytes",
    "vm.admin_reserve_kbytes": "admin_reserve_kbytes",
    "vm.user_reserve_kbytes": "user_reserve_kbytes",
    "vm.memfd_noexec": "memfd_noexec",
    "kernel.randomize_va_space": "randomize_va_space",
    "kernel.shmmax": "shmmax",
    "kernel.shmall": "shmall",
    "kernel.shmmni": "shmmni",
}
"""sysctl: rule."""


@dataclass(frozen=True)
class Described:
    """A machine as a file describes it: names where the file tells them, and rules with their new values."""

    kernel: str | None = None
    arch: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    used: tuple[str, ...] = ()  # the lines that decided something
    options: Mapping[str, str] = field(
        default_factory=dict
    )  # of a .config: every option, "n" if it is not set


def lines_of(path: str) -> list[str]:
    """The lines of a file, plain or gzip. InputError RT408 if it cannot be read."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES)
        if data.startswith(b"\x1f\x8b"):
            with gzip.open(path) as packed:
                data = packed.read(_MOST_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(RT_CONFIG, f"cannot be read: {reason}", path) from None
    return data.decode("utf-8", "replace").splitlines()
