"""Which system calls become which events, and how their arguments are read.

Three tables: calls whose arguments are plain numbers (`PLAIN`), calls that need a closer look (`HANDLERS`),
and calls that change an address space in ways the replay does not model (`UNMODELLED`). Every other call
leaves address spaces alone and is only counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from ...abi import kinds as ev
from ...abi import vmanames
from ...abi.fcntl import (
    CLOSE_RANGE_CLOEXEC,
    CLOSE_RANGE_UNSHARE,
    F_ADD_SEALS,
    F_DUPFD,
    F_DUPFD_CLOEXEC,
    F_SETFD,
    MFD_CLOEXEC,
    O_CLOEXEC,
)
from ...errorcodes import RT_ARGUMENT
from .args import BadLine, annotation, fields, list_items, string, value
from .model import Call, Model, directory_of, file_type


class Plain(NamedTuple):
    """A call of numbers only: event kind, how many arguments it must and may have, which is a descriptor."""

    kind: int
    least: int
    most: int
    fd: int = -1


PLAIN: dict[bytes, Plain] = {
    b"mmap": Plain(ev.K_MMAP, 6, 6, 4),
    b"munmap": Plain(ev.K_MUNMAP, 2, 2),
    b"mprotect": Plain(ev.K_MPROTECT, 3, 3),
    b"pkey_mprotect": Plain(ev.K_PKEY_MPROTECT, 4, 4),
    b"mremap": Plain(ev.K_MREMAP, 3, 5),
    b"brk": Plain(ev.K_BRK, 1, 1),
    b"madvise": Plain(ev.K_MADVISE, 3, 3),
    b"mlock": Plain(ev.K_MLOCK, 2, 2),
    b"mlock2": Plain(ev.K_MLOCK2, 3, 3),
    b"munlock": Plain(ev.K_MUNLOCK, 2, 2),
    b"mlockall": Plain(ev.K_MLOCKALL, 1, 1),
    b"munlockall": Plain(ev.K_MUNLOCKALL, 0, 0),
    b"msync": Plain(ev.K_MSYNC, 3, 3),
    b"mincore": Plain(ev.K_MINCORE, 2, 2),
    b"remap_file_pages": Plain(ev.K_REMAP_FILE_PAGES, 5, 5),
    b"mseal": Plain(ev.K_MSEAL, 2, 3),
    b"shmget": Plain(ev.K_SHMGET, 3, 3),
    b"shmat": Plain(ev.K_SHMAT, 3, 3),
    b"shmdt": Plain(ev.K_SHMDT, 1, 1),
    b"shmctl": Plain(ev.K_SHMCTL, 2, 2),
    b"pkey_alloc": Plain(ev.K_PKEY_ALLOC, 2, 2),
    b"pkey_free": Plain(ev.K_PKEY_FREE, 1, 1),
    b"personality": Plain(ev.K_PERSONALITY, 1, 1),
    b"ftruncate": Plain(ev.K_FTRUNCATE, 2, 2, 0),
    b"ftruncate64": Plain(ev.K_FTRUNCATE, 2, 2, 0),
    b"fallocate": Plain(ev.K_FALLOCATE, 4, 4, 0),
}

UNMODELLED = frozenset(
    (
        b"io_setup",
        b"io_destroy",
        b"map_shadow_stack",
        b"set_mempolicy_home_node",
        b"uselib",
        b"process_mrelease",
        b"process_vm_writev",
        b"vm86",
        b"vm86old",
        b"subpage_prot",
        b"cacheflush",
    )
)

NEW_CALLS: dict[int, bytes] = {
    424: b"pidfd_send_signal",
    425: b"io_uring_setup",
    426: b"io_uring_enter",
    427: b"io_uring_register",
    428: b"open_tree",
    429: b"move_mount",
    430: b"fsopen",
    431: b"fsconfig",
    432: b"fsmount",
    433: b"fspick",
    434: b"pidfd_open",
    435: b"clone3",
    436: b"close_range",
    437: b"openat2",
    438: b"pidfd_getfd",
    439: b"faccessat2",
    440: b"process_madvise",
    441: b"epoll_pwait2",
    442: b"mount_setattr",
    443: b"quotactl_fd",
    444: b"landlock_create_ruleset",
    445: b"landlock_add_rule",
    446: b"landlock_restrict_self",
    447: b"memfd_secret",
    448: b"process_mrelease",
    449: b"futex_waitv",
    450: b"set_mempolicy_home_node",
    451: b"cachestat",
    452: b"fchmodat2",
    453: b"map_shadow_stack",
    454: b"futex_wake",
    455: b"futex_wait",
    456: b"futex_requeue",
    457: b"statmount",
    458: b"listmount",
    459: b"lsm_get_self_attr",
    460: b"lsm_set_self_attr",
    461: b"lsm_list_modules",
    462: b"mseal",
    463: b"setxattrat",
    464: b"getxattrat",
    465: b"listxattrat",
    466: b"removexattrat",
    467: b"open_tree_attr",
    468: b"file_getattr",
    469: b"file_setattr",
}
"""Calls that an older strace prints as ``syscall_0x1ce(...)``: one number on every architecture."""

_MAX_TID = (1 << 31) - 1
_UNKNOWN = re.compile(rb"syscall_(0x[0-9a-f]+|\d+)\Z")
_OWN_FD = re.compile(r"/(?:proc/(?:self|thread-self|(\d+))(?:/task/\d+)?|dev)/fd/(\d+)\Z")

Handler = Callable[[Model, Call], None]
HANDLERS: dict[bytes, Handler] = {}


def _handles(*names: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for name in names:
            HANDLERS[name.encode()] = handler
        return handler

    return register


def real_name(name: bytes) -> bytes:
    """The name of a call that strace knows only by its number; other names as they are."""
    match = _UNKNOWN.match(name)
    return NEW_CALLS.get(int(match.group(1), 0), name) if match else name


MAYBE = frozenset((b"fcntl", b"fcntl64", b"ioctl", b"prctl", b"arch_prctl"))
"""Calls of which most have nothing to do with memory, as their first arguments tell."""

_FILE = rb"</[^<>]*(?:<[^<>]*>)?>|<(?:[^<>]|->)*>"
_FIRST = rb"\((?:[^ <\"]|" + _FILE + rb")* "
_ONLY_COUNTED = re.compile(
    rb"prctl\(PR_(?!SET_(?:VMA|MM|THP_DISABLE|MDWE))|arch_prctl\(ARCH_(?!MAP_VDSO|SHSTK_ENABLE)"
    rb"|fcntl(?:64)?" + _FIRST + rb"F_(?:GET|SETL)|ioctl" + _FIRST + rb"(?!UFFDIO_)"
)


def only_counted(text: bytes) -> bool:
    """True if the beginning of a call of `MAYBE` shows that it leaves memory and descriptors alone."""
    return _ONLY_COUNTED.match(text) is not None


def concerns_memory(name: bytes) -> bool:
    """True if a call of this name is more than counted."""
    return name in PLAIN or name in HANDLERS or name in UNMODELLED or name.startswith(b"syscall_")


def apply(model: Model, call: Call) -> None:
    """Make the events of one complete call."""
    plain = PLAIN.get(call.name)
    if plain is not None:
        _plain(model, call, plain)
        return
    handler = HANDLERS.get(call.name)
    if handler is not None:
        handler(model, call)
    elif call.name in UNMODELLED or call.name.startswith(b"syscall_"):
        _unmodelled(model, call, call.name.decode())
    else:
        model.count(model.ignored, call.name.decode("utf-8", "replace"))


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")


def _unmodelled(model: Model, call: Call, name: str) -> None:
    model.count(model.unmodelled if call.succeeded else model.ignored, name)


def _ignored(model: Model, call: Call) -> None:
    model.count(model.ignored, call.name.decode())


def _argument(call: Call, number: int) -> bytes:
    if number >= len(call.args):
        raise BadLine(RT_ARGUMENT, 0, call.name, f"at least {number + 1} arguments")
    return call.args[number]


def _plain(model: Model, call: Call, plain: Plain) -> None:
    ret = call.result.value
    if ret is None and call.result.restarts:
        _ignored(model, call)
        return
    if len(call.args) < plain.least:
        raise BadLine(RT_ARGUMENT, 0, call.name, f"{plain.least} arguments")
    numbers = []
    for at, token in enumerate(call.args[: plain.most]):
        numbers.append(model.descriptor(call, token) if at == plain.fd else value(token))
    model.add(call, plain.kind, tuple(numbers), ret)


@_handles("mmap2")
def _mmap2(model: Model, call: Call) -> None:
    """The offset is shown in bytes; only ``-e raw`` leaves it in pages of 4,096, and the length in hex."""
    if len(call.args) == 6 and call.args[1].startswith(b"0x"):
        call.args[5] = str(value(call.args[5]) * 4096).encode()
    _plain(model, call, PLAIN[b"mmap"])


@_handles("mbind")
def _mbind(model: Model, call: Call) -> None:
    nodes = 0
    for at, item in enumerate(list_items(_argument(call, 3))[:1]):
        nodes |= value(item) << 64 * at
    numbers = tuple(value(_argument(call, i)) for i in range(3))
    model.add(call, ev.K_MBIND, (*numbers, nodes), call.result.value)


@_handles("process_madvise")
def _process_madvise(model: Model, call: Call) -> None:
    """One event for each range that the kernel came to, of the process whose areas they are.

    The call returns the bytes advised in all; an error shows only if it met the first range, and a range that
    failed later has no result of its own.
    """
    pidfd = model.descriptor(call, _argument(call, 0))
    ranges = [fields(item) for item in list_items(_argument(call, 1))]
    advice, flags = value(_argument(call, 3)), value(_argument(call, 4))
    if not ranges:
        _unmodelled(model, call, "process_madvise")
        return
    target = model.task_behind(call, pidfd)
    if target is None:
        _unmodelled(model, call, "process_madvise(of a process not in the log)")
        return
    left = call.result.value
    for index, one in enumerate(ranges):
        base, length = value(one.get(b"iov_base", b"0")), value(one.get(b"iov_len", b"0"))
        done = left if left is None or left < 0 else length if left >= length else None
        arguments = (base, length, advice, pidfd, flags, index)
        injected = ev.EVF_INJECTED if call.result.injected else 0
        model.out.add(ev.K_PROCESS_MADVISE, target.row, arguments, done, injected, call.line, call.time)
        if done is None or done < 0:
            return
        left = (left or 0) - length


def _vma_name(model: Model, call: Call) -> int:
    """The string of the name of PR_SET_VMA_ANON_NAME; strace shows a name that it cannot read as its address."""
    token = _argument(call, 4)
    name = string(token)
    if name is not None or token == b"NULL":
        return model.string(vmanames.name_string(name))
    return model.string(vmanames.pointer_string(value(token), call.result.value or 0))


@_handles("prctl")
def _prctl(model: Model, call: Call) -> None:
    option = _argument(call, 0)
    if option.startswith((b"PR_SET_VMA", b"0x53564d41")):
        numbers = (value(_argument(call, 2)), value(_argument(call, 3)), _vma_name(model, call))
        model.add(call, ev.K_SET_VMA_NAME, numbers, call.result.value)
    elif option.startswith(b"PR_SET_MM"):
        _unmodelled(model, call, "prctl(PR_SET_MM)")
    elif call.succeeded and (
        option.startswith((b"PR_SET_THP_DISABLE", b"PR_SET_MDWE", b"0x41 ")) or option in (b"0x29", b"0x41")
    ):
        model.add(call, ev.K_PRCTL, (value(option), value(_argument(call, 1))), call.result.value)
    else:
        _ignored(model, call)


@_handles("ioctl")
def _ioctl(model: Model, call: Call) -> None:
    """userfaultfd changes areas and pages by ioctl; nothing else that strace names does."""
    command = call.args[1] if len(call.args) > 1 else b""
    if command.startswith(b"UFFDIO_") and not command.startswith(b"UFFDIO_API"):
        _unmodelled(model, call, f"ioctl({_shown(command)})")
    else:
        _ignored(model, call)


@_handles("arch_prctl")
def _arch_prctl(model: Model, call: Call) -> None:
    command = call.args[0] if call.args else b""
    if command.startswith((b"ARCH_MAP_VDSO", b"ARCH_SHSTK_ENABLE")):
        _unmodelled(model, call, f"arch_prctl({_shown(command)})")
    else:
        _ignored(model, call)


@_handles("setrlimit", "prlimit64", "prlimit")
def _setrlimit(model: Model, call: Call) -> None:
    first = 0 if call.name == b"setrlimit" else 1
    members = fields(call.args[first + 1]) if len(call.args) > first + 1 else {}
    pid = value(call.args[0]) if first and call.args else 0
    if not call.succeeded or b"rlim_cur" not in members or pid not in (0, call.task.pid):
        _ignored(model, call)
        return
    soft = value(members[b"rlim_cur"])
    model.add(call, ev.K_SETRLIMIT, (value(call.args[first]), soft), call.result.value)


@_handles("setuid", "setreuid", "setresuid", "setuid32", "setreuid32", "setresuid32")
def _setuid(model: Model, call: Call) -> None:
    """The effective id decides on capabilities."""
    uid = value(_argument(call, 0 if call.name.startswith(b"setuid") else 1))
    if call.succeeded and uid not in (-1, 0xFFFF_FFFF):
        model.add(call, ev.K_SETUID, (uid,), call.result.value)
    else:
        _ignored(model, call)


# -- descriptors


@_handles("openat", "open", "creat", "openat2")
def _open(model: Model, call: Call) -> None:
    fd = call.result.value
    if not call.succeeded or fd is None:
        _ignored(model, call)
        return
    at = 0 if call.name in (b"open", b"creat") else 1
    path = string(_argument(call, at))
    if call.name == b"creat":
        flags = 0o1101
    elif call.name == b"openat2":
        flags = value(fields(_argument(call, 2)).get(b"flags", b"0"))
    else:
        flags = value(_argument(call, at + 1))
    own = _OWN_FD.match(path) if path is not None else None
    if own is not None and own.group(1) in (None, str(call.task.pid)) and _is_open(model, call, own):
        _reopen(model, call, int(own.group(2)), fd, flags)
        return
    if call.result.path is not None:
        model.opened(call, fd, call.result.path, flags, shown=True)
        return
    if path is None:
        path = ""
    elif at == 1 and not path.startswith("/"):
        path = directory_of(model, call, call.args[0]) + path
    model.opened(call, fd, path, flags, shown=False)


def _is_open(model: Model, call: Call, own: re.Match[str]) -> bool:
    """True if the log showed what stands behind the descriptor that a path of /proc/self/fd names."""
    return model.files.get(call.task.files, int(own.group(2))) != 0


def _reopen(model: Model, call: Call, old: int, fd: int, flags: int) -> None:
    """``open("/proc/self/fd/3")`` makes a new description of the same file."""
    if call.result.path is not None:
        model.known(call, old, call.result.path)
    path = model.files.path(call.task.files, old)
    model.files.put(call.task.files, fd, path, cloexec=bool(flags & O_CLOEXEC))
    mode = (1, 2, 3, 0)[flags & 3]
    model.add(call, ev.K_REOPEN, (old, fd, mode), fd)
    if flags & O_CLOEXEC:
        model.add(call, ev.K_SETFD, (fd, 1), 0)


@_handles("close")
def _close(model: Model, call: Call) -> None:
    if call.succeeded:
        fd = value(_argument(call, 0))
        model.files.close(call.task.files, fd)
        model.add(call, ev.K_CLOSE, (fd,), call.result.value)
    else:
        _ignored(model, call)


@_handles("close_range")
def _close_range(model: Model, call: Call) -> None:
    if not call.succeeded:
        _ignored(model, call)
        return
    first, last, flags = (value(_argument(call, i)) for i in range(3))
    last = min(last & 0xFFFF_FFFF, 0x7FFF_FFFF)
    task = call.task
    if flags & CLOSE_RANGE_UNSHARE and model.files.users[task.files] > 1:
        model.files.drop(task.files)
        task.files = model.files.copy(task.files)
        model.changed.append(task)
    if not flags & CLOSE_RANGE_CLOEXEC:
        model.files.close_range(task.files, first, last)
    model.add(call, ev.K_CLOSE_RANGE, (first, last, flags), call.result.value)


def _duplicate(model: Model, call: Call, old: int, new: int, *, chosen: bool, cloexec: bool) -> None:
    """`new` becomes a copy of `old`; a path that the log shows for `new` holds for both."""
    if call.result.path is not None:
        model.known(call, old, call.result.path)
    model.files.put(call.task.files, new, model.files.path(call.task.files, old), cloexec=cloexec)
    model.add(call, ev.K_DUP, (old, new if chosen else -1, int(cloexec)), new)


@_handles("dup", "dup2", "dup3")
def _dup(model: Model, call: Call) -> None:
    new = call.result.value
    if not call.succeeded or new is None:
        _ignored(model, call)
        return
    old = model.descriptor(call, _argument(call, 0))
    flags = value(call.args[2]) if call.name == b"dup3" and len(call.args) > 2 else 0
    if old == new:
        _ignored(model, call)
        return
    _duplicate(model, call, old, new, chosen=call.name != b"dup", cloexec=bool(flags & O_CLOEXEC))


@_handles("fcntl", "fcntl64")
def _fcntl(model: Model, call: Call) -> None:
    command = call.args[1] if len(call.args) > 1 else b""
    if (
        not call.succeeded
        or not command.startswith((b"F_", b"0"))
        or command.startswith((b"F_GET", b"F_SETL", b"F_OFD"))
    ):
        _ignored(model, call)
        return
    try:
        number = value(command)
    except BadLine:  # a command that no descriptor table knows
        _ignored(model, call)
        return
    if number in (F_DUPFD, F_DUPFD_CLOEXEC):
        old = model.descriptor(call, call.args[0])
        assert call.result.value is not None
        _duplicate(model, call, old, call.result.value, chosen=False, cloexec=number == F_DUPFD_CLOEXEC)
    elif number == F_SETFD:
        fd, cloexec = model.descriptor(call, call.args[0]), value(_argument(call, 2)) & 1
        model.files.mark(call.task.files, fd, cloexec=bool(cloexec))
        model.add(call, ev.K_SETFD, (fd, cloexec), call.result.value)
    elif number == F_ADD_SEALS:
        fd = model.descriptor(call, call.args[0])
        model.add(call, ev.K_SEAL, (fd, value(_argument(call, 2))), call.result.value)
    else:
        _ignored(model, call)


@_handles("memfd_create")
def _memfd(model: Model, call: Call) -> None:
    fd = call.result.value
    if not call.succeeded or fd is None:
        _ignored(model, call)
        return
    name = string(_argument(call, 0)) or ""
    flags = value(_argument(call, 1))
    shown = call.result.path if call.result.path is not None else "/memfd:" + name
    model.files.put(call.task.files, fd, model.string(shown), cloexec=bool(flags & MFD_CLOEXEC))
    model.add(call, ev.K_MEMFD, (model.string(name), flags), fd)


@_handles("userfaultfd")
def _userfaultfd(model: Model, call: Call) -> None:
    fd = call.result.value
    if not call.succeeded or fd is None:
        _ignored(model, call)
        return
    flags = value(_argument(call, 0))
    path = call.result.path or "anon_inode:[userfaultfd]"
    model.files.put(call.task.files, fd, model.string(path), cloexec=bool(flags & O_CLOEXEC))
    model.add(call, ev.K_USERFAULTFD, (flags,), fd)


@_handles("pidfd_open")
def _pidfd_open(model: Model, call: Call) -> None:
    fd = call.result.value
    if not call.succeeded or fd is None:
        _ignored(model, call)
        return
    path = call.result.path or "anon_inode:[pidfd]"
    model.files.put(call.task.files, fd, model.string(path), cloexec=True)
    pid, flags = value(_argument(call, 0)), value(_argument(call, 1))
    model.pidfds[call.task.files, fd] = pid
    model.add(call, ev.K_PIDFD, (pid, flags), fd)


_PLAIN_FILES = {
    b"epoll_create": "anon_inode:[eventpoll]",
    b"epoll_create1": "anon_inode:[eventpoll]",
    b"eventfd": "anon_inode:[eventfd]",
    b"eventfd2": "anon_inode:[eventfd]",
    b"timerfd_create": "anon_inode:[timerfd]",
    b"signalfd": "anon_inode:[signalfd]",
    b"signalfd4": "anon_inode:[signalfd]",
    b"inotify_init": "anon_inode:inotify",
    b"inotify_init1": "anon_inode:inotify",
    b"fanotify_init": "anon_inode:[fanotify]",
    b"perf_event_open": "anon_inode:[perf_event]",
    b"io_uring_setup": "anon_inode:[io_uring]",
    b"socket": "socket:",
    b"accept": "socket:",
    b"accept4": "socket:",
    b"memfd_secret": "/secretmem",
    b"pidfd_getfd": "",
    b"bpf": "",
    b"fsopen": "anon_inode:[fscontext]",
    b"open_tree": "",
    b"landlock_create_ruleset": "anon_inode:[landlock-ruleset]",
}
"""Calls that return a descriptor of no file in a file system, with the kernel's name for it."""


