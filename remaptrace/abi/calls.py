"""One row a call: the event it is, its arguments in order and kind, and the kernel's own names for them.

Readers of every kind of log, scenario steps, the programs that `verify` runs, reports and documents take from here
what they share. An event that is no system call has a row too, without the kernel's names.
"""

from __future__ import annotations

from typing import NamedTuple

from . import kinds as ev
from . import mman as words
from .prctl import PRCTL_OPTIONS


class Arg(NamedTuple):
    """One argument of an event.

    `form` says what the number is, and which converter of scenarios takes it: addr, int, prot, flags (bits of
    `words`), mode (one of `words`, and bits), name (one of `words`), fd, or one of those that only scenarios have.
    `default` None: required in a scenario. `most`: the largest number that makes sense there, to bound the work.
    `c_int`: the kernel takes an int, the upper half of a register is noise.
    """

    name: str
    form: str = "int"
    default: int | None = None
    words: dict[str, int] | None = None
    most: int | None = None
    c_int: bool = False


class EventRow(NamedTuple):
    """A kind of event. `doc`: what it does, where a scenario has a step that is this event and no more."""

    kind: int
    name: str
    args: tuple[Arg, ...]
    doc: str = ""


class SystemCall(NamedTuple):
    """A system call: the event it is (0: its arguments decide), and the kernel's names of its parameters.

    `read`: AS_NUMBERS, IN_REGISTERS or OWN_WAY. `least`: how many arguments a log may show of it at least.
    `returns`: RETURNS_*. `order`: ALONE, SERIAL or COUNTED.
    """

    name: str
    kind: int
    parameters: tuple[str, ...]
    read: int
    least: int
    returns: int
    order: int


OWN_WAY, IN_REGISTERS, AS_NUMBERS = 0, 1, 2
"""How a call becomes an event: each reader has its own way; from its registers in order, but text logs print words for
some of them; every log shows the numbers of the event in order."""

ALONE, SERIAL, COUNTED = 0, 1, 2
"""What a recorder does for a call: nothing, lets one thread in after the other, also reads the kernel's counters."""

MOST_PAGES = 1 << 24  # that one step of a scenario may touch or report
MOST_FILE_PAGES = 1 << 44  # of a file

EVENTS: dict[int, EventRow] = {}
"""The rows by kind of event."""
CALLS: dict[str, SystemCall] = {}
"""The rows of system calls by name."""


def _event(kind: int, name: str, *args: Arg | str, doc: str = "") -> EventRow:
    row = EventRow(kind, name, tuple(Arg(a) if isinstance(a, str) else a for a in args), doc)
    EVENTS[kind] = row
    return row


def _call(
    kind: int,
    name: str,
    parameters: str,
    *args: Arg | str,
    read: int = AS_NUMBERS,
    least: int = -1,
    returns: int = ev.RETURNS_ZERO,
    order: int = COUNTED,
    doc: str = "",
) -> None:
    row = _event(kind, name, *args, doc=doc)
    _also(name, kind, parameters, read, len(row.args) if least < 0 else least, returns, order)


def _also(
    name: str,
    kind: int,
    parameters: str,
    read: int = OWN_WAY,
    least: int = 0,
    returns: int = ev.RETURNS_ANY,
    order: int = ALONE,
) -> None:
    """Another call that becomes events of a kind that has its row, or of several kinds (0)."""
    CALLS[name] = SystemCall(name, kind, tuple(parameters.split()), read, least, returns, order)


def _flags(table: dict[str, int], default: int | None = None, *, c_int: bool = False) -> Arg:
    return Arg("flags", "flags", default, table, c_int=c_int)


def _mode(table: dict[str, int], default: int | None = 0) -> Arg:
    return Arg("mode", "flags", default, table)


_ADDR, _LENGTH, _PROT = Arg("addr", "addr"), Arg("length"), Arg("prot", "prot")
_DST, _SRC = Arg("dst", "addr"), Arg("src", "addr")
_FD = Arg("fd", "fd", c_int=True)
_UFFD = Arg("fd", "fd")
_NODES, _MAXNODE = Arg("nodes", "nodes", 0), Arg("maxnode", "int", 64)
_POLICY = Arg("mode", "mode", None, words.MPOL)
_TOUCH = (Arg("value", "int", -1), Arg("pages", "int", 0, most=MOST_PAGES), Arg("sp", "addr", 0))

