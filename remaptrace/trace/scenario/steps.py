"""The steps of a scenario: one table that says what each operation takes and answers.

Readers, writers, error messages and the tables of docs/scenario-format.md come from here. To add
an operation: one entry below (and an event kind, if the engine has no such event yet).
"""

from __future__ import annotations

from dataclasses import dataclass

from ...abi import mman as names
from ...abi.kinds import (
    K_BRK,
    K_CLOSE,
    K_DUMP,
    K_DUP,
    K_EXECUTE,
    K_EXIT,
    K_FALLOCATE,
    K_FORK,
    K_FORK_STEP,
    K_FORK_WAIT,
    K_FTRUNCATE,
    K_HOME_NODE,
    K_HUGEPAGES,
    K_IO_DESTROY,
    K_IO_SETUP,
    K_MADVISE,
    K_MAKEFILE,
    K_MBIND,
    K_MINCORE,
    K_MLOCK,
    K_MLOCK2,
    K_MLOCKALL,
    K_MM,
    K_MMAP,
    K_MPROTECT,
    K_MREMAP,
    K_MSEAL,
    K_MSYNC,
    K_MUNLOCK,
    K_MUNLOCKALL,
    K_MUNMAP,
    K_PAGES,
    K_PERSONALITY,
    K_PKEY_ALLOC,
    K_PKEY_FREE,
    K_PKEY_MPROTECT,
    K_PKRU,
    K_PRCTL,
    K_PREAD,
    K_PROCESS_VM,
    K_PWRITE,
    K_READ,
    K_RECLAIM,
    K_REMAP_FILE_PAGES,
    K_REOPEN,
    K_SEAL,
    K_SET_MEMPOLICY,
    K_SET_VMA_NAME,
    K_SETRLIMIT,
    K_SETUID,
    K_SHMAT,
    K_SHMCTL,
    K_SHMDT,
    K_SHMGET,
    K_SNAPSHOT,
    K_SPECIAL_FILE,
    K_SYSCTL,
    K_UFFD_API,
    K_UFFD_CONTINUE,
    K_UFFD_COPY,
    K_UFFD_MOVE,
    K_UFFD_POISON,
    K_UFFD_REGISTER,
    K_UFFD_UNREGISTER,
    K_UFFD_WRITEPROTECT,
    K_UFFD_ZEROPAGE,
    K_USERFAULTFD,
    K_WRITE,
    K_WRITEBACK,
)
from ...abi.prctl import PRCTL_OPTIONS
from ...abi.special import SPECIAL_KINDS

# numbers of events.K_*, repeated here so that this table needs no numpy; a test holds them equal


@dataclass(frozen=True, slots=True)
class Field:
    """One argument: `kind` chooses the converter of scenario_values; `default` None: required."""

    name: str
    kind: str
    default: int | None = None
    table: dict[str, int] | None = None  # names of flags or of single values
    most: int | None = None  # the largest number that makes sense, to bound the work


@dataclass(frozen=True, slots=True)
class Step:
    """One operation.

    `args` are the event's arguments in order: a Field, or a constant. `scalar` names the field that
    a bare value means. `answers` are the fields that `expect` may hold. `returns` is True if the
    result is an address that later steps may refer to. `observe`: the replay stops behind it.
    """

    name: str
    kind: int
    args: tuple[Field | int, ...]
    doc: str
    answers: tuple[str, ...] = ("result", "error")
    scalar: str = ""
    returns: bool = False
    observe: bool = False
    special: bool = False  # built by a function of its own in scenario_build

    def fields(self) -> dict[str, Field]:
        """The fields by name."""
        return {f.name: f for f in self.args if isinstance(f, Field)}


PKEY_RIGHTS = {
    "disable_access": 1,
    "disable_write": 2,
    "disable_execute": 4,
    "PKEY_DISABLE_ACCESS": 1,
    "PKEY_DISABLE_WRITE": 2,
    "PKEY_DISABLE_EXECUTE": 4,
    "PKEY_DISABLE_READ": 8,
}
MOST_PAGES = 1 << 24  # that one step may touch or report
MOST_FILE_PAGES = 1 << 44  # of a file

