"""What a system call's raw registers mean as an event: one row of a plan per call.

Kernel traces (ftrace, perf) print registers, not structures. `PLANS` tells for each call which kind
of event it is and from which register each argument comes. What only a pointer leads to (path names,
iovecs, rlimits, clone3 arguments) is not in the trace; the plan says so by leaving it out.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ...abi import kinds as ev
from ...abi.calls import CALLS, EVENTS, OWN_WAY, SystemCall
from ...abi.prctl import PR_SET_VMA
from ...abi.special import FILE_BPF, FILE_KVM_VCPU, FILE_PACKET, FILE_PERF, FILE_SECRET, FILE_URING
from ...lateclasses import dataclass

ZERO, MINUS_ONE, UNMAPPABLE, CLOEXEC, PERF, URING, BPF, PACKET, SECRET, VCPU = range(
    6, 16
)  # sources beyond the six registers
CONSTANTS = (
    *(0, -1, ev.FILE_UNMAPPABLE, 0x80000),
    *(FILE_PERF, FILE_URING, FILE_BPF, FILE_PACKET, FILE_SECRET, FILE_KVM_VCPU),
)


@dataclass(frozen=True)
class Plan:
    """`kind` of the event; `sources` of a0..a5: a register 0..5 or one of the constants.

    `int32` names the event's arguments that the kernel takes as int: the upper half of the register
    is noise there. `pages` names the argument that counts pages where the event has bytes.
    """

    kind: int
    sources: tuple[int, ...] = ()
    int32: tuple[int, ...] = ()
    pages: int = -1


_SPLIT = ("ftruncate64",)
"""Calls of 32-bit programs whose length lies in two registers."""


def _in_registers(call: SystemCall) -> Plan:
    args = EVENTS[call.kind].args
    return Plan(call.kind, tuple(range(len(args))), tuple(at for at, arg in enumerate(args) if arg.c_int))


PLANS: dict[str, Plan] = {
    **{
        call.name: _in_registers(call)
        for call in CALLS.values()
        if call.read != OWN_WAY and call.name not in _SPLIT
    },
    "mmap2": Plan(ev.K_MMAP, (0, 1, 2, 3, 4, 5), (4,), pages=5),
    "mmap_pgoff": Plan(ev.K_MMAP, (0, 1, 2, 3, 4, 5), (4,), pages=5),
    "mbind": Plan(ev.K_MBIND, (0, 1, 2, ZERO, MINUS_ONE, 5)),  # the mask is behind a pointer
    "userfaultfd": Plan(ev.K_USERFAULTFD, (0,), (0,)),
    "open": Plan(ev.K_OPEN, (ZERO, 1, ZERO), (1,)),
    "openat": Plan(ev.K_OPEN, (ZERO, 2, ZERO), (1,)),
    "openat2": Plan(ev.K_OPEN, (ZERO, ZERO, ZERO)),
    "dup": Plan(ev.K_DUP, (0, MINUS_ONE, ZERO), (0,)),
    "dup2": Plan(ev.K_DUP, (0, 1, ZERO), (0, 1)),
    "dup3": Plan(ev.K_DUP, (0, 1, 2), (0, 1, 2)),
    "memfd_create": Plan(ev.K_MEMFD, (ZERO, 1), (1,)),
    "prctl": Plan(ev.K_PRCTL, (0, 1, 2, 3, 4), (0,)),
    "perf_event_open": Plan(ev.K_OPEN, (ZERO, ZERO, PERF)),
    "io_uring_setup": Plan(ev.K_OPEN, (ZERO, CLOEXEC, URING)),
    "memfd_secret": Plan(ev.K_OPEN, (ZERO, ZERO, SECRET)),
    "bpf(BPF_MAP_CREATE)": Plan(ev.K_OPEN, (ZERO, CLOEXEC, BPF)),
    "socket(AF_PACKET)": Plan(ev.K_OPEN, (ZERO, ZERO, PACKET)),
    "ioctl(KVM_CREATE_VCPU)": Plan(ev.K_OPEN, (ZERO, CLOEXEC, VCPU)),
    "io_setup": Plan(ev.K_IO_SETUP, (0, ZERO), (0,)),
    "setresuid": Plan(ev.K_SETUID, (1,), (0,)),
    "setreuid": Plan(ev.K_SETUID, (1,), (0,)),
    # calls that mean what their command says, see REFINED
    "fcntl(F_DUPFD)": Plan(ev.K_DUP, (0, MINUS_ONE, ZERO), (0,)),
    "fcntl(F_DUPFD_CLOEXEC)": Plan(ev.K_DUP, (0, MINUS_ONE, CLOEXEC), (0,)),
    "fcntl(F_SETFD)": Plan(ev.K_SETFD, (0, 2), (0, 1)),
    "fcntl(F_ADD_SEALS)": Plan(ev.K_SEAL, (0, 2), (0, 1)),
    "prctl(PR_SET_VMA)": Plan(ev.K_SET_VMA_NAME, (2, 3, 4)),
}
"""What each call means."""

_WHOLE, _IOC = 0xFFFF_FFFF, 0xFFFF
_UFFDIO = {
    0: "REGISTER",
    1: "UNREGISTER",
    3: "COPY",
    4: "ZEROPAGE",
    5: "MOVE",
    6: "WRITEPROTECT",
    7: "CONTINUE",
    8: "POISON",
}
"""Commands of userfaultfd that change areas or pages, include/uapi/linux/userfaultfd.h; their type is 0xAA."""

_CHANGING = {
    **{("ioctl", 0xAA00 | number, _IOC): f"ioctl(UFFDIO_{name})" for number, name in _UFFDIO.items()},
    ("arch_prctl", 0x2001, _WHOLE): "arch_prctl(ARCH_MAP_VDSO_X32)",
    ("arch_prctl", 0x2002, _WHOLE): "arch_prctl(ARCH_MAP_VDSO_32)",
    ("arch_prctl", 0x2003, _WHOLE): "arch_prctl(ARCH_MAP_VDSO_64)",
    ("arch_prctl", 0x5001, _WHOLE): "arch_prctl(ARCH_SHSTK_ENABLE)",
}
"""Calls that change an address space only with this command: counted as not modelled."""

REFINED = (
    ("fcntl", 1, 0, _WHOLE, "fcntl(F_DUPFD)"),
    ("fcntl", 1, 1030, _WHOLE, "fcntl(F_DUPFD_CLOEXEC)"),
    ("fcntl", 1, 2, _WHOLE, "fcntl(F_SETFD)"),
    ("fcntl", 1, 1033, _WHOLE, "fcntl(F_ADD_SEALS)"),
    ("fcntl64", 1, 0, _WHOLE, "fcntl(F_DUPFD)"),
    ("fcntl64", 1, 1030, _WHOLE, "fcntl(F_DUPFD_CLOEXEC)"),
    ("fcntl64", 1, 2, _WHOLE, "fcntl(F_SETFD)"),
    ("fcntl64", 1, 1033, _WHOLE, "fcntl(F_ADD_SEALS)"),
    ("prlimit64", 2, 0, _WHOLE, "prlimit64(get)"),
    ("bpf", 0, 0, _WHOLE, "bpf(BPF_MAP_CREATE)"),
    ("socket", 0, 17, _WHOLE, "socket(AF_PACKET)"),
    ("ioctl", 1, 0xAE41, _WHOLE, "ioctl(KVM_CREATE_VCPU)"),
    ("prctl", 0, PR_SET_VMA, _WHOLE, "prctl(PR_SET_VMA)"),
    *((call, int(call == "ioctl"), command, mask, name) for (call, command, mask), name in _CHANGING.items()),
)
"""Call, register that holds the command, command and the bits that count, and the plan that then holds."""

BEHIND_POINTERS = frozenset(
    ("old_mmap", "process_madvise", "setrlimit", "prlimit64", "ipc", "process_vm_writev")
)
"""Calls that matter to memory maps, but whose arguments are in memory that no tracepoint prints."""

NOT_TOLD = " not told)"
"""Ends the name under which a call is counted whose argument the recorder did not print: `madvise(behavior ..`."""

UNMODELLED = BEHIND_POINTERS | {
    *_CHANGING.values(),
    *("map_shadow_stack", "set_mempolicy_home_node", "uselib"),
    *("process_mrelease", "vm86", "vm86old", "subpage_prot", "modify_ldt"),
}
"""Calls that change memory or maps and have no event. Other calls without a plan are only counted."""

UNMAPPABLE_MAKERS = (
    *("socket", "accept", "accept4", "epoll_create", "epoll_create1", "eventfd", "eventfd2"),
    *("signalfd", "signalfd4", "timerfd_create", "inotify_init", "inotify_init1", "fanotify_init"),
    *("pidfd_getfd", "mq_open", "bpf", "landlock_create_ruleset"),
    *("fsopen", "fspick", "fsmount", "open_tree"),
)
"""Calls that return a descriptor which no mapping can use, or none that the engine follows."""

for _name in UNMAPPABLE_MAKERS:
    PLANS[_name] = Plan(ev.K_OPEN, (ZERO, ZERO, UNMAPPABLE))

FORK_CALLS = ("fork", "vfork", "clone", "clone3")
EXEC_CALLS = ("execve", "execveat")
EXIT_CALLS = ("exit", "exit_group")

HARMLESS = frozenset(
    (*FORK_CALLS, *EXEC_CALLS, *EXIT_CALLS, "fcntl", "fcntl64", "prlimit64(get)")
)  # understood in other ways than by a plan


@lru_cache(maxsize=4096)
def _registers(name: str) -> int:
    """How many registers must be printed for a call to become its event."""
    plan = PLANS.get(name)
    refined = max((register + 1 for call, register, *_ in REFINED if call == name), default=0)
    return max(refined, *(source + 1 for source in plan.sources if source < 6), 0) if plan else refined


class CallNames:
    """Numbers for the names of calls, in order of first use. The calls with a plan come first."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.numbers: dict[str, int] = {}
        self._needed: list[int] = []
        for name in (*PLANS, *sorted(HARMLESS), *_CHANGING.values()):
            self.number(name)

    def number(self, name: str) -> int:
        """The number of `name`, a new one for a new name."""
        number = self.numbers.get(name)
        if number is None:
            number = self.numbers[name] = len(self.names)
            self.names.append(name)
            self._needed.append(_registers(name))
        return number

    def needed(self, number: int) -> int:
        """How many of its registers a recorder must print for the call to be read, 0 for calls without an event."""
        return self._needed[number]

    def these(self, names: tuple[str, ...]) -> list[int]:
        """The numbers of several names."""
        return [self.number(name) for name in names]


def plan_tables(names: CallNames, page_size: int) -> tuple[npt.NDArray[np.int64], ...]:
    """The plans as arrays by call number: kind, sources (calls, 6), int32 mask, scale (calls, 6)."""
    count = len(names.names)
    kind = np.zeros(count, dtype=np.int64)
    sources = np.full((count, 6), ZERO, dtype=np.int64)
    int32 = np.zeros((count, 6), dtype=np.int64)
    scale = np.ones((count, 6), dtype=np.int64)
    for name, plan in PLANS.items():
        row = names.number(name)
        kind[row] = plan.kind
        sources[row, : len(plan.sources)] = plan.sources
        int32[row, list(plan.int32)] = 1
        if plan.pages >= 0:
            scale[row, plan.pages] = page_size
    return kind, sources, int32, scale