# -- calls on memory. addr, length and offset in bytes, pgoff in pages, flags as the kernel's numbers.
_call(
    ev.K_MMAP,
    "mmap",
    "addr len prot flags fd off",
    *(Arg("addr", "addr", 0), _LENGTH, _PROT, _flags(words.MAP)),
    *(Arg("fd", "fd", -1, c_int=True), Arg("offset", "int", 0)),
    returns=ev.RETURNS_ADDRESS,
    doc="map a file or memory",
)
_call(ev.K_MUNMAP, "munmap", "addr len", _ADDR, _LENGTH, doc="unmap a range")
_call(
    ev.K_MPROTECT,
    "mprotect",
    "start len prot",
    *(_ADDR, _LENGTH, _PROT),
    doc="change the protection of a range",
)
_call(
    ev.K_PKEY_MPROTECT,
    "pkey_mprotect",
    "start len prot pkey",
    *(_ADDR, _LENGTH, _PROT, Arg("pkey", c_int=True)),
    doc="mprotect with a protection key",
)
_call(
    ev.K_MREMAP,
    "mremap",
    "addr old_len new_len flags new_addr",
    *(_ADDR, Arg("old_length"), Arg("new_length"), _flags(words.MREMAP), Arg("new_addr", "addr", 0)),
    least=3,
    returns=ev.RETURNS_ADDRESS,
    doc="grow, shrink or move a mapping",
)
_call(ev.K_BRK, "brk", "brk", _ADDR, returns=ev.RETURNS_BREAK)  # absolute
_call(
    ev.K_MADVISE,
    "madvise",
    "start len_in behavior",
    *(_ADDR, _LENGTH, Arg("advice", "name", None, words.ADVICE, c_int=True)),
    doc="advise on a range; guard regions",
)
_call(
    ev.K_PROCESS_MADVISE,
    "process_madvise",
    "pidfd vec vlen behavior flags",
    *(_ADDR, _LENGTH, Arg("advice", "name", None, words.ADVICE), "pidfd", "flags", "index"),
    read=OWN_WAY,
    returns=ev.RETURNS_ANY,
    order=SERIAL,
)
_call(ev.K_MLOCK, "mlock", "start len", _ADDR, _LENGTH, doc="lock a range")
_call(
    ev.K_MLOCK2,
    "mlock2",
    "start len flags",
    *(_ADDR, _LENGTH, _flags(words.MLOCK2, 0, c_int=True)),
    doc="lock a range",
)
_call(ev.K_MUNLOCK, "munlock", "start len", _ADDR, _LENGTH, doc="unlock a range")
_call(ev.K_MLOCKALL, "mlockall", "flags", _flags(words.MCL, c_int=True), doc="lock everything")
_call(ev.K_MUNLOCKALL, "munlockall", "", doc="unlock everything")
_call(
    ev.K_MSYNC,
    "msync",
    "start len flags",
    *(_ADDR, _LENGTH, _flags(words.MS, c_int=True)),
    doc="write a range back",
)
_call(
    ev.K_MINCORE,
    "mincore",
    "start len vec",
    *(_ADDR, _LENGTH),
    order=ALONE,
    doc="which pages are resident",
)
_call(
    ev.K_REMAP_FILE_PAGES,
    "remap_file_pages",
    "start size prot pgoff flags",
    *(_ADDR, Arg("size"), _PROT, Arg("pgoff"), _flags(words.RFP, 0)),
    doc="rearrange a shared file mapping; with chgprot, protect its pages singly",
)
_call(
    ev.K_MSEAL,
    "mseal",
    "start len flags",
    _ADDR,
    _LENGTH,
    Arg("flags", "int", 0),
    least=2,
    doc="seal a range",
)
_call(
    ev.K_SHMGET,
    "shmget",
    "key size shmflg",
    *(Arg("key", "int", 0, c_int=True), Arg("size"), Arg("flags", "int", 0o1600, c_int=True)),
    returns=ev.RETURNS_ANY,
    order=ALONE,
    doc="make a System V segment",
)
_call(
    ev.K_SHMAT,
    "shmat",
    "shmid shmaddr shmflg",
    *(Arg("shmid", c_int=True), Arg("addr", "addr", 0), _flags(words.SHM, 0, c_int=True)),
    returns=ev.RETURNS_ADDRESS,
    doc="attach a segment",
)
_call(ev.K_SHMDT, "shmdt", "shmaddr", _ADDR, doc="detach a segment")
_call(
    ev.K_SHMCTL,
    "shmctl",
    "shmid cmd buf",
    *(Arg("shmid", c_int=True), Arg("command", "name", None, {"rmid": 0}, c_int=True)),
    returns=ev.RETURNS_ANY,
    order=ALONE,
    doc="remove a segment",
)
# nodes: the mask's first word; maxnode as given, with MASK_UNKNOWN where the log shows only a pointer
_call(
    ev.K_MBIND,
    "mbind",
    "start len mode nmask maxnode flags",
    *(_ADDR, _LENGTH, _POLICY, _NODES, _MAXNODE, Arg("flags", "flags", 0, words.MPOL_MF)),
    read=OWN_WAY,
    order=SERIAL,
    doc="give a range a NUMA policy; nodes: [0, 1], a mask, or null for no mask",
)
_event(
    ev.K_SET_VMA_NAME,
    "prctl_vma_name",
    *(_ADDR, _LENGTH, Arg("name", "vmaname")),
    doc="name anonymous memory (PR_SET_VMA_ANON_NAME); null takes the name off, 1 stands for an unreadable address",
)
_call(
    ev.K_USERFAULTFD,
    "userfaultfd",
    "flags",
    *(Arg("flags", "flags", 0, words.UFFD, c_int=True), "wanted"),
    read=OWN_WAY,
    returns=ev.RETURNS_ANY,
    order=SERIAL,
)
_call(
    ev.K_PKEY_ALLOC,
    "pkey_alloc",
    "flags init_val",
    *(Arg("flags", "int", 0), Arg("rights", "flags", 0, words.PKEY_RIGHTS)),
    returns=ev.RETURNS_ANY,
    order=SERIAL,
    doc="hand out a protection key; rights: 1 no access, 2 no writing",
)
_call(
    ev.K_PKEY_FREE,
    "pkey_free",
    "pkey",
    Arg("pkey", c_int=True),
    order=SERIAL,
    doc="give a protection key back",
)
# ctx: the recorded address of the ring, 0: not shown
_call(
    ev.K_IO_SETUP,
    "io_setup",
    "nr_events ctxp",
    *(Arg("events", c_int=True), Arg("ctx", "addr", 0)),
    read=OWN_WAY,
    order=SERIAL,
    doc="map a ring of aio",
)
_call(
    ev.K_IO_DESTROY,
    "io_destroy",
    "ctx",
    Arg("ctx", "addr"),
    read=IN_REGISTERS,
    order=SERIAL,
    doc="unmap the ring of aio at ctx",
)
_event(ev.K_OLD_MMAP, "old_mmap", "addr", "length", "prot", "flags", "fd", "offset")
_also("mmap2", ev.K_MMAP, "addr len prot flags fd pgoff", order=COUNTED)
# -- more calls on memory. fd: a userfaultfd; mode and features as the kernel's numbers
_event(
    ev.K_UFFD_API,
    "uffdio_api",
    *(_UFFD, Arg("features", "flags", 0, words.UFFD_FEATURES), Arg("version", "int", 0xAA)),
    doc="agree on features (UFFDIO_API)",
)
_event(
    ev.K_UFFD_REGISTER,
    "uffdio_register",
    *(_UFFD, _ADDR, _LENGTH, _mode(words.UFFD_MODES, None)),
    doc="register a range: missing, wp, minor",
)
_event(
    ev.K_UFFD_UNREGISTER,
    "uffdio_unregister",
    *(_UFFD, _ADDR, _LENGTH),
    doc="take the registration off a range",
)
_event(
    ev.K_UFFD_COPY,
    "uffdio_copy",
    *(_UFFD, _DST, _SRC, _LENGTH, _mode(words.UFFD_COPY_MODES)),
    doc="fill pages with those at src, which may belong to the program itself",
)
_event(
    ev.K_UFFD_ZEROPAGE,
    "uffdio_zeropage",
    *(_UFFD, _ADDR, _LENGTH, _mode(words.UFFD_WAKE_MODES)),
    doc="fill pages with zeros",
)
_event(
    ev.K_UFFD_WRITEPROTECT,
    "uffdio_writeprotect",
    *(_UFFD, _ADDR, _LENGTH, _mode(words.UFFD_WP_MODES)),
    doc="write-protect pages (mode wp), or lift that",
)
_event(
    ev.K_UFFD_CONTINUE,
    "uffdio_continue",
    *(_UFFD, _ADDR, _LENGTH, _mode(words.UFFD_COPY_MODES)),
    doc="map pages that the object has",
)
_event(
    ev.K_UFFD_MOVE,
    "uffdio_move",
    *(_UFFD, _DST, _SRC, _LENGTH, _mode(words.UFFD_MOVE_MODES)),
    doc="move private pages to dst",
)
_event(
    ev.K_UFFD_POISON,
    "uffdio_poison",
    *(_UFFD, _ADDR, _LENGTH, _mode(words.UFFD_WAKE_MODES)),
    doc="poison absent pages",
)
_event(ev.K_UFFD_WAKE, "uffdio_wake", _UFFD, _ADDR, _LENGTH)
_call(
    ev.K_HOME_NODE,
    "set_mempolicy_home_node",
    "start len home_node flags",
    *(_ADDR, _LENGTH, Arg("node"), Arg("flags", "int", 0)),
    read=IN_REGISTERS,
    order=ALONE,
    doc="set the home node of the policies of a range",
)
_event(
    ev.K_SET_MEMPOLICY,
    "set_mempolicy",
    *(_POLICY, _NODES, _MAXNODE),
    doc="the thread's NUMA policy: it changes no area",
)
# write 1: process_vm_writev, else readv; of the caller's own memory
_event(ev.K_PROCESS_VM, "process_vm", _ADDR, _LENGTH, "write")
# -- descriptors and files. path is a number in Trace.strings.
_event(ev.K_OPEN, "open", "path", "flags", "type")  # ret: fd. type: FILE_*
_also("open", ev.K_OPEN, "filename flags mode")
_also("openat", ev.K_OPEN, "dfd filename flags mode")
_also("openat2", ev.K_OPEN, "dfd filename how usize")
_also("creat", ev.K_OPEN, "pathname mode")
_also("memfd_secret", ev.K_OPEN, "flags")
_call(ev.K_CLOSE, "close", "fd", _FD, read=IN_REGISTERS, order=ALONE, doc="close a descriptor")
_event(ev.K_DUP, "dup", _FD, Arg("new_fd", "newfd"), "cloexec")  # new_fd -1: the kernel chose, see ret
_also("dup", ev.K_DUP, "fildes")
_also("dup2", ev.K_DUP, "oldfd newfd")
_also("dup3", ev.K_DUP, "oldfd newfd flags")
_also("fcntl", 0, "fd cmd arg")
_also("fcntl64", 0, "fd cmd arg")
_event(ev.K_MEMFD, "memfd_create", "name", _flags(words.MFD, 0))
_also("memfd_create", ev.K_MEMFD, "uname flags")
_call(ev.K_FTRUNCATE, "ftruncate", "fd length", _FD, "length", order=ALONE)
_call(
    ev.K_FALLOCATE,
    "fallocate",
    "fd mode offset len",
    *(_FD, Arg("mode", "flags", 0, words.FALLOC, c_int=True), "offset", _LENGTH),
    order=ALONE,
    doc="fallocate",
)
_also("ftruncate64", ev.K_FTRUNCATE, "fd length", AS_NUMBERS, 2, ev.RETURNS_ZERO)
_event(ev.K_PREAD, "pread", Arg("fd", "fd"), "offset", doc="read one byte of a file")  # one byte
_event(ev.K_PWRITE, "pwrite", Arg("fd", "fd"), "offset", "value", doc="write one byte")  # one byte
_event(
    ev.K_SEAL, "seal", Arg("fd", "fd"), Arg("seals", "flags", None, words.SEALS), doc="add seals to a file"
)
_event(ev.K_MAKEFILE, "makefile", "fd", "pages", "fill", "disk", "name", "folio")
_event(ev.K_REOPEN, "reopen", "fd", "new_fd", "mode")  # scenario; mode bit 0 read, bit 1 write
_call(
    ev.K_CLOSE_RANGE,
    "close_range",
    "fd max_fd flags",
    "first",
    "last",
    "flags",
    read=IN_REGISTERS,
    order=ALONE,
)
_event(ev.K_KNOWN_FD, "known_fd", "fd", "path", "type", "mode")  # the log names the path of a descriptor
_event(ev.K_SETFD, "setfd", "fd", "cloexec")
_event(
    ev.K_SPECIAL_FILE, "special_file", "fd", "type", "pages", "name", "entries"
)  # scenario; type: see abi.special
# ret: fd. pid as recorded
_call(
    ev.K_PIDFD,
    "pidfd_open",
    "pid flags",
    *(Arg("pid", c_int=True), Arg("flags", c_int=True)),
    read=IN_REGISTERS,
    returns=ev.RETURNS_ANY,
    order=ALONE,
)
_also("ioctl", 0, "fd cmd arg")
# -- processes. child is a row of Trace.tasks.
_event(ev.K_FORK, "fork", "child", "flags")  # flags: CLONE_*; vfork has CLONE_VM|CLONE_VFORK
_also("fork", ev.K_FORK, "", order=COUNTED)
_also("vfork", ev.K_FORK, "")
_also("clone", ev.K_FORK, "clone_flags newsp parent_tidptr child_tidptr tls", order=COUNTED)
_also("clone3", ev.K_FORK, "uargs size", order=COUNTED)
_event(ev.K_EXEC, "execve", "path", "maps")  # maps: 1 if K_INIT_VMA rows follow
_also("execve", ev.K_EXEC, "filename argv envp")
_also("execveat", ev.K_EXEC, "fd filename argv envp flags")
_event(ev.K_EXIT, "exit", "code", "group")  # group 1: the whole process
_also("exit", ev.K_EXIT, "error_code")
_also("exit_group", ev.K_EXIT, "error_code", order=COUNTED)
# vm_perms: 1 r, 2 w, 4 x, 8 shared; file, name: numbers in Trace.strings, 0 none
_event(ev.K_INIT_VMA, "init_vma", "start", "end", "vm_perms", "offset", "file", "name")
# each 0: the machine's own default
_event(ev.K_INIT_MM, "init_mm", "start_brk", "brk", "mmap_base", "stack_ptr", "legacy")
_event(ev.K_FORK_WAIT, "fork_wait", doc="a child is made and exits at once")
_event(ev.K_FORK_STEP, "fork_step", "child")  # scenario: the program goes on in the child
_event(ev.K_MARK, "mark", "name")  # no effect: a moment at which a recorder looked (truth, exit maps)
# -- accesses: addr, value (-1: unknown), size in pages for range touches (0 or 1: one access)
_event(
    ev.K_READ,
    "read",
    *(_ADDR, *_TOUCH),
    doc="load one byte, or one byte of each of `pages` pages; sp: with the stack pointer there",
)
_event(ev.K_WRITE, "write", _ADDR, *_TOUCH, doc="store one byte")
_event(ev.K_EXECUTE, "exec", _ADDR, *_TOUCH, doc="fetch an instruction")
_event(ev.K_SIGNAL, "signal", "signo", "code", "addr")  # recorded; explains the access before it
_event(ev.K_FAULT, "page_fault", "addr", "error_code", "ip")  # recorded user page fault
# -- settings
_call(
    ev.K_PERSONALITY,
    "personality",
    "personality",
    Arg("persona", "flags", None, words.PERSONALITIES),
    returns=ev.RETURNS_ANY,
    order=ALONE,
    doc="personality",
)
_event(
    ev.K_SETRLIMIT,
    "setrlimit",
    *(Arg("resource", "name", None, words.RLIMITS), Arg("soft", "limit")),
    doc="soft limit in bytes, or unlimited",
)
_also("setrlimit", ev.K_SETRLIMIT, "resource rlim")
_also("prlimit64", ev.K_SETRLIMIT, "pid resource new_rlim old_rlim")
_also("prlimit", ev.K_SETRLIMIT, "pid resource new_rlim old_rlim")
_call(
    ev.K_SETUID,
    "setuid",
    "uid",
    Arg("uid", c_int=True),
    read=IN_REGISTERS,
    order=ALONE,
    doc="become uid, giving up capabilities",
)
for _name, _parameters in (("setuid", "uid"), ("setreuid", "ruid euid"), ("setresuid", "ruid euid suid")):
    if _name not in CALLS:
        _also(_name, ev.K_SETUID, _parameters)
    _also(f"{_name}32", ev.K_SETUID, _parameters)
