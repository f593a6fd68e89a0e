"""Which system calls become which events, and how their arguments are read.

Three tables: calls whose arguments are plain numbers (`PLAIN`), calls that need a closer look (`HANDLERS`),
and calls that change an address space in ways the replay does not model (`UNMODELLED`). Calls that
`callnames` knows as harmless are only counted; what nobody knows is counted by its name as not modelled.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from ...abi import kinds as ev
from ...abi import vmanames
from ...abi.fcntl import O_CLOEXEC
from ...errorcodes import RT_ARGUMENT
from . import filecalls as _filecalls  # noqa: F401 (its handlers register themselves)
from .args import BadLine, fields, list_items, string, value
from .callnames import CallNames
from .handlers import HANDLERS, argument, handles, ignored, shown, unmodelled
from .lines import split_call, unfinished
from .model import Call, Model, directory_of, file_type

ANY, ADDRESS, ZERO, BREAK = 0, 1, 2, 3
"""What a call returns besides errors: any number, a page-aligned address, only 0, an address of any byte."""


class Plain(NamedTuple):
    """A call of numbers only: event kind, how many arguments it must and may have, which is a descriptor."""

    kind: int
    least: int
    most: int
    fd: int = -1
    returns: int = ANY


PLAIN: dict[bytes, Plain] = {
    b"mmap": Plain(ev.K_MMAP, 6, 6, 4, ADDRESS),
    b"munmap": Plain(ev.K_MUNMAP, 2, 2, returns=ZERO),
    b"mprotect": Plain(ev.K_MPROTECT, 3, 3, returns=ZERO),
    b"pkey_mprotect": Plain(ev.K_PKEY_MPROTECT, 4, 4, returns=ZERO),
    b"mremap": Plain(ev.K_MREMAP, 3, 5, returns=ADDRESS),
    b"brk": Plain(ev.K_BRK, 1, 1, returns=BREAK),
    b"madvise": Plain(ev.K_MADVISE, 3, 3, returns=ZERO),
    b"mlock": Plain(ev.K_MLOCK, 2, 2, returns=ZERO),
    b"mlock2": Plain(ev.K_MLOCK2, 3, 3, returns=ZERO),
    b"munlock": Plain(ev.K_MUNLOCK, 2, 2, returns=ZERO),
    b"mlockall": Plain(ev.K_MLOCKALL, 1, 1, returns=ZERO),
    b"munlockall": Plain(ev.K_MUNLOCKALL, 0, 0, returns=ZERO),
    b"msync": Plain(ev.K_MSYNC, 3, 3, returns=ZERO),
    b"mincore": Plain(ev.K_MINCORE, 2, 2, returns=ZERO),
    b"remap_file_pages": Plain(ev.K_REMAP_FILE_PAGES, 5, 5, returns=ZERO),
    b"mseal": Plain(ev.K_MSEAL, 2, 3, returns=ZERO),
    b"shmget": Plain(ev.K_SHMGET, 3, 3),
    b"shmat": Plain(ev.K_SHMAT, 3, 3, returns=ADDRESS),
    b"shmdt": Plain(ev.K_SHMDT, 1, 1, returns=ZERO),
    b"shmctl": Plain(ev.K_SHMCTL, 2, 2),
    b"pkey_alloc": Plain(ev.K_PKEY_ALLOC, 2, 2),
    b"pkey_free": Plain(ev.K_PKEY_FREE, 1, 1, returns=ZERO),
    b"personality": Plain(ev.K_PERSONALITY, 1, 1),
    b"ftruncate": Plain(ev.K_FTRUNCATE, 2, 2, 0, ZERO),
    b"ftruncate64": Plain(ev.K_FTRUNCATE, 2, 2, 0, ZERO),
    b"fallocate": Plain(ev.K_FALLOCATE, 4, 4, 0, ZERO),
}

UNMODELLED = frozenset(
    (
        b"map_shadow_stack",
        b"uselib",
        b"process_mrelease",
        b"process_vm_writev",
        b"vm86",
        b"vm86old",
        b"subpage_prot",
        b"cacheflush",
    )
)

_MAX_TID = (1 << 31) - 1

MAYBE = frozenset((b"fcntl", b"fcntl64", b"ioctl", b"prctl", b"arch_prctl"))
"""Calls of which most have nothing to do with memory, as their first arguments tell."""

_FILE = rb"</[^<>]*(?:<[^<>]*>)?>|<(?:[^<>]|->)*>"
_FIRST = rb"\((?:[^ <\"]|" + _FILE + rb")* "
_ONLY_COUNTED = re.compile(
    rb"prctl\(PR_(?!SET_(?:VMA|M|THP_DISABLE|SHADOW))|arch_prctl\(ARCH_(?!MAP_VDSO|SHSTK_ENABLE)"
    rb"|fcntl(?:64)?"
    + _FIRST
    + rb"F_(?:GET|SETL)|ioctl"
    + _FIRST
    + rb"(?!UFFDIO_|DRM|PAGEMAP|KVM_CREATE_V|0|_)[A-Z]"
)
_CALL_IN_LINE = re.compile(rb"([a-z_][a-z0-9_]*|SYS_\d+)\(")
_FAILED = re.compile(rb"\) *= -1\b")


def only_counted(text: bytes) -> bool:
    """True if the beginning of a call of `MAYBE` shows that it leaves memory and descriptors alone."""
    return _ONLY_COUNTED.match(text) is not None


def concerns_memory(name: bytes) -> bool:
    """True if a call of this (real) name is more than counted."""
    return name in PLAIN or name in HANDLERS or name in UNMODELLED


@cache
def known_calls() -> frozenset[bytes]:
    """The names of all calls that are more than counted."""
    return frozenset((*PLAIN, *HANDLERS, *UNMODELLED))


def count_only(model: Model, names: CallNames, name: bytes, text: bytes) -> None:
    """Count a call that is none of these: harmless ones apart from the unknown ones that did not fail."""
    if names.is_known(name) or _FAILED.search(text) is not None:
        model.count(model.ignored, name.decode("utf-8", "replace"))
    else:
        model.count(model.unmodelled, f"{shown(name)} (an unknown call)")


def swallowed(names: CallNames, text: bytes) -> bool:
    """True if behind the name of a call that is only counted stands another one that is not, whole or torn.

    A string or structure may hold such words; then the line must be a call and its result and no more.
    """
    first = text.find(b"(")
    for match in _CALL_IN_LINE.finditer(text, first + 1):
        if concerns_memory(names.real(match.group(1))):
            try:
                return split_call(text) is None and unfinished(text) is None
            except BadLine:
                return True
    return False


def apply(model: Model, call: Call) -> None:
    """Make the events of one complete call."""
    plain = PLAIN.get(call.name)
    if plain is not None:
        _plain(model, call, plain)
        return
    handler = HANDLERS.get(call.name)
    if handler is not None:
        handler(model, call)
    else:
        unmodelled(model, call, call.name.decode())


def _plain(model: Model, call: Call, plain: Plain) -> None:
    ret = call.result.value
    if ret is None and call.result.restarts:
        ignored(model, call)
        return
    if len(call.args) < plain.least:
        raise BadLine(RT_ARGUMENT, 0, call.name, f"{plain.least} arguments")
    numbers = []
    for at, token in enumerate(call.args[: plain.most]):
        numbers.append(model.descriptor(call, token) if at == plain.fd else value(token))
    if ret is not None and not call.result.injected and not can_return(plain.returns, ret):
        raise BadLine(
            RT_ARGUMENT, 0, str(ret).encode() if ret < 4096 else b"%#x" % ret, _RETURNS[plain.returns]
        )
    model.add(call, plain.kind, tuple(numbers), ret)


_RETURNS = ("", "a page-aligned address or an error", "0 or an error", "an address or an error")


def can_return(returns: int, ret: int) -> bool:
    """Whether a kernel can return `ret` from a call that returns ANY, ADDRESS, ZERO or BREAK."""
    if returns == ANY or -4095 <= ret < 0:
        return True
    if returns == ADDRESS:
        return ret & 4095 == 0 and 0 <= ret < 1 << 63
    return ret == 0 or (returns == BREAK and 4096 <= ret < 1 << 63)


@handles("mmap2")
def _mmap2(model: Model, call: Call) -> None:
    """The offset in bytes, or in pages of 4,096: under ``-e raw``, which shows in the length in hex, and in old logs.

    A log in which mmap2 succeeded with an offset that is no multiple of 4,096 shows pages.
    """
    if len(call.args) == 6 and (offset := value(call.args[5])):
        if call.args[1].startswith(b"0x"):
            call.args[5] = str(offset * 4096).encode()
        elif model.in_pages():
            call.args[5] = str(offset * 4096).encode()
            model.note(
                "mmap2 shows its offset in pages in this log, as old strace does: read as pages of 4,096 bytes"
            )
    _plain(model, call, PLAIN[b"mmap"])


@handles("ipc")
def _ipc(model: Model, call: Call) -> None:
    """The one call of i386 and others behind shmat and shmdt, where strace does not say which."""
    which = call.args[0] if call.args else b""
    if re.match(rb"SHM(?:AT|DT)|(?:0x)?1[56]\b|2[12]\b", which):
        unmodelled(model, call, f"ipc({shown(which)})")
    else:
        ignored(model, call)


@handles("mbind")
def _mbind(model: Model, call: Call) -> None:
    numbers = tuple(value(argument(call, i)) for i in range(3))
    more = (*_node_mask(call, 3), value(argument(call, 5)))
    model.add(call, ev.K_MBIND, (*numbers, *more), call.result.value)


def _node_mask(call: Call, at: int) -> tuple[int, int]:
    """A node mask of 64 nodes and its length; MASK_UNKNOWN where strace shows only a pointer."""
    shown_mask = argument(call, at)
    if shown_mask == b"NULL":
        return 0, 1
    if not shown_mask.startswith(b"["):
        return 0, ev.MASK_UNKNOWN
    words = list_items(shown_mask)
    return (value(words[0]) if words else 0), value(argument(call, at + 1))


@handles("set_mempolicy_home_node")
def _home_node(model: Model, call: Call) -> None:
    numbers = tuple(value(argument(call, i)) for i in range(4))
    model.add(call, ev.K_HOME_NODE, numbers, call.result.value)


@handles("process_madvise")
def _process_madvise(model: Model, call: Call) -> None:
    """One event for each range that the kernel came to, of the process whose areas they are.

    The call returns the bytes advised in all; an error shows only if it met the first range, and a range that
    failed later has no result of its own.
    """
    pidfd = model.descriptor(call, argument(call, 0))
    ranges = [fields(item) for item in list_items(argument(call, 1))]
    advice, flags = value(argument(call, 3)), value(argument(call, 4))
    if not ranges:
        unmodelled(model, call, "process_madvise")
        return
    target = model.task_behind(call, pidfd)
    if target is None:
        unmodelled(model, call, "process_madvise(of a process not in the log)")
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
    token = argument(call, 4)
    name = string(token)
    if name is not None or token == b"NULL":
        return model.string(vmanames.name_string(name))
    return model.string(vmanames.pointer_string(value(token), call.result.value or 0))


@handles("prctl")
def _prctl(model: Model, call: Call) -> None:
    option = argument(call, 0)
    if option.startswith((b"PR_SET_VMA", b"0x53564d41")):
        numbers = (value(argument(call, 2)), value(argument(call, 3)), _vma_name(model, call))
        model.add(call, ev.K_SET_VMA_NAME, numbers, call.result.value)
    elif _MODELLED_PRCTL.match(option):
        arguments = tuple(value(token) for token in call.args[:5])
        model.add(call, ev.K_PRCTL, arguments, call.result.value)
    elif _AREA_PRCTL.match(option):
        unmodelled(model, call, f"prctl({shown(option)})")
    else:
        ignored(model, call)


_MODELLED_PRCTL = re.compile(
    rb"PR_SET_(?:MM|THP_DISABLE|MDWE|MEMORY_MERGE)\b|(?:0x23|35|0x29|41|0x41|65|0x43|67)(?: /\*|\Z)"
)
"""Options that the engine answers: PR_SET_MM, huge pages, MDWE and KSM by process."""
_AREA_PRCTL = re.compile(rb"PR_SET_SHADOW_STACK_STATUS|(?:0x4b|75)\b")
"""Options that make an area: a shadow stack."""

_AREA_IOCTL = re.compile(
    rb"UFFDIO_(?!API\b)|(?:0x)?c0[0-9a-f]{2}aa(?!3f)[0-9a-f]{2}\b|(?:0x)?8010aa0[0-9a-f]\b|PAGEMAP_SCAN|(?:0x)?c0606610\b"
    rb"|DRM_IOCTL_I915_GEM_MMAP\b|DRM_IOCTL_MAP_BUFS|DRM_IOCTL_I810_GETBUF|_IOC\([^)]*, 0xaa, (?!0x3f)"
)
"""Commands by which the kernel changes areas or pages of the caller: userfaultfd, drivers that map by themselves."""


_VCPU_IOCTLS = re.compile(rb"(KVM_CREATE_VCPU|0xae41\b)|KVM_CREATE_VM\b|0xae01\b")


@handles("io_setup")
def _io_setup(model: Model, call: Call) -> None:
    """The ring's address is what the kernel stored: ``[0x7f...]``."""
    token = argument(call, 1)
    ring = value(token.strip(b"[]")) if token.startswith(b"[") else 0
    model.add(
        call, ev.K_IO_SETUP, (value(argument(call, 0)), ring if call.succeeded else 0), call.result.value
    )


