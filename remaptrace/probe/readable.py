"""Values that need no program: what the other side's files say of itself."""

from __future__ import annotations

from ..machine.system.options import DECIDES
from ..native.place import lacked, settings_read
from ..native.wire import Where

_SHMEM = {
    "never": "never",
    "advise": "advise",
    "always": "always",
    "within_size": "within_size",
    "deny": "deny",
}


def values_read(where: Where) -> dict[str, tuple[str, str]]:
    """Rule: value as presets write it, and the file that says so. Empty for an emulator: it answers for others."""
    if where.emulated:
        return {}
    found = {rule: (value, _FILES.get(rule, "/proc/sys/vm")) for rule, value in settings_read(where).items()}
    for option in lacked(where):
        for rule in DECIDES[option].absent:
            found[rule] = found[rule][0], f"{option} is not set: its files in /proc and /sys are missing"
    words = [w.strip("[]") for w in where.facts.get("thp.shmem_enabled", "").split() if w.startswith("[")]
    if words and words[0] in (*_SHMEM, "force"):
        found["thp_shmem_enabled"] = words[0], "/sys/kernel/mm/transparent_hugepage/shmem_enabled"
    for rule, fact in (("ram_pages", "memory"), ("swap_pages", "swap")):
        number, _, unit = where.facts.get(fact, "").strip().partition(" ")
        if number.isdecimal() and unit == "kB":
            found[rule] = str(int(number) // 4), "/proc/meminfo"
    columns = where.facts.get("slab", "").split()
    if len(columns) > 2 and columns[2].isdecimal():
        found["vma_bytes"] = columns[2], "/proc/slabinfo, vm_area_struct"
    flags = where.facts.get("vvar", "").split()
    if flags:
        found["vvar_mixed"] = "yes" if "mm" in flags else "no", "/proc/self/smaps, VmFlags of [vvar]"
    return found


_FILES = {
    "rlimit_memlock": "getrlimit",
    "all_capabilities": "/proc/self/status, CapEff, and /proc/self/uid_map",
    "thp_enabled": "/sys/kernel/mm/transparent_hugepage/enabled",
    "max_map_count": "/proc/sys/vm/max_map_count",
    "overcommit_memory": "/proc/sys/vm/overcommit_memory",
    "overcommit_ratio": "/proc/sys/vm/overcommit_ratio",
    "mmap_min_addr": "/proc/sys/vm/mmap_min_addr, and CONFIG_LSM_MMAP_MIN_ADDR as distributions have it",
    "dac_mmap_min_addr": "/proc/sys/vm/mmap_min_addr",
    "legacy_va_layout": "/proc/sys/vm/legacy_va_layout",
    "unprivileged_userfaultfd": "/proc/sys/vm/unprivileged_userfaultfd",
}