ADDR = Field("addr", "addr")
LENGTH = Field("length", "int")
FD = Field("fd", "fd")
FAULTS = ("minor_faults", "major_faults")
CALL = ("result", "error", *FAULTS)
ACCESS = ("outcome", "code", "value", *FAULTS)
PROT = Field("prot", "prot")


def _flags(table: dict[str, int], default: int | None = None) -> Field:
    return Field("flags", "flags", default, table)


_TABLE = (
    Step(
        "mmap",
        K_MMAP,
        (
            Field("addr", "addr", 0),
            LENGTH,
            PROT,
            _flags(names.MAP),
            Field("fd", "fd", -1),
            Field("offset", "int", 0),
        ),
        "map a file or memory",
        CALL,
        returns=True,
    ),
    Step("munmap", K_MUNMAP, (ADDR, LENGTH), "unmap a range", CALL),
    Step("mprotect", K_MPROTECT, (ADDR, LENGTH, PROT), "change the protection of a range", CALL),
    Step(
        "pkey_mprotect",
        K_PKEY_MPROTECT,
        (ADDR, LENGTH, PROT, Field("pkey", "int")),
        "mprotect with a protection key",
        CALL,
    ),
    Step(
        "mremap",
        K_MREMAP,
        (
            ADDR,
            Field("old_length", "int"),
            Field("new_length", "int"),
            _flags(names.MREMAP),
            Field("new_addr", "addr", 0),
        ),
        "grow, shrink or move a mapping",
        CALL,
        returns=True,
    ),
    Step(
        "brk",
        K_BRK,
        (Field("addr", "addr", 0), Field("offset", "int", 0)),
        "set the break to brk_start + offset, or to addr",
        CALL,
        returns=True,
        special=True,
    ),
    Step(
        "madvise",
        K_MADVISE,
        (ADDR, LENGTH, Field("advice", "name", None, names.ADVICE)),
        "advise on a range; guard regions",
        CALL,
    ),
    Step("mlock", K_MLOCK, (ADDR, LENGTH), "lock a range", CALL),
    Step("mlock2", K_MLOCK2, (ADDR, LENGTH, _flags(names.MLOCK2, 0)), "lock a range", CALL),
    Step("munlock", K_MUNLOCK, (ADDR, LENGTH), "unlock a range", CALL),
    Step("mlockall", K_MLOCKALL, (_flags(names.MCL),), "lock everything", CALL, scalar="flags"),
    Step("munlockall", K_MUNLOCKALL, (), "unlock everything", CALL),
    Step("msync", K_MSYNC, (ADDR, LENGTH, _flags(names.MS)), "write a range back", CALL),
    Step("mincore", K_MINCORE, (ADDR, LENGTH), "which pages are resident", ("resident", *CALL)),
    Step(
        "remap_file_pages",
        K_REMAP_FILE_PAGES,
        (ADDR, Field("size", "int"), PROT, Field("pgoff", "int"), _flags(names.RFP, 0)),
        "rearrange a shared file mapping; with chgprot, protect its pages singly",
        CALL,
    ),
    Step(
        "vma_name",
        K_SET_VMA_NAME,
        (ADDR, LENGTH, Field("name", "vmaname")),
        "name anonymous memory (PR_SET_VMA_ANON_NAME); null takes the name off, 1 stands for an unreadable address",
        CALL,
    ),
    Step(
        "mbind",
        K_MBIND,
        (
            ADDR,
            LENGTH,
            Field("mode", "flags", None, names.MPOL),
            Field("nodes", "nodes", 0),
            Field("maxnode", "int", 64),
            _flags(names.MPOL_MF, 0),
        ),
        "give a range a NUMA policy; nodes: [0, 1], a mask, or null for no mask",
        CALL,
        special=True,
    ),
    Step(
        "home_node",
        K_HOME_NODE,
        (ADDR, LENGTH, Field("node", "int"), Field("flags", "int", 0)),
        "set the home node of the policies of a range",
        CALL,
    ),
    Step(
        "set_mempolicy",
        K_SET_MEMPOLICY,
        (Field("mode", "flags", None, names.MPOL), Field("nodes", "nodes", 0), Field("maxnode", "int", 64)),
        "the thread's NUMA policy: it changes no area",
        CALL,
        special=True,
    ),
    Step(
        "userfaultfd",
        K_USERFAULTFD,
        (_flags(names.UFFD, 0), Field("id", "newfd")),
        "make descriptor id of userfaultfd",
        special=True,
    ),
    Step(
        "uffdio_api",
        K_UFFD_API,
        (FD, Field("features", "flags", 0, names.UFFD_FEATURES), Field("version", "int", 0xAA)),
        "agree on features (UFFDIO_API)",
    ),
    Step(
        "uffdio_register",
        K_UFFD_REGISTER,
        (FD, ADDR, LENGTH, Field("mode", "flags", None, names.UFFD_MODES)),
        "register a range: missing, wp, minor",
    ),
    Step("uffdio_unregister", K_UFFD_UNREGISTER, (FD, ADDR, LENGTH), "take the registration off a range"),
    Step(
        "uffdio_copy",
        K_UFFD_COPY,
        (
            FD,
            Field("dst", "addr"),
            Field("src", "addr"),
            LENGTH,
            Field("mode", "flags", 0, names.UFFD_COPY_MODES),
        ),
        "fill pages with those at src, which may belong to the program itself",
    ),
    Step(
        "uffdio_zeropage",
        K_UFFD_ZEROPAGE,
        (FD, ADDR, LENGTH, Field("mode", "flags", 0, names.UFFD_WAKE_MODES)),
        "fill pages with zeros",
    ),
    Step(
        "uffdio_writeprotect",
        K_UFFD_WRITEPROTECT,
        (FD, ADDR, LENGTH, Field("mode", "flags", 0, names.UFFD_WP_MODES)),
        "write-protect pages (mode wp), or lift that",
    ),
    Step(
        "uffdio_continue",
        K_UFFD_CONTINUE,
        (FD, ADDR, LENGTH, Field("mode", "flags", 0, names.UFFD_COPY_MODES)),
        "map pages that the object has",
    ),
    Step(
        "uffdio_move",
        K_UFFD_MOVE,
        (
            FD,
            Field("dst", "addr"),
            Field("src", "addr"),
            LENGTH,
            Field("mode", "flags", 0, names.UFFD_MOVE_MODES),
        ),
        "move private pages to dst",
    ),
    Step(
        "uffdio_poison",
        K_UFFD_POISON,
        (FD, ADDR, LENGTH, Field("mode", "flags", 0, names.UFFD_WAKE_MODES)),
        "poison absent pages",
    ),
    Step(
        "pkey_alloc",
        K_PKEY_ALLOC,
        (Field("flags", "int", 0), Field("rights", "flags", 0, PKEY_RIGHTS)),
        "hand out a protection key; rights: 1 no access, 2 no writing",
        CALL,
    ),
    Step("pkey_free", K_PKEY_FREE, (Field("pkey", "int"),), "give a protection key back", CALL),
    Step(
        "pkru",
        K_PKRU,
        (Field("value", "int", -1),),
        "load the thread's protection-key register, or look at it",
        ("pkru",),
        scalar="value",
    ),
    Step(
        "process_vm_readv",
        K_PROCESS_VM,
        (ADDR, LENGTH, 0),
        "read own memory as another process would: bytes moved, or EFAULT",
        CALL,
    ),
    Step(
        "process_vm_writev",
        K_PROCESS_VM,
        (ADDR, LENGTH, 1),
        "write own memory as another process would",
        CALL,
    ),
    Step("mseal", K_MSEAL, (ADDR, LENGTH, Field("flags", "int", 0)), "seal a range", CALL),
    Step(
        "io_setup", K_IO_SETUP, (Field("events", "int"), Field("ctx", "addr", 0)), "map a ring of aio", CALL
    ),
    Step(
        "io_destroy",
        K_IO_DESTROY,
        (Field("ctx", "addr"),),
        "unmap the ring of aio at ctx",
        CALL,
        scalar="ctx",
    ),
    Step(
        "shmget",
        K_SHMGET,
        (Field("key", "int", 0), Field("size", "int"), Field("flags", "int", 0o1600)),
        "make a System V segment",
        CALL,
    ),
    Step(
        "shmat",
        K_SHMAT,
        (Field("shmid", "int"), Field("addr", "addr", 0), _flags(names.SHM, 0)),
        "attach a segment",
        CALL,
        returns=True,
    ),
    Step("shmdt", K_SHMDT, (ADDR,), "detach a segment", CALL, scalar="addr"),
    Step(
        "shmctl",
        K_SHMCTL,
        (Field("shmid", "int"), Field("command", "name", None, {"rmid": 0})),
        "remove a segment",
    ),
    # -- files
    Step(
        "memfd",
        K_MAKEFILE,
        (
            Field("id", "newfd"),
            Field("pages", "int", 0, most=MOST_FILE_PAGES),
            Field("fill", "bool", 0),
            Field("hugetlb", "hugesize", 0),
        ),
        "make file id of pages pages on shmem; fill: every byte of page p is (p + 1 + 32k) mod 256; "
        "hugetlb: of huge pages of that size",
        special=True,
    ),
    Step(
        "diskfile",
        K_MAKEFILE,
        (
            Field("id", "newfd"),
            Field("pages", "int", 0, most=MOST_FILE_PAGES),
            Field("fill", "bool", 0),
            Field("folio", "int", 1, most=512),
        ),
        "make file id on a disk with dirty accounting; folio: pages of a large folio in its page cache",
        special=True,
    ),
    Step(
        "memfd_create",
        K_MAKEFILE,
        (Field("id", "newfd"), _flags(names.MFD, 0)),
        "make file id as memfd_create does: empty; flags hugetlb, 21<<mfd_huge_shift: of huge pages",
        ("result", "error"),
        special=True,
    ),
    Step(
        "special_file",
        K_SPECIAL_FILE,
        (
            Field("id", "newfd"),
            Field("kind", "name", None, SPECIAL_KINDS),
            Field("pages", "int", 0, most=1 << 18),
            Field("entries", "int", 0),
        ),
        "a descriptor whose mappings follow rules of their own; pages: of the ring or map, 0: whatever is asked",
        special=True,
    ),
    Step("ftruncate", K_FTRUNCATE, (FD, Field("size", "int")), "set the size of a file"),
    Step(
        "punch_hole",
        K_FALLOCATE,
        (FD, 3, Field("offset", "int"), LENGTH),
        "free a range of a file (fallocate, keeping the size)",
    ),
    Step(
        "fallocate",
        K_FALLOCATE,
        (FD, Field("mode", "flags", 0, names.FALLOC), Field("offset", "int"), LENGTH),
        "fallocate",
    ),
    Step(
        "pread",
        K_PREAD,
        (FD, Field("offset", "int")),
        "read one byte of a file",
        ("result", "error", "value", "eof"),
    ),
    Step("pwrite", K_PWRITE, (FD, Field("offset", "int"), Field("value", "int")), "write one byte"),
    Step(
        "reopen",
        K_REOPEN,
        (FD, Field("new_fd", "newfd"), Field("mode", "name", None, {"r": 1, "w": 2, "rw": 3})),
        "open the same file anew",
    ),
    Step("dup", K_DUP, (FD, Field("new_fd", "newfd"), 0), "another descriptor of the same open file"),
    Step("close", K_CLOSE, (FD,), "close a descriptor", scalar="fd"),
    Step("seal", K_SEAL, (FD, Field("seals", "flags", None, names.SEALS)), "add seals to a file"),
    # -- accesses
    Step(
        "read",
        K_READ,
        (ADDR, Field("value", "int", -1), Field("pages", "int", 0, most=MOST_PAGES), Field("sp", "addr", 0)),
        "load one byte, or one byte of each of `pages` pages; sp: with the stack pointer there",
        ACCESS,
        scalar="addr",
    ),
    Step(
        "write",
        K_WRITE,
        (ADDR, Field("value", "int", -1), Field("pages", "int", 0, most=MOST_PAGES), Field("sp", "addr", 0)),
        "store one byte",
        ACCESS,
        scalar="addr",
    ),
    Step(
        "exec",
        K_EXECUTE,
        (ADDR, Field("value", "int", -1), Field("pages", "int", 0, most=MOST_PAGES), Field("sp", "addr", 0)),
        "fetch an instruction",
        ACCESS,
        scalar="addr",
    ),
    # -- processes
    Step(
        "fork",
        K_FORK_STEP,
        (Field("child", "int", 0),),
        "the program goes on in the child; with child: N both live, steps choose by pid",
        ("result", "error", "continues_in"),
        special=True,
    ),
    Step(
        "vfork",
        K_FORK,
        (Field("child", "int"),),
        "a child that shares the address space",
        ("result", "error", "continues_in"),
        special=True,
    ),
    Step(
        "thread",
        K_FORK,
        (Field("child", "int"),),
        "a thread of the process",
        ("result", "error", "continues_in"),
        special=True,
    ),
    Step(
        "fork_wait",
        K_FORK_WAIT,
        (),
        "a child is made and exits at once",
        ("result", "error", "continues_in"),
    ),
    Step("exit", K_EXIT, (Field("code", "int", 0), 1), "the process ends", (), scalar="code"),
    # -- settings
    Step(
        "setrlimit",
        K_SETRLIMIT,
        (Field("resource", "name", None, names.RLIMITS), Field("soft", "limit")),
        "soft limit in bytes, or unlimited",
    ),
    Step("setuid", K_SETUID, (Field("uid", "int"),), "become uid, giving up capabilities", scalar="uid"),
    Step(
        "personality",
        K_PERSONALITY,
        (Field("persona", "flags", None, names.PERSONALITIES),),
        "personality",
        scalar="persona",
    ),
    Step(
        "sysctl",
        K_SYSCTL,
        (Field("name", "sysctl"), Field("value", "int", 0, names.THP_WORDS), Field("areas_plus", "int", 0)),
        "set vm.X to value, or max_map_count to the number of areas plus areas_plus",
        ("result", "error", "areas", "limit"),
        special=True,
        observe=True,
    ),
    Step(
        "prctl",
        K_PRCTL,
        (Field("option", "name", None, PRCTL_OPTIONS), Field("args", "four", 0)),
        "prctl of huge pages, KSM, MDWE, PR_SET_MM; args: up to four numbers",
        special=True,
    ),
    # -- observation and pressure
    Step("dump", K_DUMP, (), "report the areas", ("vmas",), observe=True),
    Step(
        "pages",
        K_PAGES,
        (ADDR, Field("count", "int", most=MOST_PAGES)),
        "report the state of count pages",
        ("pages", "access", "file_pages"),
        observe=True,
    ),
    Step(
        "mm",
        K_MM,
        (),
        "report numbers of the address space",
        ("mmap_base", "cached_hole_size", "free_area_cache", "areas", "total_pages"),
        observe=True,
    ),
    Step(
        "snapshot",
        K_SNAPSHOT,
        (Field("name", "text", 0),),
        "keep areas and protections for the report under a name",
        ("vmas",),
        scalar="name",
        observe=True,
    ),
    Step(
        "hugepages",
        K_HUGEPAGES,
        (),
        "report the pool of huge pages",
        ("total", "free", "reserved", "surplus"),
        observe=True,
    ),
    Step(
        "reclaim",
        K_RECLAIM,
        (Field("addr", "addr", 0), Field("length", "int", 0), Field("fd", "fd", -1)),
        "swap out a range, a file's pages, or everything",
        ("result", "error"),
    ),
    Step(
        "writeback", K_WRITEBACK, (Field("fd", "fd", -1),), "clean a file's dirty pages, or all", scalar="fd"
    ),
)

STEPS: dict[str, Step] = {s.name: s for s in _TABLE}

SYSCTLS: dict[str, str] = {
    "vm.max_map_count": "max_map_count",
    "vm.overcommit_memory": "overcommit_memory",
    "vm.overcommit_ratio": "overcommit_ratio",
    "vm.mmap_min_addr": "mmap_min_addr",
    "vm.legacy_va_layout": "legacy_va_layout",
    "vm.nr_hugepages": "nr_hugepages",
    "vm.nr_overcommit_hugepages": "nr_overcommit_hugepages",
    "vm.unprivileged_userfaultfd": "unprivileged_userfaultfd",
    "thp_enabled": "thp_enabled",
    "thp_shmem_enabled": "thp_shmem_enabled",
}
"""sysctl names and the rules of remaptrace.machine.rules that they set."""
SYSCTL_WORDS: dict[str, tuple[str, ...]] = {
    "thp_enabled": ("never", "madvise", "always"),
    "thp_shmem_enabled": ("never", "advise", "always", "within_size", "deny", "force"),
}
"""Values that are words, as sysfs shows them."""