@_handles(*(name.decode() for name in _PLAIN_FILES))
def _plain_file(model: Model, call: Call) -> None:
    fd = call.result.value
    if not call.succeeded or fd is None or (call.name == b"bpf" and call.result.path is None):
        _ignored(model, call)
        return
    text = b"|".join(call.args)
    cloexec = b"CLOEXEC" in text or call.name in (b"io_uring_setup", b"pidfd_getfd")
    path = call.result.path or _PLAIN_FILES[call.name]
    model.opened(call, fd, path, O_CLOEXEC if cloexec else 0, shown=True)


@_handles("pipe", "pipe2", "socketpair")
def _pipe(model: Model, call: Call) -> None:
    """Two descriptors at once: one event for each."""
    pair = list_items(call.args[3 if call.name == b"socketpair" else 0]) if call.args else []
    if not call.succeeded or len(pair) != 2:
        _ignored(model, call)
        return
    cloexec = b"CLOEXEC" in b"|".join(call.args)
    for token in pair:
        path = annotation(token) or ("socket:" if call.name == b"socketpair" else "pipe:")
        model.opened(call, value(token), path, O_CLOEXEC if cloexec else 0, shown=True)


# -- processes


@_handles("clone", "clone3", "fork", "vfork")
def _fork(model: Model, call: Call) -> None:
    tid = call.result.value
    if not call.succeeded or not tid:
        _ignored(model, call)
        return
    if tid > _MAX_TID:
        raise BadLine(RT_ARGUMENT, 0, call.name, "a thread id as the result")
    model.forked(call, tid)
    for token in call.args:
        at = token.find(b"pidfd=[")
        if at >= 0:
            fd_token = token[at + 7 :].partition(b"]}")[0]
            fd = value(fd_token.rstrip(b"]"))
            model.files.put(call.task.files, fd, model.string("anon_inode:[pidfd]"), cloexec=True)
            model.pidfds[call.task.files, fd] = tid
            model.add(call, ev.K_PIDFD, (tid, 0), fd)


