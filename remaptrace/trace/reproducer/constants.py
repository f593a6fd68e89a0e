"""The kernel's numbers as C spells them, and those that older headers do not have."""

from __future__ import annotations

from ...abi import mman as names
from ...abi.calls import CALLS
from ...abi.errnos import ERRNO_NAMES
from ...abi.fcntl import F_ADD_SEALS
from ..syscalls import X86_64

_U64 = (1 << 64) - 1
_PROT = ((names.PROT_READ, "PROT_READ"), (names.PROT_WRITE, "PROT_WRITE"), (names.PROT_EXEC, "PROT_EXEC"))
_SHARED_NUMBERS = 424  # from here on a call has one number on every architecture (5.1)
_PREFIX = {
    id(names.MREMAP): "MREMAP_",
    id(names.MS): "MS_",
    id(names.MLOCK2): "MLOCK_",
    id(names.MCL): "MCL_",
    id(names.SHM): "SHM_",
    id(names.SEALS): "F_SEAL_",
    id(names.FALLOC): "FALLOC_FL_",
}
_NEWER_MAP = ("droppable", "shared_validate", "sync", "fixed_noreplace", "uninitialized")
_NEWER: dict[str, int] = {
    **{f"MAP_{word.upper()}": names.MAP[word] for word in _NEWER_MAP},
    "MREMAP_DONTUNMAP": names.MREMAP_DONTUNMAP,
    "MLOCK_ONFAULT": names.MLOCK_ONFAULT,
    "MCL_ONFAULT": names.MCL_ONFAULT,
    **{f"SHM_{word.upper()}": bit for word, bit in names.SHM.items()},  # sys/shm.h is not included
    **{f"F_SEAL_{word.upper()}": bit for word, bit in names.SEALS.items()},
    "F_ADD_SEALS": F_ADD_SEALS,
    **{f"FALLOC_FL_{word.upper()}": bit for word, bit in names.FALLOC.items()},
    **{
        f"SYS_{name}": number
        for number, name in X86_64.items()
        if number >= _SHARED_NUMBERS and name in CALLS
    },
    **{f"MADV_{word.upper()}": number for word, number in names.ADVICE.items() if number > 7},
    **{
        name: number
        for name, number in (
            ("PR_SET_VMA", 0x53564D41),
            ("PR_SET_VMA_ANON_NAME", 0),
            ("PR_SET_MDWE", 65),
            ("PR_GET_MDWE", 66),
            ("PR_SET_MEMORY_MERGE", 67),
            ("PR_GET_MEMORY_MERGE", 68),
        )
    },
}


def number(value: int) -> str:
    """A number as C: addresses and masks in hexadecimal, small ones and negative ones in decimal."""
    if -4096 < value < 4096:
        return str(value)
    return hex(value & _U64)


def prot(value: int) -> str:
    """PROT_..."""
    value &= _U64
    if not value:
        return "PROT_NONE"
    words = [word for bit, word in _PROT if value & bit]
    rest = value & ~7
    return " | ".join([*words, *([hex(rest)] if rest else [])])


def has_names(table: dict[str, int]) -> bool:
    """Whether C has names for the bits of `table`."""
    return table is names.MAP or id(table) in _PREFIX


def flags(value: int, table: dict[str, int]) -> str:
    """The bits of `value` by the names that C has for those of `table`; 0 if there are none."""
    value &= _U64
    if table is names.MAP:
        words = [
            ("MAP_" + w.upper()) if isinstance(w, str) else hex(w)
            for w in names.map_words(value)
            if w != 0 or value == 0
        ]
    else:
        prefix = _PREFIX[id(table)]
        words = [prefix + w.upper() if isinstance(w, str) else hex(w) for w in names.flag_words(value, table)]
    return " | ".join(words) or "0"


def advice(value: int) -> str:
    """MADV_..., or the number of one without a name."""
    known = {number: word for word, number in names.ADVICE.items()}
    return f"MADV_{known[value].upper()}" if value in known else number(value)


def resource(value: int) -> str:
    """RLIMIT_..."""
    return {n: f"RLIMIT_{word.upper()}" for word, n in names.RLIMITS.items()}.get(value, str(value))


def errno(value: str) -> str:
    """The errno's name as C has it."""
    return value if value in ERRNO_NAMES.values() else "0"


def text(value: str) -> str:
    """A C string."""
    out = []
    for byte in value.encode("utf-8", "surrogateescape"):
        plain = 32 <= byte < 127 and byte not in b'"\\?'
        out.append(chr(byte) if plain else f"\\{byte:03o}")
    return '"' + "".join(out) + '"'


def definitions(code: str) -> list[str]:
    """``#ifndef`` lines for the names in `code` that headers of some systems lack."""
    import re

    used = set(re.findall(r"\b(?:[A-Z][A-Z0-9_]+|SYS_[a-z0-9_]+)\b", code))
    used |= {f"SYS_{name}" for name in re.findall(r"CALL\(\d+, (\w+)", code)}
    return [
        f"#ifndef {name}\n#define {name} {number(value)}\n#endif"
        for name, value in _NEWER.items()
        if name in used
    ]
