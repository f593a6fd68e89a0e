"""The words of `perf trace`: names of arguments, of commands, of flags, and what they come to.

perf prints words for numbers and leaves zeros out. A word that the tables of that perf lack is printed as nothing
(`behavior: `): then the call is known to be unknown.
"""

from __future__ import annotations

import re

from ...abi.calls import CALLS
from ...abi.mman import ADVICE, FALLOC, MAP, MCL, MREMAP, MS, PROT, SEALS, SHM
from ..symbols import CLONE
from .plan import PLANS
from .text import signed

_ARGUMENT = re.compile(r'(\w+): ("(?:[^"\\]|\\.)*"|[^,]*)')

PARAMETERS: dict[str, tuple[str, ...]] = {call.name: call.parameters for call in CALLS.values()}
"""Names of the registers of each call that an event is made of, as the tracepoints have them."""

_OPEN = {
    "RDONLY": 0,
    "WRONLY": 1,
    "RDWR": 2,
    "CREAT": 0o100,
    "EXCL": 0o200,
    "NOCTTY": 0o400,
    "TRUNC": 0o1000,
    "APPEND": 0o2000,
    "NONBLOCK": 0o4000,
    "NDELAY": 0o4000,
    "DSYNC": 0o10000,
    "ASYNC": 0o20000,
    "DIRECT": 0o40000,
    "LARGEFILE": 0o100000,
    "DIRECTORY": 0o200000,
    "NOFOLLOW": 0o400000,
    "NOATIME": 0o1000000,
    "CLOEXEC": 0o2000000,
    "SYNC": 0o4000000,
    "PATH": 0o10000000,
    "TMPFILE": 0o20000000,
}
_FCNTL = {
    name: number
    for number, name in enumerate(
        "DUPFD GETFD SETFD GETFL SETFL GETLK SETLK SETLKW SETOWN GETOWN SETSIG GETSIG GETLK64 SETLK64 SETLKW64"
        " SETOWN_EX GETOWN_EX GETOWNER_UIDS".split()
    )
} | {
    "SETLEASE": 1024,
    "GETLEASE": 1025,
    "NOTIFY": 1026,
    "DUPFD_QUERY": 1027,
    "CANCELLK": 1029,
    "DUPFD_CLOEXEC": 1030,
    "SETPIPE_SZ": 1031,
    "GETPIPE_SZ": 1032,
    "ADD_SEALS": 1033,
    "GET_SEALS": 1034,
    "GET_RW_HINT": 1035,
    "SET_RW_HINT": 1036,
    "GET_FILE_RW_HINT": 1037,
    "SET_FILE_RW_HINT": 1038,
    "OFD_GETLK": 36,
    "OFD_SETLK": 37,
    "OFD_SETLKW": 38,
}
_PRCTL = (
    {
        name: number
        for number, name in enumerate(
            "SET_PDEATHSIG GET_PDEATHSIG GET_DUMPABLE SET_DUMPABLE GET_UNALIGN SET_UNALIGN GET_KEEPCAPS SET_KEEPCAPS"
            " GET_FPEMU SET_FPEMU GET_FPEXC SET_FPEXC GET_TIMING SET_TIMING SET_NAME GET_NAME".split(),
            1,
        )
    }
    | {
        name: number
        for number, name in enumerate(
            "GET_ENDIAN SET_ENDIAN GET_SECCOMP SET_SECCOMP CAPBSET_READ CAPBSET_DROP GET_TSC SET_TSC GET_SECUREBITS"
            " SET_SECUREBITS SET_TIMERSLACK GET_TIMERSLACK TASK_PERF_EVENTS_DISABLE TASK_PERF_EVENTS_ENABLE MCE_KILL"
            " MCE_KILL_GET SET_MM SET_CHILD_SUBREAPER GET_CHILD_SUBREAPER SET_NO_NEW_PRIVS GET_NO_NEW_PRIVS"
            " GET_TID_ADDRESS SET_THP_DISABLE GET_THP_DISABLE".split(),
            19,
        )
    }
    | {"SET_MDWE": 65, "GET_MDWE": 66, "SET_VMA": 0x53564D41, "CAP_AMBIENT": 47}
)
_MEMFD = {"CLOEXEC": 1, "ALLOW_SEALING": 2, "HUGETLB": 4, "NOEXEC_SEAL": 8, "EXEC": 16}


