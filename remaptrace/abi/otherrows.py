"""Rows of calls on files and processes, of accesses, settings and what only scenarios do."""

from __future__ import annotations

from . import kinds as ev
from . import mman as words
from .calltable import (
    ADDR,
    ALONE,
    AS_NUMBERS,
    CALLS,
    COUNTED,
    FD,
    IN_REGISTERS,
    LENGTH,
    MOST_PAGES,
    SERIAL,
    Arg,
    also,
    call,
    event,
    flags,
)
from .prctl import PRCTL_OPTIONS

TOUCH = (Arg("value", "int", -1), Arg("pages", "int", 0, most=MOST_PAGES), Arg("sp", "addr", 0))

# -- descriptors and files. path is a number in Trace.strings.
event(ev.K_OPEN, "open", "path", "flags", "type")  # ret: fd. type: FILE_*
also("open", ev.K_OPEN, "filename flags mode")
also("openat", ev.K_OPEN, "dfd filename flags mode")
also("openat2", ev.K_OPEN, "dfd filename how usize")
also("creat", ev.K_OPEN, "pathname mode")
also("memfd_secret", ev.K_OPEN, "flags")
call(ev.K_CLOSE, "close", "fd", FD, read=IN_REGISTERS, order=ALONE, doc="close a descriptor")
event(ev.K_DUP, "dup", FD, Arg("new_fd", "newfd"), "cloexec")  # new_fd -1: the kernel chose, see ret
also("dup", ev.K_DUP, "fildes")
also("dup2", ev.K_DUP, "oldfd newfd")
also("dup3", ev.K_DUP, "oldfd newfd flags")
also("fcntl", 0, "fd cmd arg")
also("fcntl64", 0, "fd cmd arg")
event(ev.K_MEMFD, "memfd_create", "name", flags(words.MFD, 0))
also("memfd_create", ev.K_MEMFD, "uname flags")
call(ev.K_FTRUNCATE, "ftruncate", "fd length", FD, "length", order=ALONE)
call(
    ev.K_FALLOCATE,
    "fallocate",
    "fd mode offset len",
    *(FD, Arg("mode", "flags", 0, words.FALLOC, c_int=True), "offset", LENGTH),
    order=ALONE,
    doc="fallocate",
)
also("ftruncate64", ev.K_FTRUNCATE, "fd length", AS_NUMBERS, 2, ev.RETURNS_ZERO)
event(ev.K_PREAD, "pread", Arg("fd", "fd"), "offset", doc="read one byte of a file")  # one byte
event(ev.K_PWRITE, "pwrite", Arg("fd", "fd"), "offset", "value", doc="write one byte")  # one byte
event(ev.K_SEAL, "seal", Arg("fd", "fd"), Arg("seals", "flags", None, words.SEALS), doc="add seals to a file")
event(ev.K_MAKEFILE, "makefile", "fd", "pages", "fill", "disk", "name", "folio")
event(ev.K_REOPEN, "reopen", "fd", "new_fd", "mode")  # scenario; mode bit 0 read, bit 1 write
call(
    ev.K_CLOSE_RANGE,
    "close_range",
    "fd max_fd flags",
    "first",
    "last",
    "flags",
    read=IN_REGISTERS,
    order=ALONE,
)
event(ev.K_KNOWN_FD, "known_fd", "fd", "path", "type", "mode")  # the log names the path of a descriptor
event(ev.K_SETFD, "setfd", "fd", "cloexec")
event(
    ev.K_SPECIAL_FILE, "special_file", "fd", "type", "pages", "name", "entries"
)  # scenario; type: see abi.special
# ret: fd. pid as recorded
call(
    ev.K_PIDFD,
    "pidfd_open",
    "pid flags",
    *(Arg("pid", c_int=True), Arg("flags", c_int=True)),
    read=IN_REGISTERS,
    returns=ev.RETURNS_ANY,
    order=ALONE,
)
also("ioctl", 0, "fd cmd arg")
# -- processes. child is a row of Trace.tasks.
event(ev.K_FORK, "fork", "child", "flags")  # flags: CLONE_*; vfork has CLONE_VM|CLONE_VFORK
also("fork", ev.K_FORK, "", order=COUNTED)
also("vfork", ev.K_FORK, "")
also("clone", ev.K_FORK, "clone_flags newsp parent_tidptr child_tidptr tls", order=COUNTED)
also("clone3", ev.K_FORK, "uargs size", order=COUNTED)
event(ev.K_EXEC, "execve", "path", "maps")  # maps: 1 if K_INIT_VMA rows follow
also("execve", ev.K_EXEC, "filename argv envp")
also("execveat", ev.K_EXEC, "fd filename argv envp flags")
event(ev.K_EXIT, "exit", "code", "group")  # group 1: the whole process
also("exit", ev.K_EXIT, "error_code")
also("exit_group", ev.K_EXIT, "error_code", order=COUNTED)
# vm_perms: 1 r, 2 w, 4 x, 8 shared; file, name: numbers in Trace.strings, 0 none
event(ev.K_INIT_VMA, "init_vma", "start", "end", "vm_perms", "offset", "file", "name")
# each 0: the machine's own default
event(ev.K_INIT_MM, "init_mm", "start_brk", "brk", "mmap_base", "stack_ptr", "legacy")
event(ev.K_FORK_WAIT, "fork_wait", doc="a child is made and exits at once")
event(ev.K_FORK_STEP, "fork_step", "child")  # scenario: the program goes on in the child
event(ev.K_MARK, "mark", "name")  # no effect: a moment at which a recorder looked (truth, exit maps)
# -- accesses: addr, value (-1: unknown), size in pages for range touches (0 or 1: one access)
event(
    ev.K_READ,
    "read",
    *(ADDR, *TOUCH),
    doc="load one byte, or one byte of each of `pages` pages; sp: with the stack pointer there",
)
event(ev.K_WRITE, "write", ADDR, *TOUCH, doc="store one byte")
event(ev.K_EXECUTE, "exec", ADDR, *TOUCH, doc="fetch an instruction")
event(ev.K_SIGNAL, "signal", "signo", "code", "addr")  # recorded; explains the access before it
event(ev.K_FAULT, "page_fault", "addr", "error_code", "ip")  # recorded user page fault
# -- settings
call(
    ev.K_PERSONALITY,
    "personality",
    "personality",
    Arg("persona", "flags", None, words.PERSONALITIES),
    returns=ev.RETURNS_ANY,
    order=ALONE,
    doc="personality",
)
event(
    ev.K_SETRLIMIT,
    "setrlimit",
    *(Arg("resource", "name", None, words.RLIMITS), Arg("soft", "limit")),
    doc="soft limit in bytes, or unlimited",
)
also("setrlimit", ev.K_SETRLIMIT, "resource rlim")
also("prlimit64", ev.K_SETRLIMIT, "pid resource new_rlim old_rlim")
also("prlimit", ev.K_SETRLIMIT, "pid resource new_rlim old_rlim")
call(
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
        also(_name, ev.K_SETUID, _parameters)
    also(f"{_name}32", ev.K_SETUID, _parameters)
# rule: R_* number; areas_plus 1: the value is the process's number of areas plus `value`
event(ev.K_SYSCTL, "sysctl", "rule", "value", "areas_plus")
# scenario: load the protection-key register; -1: only look
event(
    ev.K_PKRU,
    "pkru",
    Arg("value", "int", -1),
    doc="load the thread's protection-key register, or look at it",
)
event(ev.K_PRCTL, "prctl", Arg("option", "name", None, PRCTL_OPTIONS), "arg", "arg3", "arg4", "arg5")
also("prctl", 0, "option arg2 arg3 arg4 arg5", order=SERIAL)
also("arch_prctl", 0, "option arg2")
also("ipc", 0, "call first second third ptr fifth")
# -- scenario: observation and pressure
event(ev.K_DUMP, "dump", doc="report the areas")
event(
    ev.K_PAGES,
    "pages",
    *(ADDR, Arg("count", most=MOST_PAGES)),
    doc="report the state of count pages",
)
event(ev.K_MM, "mm", doc="report numbers of the address space")
event(
    ev.K_SNAPSHOT,
    "snapshot",
    Arg("name", "text", 0),
    doc="keep areas and protections for the report under a name",
)
# length 0 and fd -1: everything
event(
    ev.K_RECLAIM,
    "reclaim",
    *(Arg("addr", "addr", 0), Arg("length", "int", 0), Arg("fd", "fd", -1)),
    doc="swap out a range, a file's pages, or everything",
)
event(
    ev.K_WRITEBACK, "writeback", Arg("fd", "fd", -1), doc="clean a file's dirty pages, or all"
)  # -1: all files
event(ev.K_HUGEPAGES, "hugepages", doc="report the pool of huge pages")  # total, free, reserved, surplus
event(ev.K_UNMODELLED, "unmodelled", "name")  # a call without effect on memory maps, or unknown
