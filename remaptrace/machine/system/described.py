"""A machine as a file of a system describes it, and the sysctls that decide a rule."""

from __future__ import annotations

from collections.abc import Mapping

from ...errorcodes import RT_CONFIG
from ...errors import InputError
from ...lateclasses import dataclass, field
from ...sizes import parse_size

_MOST_BYTES = 1 << 24

SYSCTLS = {
    "vm.max_map_count": "max_map_count",
    "vm.overcommit_memory": "overcommit_memory",
    "vm.overcommit_ratio": "overcommit_ratio",
    "vm.mmap_min_addr": "dac_mmap_min_addr",
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

UNLIKE_SYSCTLS = {
    "kernel.shm_rmid_forced": ("0", "a segment that nobody has attached stays until it is removed"),
    "vm.hugetlb_shm_group": ("0", "segments of huge pages are nobody's but of CAP_IPC_LOCK"),
}
"""sysctl: the value that is simulated, what that means; another value is named."""

COMMON_HUGE_PAGE = 2 << 20
"""Bytes of a huge page where no architecture is named: that of x86-64 and of arm64 with pages of 4 KiB."""

LSM_LOWEST = 65536
"""CONFIG_LSM_MMAP_MIN_ADDR as distributions have it: taken where no .config tells it."""


def in_reach(value: str) -> str:
    """Limits as wide as ULONG_MAX less a little are none."""
    return "-1" if value.isdecimal() and int(value[:30]) >= 1 << 63 else value


def with_searches(settings: Mapping[str, str], lsm: int = LSM_LOWEST) -> dict[str, str]:
    """`settings` with what searches keep to: the greater of the sysctl and of `lsm`, which it cannot lower.

    security/min_addr.c update_mmap_min_addr; `lsm` 0: a kernel without CONFIG_LSM_MMAP_MIN_ADDR.
    """
    lowest = parse_size(str(settings.get("dac_mmap_min_addr", "")))
    return dict(settings) if lowest is None else {**settings, "mmap_min_addr": str(max(lowest, lsm))}


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
    lacks: str = ""  # what a .config does not tell, in words; "": it is whole
    unlike: tuple[str, ...] = ()  # what decides something and is not simulated, with what is taken instead
    needs: Mapping[str, str] = field(default_factory=dict)  # option that must be given: why
    lsm_lowest: int = LSM_LOWEST  # CONFIG_LSM_MMAP_MIN_ADDR, 0: the kernel has none


def lines_of(path: str) -> list[str]:
    """The lines of a file, plain, gzip or xz. InputError RT408 if it cannot be read."""
    import lzma  # few configurations are packed so
    import zlib

    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES)
        if data.startswith(b"\x1f\x8b"):
            import gzip

            with gzip.open(path) as packed:
                data = packed.read(_MOST_BYTES)
        elif data.startswith(b"\xfd7zXZ"):
            with lzma.open(path) as packed_so:
                data = packed_so.read(_MOST_BYTES)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(RT_CONFIG, f"cannot be read: {reason}", path) from None
    return data.decode("utf-8", "replace").splitlines()
