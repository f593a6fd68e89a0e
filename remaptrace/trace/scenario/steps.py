"""The steps of a scenario: one table that says what each operation takes and answers.

Readers, writers, error messages and the tables of docs/scenario-format.md come from here. Arguments and what a step
does stand in `abi.calls`; here stands what only scenarios know: what `expect` may hold, which field a bare value
means, steps that are less or more than one event.
"""

from __future__ import annotations

from ...abi import kinds as ev
from ...abi import mman as names
from ...abi.calls import CALLS, EVENTS, MOST_FILE_PAGES, EventRow
from ...abi.calls import Arg as Field
from ...abi.special import SPECIAL_KINDS
from ...lateclasses import dataclass
from ...machine.system import described


@dataclass(frozen=True)
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


FAULTS = ("minor_faults", "major_faults")
CALL = ("result", "error", *FAULTS)
ACCESS = ("outcome", "code", "value", *FAULTS)
CHILD = ("result", "error", "continues_in")
ERROR = ("result", "error")

_NAMES = {ev.K_SET_VMA_NAME: "vma_name", ev.K_HOME_NODE: "home_node"}
_ANSWERS = {ev.K_MINCORE: ("resident", *CALL), ev.K_SHMCTL: ERROR}
_BARE = (ev.K_MLOCKALL, ev.K_SHMDT, ev.K_IO_DESTROY)  # a bare value is the only argument
_OWN_BUILDER = (ev.K_MBIND, ev.K_SET_MEMPOLICY)
_ADDRESSES = frozenset(c.kind for c in CALLS.values() if c.returns == ev.RETURNS_ADDRESS)


def _memory_call(row: EventRow) -> Step:
    """The step of a call on memory that is its event and no more."""
    uffd = ev.K_UFFD_API <= row.kind <= ev.K_UFFD_WAKE
    return Step(
        _NAMES.get(row.kind, row.name),
        row.kind,
        row.args,
        row.doc,
        _ANSWERS.get(row.kind, ERROR if uffd else CALL),
        scalar=row.args[0].name if row.kind in _BARE else "",
        returns=row.kind in _ADDRESSES,
        special=row.kind in _OWN_BUILDER,
    )


def _same(
    kind: int,
    answers: tuple[str, ...] = ERROR,
    *,
    scalar: str = "",
    observe: bool = False,
    special: bool = False,
) -> Step:
    """The step that is its event, with the answers that it may have."""
    row = EVENTS[kind]
    return Step(row.name, kind, row.args, row.doc, answers, scalar, observe=observe, special=special)


_ADDR, _LENGTH = Field("addr", "addr"), Field("length", "int")
_FD, _CHILD = Field("fd", "fd"), Field("child", "int")
_NEW_FILE = (
    Field("id", "newfd"),
    Field("pages", "int", 0, most=MOST_FILE_PAGES),
    Field("fill", "bool", 0),
)