@handles("io_destroy")
def _io_destroy(model: Model, call: Call) -> None:
    model.add(call, ev.K_IO_DESTROY, (value(argument(call, 0)),), call.result.value)


_UFFDIO: dict[bytes, tuple[int, tuple[bytes, ...]]] = {
    b"UFFDIO_API": (ev.K_UFFD_API, (b"features", b"api")),
    b"UFFDIO_REGISTER": (ev.K_UFFD_REGISTER, (b"start", b"len", b"mode")),
    b"UFFDIO_UNREGISTER": (ev.K_UFFD_UNREGISTER, (b"start", b"len")),
    b"UFFDIO_WAKE": (ev.K_UFFD_WAKE, (b"start", b"len")),
    b"UFFDIO_COPY": (ev.K_UFFD_COPY, (b"dst", b"src", b"len", b"mode")),
    b"UFFDIO_ZEROPAGE": (ev.K_UFFD_ZEROPAGE, (b"start", b"len", b"mode")),
    b"UFFDIO_WRITEPROTECT": (ev.K_UFFD_WRITEPROTECT, (b"start", b"len", b"mode")),
    b"UFFDIO_CONTINUE": (ev.K_UFFD_CONTINUE, (b"start", b"len", b"mode")),
    b"UFFDIO_MOVE": (ev.K_UFFD_MOVE, (b"dst", b"src", b"len", b"mode")),
    b"UFFDIO_POISON": (ev.K_UFFD_POISON, (b"start", b"len", b"mode")),
}
"""Commands of userfaultfd, and the members of their structures that events hold."""