def _upper(names: dict[str, int]) -> dict[str, int]:
    return {name.upper(): value for name, value in names.items()}


_WORDS: dict[tuple[str, str], dict[str, int]] = {  # by call and argument; "": any call
    ("", "prot"): _upper(PROT),
    ("", "behavior"): _upper(ADVICE),
    ("", "clone_flags"): CLONE,
    ("", "dfd"): {"CWD": -100, "FDCWD": -100},
    ("", "cmd"): _FCNTL,
    ("", "option"): _PRCTL,
    ("fcntl", "arg"): {"CLOEXEC": 1, **{f"SEAL_{name.upper()}": bit for name, bit in SEALS.items()}},
    ("fallocate", "mode"): _upper(FALLOC),
    ("mmap", "flags"): _upper(MAP),
    ("mremap", "flags"): _upper(MREMAP),
    ("msync", "flags"): _upper(MS),
    ("mlockall", "flags"): _upper(MCL),
    ("mlock2", "flags"): {"ONFAULT": 1},
    ("shmat", "shmflg"): _upper(SHM),
    ("open", "flags"): _OPEN,
    ("openat", "flags"): _OPEN,
    ("dup3", "flags"): _OPEN,
    ("userfaultfd", "flags"): _OPEN,
    ("close_range", "flags"): {"UNSHARE": 2, "CLOEXEC": 4},
    ("memfd_create", "flags"): _MEMFD,
}
_IOCTL = re.compile(r"\bcmd: \([^,()]*, (0x[0-9a-f]{1,4}), (0x[0-9a-f]{1,4}|\d{1,4}),")
"""A command that perf has no name for: (direction, type, number, size)."""
_PREFIX = re.compile(
    r"^(?:PROT|MAP|MADV|MREMAP|MS|MCL|MLOCK|O|CLONE|F|PR|MFD|FALLOC_FL|FD|AT|SHM|CLOSE_RANGE)_"
)
_BESIDE_PLANS: dict[str, tuple[int, ...]] = {"clone": (0,), "fcntl": (0, 1, 2)}


def registers(call: str, arguments: str) -> tuple[tuple[int, ...], str]:
    """The six registers of a call from its named arguments, and the argument that stays unknown ("": none).

    Only registers of which an event is made matter; others may be words that nobody knows.
    """
    names = PARAMETERS.get(call, ())
    plan = PLANS.get(call)
    wanted: tuple[int, ...] = _BESIDE_PLANS.get(call, ()) if plan is None else plan.sources
    values = [0] * 6
    seen: set[str] = set()
    unknown = ""
    if call == "ioctl" and (command := _IOCTL.search(arguments)):
        values[1] = int(command[1], 16) << 8 | int(command[2], 0)
        return tuple(values), ""
    for name, value in _ARGUMENT.findall(arguments):
        seen.add(name)
        if name not in names:
            continue
        number = _value(call, name, value.strip())
        if number is None:
            # what F_SETFL and the like are given is of no interest
            if names.index(name) in wanted and not (
                call == "fcntl" and name == "arg" and values[1] not in _TOLD
            ):
                unknown = unknown or name
            continue
        values[names.index(name)] = signed(number)
    if call == "mmap" and "fd" not in seen and values[3] & MAP["anonymous"]:
        values[4] = -1
    return tuple(values), unknown


_TOLD = (0, 2, 1030, 1033)
"""Commands of fcntl whose argument an event is made of."""


def _value(call: str, name: str, text: str) -> int | None:
    """A number, or names of flags joined by `|`; None where a word is not known."""
    if text.startswith('"'):
        return 0
    words = _WORDS.get((call, name)) or _WORDS.get(("", name), {})
    total = 0
    for word in text.split("|"):
        plain = word.split("<")[0].split(" (")[0].strip()  # fd: 3</etc/passwd>, pid: 7 (sh)
        try:
            total |= int(plain, 16) if plain.startswith("0x") else int(plain)
            continue
        except ValueError:
            pass
        value = words.get(plain, words.get(_PREFIX.sub("", plain)))
        if value is None:
            return None
        total |= value
    return total
