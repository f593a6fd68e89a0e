"""What a replay elsewhere needs to know of the kernel that recorded: kept as `record.json` and `config.gz`."""

from __future__ import annotations

import os
import platform
import resource
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .libc import machine

_SYSCTLS = (
    *(
        "vm/max_map_count",
        "vm/overcommit_memory",
        "vm/overcommit_ratio",
        "vm/overcommit_kbytes",
        "vm/mmap_min_addr",
    ),
    *(
        "vm/legacy_va_layout",
        "vm/mmap_rnd_bits",
        "vm/mmap_rnd_compat_bits",
        "vm/swappiness",
        "vm/nr_hugepages",
    ),
    *("vm/user_reserve_kbytes", "vm/admin_reserve_kbytes", "vm/unprivileged_userfaultfd", "vm/memfd_noexec"),
    *(
        "vm/stat_refresh_disabled",
        "kernel/randomize_va_space",
        "kernel/perf_event_paranoid",
        "kernel/yama/ptrace_scope",
    ),
    *("kernel/shmmax", "kernel/shmall", "kernel/shmmni", "kernel/threads-max", "fs/file-max"),
)

if TYPE_CHECKING:
    from ..report.documents.record import System
_LIMITS = ("AS", "DATA", "STACK", "MEMLOCK", "NOFILE", "NPROC", "FSIZE", "CORE", "RSS")
_THP = Path("/sys/kernel/mm/transparent_hugepage")
_THP_FILES = ("enabled", "defrag", "shmem_enabled", "use_zero_page", "khugepaged/defrag")


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None


def sysctl(name: str) -> str | None:
    """The value of ``/proc/sys/NAME``; None where it cannot be read."""
    return _text(Path("/proc/sys") / name)


def system_facts() -> System:
    """Kernel, sysctls, limits, transparent huge pages, memory. What cannot be read is not there."""
    sysctls = {name.replace("/", "."): sysctl(name) for name in _SYSCTLS}
    thp = {name: _chosen(text) for name in _THP_FILES if (text := _text(_THP / name)) is not None}
    limits: dict[str, list[int | str]] = {}
    for name in _LIMITS:
        soft, hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
        limits[name.lower()] = [_limit(soft), _limit(hard)]
    facts: System = {
        "release": platform.release(),
        "version": platform.version(),
        "arch": machine(),
        "page_size": os.sysconf("SC_PAGE_SIZE"),
        "cpus": os.cpu_count(),
        "sysctl": {name: value for name, value in sysctls.items() if value is not None},
        "rlimits": limits,
        "thp": thp,
        "uid": os.geteuid(),
    }
    for line in (_text(Path("/proc/meminfo")) or "").splitlines():
        name, _, rest = line.partition(":")
        if name in ("MemTotal", "SwapTotal", "CommitLimit", "Hugepagesize"):
            facts.setdefault("memory_kb", {})[name] = int(rest.split()[0])
    for line in (_text(Path("/proc/self/status")) or "").splitlines():
        if line.startswith(("CapEff:", "NoNewPrivs:", "THP_enabled:")):
            facts.setdefault("status", {})[line.split(":")[0]] = line.split()[1]
    return facts


def _chosen(text: str) -> str:
    """The word in brackets of ``always [madvise] never``; a plain text as it is."""
    _, bracket, rest = text.partition("[")
    return rest.partition("]")[0] if bracket else text


def _limit(value: int) -> int | str:
    return "unlimited" if value == resource.RLIM_INFINITY else value


def kernel_config() -> bytes | None:
    """The configuration of the running kernel, as gzip or as text; None where it cannot be read."""
    for path in ("/proc/config.gz", f"/boot/config-{platform.release()}"):
        with suppress(OSError):
            return Path(path).read_bytes()
    return None
