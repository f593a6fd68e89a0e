"""Calls on descriptors: what they open, copy, mark and close, and which path the log names."""

from __future__ import annotations

import re

from ...abi import kinds as ev
from ...abi.fcntl import (
    CLOSE_RANGE_CLOEXEC,
    CLOSE_RANGE_UNSHARE,
    F_ADD_SEALS,
    F_DUPFD,
    F_DUPFD_CLOEXEC,
    F_SETFD,
    MFD_CLOEXEC,
    O_CLOEXEC,
    O_RDONLY,
    O_RDWR,
    O_WRONLY,
)
from ...abi.special import FILE_PACKET, FILE_RINGBUF
from .args import BadLine, annotation, fields, list_items, string, value
from .handlers import argument, handles, ignored
from .model import Call, Model, directory_of

_OWN_FD = re.compile(r"/(?:proc/(?:self|thread-self|(\d+))(?:/task/\d+)?|dev)/fd/(\d+)\Z")


@handles("openat", "open", "creat", "openat2")
def _open(model: Model, call: Call) -> None:
    fd = call.result.value
    if not call.succeeded or fd is None:
        ignored(model, call)
        return
    at = 0 if call.name in (b"open", b"creat") else 1
    path = string(argument(call, at))
    if call.name == b"creat":
        flags = 0o1101
    elif call.name == b"openat2":
        told = fields(argument(call, 2)).get(b"flags")
        flags = O_RDWR if told is None else value(told)  # not shown: whatever is mapped later is allowed
    else:
        flags = value(argument(call, at + 1))
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


@handles("close")
def _close(model: Model, call: Call) -> None:
    if call.succeeded:
        fd = value(argument(call, 0))
        model.files.close(call.task.files, fd)
        model.add(call, ev.K_CLOSE, (fd,), call.result.value)
    else:
        ignored(model, call)


@handles("close_range")
def _close_range(model: Model, call: Call) -> None:
    if not call.succeeded:
        ignored(model, call)
        return
    first, last, flags = (value(argument(call, i)) for i in range(3))
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


@handles("dup", "dup2", "dup3")
def _dup(model: Model, call: Call) -> None:
    new = call.result.value
    if not call.succeeded or new is None:
        ignored(model, call)
        return
    old = model.descriptor(call, argument(call, 0))
    flags = value(call.args[2]) if call.name == b"dup3" and len(call.args) > 2 else 0
    if old == new:
        ignored(model, call)
        return
    _duplicate(model, call, old, new, chosen=call.name != b"dup", cloexec=bool(flags & O_CLOEXEC))


@handles("fcntl", "fcntl64")
def _fcntl(model: Model, call: Call) -> None:
    command = call.args[1] if len(call.args) > 1 else b""
    if (
        not call.succeeded
        or not command.startswith((b"F_", b"0"))
        or command.startswith((b"F_GET", b"F_SETL", b"F_OFD"))
    ):
        ignored(model, call)
        return
    try:
        number = value(command)
    except BadLine:  # a command that no descriptor table knows
        ignored(model, call)
        return
    if number in (F_DUPFD, F_DUPFD_CLOEXEC):
        old = model.descriptor(call, call.args[0])
        assert call.result.value is not None
        _duplicate(model, call, old, call.result.value, chosen=False, cloexec=number == F_DUPFD_CLOEXEC)
    elif number == F_SETFD:
        fd, cloexec = model.descriptor(call, call.args[0]), value(argument(call, 2)) & 1
        model.files.mark(call.task.files, fd, cloexec=bool(cloexec))
        model.add(call, ev.K_SETFD, (fd, cloexec), call.result.value)
    elif number == F_ADD_SEALS:
        fd = model.descriptor(call, call.args[0])
        model.add(call, ev.K_SEAL, (fd, value(argument(call, 2))), call.result.value)
    else:
        ignored(model, call)


@handles("memfd_create")
def _memfd(model: Model, call: Call) -> None:
    fd = call.result.value
    if not call.succeeded or fd is None:
        ignored(model, call)
        return
    name = string(argument(call, 0)) or ""
    flags = value(argument(call, 1))
    shown = call.result.path if call.result.path is not None else "/memfd:" + name
    model.files.put(call.task.files, fd, model.string(shown), cloexec=bool(flags & MFD_CLOEXEC))
    model.add(call, ev.K_MEMFD, (model.string(name), flags), fd)


@handles("userfaultfd")
def _userfaultfd(model: Model, call: Call) -> None:
    fd = call.result.value
    if not call.succeeded or fd is None:
        ignored(model, call)
        return
    flags = value(argument(call, 0))
    path = call.result.path or "anon_inode:[userfaultfd]"
    model.files.put(call.task.files, fd, model.string(path), cloexec=bool(flags & O_CLOEXEC))
    model.add(call, ev.K_USERFAULTFD, (flags,), fd)


@handles("pidfd_open")
def _pidfd_open(model: Model, call: Call) -> None:
    fd = call.result.value
    if not call.succeeded or fd is None:
        ignored(model, call)
        return
    path = call.result.path or "anon_inode:[pidfd]"
    model.files.put(call.task.files, fd, model.string(path), cloexec=True)
    pid, flags = value(argument(call, 0)), value(argument(call, 1))
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
_READ_ONLY = (b"inotify_init", b"inotify_init1", b"fanotify_init", b"open_tree")
"""Those of them whose descriptor is not open for writing."""


@handles(*(name.decode() for name in _PLAIN_FILES))
def _plain_file(model: Model, call: Call) -> None:
    fd = call.result.value
    maps = call.name == b"bpf" and argument(call, 0).startswith(b"BPF_MAP_CREATE")
    if not call.succeeded or fd is None or (call.name == b"bpf" and call.result.path is None and not maps):
        ignored(model, call)
        return
    text = b"|".join(call.args)
    cloexec = b"CLOEXEC" in text or call.name in (b"io_uring_setup", b"pidfd_getfd")
    path = call.result.path or ("anon_inode:bpf-map" if maps else _PLAIN_FILES[call.name])
    if call.name == b"socket" and re.match(rb"AF_PACKET|PF_PACKET|0x11\b|17\b", argument(call, 0)):
        number = model.string(path)
        model.files.put(call.task.files, fd, number, cloexec=cloexec)
        model.add(call, ev.K_OPEN, (number, O_CLOEXEC if cloexec else 0, FILE_PACKET), fd)
        return
    if maps and b"BPF_MAP_TYPE_RINGBUF" in text:
        number = model.string(path)
        model.files.put(call.task.files, fd, number, cloexec=True)
        model.add(call, ev.K_OPEN, (number, O_CLOEXEC, FILE_RINGBUF), fd)
        return
    mode = O_RDONLY if call.name in _READ_ONLY else O_RDWR
    model.opened(call, fd, path, mode | (O_CLOEXEC if cloexec else 0), shown=True)


@handles("pipe", "pipe2", "socketpair")
def _pipe(model: Model, call: Call) -> None:
    """Two descriptors at once: one event for each."""
    pair = list_items(argument(call, 3 if call.name == b"socketpair" else 0)) if call.succeeded else []
    if not call.succeeded or len(pair) != 2:
        ignored(model, call)
        return
    cloexec = b"CLOEXEC" in b"|".join(call.args)
    sockets = call.name == b"socketpair"
    for token, end in zip(pair, (O_RDONLY, O_WRONLY), strict=True):
        path = annotation(token) or ("socket:" if sockets else "pipe:")
        mode = O_RDWR if sockets else end
        model.opened(call, value(token), path, mode | (O_CLOEXEC if cloexec else 0), shown=True)
