"""What the processor can do, in the words of /proc/cpuinfo.

The processor itself is asked, through the C library, which has done so when the process began: below an emulator of
user programs, or where one processor's programs are translated for another, /proc/cpuinfo tells of the machine
outside. It is read where the C library cannot be asked.
"""

from __future__ import annotations

from functools import lru_cache

from ..digests import blake2b
from .calling import address_of, function_at, halves_at

_ECX, _EBX = 2, 1
_LEAF_1, _LEAF_7, _LEAF_80000001 = 0, 1, 2  # sys/platform/x86.h: CPUID_INDEX_...
_PLACES = {
    "pni": (_LEAF_1, _ECX, 0),
    "ssse3": (_LEAF_1, _ECX, 9),
    "fma": (_LEAF_1, _ECX, 12),
    "cx16": (_LEAF_1, _ECX, 13),
    "sse4_1": (_LEAF_1, _ECX, 19),
    "sse4_2": (_LEAF_1, _ECX, 20),
    "movbe": (_LEAF_1, _ECX, 22),
    "popcnt": (_LEAF_1, _ECX, 23),
    "xsave": (_LEAF_1, _ECX, 26),
    "avx": (_LEAF_1, _ECX, 28),
    "f16c": (_LEAF_1, _ECX, 29),
    "bmi1": (_LEAF_7, _EBX, 3),
    "avx2": (_LEAF_7, _EBX, 5),
    "bmi2": (_LEAF_7, _EBX, 8),
    "lahf_lm": (_LEAF_80000001, _ECX, 0),
    "abm": (_LEAF_80000001, _ECX, 5),
}
"""Of each word that a level asks for, where cpuid says it: leaf, register, bit (glibc: sysdeps/x86/isa-level)."""


def abilities() -> frozenset[str]:
    """Words of what can be used here: of the C library those in `_PLACES`, of /proc/cpuinfo all; none if unknown."""
    told = _asked()
    return _read() if told is None else told


@lru_cache(maxsize=1)
def model() -> str:
    """A name for this processor as far as code made for it may depend on it: without clocks and numbers of its own."""
    digest = blake2b(digest_size=8)
    for at, leaf in enumerate(_leaves() or ()):
        first = leaf[:1] if at == 0 else []  # family, model, stepping
        digest.update(repr(first + leaf[4:]).encode())
    for word in _OF_MODELS:
        digest.update(_cpuinfo().get(word, "").encode() + b"\0")
    return digest.hexdigest()


_OF_MODELS = (
    *("vendor_id", "cpu family", "model", "model name", "stepping", "flags"),
    *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision", "Features"),
)
"""Words of /proc/cpuinfo: of x86 and of ARM."""


def _asked() -> frozenset[str] | None:
    """As the C library found out; None if it does not tell: before glibc 2.33, other libraries and processors."""
    leaves = _leaves()
    if leaves is None:
        return None
    return frozenset(
        word for word, (leaf, register, bit) in _PLACES.items() if leaves[leaf][4 + register] >> bit & 1
    )


def _leaves() -> list[list[int]] | None:
    """What cpuid says by leaf: eax to edx, and what of them may be used."""
    try:
        leaf_of = function_at(address_of("__x86_get_cpuid_feature_leaf"), 1)
    except OSError:
        return None
    return [halves_at(leaf_of(leaf), 8) for leaf in (_LEAF_1, _LEAF_7, _LEAF_80000001)]


def _read() -> frozenset[str]:
    return frozenset((_cpuinfo().get("flags") or _cpuinfo().get("Features", "")).split())


@lru_cache(maxsize=1)
def _cpuinfo() -> dict[str, str]:
    """What /proc/cpuinfo says of the first processor, by word; empty where there is none."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            first = file.read(1 << 14).partition("\n\n")[0]
    except OSError:
        return {}
    lines = (line.partition(":") for line in first.splitlines())
    return {word.strip(): value.strip() for word, _, value in lines}