@_handles("execve", "execveat")
def _execve(model: Model, call: Call) -> None:
    if not call.succeeded:
        _ignored(model, call)
        return
    at = 1 if call.name == b"execveat" else 0
    path = string(_argument(call, at)) or ""
    if at and not path.startswith("/"):
        path = (directory_of(model, call, call.args[0]) + path).rstrip("/")
    model.executed(call, path)


@_handles("exit", "exit_group")
def _exit(model: Model, call: Call) -> None:
    code = value(_argument(call, 0)) & 0xFF
    model.end(call.task, code, group=call.name == b"exit_group", line=call.line, time=call.time)


def signal(model: Model, call: Call, description: bytes) -> None:
    """A signal of the kernel about an address (SIGSEGV, SIGBUS) explains the access before it."""
    number = value(call.name)
    if number not in (7, 11):
        return
    members = fields(description)
    if b"si_code" in members and b"si_addr" in members:
        code, address = value(members[b"si_code"]), value(members[b"si_addr"])
        if 0 < code < 0x80:
            model.out.add(ev.K_SIGNAL, call.task.row, (number, code, address), None, 0, call.line, call.time)


__all__ = [
    "HANDLERS",
    "NEW_CALLS",
    "PLAIN",
    "UNMODELLED",
    "apply",
    "concerns_memory",
    "file_type",
    "real_name",
    "signal",
]