_TABLE = (
    *(
        _memory_call(row)
        for row in EVENTS.values()
        if row.doc and (row.kind in ev.MEMORY_CALLS or row.kind in ev.MORE_MEMORY_CALLS)
    ),
    Step(
        "brk",
        ev.K_BRK,
        (Field("addr", "addr", 0), Field("offset", "int", 0)),
        "set the break to brk_start + offset, or to addr",
        CALL,
        returns=True,
        special=True,
    ),
    Step(
        "userfaultfd",
        ev.K_USERFAULTFD,
        (Field("flags", "flags", 0, names.UFFD), Field("id", "newfd")),
        "make descriptor id of userfaultfd",
        special=True,
    ),
    Step(
        "process_vm_readv",
        ev.K_PROCESS_VM,
        (_ADDR, _LENGTH, 0),
        "read own memory as another process would: bytes moved, or EFAULT",
        CALL,
    ),
    Step(
        "process_vm_writev",
        ev.K_PROCESS_VM,
        (_ADDR, _LENGTH, 1),
        "write own memory as another process would",
        CALL,
    ),
    _same(ev.K_PKRU, ("pkru",), scalar="value"),
    # -- files
    Step(
        "memfd",
        ev.K_MAKEFILE,
        (*_NEW_FILE, Field("hugetlb", "hugesize", 0)),
        "make file id of pages pages on shmem; fill: every byte of page p is (p + 1 + 32k) mod 256; "
        "hugetlb: of huge pages of that size",
        special=True,
    ),
    Step(
        "diskfile",
        ev.K_MAKEFILE,
        (*_NEW_FILE, Field("folio", "int", 1, most=512)),
        "make file id on a disk with dirty accounting; folio: pages of a large folio in its page cache",
        special=True,
    ),
    Step(
        "memfd_create",
        ev.K_MAKEFILE,
        (Field("id", "newfd"), Field("flags", "flags", 0, names.MFD)),
        "make file id as memfd_create does: empty, sealed unless flags allow seals; without flags they do; "
        "hugetlb, 21<<mfd_huge_shift: of huge pages",
        special=True,
    ),
    Step(
        "special_file",
        ev.K_SPECIAL_FILE,
        (
            Field("id", "newfd"),
            Field("kind", "name", None, SPECIAL_KINDS),
            Field("pages", "int", 0, most=1 << 18),
            Field("entries", "int", 0, most=1 << 15),
        ),
        "a descriptor whose mappings follow rules of their own; pages: of the ring or map, entries: of an io_uring; "
        "0: whatever is asked",
        special=True,
    ),
    Step("ftruncate", ev.K_FTRUNCATE, (_FD, Field("size", "int")), "set the size of a file"),
    Step(
        "punch_hole",
        ev.K_FALLOCATE,
        (_FD, 3, Field("offset", "int"), _LENGTH),
        "free a range of a file (fallocate, keeping the size)",
    ),
    Step(
        "fallocate",
        ev.K_FALLOCATE,
        (_FD, Field("mode", "flags", 0, names.FALLOC), Field("offset", "int"), _LENGTH),
        EVENTS[ev.K_FALLOCATE].doc,
    ),
    _same(ev.K_PREAD, (*ERROR, "value", "eof")),
    _same(ev.K_PWRITE),
    Step(
        "reopen",
        ev.K_REOPEN,
        (_FD, Field("new_fd", "newfd"), Field("mode", "name", None, {"r": 1, "w": 2, "rw": 3})),
        "open the same file anew",
    ),
    Step("dup", ev.K_DUP, (_FD, Field("new_fd", "newfd"), 0), "another descriptor of the same open file"),
    _same(ev.K_CLOSE, scalar="fd"),
    _same(ev.K_SEAL),
    # -- accesses
    *(_same(kind, ACCESS, scalar="addr") for kind in (ev.K_READ, ev.K_WRITE, ev.K_EXECUTE)),
    # -- processes
    Step(
        "fork",
        ev.K_FORK_STEP,
        (Field("child", "int", 0),),
        "the program goes on in the child; with child: N both live, steps choose by pid",
        CHILD,
        special=True,
    ),
    Step("vfork", ev.K_FORK, (_CHILD,), "a child that shares the address space", CHILD, special=True),
    Step("thread", ev.K_FORK, (_CHILD,), "a thread of the process", CHILD, special=True),
    _same(ev.K_FORK_WAIT, CHILD),
    Step("exit", ev.K_EXIT, (Field("code", "int", 0), 1), "the process ends", (), scalar="code"),
    # -- settings
    _same(ev.K_SETRLIMIT),
    _same(ev.K_SETUID, scalar="uid"),
    _same(ev.K_PERSONALITY, scalar="persona"),
    Step(
        "sysctl",
        ev.K_SYSCTL,
        (Field("name", "sysctl"), Field("value", "int", 0, names.THP_WORDS), Field("areas_plus", "int", 0)),
        "set vm.X to value, or max_map_count to the number of areas plus areas_plus",
        (*ERROR, "areas", "limit"),
        special=True,
        observe=True,
    ),
    Step(
        "prctl",
        ev.K_PRCTL,
        (EVENTS[ev.K_PRCTL].args[0], Field("args", "four", 0)),
        "prctl of huge pages, KSM, MDWE, PR_SET_MM; args: up to four numbers",
        special=True,
    ),
    # -- observation and pressure
    _same(ev.K_DUMP, ("vmas",), observe=True),
    _same(ev.K_PAGES, ("pages", "access", "file_pages"), observe=True),
    _same(
        ev.K_MM, ("mmap_base", "cached_hole_size", "free_area_cache", "areas", "total_pages"), observe=True
    ),
    _same(ev.K_SNAPSHOT, ("vmas",), scalar="name", observe=True),
    _same(ev.K_HUGEPAGES, ("total", "free", "reserved", "surplus"), observe=True),
    _same(ev.K_RECLAIM),
    _same(ev.K_WRITEBACK, scalar="fd"),
)

STEPS: dict[str, Step] = {s.name: s for s in _TABLE}

_STEP_SYSCTLS = (
    *(
        "vm.max_map_count",
        "vm.overcommit_memory",
        "vm.overcommit_ratio",
        "vm.mmap_min_addr",
        "vm.legacy_va_layout",
    ),
    *("vm.nr_hugepages", "vm.nr_overcommit_hugepages", "vm.unprivileged_userfaultfd"),
)
SYSCTLS: dict[str, str] = {
    **{name: described.SYSCTLS[name] for name in _STEP_SYSCTLS},
    "vm.mmap_min_addr": "mmap_min_addr",  # what searches keep to: a program has the right to map below
    "thp_enabled": "thp_enabled",
    "thp_shmem_enabled": "thp_shmem_enabled",
}
"""sysctl names and the rules of remaptrace.machine.rules that they set."""
SYSCTL_WORDS: dict[str, tuple[str, ...]] = {
    "thp_enabled": ("never", "madvise", "always"),
    "thp_shmem_enabled": ("never", "advise", "always", "within_size", "deny", "force"),
}
"""Values that are words, as sysfs shows them."""
