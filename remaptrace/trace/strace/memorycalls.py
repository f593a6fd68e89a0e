"""Calls of strace text on memory that need a closer look: masks, ranges, names, structures, commands."""

from __future__ import annotations

import re

from ...abi import kinds as ev
from ...abi import vmanames
from ...abi.fcntl import O_CLOEXEC
from .args import fields, list_items, string, value
from .handlers import argument, handles, ignored, shown, unmodelled
from .model import Call, Model
from .plaincalls import PLAIN, plain_call

_AREA_IPC = re.compile(rb"SHM(?:AT|DT)|(?:0x)?1[56]\b|2[12]\b")
_AREA_ARCH_PRCTL = re.compile(rb"ARCH_MAP_VDSO|ARCH_SHSTK_ENABLE|0x200[123]\b|0x5001\b")


def _by_command(model: Model, call: Call, command: bytes, on_areas: re.Pattern[bytes]) -> None:
    """A call of many commands: one that changes areas is named as not modelled, any other is of no interest."""
    if on_areas.match(command):
        unmodelled(model, call, f"{call.name.decode()}({shown(command)})")
    else:
        ignored(model, call)


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
    plain_call(model, call, PLAIN[b"mmap"])


@handles("ipc")
def _ipc(model: Model, call: Call) -> None:
    """The one call of i386 and others behind shmat and shmdt, where strace does not say which."""
    _by_command(model, call, call.args[0] if call.args else b"", _AREA_IPC)


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
    ranges, all_shown = _ranges(argument(call, 1))
    advice, flags = value(argument(call, 3)), value(argument(call, 4))
    if not ranges:
        unmodelled(model, call, "process_madvise")
        return
    target = model.task_behind(call, pidfd)
    if target is None:
        unmodelled(model, call, "process_madvise(of a process not in the log)")
        return
    left = call.result.value
    for index, (base, length) in enumerate(ranges):
        done = left if left is None or left < 0 else length if left >= length else None
        arguments = (base, length, advice, pidfd, flags, index)
        injected = ev.EVF_INJECTED if call.result.injected else 0
        model.out.add(ev.K_PROCESS_MADVISE, target.row, arguments, done, injected, call.line, call.time)
        if done is None or done < 0:
            return
        left = (left or 0) - length
    if left and not all_shown:
        unmodelled(model, call, "process_madvise (of ranges that are not shown)")


def _ranges(vector: bytes) -> tuple[list[tuple[int, int]], bool]:
    """Address and length of the ranges that an iovec shows, up to one that it does not, and whether that is all.

    strace leaves out what is beyond 32 (``...``), and shows an address for what it cannot read.
    """
    shown_ranges = []
    items = list_items(vector)
    for item in items:
        members = fields(item)
        if b"iov_base" not in members or b"iov_len" not in members:
            break
        shown_ranges.append((value(members[b"iov_base"]), value(members[b"iov_len"])))
    return shown_ranges, bool(items) and len(shown_ranges) == len(items)


@handles("process_vm_writev")
def _process_vm_writev(model: Model, call: Call) -> None:
    """One event for each range of the other process that bytes went to: its pages are written as by itself.

    Nothing of a process that is not in the log is simulated, so a call on one has no effect here.
    """
    ranges, all_shown = _ranges(argument(call, 3))
    left = call.result.value
    target = model.by_tid.get(value(argument(call, 0)))
    if left is not None and (left <= 0 or target is None or not target.alive):
        ignored(model, call)
        return
    if left is None or target is None or not ranges:
        unmodelled(model, call, "process_vm_writev")
        return
    for base, length in ranges:
        done = min(length, left)
        if done > 0:
            model.out.add(ev.K_PROCESS_VM, target.row, (base, done, 1), done, 0, call.line, call.time)
        left -= max(done, 0)
    if left > 0:
        told = "of more bytes than its ranges hold" if all_shown else "to ranges that are not shown"
        unmodelled(model, call, f"process_vm_writev ({told})")


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
    else:
        _by_command(model, call, command, _AREA_IOCTL)


@handles("arch_prctl")
def _arch_prctl(model: Model, call: Call) -> None:
    _by_command(model, call, call.args[0] if call.args else b"", _AREA_ARCH_PRCTL)
