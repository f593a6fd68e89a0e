"""The words of `perf trace`: names of arguments, of commands, of flags, and what they come to.

perf prints words for numbers and leaves zeros out. A word that the tables of that perf lack is printed as nothing
(`behavior: `): then the call is known to be unknown.
"""

from __future__ import annotations

import re

from ...abi.calls import CALLS
from ...abi.fcntl import FCNTL, OPEN_FLAGS
from ...abi.mman import ADVICE, FALLOC, MAP, MAP_ANONYMOUS, MCL, MFD, MREMAP, MS, PROT, SEALS, SHM
from ...abi.prctl import PRCTL
from ..symbols import CLONE
from .plan import PLANS
from .text import signed

_ARGUMENT = re.compile(r'(\w+):(?: |(?=\|))("(?:[^"\\]|\\.)*"|[^,]*)')

PARAMETERS: dict[str, tuple[str, ...]] = {call.name: call.parameters for call in CALLS.values()}
"""Names of the registers of each call that an event is made of, as the tracepoints have them."""

_OPEN = {
    **{word: bits for word, bits in OPEN_FLAGS.items() if word != "ACCMODE"},
    **{"SYNC": 0o4000000, "TMPFILE": 0o20000000, "ASYNC": 0o20000},
}
"""perf has a word a bit, where the kernel's O_SYNC and O_TMPFILE are two."""


def _upper(names: dict[str, int]) -> dict[str, int]:
    return {name.upper(): value for name, value in names.items()}


_WORDS: dict[tuple[str, str], dict[str, int]] = {  # by call and argument; "": any call
    ("", "prot"): _upper(PROT),
    ("", "behavior"): _upper(ADVICE),
    ("", "clone_flags"): CLONE,
    ("", "dfd"): {"CWD": -100, "FDCWD": -100},
    ("", "cmd"): FCNTL,
    ("", "option"): PRCTL,
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
    ("memfd_create", "flags"): _upper(MFD),
}
_IOCTL = re.compile(r"\bcmd: \([^,()]*, (0x[0-9a-f]{1,4}), (0x[0-9a-f]{1,4}|0|[1-9]\d{0,3}),")
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
    if call == "mmap" and "fd" not in seen and values[3] & MAP_ANONYMOUS:
        values[4] = -1
    return tuple(values), unknown


_TOLD = (0, 2, 1030, 1033)
"""Commands of fcntl whose argument an event is made of."""


def _value(call: str, name: str, text: str) -> int | None:
    """A number, or names of flags joined by `|`; None where a word is not known."""
    if text.startswith('"') or text == "NULL":
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
