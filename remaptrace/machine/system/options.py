"""Which options of a .config decide a rule: what each is for, and what follows from its being set or not.

`DECIDES` are options whose absence, or presence, gives a rule another value than every kernel has; `CONCERNS` those
that have to do with mappings and decide nothing that is simulated. Sources: mm/Kconfig, arch/x86/Kconfig,
arch/arm64/Kconfig, init/Kconfig, security/Kconfig.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...lateclasses import dataclass


@dataclass(frozen=True)
class Option:
    """One option: the settings where it is not set, and where it is; `since`: the first version that has it."""

    absent: Mapping[str, str]
    present: Mapping[str, str]
    since: tuple[int, int] = (0, 0)


def _off(rule: str, value: str = "no", since: tuple[int, int] = (0, 0), **more: str) -> Option:
    """Absent, it takes something away that every kernel is taken to have."""
    return Option({rule: value, **more}, {}, since)


DECIDES: dict[str, Option] = {
    "ADVISE_SYSCALLS": _off("advise_syscalls", since=(3, 18)),
    "AIO": _off("aio"),
    "ANON_VMA_NAME": Option({"anon_vma_name": "no"}, {"anon_vma_name": "yes"}, (5, 17)),
    "ARCH_HAS_PKEYS": _off("pkey_calls", since=(4, 9), pkeys="0"),
    "COMPAT_BRK": Option({}, {"compat_brk": "yes", "randomize_va_space": "1"}, (2, 7)),
    "HUGETLBFS": _off("hugetlbfs"),
    # PR_SET_MEMORY_MERGE is under CONFIG_KSM too (kernel/sys.c)
    "KSM": _off("ksm", since=(2, 7), ksm_by_process="none"),
    "MEMFD_CREATE": _off("memfd_create", since=(4, 18)),
    "MEM_SOFT_DIRTY": Option({"mem_soft_dirty": "no"}, {"mem_soft_dirty": "yes"}, (3, 11)),
    "MEMORY_FAILURE": Option({"memory_failure": "no"}, {"memory_failure": "yes"}, (2, 7)),
    "MSEAL_SYSTEM_MAPPINGS": Option({"seal_system_mappings": "no"}, {"seal_system_mappings": "yes"}, (6, 15)),
    "NUMA": _off("numa", nodes="1"),
    "PT_RECLAIM": Option({"pt_reclaim": "no"}, {"pt_reclaim": "yes"}, (6, 14)),
    "READ_ONLY_THP_FOR_FS": Option({"read_only_thp": "no"}, {"read_only_thp": "yes"}, (6, 1)),
    "SECRETMEM": _off("secretmem", since=(5, 14)),
    "SWAP": _off("swap", "0"),
    "SYSVIPC": _off("sysvipc"),
    # __get_unmapped_area aligns under IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) only (mm/mmap.c)
    "TRANSPARENT_HUGEPAGE": Option(
        {
            "thp_enabled": "0",
            "thp_align": "never",
            "thp_align_files": "no",
            "thp_built": "no",
            "thp_shmem_enabled": "never",
        },
        {},
        (2, 7),
    ),
    "USERFAULTFD": _off("userfaultfd", since=(4, 3)),
}
"""Options that decide rules by being set or not."""

HUGE_PAGES_WORDS = {"never": "0", "madvise": "1", "always": "2"}
"""thp_enabled, by the words of sysfs and of boot parameters."""

HUGE_PAGES = {
    "TRANSPARENT_HUGEPAGE_ALWAYS": "2",
    "TRANSPARENT_HUGEPAGE_MADVISE": "1",
    "TRANSPARENT_HUGEPAGE_NEVER": "0",
}
"""The choice of how huge pages are taken at boot: thp_enabled."""

SHARED_HUGE_PAGES = {
    "TRANSPARENT_HUGEPAGE_SHMEM_HUGE_NEVER": "never",
    "TRANSPARENT_HUGEPAGE_SHMEM_HUGE_ALWAYS": "always",
    "TRANSPARENT_HUGEPAGE_SHMEM_HUGE_WITHIN_SIZE": "within_size",
    "TRANSPARENT_HUGEPAGE_SHMEM_HUGE_ADVISE": "advise",
}
"""The same of shared memory (6.14): thp_shmem_enabled."""

LOWEST = ("DEFAULT_MMAP_MIN_ADDR", "LSM_MMAP_MIN_ADDR")

CONCERNS: dict[str, str] = {
    "ARCH_MMAP_RND_BITS": "how far addresses are spread at random: the search begins without",
    "CHECKPOINT_RESTORE": "PR_SET_MM_MAP",
    "CMA": "where huge pages of 1 GiB come from",
    "COMPACTION": "when a huge page can be had",
    "CROSS_MEMORY_ATTACH": "process_vm_readv and writev",
    "IA32_EMULATION": "32-bit processes: recordings show them",
    "KVM_GUEST_MEMFD": "memory of guests",
    "LRU_GEN": "which pages reclaim takes first",
    "MEMCG": "memory of a group: no call is refused by it, faults are",
    "MIGRATION": "moving pages between nodes",
    "NUMA_BALANCING": "faults that find a page's node",
    "PER_VMA_LOCK": "the size of a VMA record (6.4)",
    "PROC_PAGE_MONITOR": "smaps and pagemap",
    "SECURITY_APPARMOR": "a security module: recordings show what it refuses",
    "SECURITY_SELINUX": "a security module: recordings show what it refuses",
    "SECURITY_SMACK": "a security module: recordings show what it refuses",
    "SHMEM": "without it shared memory lies in ramfs",
    "THP_SWAP": "huge pages in swap",
    "TMPFS": "files of /dev/shm",
    "X86_5LEVEL": "addresses beyond 2^47, which a hint must ask for",
    "X86_USER_SHADOW_STACK": "shadow stacks",
    "X86_X32_ABI": "x32 processes",
    "ZSWAP": "where swapped pages lie",
}
"""Options that have to do with mappings and decide nothing simulated: what they are about."""


@dataclass(frozen=True)
class Configurations:
    """What configurations differ in, values in their order, "n" for what is not set."""

    deciding: dict[str, list[str]]  # options that decide something simulated
    concerning: dict[str, list[str]]  # those that have to do with mappings and decide nothing simulated
    others: int


def compared(configs: Sequence[Mapping[str, str]]) -> Configurations:
    """The options in which configurations differ."""
    deciding: dict[str, list[str]] = {}
    concerning: dict[str, list[str]] = {}
    others = 0
    for option in sorted(set().union(*configs)):
        values = [config.get(option) or "n" for config in configs]
        if len(set(values)) == 1:
            continue
        if matters(option):
            deciding[option] = values
        elif option in CONCERNS:
            concerning[option] = values
        else:
            others += 1
    return Configurations(deciding, concerning, others)


_VMSPLIT = {
    "VMSPLIT_3G_OPT": "-3g-opt",
    "VMSPLIT_2G": "-2g",
    "VMSPLIT_2G_OPT": "-2g-opt",
    "VMSPLIT_1G": "-1g",
}

ARCHES = (
    *("UML", "64BIT", "3_LEVEL_PGTABLES", "X86_64", "X86_32", "X86", "X86_PAE", "HIGHMEM64G", *_VMSPLIT),
    *(
        "ARM64",
        "ARM64_4K_PAGES",
        "ARM64_16K_PAGES",
        "ARM64_64K_PAGES",
        "ARM64_VA_BITS_39",
        "ARM64_VA_BITS_48",
    ),
    *("PPC64", "CPU_LITTLE_ENDIAN", "PPC_RADIX_MMU_DEFAULT", "PPC_64K_PAGES", "RISCV", "LOONGARCH", "S390"),
    *("SPARC64", "SPARC32", "ALPHA", "IA64", "ARM", "M68K", "SUPERH"),
)
"""Options that decide the architecture."""

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


def matters(option: str) -> bool:
    """Whether the option decides an architecture or a rule."""
    return any(option in known for known in (DECIDES, HUGE_PAGES, SHARED_HUGE_PAGES, LOWEST, ARCHES))


def lsm_lowest_of(options: Mapping[str, str], absent: int) -> int:
    """CONFIG_LSM_MMAP_MIN_ADDR in bytes; `absent` where the options do not tell it."""
    word = options.get("LSM_MMAP_MIN_ADDR", "")
    return int(word) if word.isdecimal() and len(word) < 16 else absent


def settings_of(
    options: Mapping[str, str],
    on: Callable[[str], bool],
    version: tuple[int, int] | None,
    whole: bool = False,
) -> dict[str, str]:
    """Rules with the values that the options give them; `on` notes an option that is set, `version` None: unknown.

    `whole`: a .config as a kernel is built with it, in which an option that cannot be chosen does not stand.
    """
    settings: dict[str, str] = {}
    if on("DEFAULT_MMAP_MIN_ADDR"):
        # security/min_addr.c:update_mmap_min_addr: searches keep to the greater of the two
        settings["dac_mmap_min_addr"] = lowest = options["DEFAULT_MMAP_MIN_ADDR"]
        if (
            options.get("LSM_MMAP_MIN_ADDR", "").isdecimal()
            and lowest.isdecimal()
            and on("LSM_MMAP_MIN_ADDR")
        ):
            lowest = str(max(int(lowest), int(options["LSM_MMAP_MIN_ADDR"])))
        settings["mmap_min_addr"] = lowest
    for option, value in HUGE_PAGES.items():
        if on(option):
            settings["thp_enabled"] = value
    for option, value in SHARED_HUGE_PAGES.items():
        if on(option):
            settings["thp_shmem_enabled"] = value
    for option, rule in DECIDES.items():
        if version is not None and version < rule.since:
            continue
        if options.get(option, "n" if whole else "") == "n":
            settings.update(rule.absent)
        elif option in options and rule.present and on(option):
            settings.update(rule.present)
    return settings


def arch_of(on: Callable[[str], bool]) -> str | None:
    """The architecture preset of a configuration; None when it tells none that is described."""
    if on("UML"):
        if on("X86_64") or on("64BIT"):
            return "um-x86_64"
        return "um-i386-3l" if on("3_LEVEL_PGTABLES") else "um-i386"
    if on("X86_64"):
        return "x86_64"  # 5-level tables change nothing below 2**47, where mmap stays without a hint
    if on("X86_32") or on("X86"):
        if on("X86_PAE") or on("HIGHMEM64G"):
            return "i386-pae"
        return "i386" + next((suffix for option, suffix in _VMSPLIT.items() if on(option)), "")
    if on("ARM64"):
        if on("ARM64_64K_PAGES") or on("ARM64_16K_PAGES"):
            return "arm64-64k" if on("ARM64_64K_PAGES") else "arm64-16k"
        return "arm64-39" if on("ARM64_VA_BITS_39") else "arm64"
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
