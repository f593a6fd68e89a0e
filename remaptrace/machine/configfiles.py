"""What a system says of itself, as a machine: the output of `sysctl -a`, and a kernel's .config.

Only lines that decide something which is simulated are used; `used` says which, so that a report can name
them. Everything else in such files has no bearing on mappings, or none that is modelled.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..errorcodes import RT_CONFIG
from ..errors import InputError
from .releases import preset_for

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
}
"""sysctl: rule."""


@dataclass(frozen=True)
class Described:
    """A machine as a file describes it: names where the file tells them, and rules with their new values."""

    kernel: str | None = None
    arch: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    used: tuple[str, ...] = ()  # the lines that decided something


def read_sysctl(path: str) -> Described:
    """Rules from lines ``name = value``. InputError RT408 for a file that has none of them."""
    settings: dict[str, str] = {}
    used: list[str] = []
    lines = 0
    for line in _lines(path):
        name, equals, value = line.partition("=")
        lines += bool(equals)
        rule = SYSCTLS.get(name.strip().replace("/", "."))
        if rule and equals and value.strip():
            settings[rule] = value.strip().split()[0]
            used.append(f"{name.strip()} = {value.strip()}")
    if not lines:
        raise InputError(
            RT_CONFIG, "not the output of sysctl", path, expected="lines such as vm.max_map_count = 65530"
        )
    return Described(settings=settings, used=tuple(used))


_OPTION = re.compile(r"(?:CONFIG_(\w+)=(.*)|# CONFIG_(\w+) is not set)\s*\Z")
_TITLE = re.compile(r"# Linux/(\S+)\s+(\d+\.\d+\S*)")


def read_config(path: str) -> Described:
    """Architecture, kernel and rules from a .config, plain or gzip (/proc/config.gz).

    InputError RT408 for a file that is none.
    """
    options: dict[str, str] = {}
    release = ""
    for line in _lines(path):
        title = _TITLE.match(line)
        if title:
            release = title[2]
        match = _OPTION.match(line)
        if match:
            options[match[1] or match[3]] = match[2].strip('"') if match[1] else "n"
    if not options:
        raise InputError(RT_CONFIG, "not a kernel .config", path, expected="lines such as CONFIG_X86_64=y")
    used: list[str] = []

    def on(name: str) -> bool:
        """Whether the option is set; noted as used if it is."""
        if options.get(name, "n") in ("n", ""):
            return False
        used.append(f"CONFIG_{name}={options[name]}")
        return True

    arch = _arch(on)
    settings = _settings(options, on)
    if release:
        used.insert(0, f"Linux {release}")
    return Described(preset_for(release) if release else None, arch, settings, tuple(used))


def _settings(options: Mapping[str, str], on: Callable[[str], bool]) -> dict[str, str]:
    settings: dict[str, str] = {}
    if on("DEFAULT_MMAP_MIN_ADDR"):
        # security/min_addr.c:update_mmap_min_addr: searches keep to the greater of the two
        settings["dac_mmap_min_addr"] = lowest = options["DEFAULT_MMAP_MIN_ADDR"]
        if options.get("LSM_MMAP_MIN_ADDR", "").isdigit() and lowest.isdigit() and on("LSM_MMAP_MIN_ADDR"):
            lowest = str(max(int(lowest), int(options["LSM_MMAP_MIN_ADDR"])))
        settings["mmap_min_addr"] = lowest
    if options.get("TRANSPARENT_HUGEPAGE") == "n":
        # mm/mmap.c:__get_unmapped_area aligns under IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) only
        settings.update(thp_enabled="0", thp_align="never", thp_align_files="no")
    elif on("TRANSPARENT_HUGEPAGE_ALWAYS"):
        settings["thp_enabled"] = "2"
    elif on("TRANSPARENT_HUGEPAGE_MADVISE"):
        settings["thp_enabled"] = "1"
    elif on("TRANSPARENT_HUGEPAGE_NEVER"):
        settings["thp_enabled"] = "0"
    if options.get("ANON_VMA_NAME") == "n":
        settings["anon_vma_name"] = "no"
    elif on("ANON_VMA_NAME"):
        settings["anon_vma_name"] = "yes"
    for option, (rule, value) in _ABSENT.items():
        if options.get(option) == "n":
            settings[rule] = value
    if options.get("SWAP") == "n":
        settings["swap"] = "0"
    return settings


_ABSENT = {
    "USERFAULTFD": ("userfaultfd", "no"),
    "SECRETMEM": ("secretmem", "no"),
    "KSM": ("ksm_by_process", "none"),  # kernel/sys.c: PR_SET_MEMORY_MERGE is under CONFIG_KSM
    "NUMA": ("nodes", "1"),
}
"""option that is not set: rule and its value then."""


def _arch(on: Callable[[str], bool]) -> str | None:
    """The architecture preset of a configuration; None when it tells none that is described."""
    if on("UML"):
        if on("X86_64") or on("64BIT"):
            return "um-x86_64"
        return "um-i386-3l" if on("3_LEVEL_PGTABLES") else "um-i386"
    if on("X86_64"):
        return "x86_64"  # 5-level tables change nothing below 2**47, where mmap stays without a hint
    if on("X86_32") or on("X86"):
        return "i386-pae" if on("X86_PAE") or on("HIGHMEM64G") else "i386"
    if on("ARM64"):
        return "arm64-64k" if on("ARM64_64K_PAGES") else "arm64-16k" if on("ARM64_16K_PAGES") else "arm64"
    if on("PPC64"):
        if on("CPU_LITTLE_ENDIAN") or on("PPC_RADIX_MMU_DEFAULT"):
            return "ppc64le" if on("PPC_64K_PAGES") else "ppc64le-radix-4k"
        return "ppc64-64k" if on("PPC_64K_PAGES") else "ppc64"
    if on("RISCV"):
        return "riscv64"
    for option, arch in _SIMPLE:
        if on(option):
            return arch
    return None


_SIMPLE = (
    ("LOONGARCH", "loongarch64"),
    ("S390", "s390x"),
    ("SPARC64", "sparc64"),
    ("SPARC32", "sparc32"),
    ("ALPHA", "alpha"),
    ("IA64", "ia64"),
    ("ARM", "arm"),
    ("M68K", "m68k"),
    ("SUPERH", "sh"),
)


def _lines(path: str) -> list[str]:
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
