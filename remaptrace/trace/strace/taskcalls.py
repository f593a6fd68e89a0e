"""Calls of strace text on processes: births, execve, exits, limits, ids; and the signals that explain an access."""

from __future__ import annotations

from ...abi import kinds as ev
from ...abi.errnos import EAGAIN, ENOMEM
from ...errorcodes import RT_ARGUMENT
from .args import BadLine, fields, string, value
from .handlers import argument, handles, ignored
from .model import MAX_TID, Call, Model, directory_of


@handles("setrlimit", "prlimit64", "prlimit")
def _setrlimit(model: Model, call: Call) -> None:
    first = 0 if call.name == b"setrlimit" else 1
    members = fields(call.args[first + 1]) if len(call.args) > first + 1 else {}
    pid = value(call.args[0]) if first and call.args else 0
    if not call.succeeded or b"rlim_cur" not in members or pid not in (0, call.task.pid):
        ignored(model, call)
        return
    soft = value(members[b"rlim_cur"])
    model.add(call, ev.K_SETRLIMIT, (value(call.args[first]), soft), call.result.value)


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
    model.forked(call, tid)
    for token in call.args:
        at = token.find(b"pidfd=[")
        if at >= 0:
            fd_token = token[at + 7 :].partition(b"]}")[0]
            fd = value(fd_token.rstrip(b"]"))
            model.files.put(call.task.files, fd, model.string("anon_inode:[pidfd]"), cloexec=True)
            model.pidfds[call.task.files, fd] = tid
            model.add(call, ev.K_PIDFD, (tid, 0), fd)


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
    number = value(call.name)
    if number not in (7, 11):
        return
    members = fields(description)
    if b"si_code" in members and b"si_addr" in members:
        code, address = value(members[b"si_code"]), value(members[b"si_addr"])
        if 0 < code < 0x80:
            model.out.add(ev.K_SIGNAL, call.task.row, (number, code, address), None, 0, call.line, call.time)
