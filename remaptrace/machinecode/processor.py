"""What the processor can do, in the words of /proc/cpuinfo.

The processor itself is asked, through the C library, which has done so when the process began: below an emulator of
user programs, or where one processor's programs are translated for another, /proc/cpuinfo tells of the machine
outside. It is read where the C library cannot be asked.
"""

from __future__ import annotations

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


def _asked() -> frozenset[str] | None:
    """As the C library found out; None if it does not tell: before glibc 2.33, other libraries and processors."""
    import ctypes

    try:
        leaf_of = ctypes.CDLL(None).__x86_get_cpuid_feature_leaf
    except (OSError, AttributeError):
        return None
    leaf_of.restype = ctypes.POINTER(ctypes.c_uint32 * 8)  # eax to edx as said, and what of them may be used
    leaf_of.argtypes = (ctypes.c_uint,)
    usable = [leaf_of(leaf).contents[4:] for leaf in (_LEAF_1, _LEAF_7, _LEAF_80000001)]
    return frozenset(
        word for word, (leaf, register, bit) in _PLACES.items() if usable[leaf][register] >> bit & 1
    )


def _read() -> frozenset[str]:
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(("flags", "Features")):
                    return frozenset(line.partition(":")[2].split())
    except OSError:
        pass
    return frozenset()
