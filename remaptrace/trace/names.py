"""Names of the kernel's numbers: protections, flags, advice, resources, errors.

The numbers are those of the generic ABI (include/uapi/asm-generic, x86), which the event table
uses whatever the architecture. Shared by every reader and writer; no imports, so that a small
scenario starts fast.
"""

from __future__ import annotations

PROT_NONE, PROT_READ, PROT_WRITE, PROT_EXEC, PROT_SEM = 0, 1, 2, 4, 8
PROT: dict[str, int] = {
    "none": 0,
    "read": PROT_READ,
    "write": PROT_WRITE,
    "exec": PROT_EXEC,
    "sem": PROT_SEM,
    "growsdown": 0x01000000,
    "growsup": 0x02000000,
}

MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE, MAP_DROPPABLE = 1, 2, 3, 8
MAP_TYPE = 0x0F
MAP_FIXED, MAP_ANONYMOUS, MAP_NONBLOCK = 0x10, 0x20, 0x10000
MAP_TYPES: dict[str, int] = {"shared": 1, "private": 2, "shared_validate": 3, "droppable": 8}
MAP: dict[str, int] = {
    **MAP_TYPES,
    "fixed": 0x10,
    "anonymous": 0x20,
    "32bit": 0x40,
    "growsdown": 0x100,
    "denywrite": 0x800,
    "executable": 0x1000,
    "locked": 0x2000,
    "noreserve": 0x4000,
    "populate": 0x8000,
    "nonblock": 0x10000,
    "stack": 0x20000,
    "hugetlb": 0x40000,
    "sync": 0x80000,
    "fixed_noreplace": 0x100000,
    "uninitialized": 0x4000000,
}

RFP_CHGPROT = 1 << 40
"""MAP_CHGPROT asked for by name; the engine takes it like the architecture's own value (A_CHGPROT)."""
RFP: dict[str, int] = {"nonblock": MAP_NONBLOCK, "chgprot": RFP_CHGPROT}

MREMAP: dict[str, int] = {"maymove": 1, "fixed": 2, "dontunmap": 4}
MS: dict[str, int] = {"async": 1, "invalidate": 2, "sync": 4}
MLOCK2: dict[str, int] = {"onfault": 1}
MCL: dict[str, int] = {"current": 1, "future": 2, "onfault": 4}
SHM: dict[str, int] = {"rdonly": 0o10000, "rnd": 0o20000, "remap": 0o40000, "exec": 0o100000}
SEALS: dict[str, int] = {"seal": 1, "shrink": 2, "grow": 4, "write": 8, "future_write": 16, "exec": 32}
FALLOC: dict[str, int] = {
    "keep_size": 1,
    "punch_hole": 2,
    "collapse_range": 8,
    "zero_range": 16,
    "insert_range": 32,
}

ADVICE: dict[str, int] = {
    "normal": 0,
    "random": 1,
    "sequential": 2,
    "willneed": 3,
    "dontneed": 4,
    "free": 8,
    "remove": 9,
    "dontfork": 10,
    "dofork": 11,
    "mergeable": 12,
    "unmergeable": 13,
    "hugepage": 14,
    "nohugepage": 15,
    "dontdump": 16,
    "dodump": 17,
    "wipeonfork": 18,
    "keeponfork": 19,
    "cold": 20,
    "pageout": 21,
    "populate_read": 22,
    "populate_write": 23,
    "dontneed_locked": 24,
    "collapse": 25,
    "hwpoison": 100,
    "soft_offline": 101,
    "guard_install": 102,
    "guard_remove": 103,
}

RLIMITS: dict[str, int] = {
    "cpu": 0,
    "fsize": 1,
    "data": 2,
    "stack": 3,
    "core": 4,
    "rss": 5,
    "nproc": 6,
    "nofile": 7,
    "memlock": 8,
    "as": 9,
}

PERSONALITIES: dict[str, int] = {
    "addr_no_randomize": 0x0040000,
    "mmap_page_zero": 0x0100000,
    "addr_compat_layout": 0x0200000,
    "read_implies_exec": 0x0400000,
    "addr_limit_32bit": 0x0800000,
    "addr_limit_3gb": 0x8000000,
}

CLONE_VM, CLONE_FILES, CLONE_VFORK, CLONE_THREAD = 0x100, 0x400, 0x4000, 0x10000