# rule: R_* number; areas_plus 1: the value is the process's number of areas plus `value`
_event(ev.K_SYSCTL, "sysctl", "rule", "value", "areas_plus")
# scenario: load the protection-key register; -1: only look
_event(
    ev.K_PKRU,
    "pkru",
    Arg("value", "int", -1),
    doc="load the thread's protection-key register, or look at it",
)
_event(ev.K_PRCTL, "prctl", Arg("option", "name", None, PRCTL_OPTIONS), "arg", "arg3", "arg4", "arg5")
_also("prctl", 0, "option arg2 arg3 arg4 arg5", order=SERIAL)
_also("arch_prctl", 0, "option arg2")
_also("ipc", 0, "call first second third ptr fifth")
# -- scenario: observation and pressure
_event(ev.K_DUMP, "dump", doc="report the areas")
_event(
    ev.K_PAGES,
    "pages",
    *(_ADDR, Arg("count", most=MOST_PAGES)),
    doc="report the state of count pages",
)
_event(ev.K_MM, "mm", doc="report numbers of the address space")
_event(
    ev.K_SNAPSHOT,
    "snapshot",
    Arg("name", "text", 0),
    doc="keep areas and protections for the report under a name",
)
# length 0 and fd -1: everything
_event(
    ev.K_RECLAIM,
    "reclaim",
    *(Arg("addr", "addr", 0), Arg("length", "int", 0), Arg("fd", "fd", -1)),
    doc="swap out a range, a file's pages, or everything",
)
_event(
    ev.K_WRITEBACK, "writeback", Arg("fd", "fd", -1), doc="clean a file's dirty pages, or all"
)  # -1: all files
_event(ev.K_HUGEPAGES, "hugepages", doc="report the pool of huge pages")  # total, free, reserved, surplus
_event(ev.K_UNMODELLED, "unmodelled", "name")  # a call without effect on memory maps, or unknown

ARGUMENTS: dict[int, tuple[str, ...]] = {
    kind: tuple(a.name for a in row.args) for kind, row in EVENTS.items()
}
"""Names of the arguments of each kind of event."""
KIND_NAMES: dict[int, str] = {kind: row.name for kind, row in EVENTS.items()}
"""Names of the kinds of events."""
RANGE_CALLS: tuple[int, ...] = tuple(
    kind
    for kind in sorted(EVENTS)
    if kind in ev.MEMORY_CALLS
    and kind not in (ev.K_MMAP, ev.K_OLD_MMAP, ev.K_PROCESS_MADVISE)
    and ARGUMENTS[kind][:1] == ("addr",)
    and ARGUMENTS[kind][1:2] in (("length",), ("size",))
)
"""Calls of a process on a range of its own addresses."""
