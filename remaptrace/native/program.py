"""Between scenario steps and the runner: line programs out, expectations in.

`to_lines` writes steps in the runner's line form; `to_expectations` turns its answers into the
`expect` fields that a scenario has; `scenario_text` writes both as a scenario file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .. import errorcodes as ec
from ..abi import mman as names
from ..abi.prctl import PRCTL_OPTIONS
from ..abi.special import SPECIAL_KINDS
from ..errors import UsageError
from .steps import Step

CLOSED = 777
PAGE = 4096


def _prot(value: Any) -> int:
    if isinstance(value, int):
        return value
    if value == "none":
        return 0
    return sum({"r": 1, "w": 2, "x": 4}[letter] for letter in value)


def _bits(words: Any, table: dict[str, int]) -> int:
    if isinstance(words, int):
        return words
    value = 0
    for word in words:
        value |= word if isinstance(word, int) else table[str(word)]
    return value


@dataclass
class _Writer:
    """Numbers files as the runner wants them and spells arguments."""

    slots: dict[str, int] = field(default_factory=dict)
    made: int = 0

    def slot(self, name: Any) -> int:
        if name == "bad":
            return CLOSED
        if isinstance(name, int):
            return name
        return self.slots.setdefault(name, len(self.slots))

    def memfd(self, a: dict[str, Any]) -> list[Any]:
        self.made += 1
        return [self.slot(a["id"]), a["pages"], int(bool(a.get("fill"))), self.made - 1]


_Arguments = Callable[[_Writer, Any], list[Any]]


def _fields(*keys: str) -> _Arguments:
    return lambda _writer, a: [a[key] for key in keys]


def _mask(a: dict[str, Any]) -> list[Any]:
    """A node mask and its length; no mask is one of no bits."""
    return [a["nodes"] or 0, 1 if a["nodes"] is None else a["maxnode"]]


def _text(name: Any) -> Any:
    """A name as the runner reads text; null and 1 (an unreadable address) are pointers."""
    return '"' + name.encode("latin-1").hex() if isinstance(name, str) else name or 0


def _filled(w: _Writer, a: dict[str, Any], modes: dict[str, int]) -> list[Any]:
    return [w.slot(a["fd"]), a["addr"], a["length"], _bits(a["mode"], modes)]


def _moved(w: _Writer, a: dict[str, Any], modes: dict[str, int]) -> list[Any]:
    return [w.slot(a["fd"]), a["dst"], a["src"], a["length"], _bits(a["mode"], modes)]


POOL_SYSCTLS = {"vm.nr_hugepages": 0, "vm.nr_overcommit_hugepages": 1}
"""The settings of the whole machine that a program may change: the runner puts them back."""

_STEPS: dict[str, _Arguments] = {
    "memfd": lambda w, a: w.memfd(a),
    "ftruncate": lambda w, a: [w.slot(a["fd"]), a["size"]],
    "punch_hole": lambda w, a: [w.slot(a["fd"]), a["offset"], a["length"]],
    "pwrite": lambda w, a: [w.slot(a["fd"]), a["offset"], a["value"]],
    "pread": lambda w, a: [w.slot(a["fd"]), a["offset"]],
    "reopen": lambda w, a: [w.slot(a["fd"]), w.slot(a["new_fd"]), {"r": 1, "w": 2, "rw": 3}[a["mode"]]],
    "dup": lambda w, a: [w.slot(a["fd"]), w.slot(a["new_fd"])],
    "seal": lambda w, a: [w.slot(a["fd"]), _bits(a["seals"], names.SEALS)],
    "mmap": lambda w, a: [
        a["addr"], a["length"], _prot(a["prot"]), _bits(a["flags"], names.MAP), w.slot(a["fd"]), a["offset"],
    ],
    "munmap": _fields("addr", "length"),
    "mprotect": lambda _w, a: [a["addr"], a["length"], _prot(a["prot"])],
    "mremap": lambda _w, a: [
        a["addr"], a["old_length"], a["new_length"], _bits(a["flags"], names.MREMAP), a.get("new_addr", 0),
    ],
    "brk": lambda _w, a: [("brk", a["offset"])],
    "madvise": lambda _w, a: [
        a["addr"], a["length"], a["advice"] if isinstance(a["advice"], int) else names.ADVICE[a["advice"]],
    ],
    "mlock": _fields("addr", "length"),
    "mlock2": lambda _w, a: [a["addr"], a["length"], _bits(a["flags"], names.MLOCK2)],
    "munlock": _fields("addr", "length"),
    "mlockall": lambda _w, a: [_bits(a["flags"], names.MCL)],
    "munlockall": _fields(),
    "msync": lambda _w, a: [a["addr"], a["length"], _bits(a["flags"], names.MS)],
    "mincore": _fields("addr", "length"),
    "remap_file_pages": lambda _w, a: [
        a["addr"], a["size"], _prot(a["prot"]), a["pgoff"], _bits(a["flags"], names.RFP),
    ],
    "mseal": lambda _w, a: [a["addr"], a["length"], a.get("flags", 0)],
    "close": lambda w, a: [w.slot(a["fd"])],
    "vma_name": lambda _w, a: [a["addr"], a["length"], _text(a["name"])],
    "prctl": lambda _w, a: [PRCTL_OPTIONS[a["option"]], *a.get("args", ())],
    "pkey_alloc": _fields("flags", "rights"),
    "pkey_free": _fields("pkey"),
    "pkey_mprotect": lambda _w, a: [a["addr"], a["length"], _prot(a["prot"]), a["pkey"]],
    "userfaultfd": lambda w, a: [a["flags"], w.slot(a["id"])],
    "uffdio_api": lambda w, a: [w.slot(a["fd"]), _bits(a["features"], names.UFFD_FEATURES), a["version"]],
    "uffdio_register": lambda w, a: [
        w.slot(a["fd"]), a["addr"], a["length"], _bits(a["mode"], names.UFFD_MODES),
    ],
    "uffdio_unregister": lambda w, a: [w.slot(a["fd"]), a["addr"], a["length"]],
    "uffdio_copy": lambda w, a: _moved(w, a, names.UFFD_COPY_MODES),
    "uffdio_move": lambda w, a: _moved(w, a, names.UFFD_MOVE_MODES),
    "uffdio_zeropage": lambda w, a: _filled(w, a, names.UFFD_WAKE_MODES),
    "uffdio_writeprotect": lambda w, a: _filled(w, a, names.UFFD_WP_MODES),
    "uffdio_continue": lambda w, a: _filled(w, a, names.UFFD_COPY_MODES),
    "uffdio_poison": lambda w, a: _filled(w, a, names.UFFD_WAKE_MODES),
    "special_file": lambda w, a: [
        w.slot(a["id"]), SPECIAL_KINDS[a["kind"]], a.get("pages", 0), a.get("entries", 0),
    ],
    "sysctl": lambda _w, a: [POOL_SYSCTLS[a["name"]], a["value"]],
    "hugepages": _fields(),
    "mbind": lambda _w, a: [
        a["addr"], a["length"], _bits(a["mode"], names.MPOL), *_mask(a), _bits(a["flags"], names.MPOL_MF),
    ],
    "home_node": _fields("addr", "length", "node", "flags"),
    "set_mempolicy": lambda _w, a: [_bits(a["mode"], names.MPOL), *_mask(a)],
    "shmget": _fields("key", "size", "flags"),
    "shmat": lambda _w, a: [a["shmid"], a["addr"], _bits(a["flags"], names.SHM)],
    "shmdt": _fields("addr"),
    "shmctl": _fields("shmid", "command"),
    "read": lambda _w, a: [a["addr"] if isinstance(a, dict) else a],
    "write": _fields("addr", "value"),
    "exec": lambda _w, a: [a["addr"] if isinstance(a, dict) else a],
    "setrlimit": lambda _w, a: [names.RLIMITS[a["resource"]], a["soft"]],
    "fork": _fields(),
    "fork_wait": _fields(),
    "dump": _fields(),
    "pages": _fields("addr", "count"),
}  # fmt: skip

KNOWN = frozenset(_STEPS)


def _spell(argument: Any) -> str:
    if isinstance(argument, str):  # '@5+0x1000'
        return argument
    if isinstance(argument, tuple):  # ("brk", offset)
        return f"${argument[1]}"
    return str(argument) if argument < 0 else hex(argument & 0xFFFF_FFFF_FFFF_FFFF)


def operation(step: Step) -> str:
    """The name of the operation of a step."""
    return next(key for key in step if key not in ("expect", "pid"))


def _makes_shared_object(step: Step) -> bool:
    flags = step.get("mmap", {}).get("flags", ())
    return "anonymous" in flags and "shared" in flags


def to_lines(steps: Iterable[Step]) -> str:
    """The steps in the runner's line form; UsageError (RT804) on one that only a simulation can do.

    Lines with ``!`` are observations that do not count as steps.
    """
    writer = _Writer()
    lines = []
    for number, step in enumerate(steps):
        name = operation(step)
        if name not in _STEPS or "pid" in step:
            raise UsageError(ec.RT_NATIVE_STEP, f"step {number} cannot be run on this kernel", found=name)
        lines.append(" ".join([name, *(_spell(a) for a in _STEPS[name](writer, step[name]))]))
        if _makes_shared_object(step):
            lines.append("!maps")
    return "\n".join([*lines, "!smaps", ""])


def file_slots(steps: Iterable[Step]) -> dict[int, str]:
    """Which file each of the runner's file numbers is; a reopened or dup'ed file has its first name."""
    writer = _Writer()
    first: dict[int, str] = {}
    for step in steps:
        name = operation(step)
        arguments = step[name]
        if name == "memfd":
            first[writer.slot(arguments["id"])] = arguments["id"]
        elif name in _STEPS and isinstance(arguments, dict):
            _STEPS[name](writer, arguments)
    return first