_ERRNOS = """
1 EPERM 2 ENOENT 3 ESRCH 4 EINTR 5 EIO 6 ENXIO 7 E2BIG 8 ENOEXEC 9 EBADF 10 ECHILD 11 EAGAIN 12 ENOMEM
13 EACCES 14 EFAULT 15 ENOTBLK 16 EBUSY 17 EEXIST 18 EXDEV 19 ENODEV 20 ENOTDIR 21 EISDIR 22 EINVAL 23 ENFILE
24 EMFILE 25 ENOTTY 26 ETXTBSY 27 EFBIG 28 ENOSPC 29 ESPIPE 30 EROFS 31 EMLINK 32 EPIPE 33 EDOM 34 ERANGE
35 EDEADLK 36 ENAMETOOLONG 37 ENOLCK 38 ENOSYS 39 ENOTEMPTY 40 ELOOP 42 ENOMSG 43 EIDRM 44 ECHRNG 45 EL2NSYNC
46 EL3HLT 47 EL3RST 48 ELNRNG 49 EUNATCH 50 ENOCSI 51 EL2HLT 52 EBADE 53 EBADR 54 EXFULL 55 ENOANO 56 EBADRQC
57 EBADSLT 59 EBFONT 60 ENOSTR 61 ENODATA 62 ETIME 63 ENOSR 64 ENONET 65 ENOPKG 66 EREMOTE 67 ENOLINK 68 EADV
69 ESRMNT 70 ECOMM 71 EPROTO 72 EMULTIHOP 73 EDOTDOT 74 EBADMSG 75 EOVERFLOW 76 ENOTUNIQ 77 EBADFD 78 EREMCHG
79 ELIBACC 80 ELIBBAD 81 ELIBSCN 82 ELIBMAX 83 ELIBEXEC 84 EILSEQ 85 ERESTART 86 ESTRPIPE 87 EUSERS
88 ENOTSOCK 89 EDESTADDRREQ 90 EMSGSIZE 91 EPROTOTYPE 92 ENOPROTOOPT 93 EPROTONOSUPPORT 94 ESOCKTNOSUPPORT
95 EOPNOTSUPP 96 EPFNOSUPPORT 97 EAFNOSUPPORT 98 EADDRINUSE 99 EADDRNOTAVAIL 100 ENETDOWN 101 ENETUNREACH
102 ENETRESET 103 ECONNABORTED 104 ECONNRESET 105 ENOBUFS 106 EISCONN 107 ENOTCONN 108 ESHUTDOWN
109 ETOOMANYREFS 110 ETIMEDOUT 111 ECONNREFUSED 112 EHOSTDOWN 113 EHOSTUNREACH 114 EALREADY 115 EINPROGRESS
116 ESTALE 117 EUCLEAN 118 ENOTNAM 119 ENAVAIL 120 EISNAM 121 EREMOTEIO 122 EDQUOT 123 ENOMEDIUM
124 EMEDIUMTYPE 125 ECANCELED 126 ENOKEY 127 EKEYEXPIRED 128 EKEYREVOKED 129 EKEYREJECTED 130 EOWNERDEAD
131 ENOTRECOVERABLE 132 ERFKILL 133 EHWPOISON 512 ERESTARTSYS 513 ERESTARTNOINTR 514 ERESTARTNOHAND
516 ERESTART_RESTARTBLOCK
""".split()

ERRNO_NAMES: dict[int, str] = {int(n): name for n, name in zip(_ERRNOS[::2], _ERRNOS[1::2], strict=True)}
ERRNOS: dict[str, int] = {
    **{name: n for n, name in ERRNO_NAMES.items()},
    "EWOULDBLOCK": 11,
    "EDEADLOCK": 35,
    "ENOTSUP": 95,
}

SIGSEGV, SIGBUS = 11, 7
SIGNALS: dict[str, int] = {"SIGBUS": SIGBUS, "SIGSEGV": SIGSEGV, "SIGKILL": 9, "SIGILL": 4, "SIGTRAP": 5}
SIGCODES: dict[str, int] = {
    "SEGV_MAPERR": 1,
    "SEGV_ACCERR": 2,
    "SEGV_BNDERR": 3,
    "SEGV_PKUERR": 4,
    "BUS_ADRALN": 1,
    "BUS_ADRERR": 2,
    "BUS_OBJERR": 3,
    "BUS_MCEERR_AR": 4,
    "BUS_MCEERR_AO": 5,
    "SI_KERNEL": 128,
    "SI_USER": 0,
}


def errno_name(number: int) -> str:
    """The name of an error number, or ``errno N`` for one without a name."""
    return ERRNO_NAMES.get(number, f"errno {number}")


def flag_words(value: int, table: dict[str, int]) -> list[str | int]:
    """`value` as names of single bits of `table`, and one number for the bits without a name."""
    words: list[str | int] = []
    for name, bit in table.items():
        if bit and value & bit == bit:
            words.append(name)
            value &= ~bit
    if value:
        words.append(value)
    return words


def map_words(value: int) -> list[str | int]:
    """mmap flags as a scenario writes them: the type first, then the bits."""
    kind = value & MAP_TYPE
    words: list[str | int] = [{number: name for name, number in MAP_TYPES.items()}.get(kind, kind)]
    bits = {name: bit for name, bit in MAP.items() if bit > MAP_TYPE}
    return words + flag_words(value & ~MAP_TYPE, bits)


def prot_word(value: int) -> str | int:
    """A protection as a scenario writes it: letters, ``none``, or the number if it has other bits."""
    if value == 0:
        return "none"
    if value & ~7:
        return value
    return "".join(letter for letter, bit in (("r", 1), ("w", 2), ("x", 4)) if value & bit)