def _uffdio(model: Model, call: Call, command: bytes) -> bool:
    """An ioctl of userfaultfd as its event; False where strace shows no more than the structure's address."""
    known = _UFFDIO.get(command)
    shown_struct = argument(call, 2)
    if known is None or not shown_struct.startswith(b"{"):
        return False
    members = fields(shown_struct)
    members |= fields(members.get(b"range", b"{}"))
    kind, names = known
    if not all(name in members for name in names):
        return False
    numbers = (value(members[name].partition(b" => ")[0]) for name in names)
    model.add(call, kind, (value(argument(call, 0)), *numbers), call.result.value)
    return True


@handles("ioctl")
def _ioctl(model: Model, call: Call) -> None:
    """userfaultfd changes areas and pages by ioctl, some drivers map; of the others none touches them."""
    command = call.args[1] if len(call.args) > 1 else b""
    if command.startswith(b"UFFDIO_") and _uffdio(model, call, command):
        return
    made = _VCPU_IOCTLS.match(command)
    fd = call.result.value
    if made and call.succeeded and fd is not None:
        path = "anon_inode:kvm-vcpu:" if made[1] else "anon_inode:kvm-vm"
        model.opened(call, fd, call.result.path or path, O_CLOEXEC, shown=True)
    elif _AREA_IOCTL.match(command):
        unmodelled(model, call, f"ioctl({shown(command)})")
    else:
        ignored(model, call)


@handles("arch_prctl")
def _arch_prctl(model: Model, call: Call) -> None:
    command = call.args[0] if call.args else b""
    if re.match(rb"ARCH_MAP_VDSO|ARCH_SHSTK_ENABLE|0x200[123]\b|0x5001\b", command):
        unmodelled(model, call, f"arch_prctl({shown(command)})")
    else:
        ignored(model, call)


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


# -- processes


@handles("clone", "clone3", "fork", "vfork")
def _fork(model: Model, call: Call) -> None:
    tid = call.result.value
    if not call.succeeded or not tid:
        ignored(model, call)
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


__all__ = [
    "HANDLERS",
    "PLAIN",
    "UNMODELLED",
    "apply",
    "can_return",
    "concerns_memory",
    "count_only",
    "file_type",
    "known_calls",
    "signal",
    "swallowed",
]
