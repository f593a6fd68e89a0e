"""Calls of strace text on processes: births, execve, exits, limits, ids; and the signals that explain an access."""

from __future__ import annotations

from ...abi import kinds as ev
from ...abi.errnos import EAGAIN, ENOMEM
from ...abi.mman import CLONE_PIDFD, RLIM_AS, RLIM_DATA, RLIM_MEMLOCK, RLIM_STACK
from ...errorcodes import RT_ARGUMENT, RT_LINE
from .args import BadLine, fields, list_items, string, value
from .handlers import argument, handles, ignored, unmodelled
from .model import MAX_TID, Call, Model, directory_of

_NO_POINTER = (b"NULL", b"0", b"0x0")
"""As strace prints it, also with raw arguments, and ltrace."""


@handles("setrlimit", "prlimit64", "prlimit")
def _setrlimit(model: Model, call: Call) -> None:
    """A limit that was set: of the caller, or of another process of the log, which prlimit may name."""
    first = 0 if call.name == b"setrlimit" else 1
    new = argument(call, first + 1)
    pid = value(call.args[0]) if first else 0
    task = call.task if pid in (0, call.task.pid) else model.by_tid.get(pid)
    if not call.succeeded or new in _NO_POINTER or task is None or not task.alive:
        ignored(model, call)
        return
    members, resource = fields(new), value(call.args[first])
    if b"rlim_cur" in members:
        call.task = task
        model.add(call, ev.K_SETRLIMIT, (resource, value(members[b"rlim_cur"])), call.result.value)
    elif resource in (RLIM_DATA, RLIM_STACK, RLIM_MEMLOCK, RLIM_AS):
        unmodelled(model, call, f"{call.name.decode()} (the limit is not shown)")
    else:
        ignored(model, call)


@handles("setuid", "setreuid", "setresuid", "setuid32", "setreuid32", "setresuid32")
def _setuid(model: Model, call: Call) -> None:
    """The effective id decides on capabilities."""
    uid = value(argument(call, 0 if call.name.startswith(b"setuid") else 1))
    if call.succeeded and uid not in (-1, 0xFFFF_FFFF):
        model.add(call, ev.K_SETUID, (uid,), call.result.value)
    else:
        ignored(model, call)


@handles("clone", "clone3", "fork", "vfork")
def _fork(model: Model, call: Call) -> None:
    tid = call.result.value
    if not call.succeeded or not tid:
        if tid in (-ENOMEM, -EAGAIN):
            thread = any(b"CLONE_VM" in token for token in call.args) or call.name == b"vfork"
            model.births_refused.setdefault((call.name, -tid, thread), []).append(call.line)
        ignored(model, call)
        return
    if not 0 < tid <= MAX_TID or tid == call.task.tid:
        raise BadLine(RT_ARGUMENT, 0, call.name, "the id of another thread as the result")
    fd = _pidfd_of_birth(model, call)
    model.forked(call, tid)
    if fd is not None:
        model.files.put(call.task.files, fd, model.string("anon_inode:[pidfd]"), cloexec=True)
        model.pidfds[call.task.files, fd] = tid
        model.add(call, ev.K_PIDFD, (tid, 0), fd)


def _pidfd_of_birth(model: Model, call: Call) -> int | None:
    """The descriptor of the child that the kernel stored, with CLONE_PIDFD; None if there is none or it is not shown.

    clone3 shows it as ``{pidfd=[3], parent_tid=[20]}`` behind the arrow; clone stores it where else it stores the
    id, and strace calls it ``parent_tid=[3]``.
    """
    if call.name == b"clone3":
        stored = fields(argument(call, 0).partition(b" => ")[2]).get(b"pidfd", b"")
    else:
        text, name = call.name + b"(" + b", ".join(call.args) + b")", b"parent_tid="
        shown_ids = (token[len(name) :] for token in call.args if token.startswith(name))
        stored = next(shown_ids, b"")
        if not stored or not model.fork_flags(call.name, text) & CLONE_PIDFD:
            return None
    listed = list_items(stored)
    return value(listed[0]) if len(listed) == 1 else None


@handles("execve", "execveat")
def _execve(model: Model, call: Call) -> None:
    if not call.succeeded:
        ignored(model, call)
        return
    at = 1 if call.name == b"execveat" else 0
    path = string(argument(call, at)) or ""
    if at and not path.startswith("/"):
        path = (directory_of(model, call, call.args[0]) + path).rstrip("/")
    model.executed(call, path)


@handles("exit", "exit_group")
def _exit(model: Model, call: Call) -> None:
    code = value(argument(call, 0)) & 0xFF
    model.end(call.task, code, group=call.name == b"exit_group", line=call.line, time=call.time)


def signal(model: Model, call: Call, description: bytes) -> None:
    """A signal of the kernel about an address (SIGSEGV, SIGBUS) explains the access before it."""
    if value(call.name) not in (7, 11):
        return
    members = fields(description)
    if not members:  # "(Segmentation fault)" of an old strace: no address
        return
    if b"si_code" not in members:
        raise BadLine(RT_LINE, 0, description, "si_code= of a signal")
    code = value(members[b"si_code"])
    if 0 < code < 0x80:
        if b"si_addr" not in members:
            raise BadLine(RT_LINE, 0, description, "si_addr= of a signal of the kernel")
        numbers = value(call.name), code, value(members[b"si_addr"])
        model.out.add(ev.K_SIGNAL, call.task.row, numbers, None, 0, call.line, call.time)
