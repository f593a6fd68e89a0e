"""What a .config says of its machine that no architecture preset is, and what no kernel can be built with.

Sources: the choices of arch/*/Kconfig (VMSPLIT, page sizes, VA_BITS) and mm/Kconfig.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .options import HUGE_PAGES

_FAMILIES = (
    "X86",
    "ARM64",
    "ARM",
    "PPC",
    "RISCV",
    "S390",
    "LOONGARCH",
    "SPARC",
    "ALPHA",
    "IA64",
    "M68K",
    "SUPERH",
)
_STRANGERS = (
    *("MIPS", "PARISC", "PPC32", "ARC", "CSKY", "HEXAGON", "MICROBLAZE", "NIOS2", "OPENRISC", "XTENSA"),
    *(
        "H8300",
        "C6X",
        "NDS32",
        "UNICORE32",
        "TILE",
        "AVR32",
        "BLACKFIN",
        "CRIS",
        "FRV",
        "MN10300",
        "METAG",
        "SCORE",
    ),
)
"""Architectures that no preset of a kernel since 4.0 is described for."""
_CHOICES = (
    tuple(HUGE_PAGES),
    ("ARM64_4K_PAGES", "ARM64_16K_PAGES", "ARM64_64K_PAGES"),
    ("PPC_4K_PAGES", "PPC_16K_PAGES", "PPC_64K_PAGES", "PPC_256K_PAGES"),
    ("VMSPLIT_3G", "VMSPLIT_3G_OPT", "VMSPLIT_2G", "VMSPLIT_2G_OPT", "VMSPLIT_1G"),
    ("NOHIGHMEM", "HIGHMEM4G", "HIGHMEM64G"),
)
"""Options of which Kconfig sets one."""

_SPLITS = ("VMSPLIT_3G_OPT", "VMSPLIT_2G", "VMSPLIT_2G_OPT", "VMSPLIT_1G")
_ADDRESS_BITS = (48, 52)
"""Of arm64: what lies beyond 48 bits only a hint asks for; 39 bits are a preset of their own, with pages of 4 KiB."""


def _set_of(options: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """Those of `names` that are set."""
    return [name for name in names if options.get(name, "n") not in ("n", "")]


def contradiction(options: Mapping[str, str]) -> str:
    """What no kernel has: two architectures, two of a choice, no MMU; "" if there is no such thing."""
    families = _set_of(options, _FAMILIES)
    if len(families) > 1:
        return f"two architectures, CONFIG_{families[0]} and CONFIG_{families[1]}"
    for choice in _CHOICES:
        chosen = _set_of(options, choice)
        if len(chosen) > 1:
            return f"two of one choice, CONFIG_{chosen[0]} and CONFIG_{chosen[1]}"
    if options.get("MMU") == "n":
        return "no CONFIG_MMU: without one there are no areas as they are simulated"
    return ""


def stranger(options: Mapping[str, str]) -> str:
    """The option of an architecture that is not described; "" if there is none."""
    found = _set_of(options, _STRANGERS)
    if found:
        return f"CONFIG_{found[0]}"
    return "CONFIG_RISCV with CONFIG_32BIT" if len(_set_of(options, ("RISCV", "32BIT"))) == 2 else ""


def otherwise(options: Mapping[str, str], arch: str | None) -> tuple[str, ...]:
    """Options in which the machine differs from the preset `arch` that stands for it, with what is taken."""
    out = []
    split = _set_of(options, _SPLITS)
    if split and arch in ("arm", "i386-pae"):
        out.append(f"CONFIG_{split[0]} (3 GiB of user space are taken)")
    if arch == "arm" and _set_of(options, ("ARM_LPAE",)):
        out.append("CONFIG_ARM_LPAE (page tables of two levels are taken)")
    bits = options.get("ARM64_VA_BITS", "")
    known = (*_ADDRESS_BITS, 39) if arch == "arm64-39" else _ADDRESS_BITS
    if bits.isdecimal() and (arch or "").startswith("arm64") and int(bits[:4]) not in known:
        out.append(f"CONFIG_ARM64_VA_BITS={bits} (addresses of 48 bits are taken)")
    if arch == "loongarch64" and _set_of(options, ("PAGE_SIZE_4KB", "PAGE_SIZE_64KB")):
        out.append("pages of another size (16 KiB are taken)")
    return tuple(out)
