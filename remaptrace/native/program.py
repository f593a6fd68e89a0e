"""Between scenario steps and the runner: line programs out, expectations in.

`to_lines` writes steps in the runner's line form; `to_expectations` turns its answers into the
`expect` fields that a scenario has; `scenario_text` writes both as a scenario file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from .. import errorcodes as ec
from ..abi import mman as names
from ..abi.calls import Arg
from ..abi.prctl import PRCTL_OPTIONS
from ..errors import UsageError
from ..lateclasses import dataclass, field
from ..trace.scenario.steps import STEPS
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


def huge_size(value: Any) -> int:
    """log2 of the page size that a memfd is to have, HUGE_DEFAULT for the machine's own; 0: ordinary pages."""
    if isinstance(value, str):
        value = int(value.removesuffix("MiB")) << 20 if value.endswith("MiB") else int(value[:-3]) << 30
    if value is True:
        return names.HUGE_DEFAULT
    return int(value).bit_length() - 1 if value else 0


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
        shift = huge_size(a.get("hugetlb", 0))
        return [self.slot(a["id"]), a["pages"], int(bool(a.get("fill"))), self.made - 1, shift]

    def diskfile(self, a: dict[str, Any]) -> list[Any]:
        """A hole on a disk is read ahead by a measure of the machine's own: only whole folios written can be asked."""
        if a.get("pages", 0) and (not a.get("fill") or a["pages"] % a.get("folio", 1)):
            raise UsageError(
                ec.RT_NATIVE_STEP,
                "a file on a disk is asked with all its pages written, in folios of one size",
                found=f"pages {a['pages']}, fill {bool(a.get('fill'))}, folio {a.get('folio', 1)}".lower(),
            )
        self.made += 1
        return [
            self.slot(a["id"]),
            a.get("pages", 0),
            int(bool(a.get("fill"))),
            self.made - 1,
            a.get("folio", 1),
        ]


_Arguments = Callable[[_Writer, Any], list[Any]]


def _fields(*keys: str) -> _Arguments:
    return lambda _writer, a: [a[key] for key in keys]


def _mask(a: dict[str, Any]) -> list[Any]:
    """A node mask and its length; no mask is one of no bits."""
    return [a["nodes"] or 0, 1 if a["nodes"] is None else a["maxnode"]]


def _text(name: Any) -> Any:
    """A name as the runner reads text; null and 1 (an unreadable address) are pointers."""
    return '"' + name.encode("latin-1").hex() if isinstance(name, str) else name or 0


def _spelled(writer: _Writer, arg: Arg, given: dict[str, Any]) -> Any:
    """One argument as a number; what a step leaves out has its default."""
    value = given[arg.name] if arg.default is None else given.get(arg.name, arg.default)
    if arg.form == "prot":
        return _prot(value)
    if arg.form in ("fd", "newfd"):
        return writer.slot(value)
    if arg.form == "vmaname":
        return _text(value)
    if arg.form == "name" and isinstance(value, str):
        return (arg.words or {})[value]
    return _bits(value, arg.words) if arg.form in ("flags", "mode") and arg.words else value


def _access(a: Any) -> list[Any]:
    """Address, value, pages."""
    return [a["addr"], a.get("value", 0), a.get("pages", 0)] if isinstance(a, dict) else [a, 0, 0]


def _as_it_is(name: str) -> _Arguments:
    """The arguments of a step that the runner takes in the order of its event."""
    args = tuple(STEPS[name].fields().values())
    return lambda writer, a: [_spelled(writer, arg, a) for arg in args]


POOL_SYSCTLS = {"vm.nr_hugepages": 0, "vm.nr_overcommit_hugepages": 1}
"""The settings of the whole machine that a program may change: the runner puts them back."""

_AS_THEY_ARE = """
    mmap munmap mprotect pkey_mprotect mremap madvise mlock mlock2 munlock mlockall munlockall msync mincore
    remap_file_pages mseal vma_name home_node pkey_alloc pkey_free shmget shmat shmdt shmctl
    userfaultfd uffdio_api uffdio_register uffdio_unregister uffdio_copy uffdio_move uffdio_zeropage
    uffdio_writeprotect uffdio_continue uffdio_poison
    process_vm_readv process_vm_writev io_setup io_destroy personality
    ftruncate punch_hole fallocate pwrite pread reopen dup close seal special_file
    setrlimit fork_wait dump pages hugepages
    """.split()
_STEPS: dict[str, _Arguments] = {
    **{name: _as_it_is(name) for name in _AS_THEY_ARE},
    "memfd": lambda w, a: w.memfd(a),
    "diskfile": lambda w, a: w.diskfile(a),
    "pkru": lambda _w, a: [a.get("value", -1)],
    "brk": lambda _w, a: [a["addr"] if "addr" in a else ("brk", a.get("offset", 0))],
    "prctl": lambda _w, a: [PRCTL_OPTIONS[a["option"]], *a.get("args", ())],
    "sysctl": lambda _w, a: [POOL_SYSCTLS[a["name"]], a["value"]],
    "mbind": lambda _w, a: [
        *(a["addr"], a["length"], _bits(a["mode"], names.MPOL)),
        *(*_mask(a), _bits(a["flags"], names.MPOL_MF)),
    ],
    "set_mempolicy": lambda _w, a: [_bits(a["mode"], names.MPOL), *_mask(a)],
    "read": lambda _w, a: _access(a),
    "write": lambda _w, a: _access(a),
    "exec": lambda _w, a: _access(a),
    "fork": _fields(),
}

KNOWN = frozenset({*_STEPS, "repeat"})
_TURNING = re.compile(r"(0x[0-9a-f]+) \+ i\*(0x[0-9a-f]+)")


def _spell(argument: Any) -> str:
    if isinstance(argument, str):  # '@5+0x1000', '0x1000 + i*0x2000' inside a repeat
        turning = _TURNING.fullmatch(argument)
        return f"{turning[1]}*{turning[2]}" if turning else argument
    if isinstance(argument, tuple):  # ("brk", offset)
        return f"${argument[1]}"
    return str(argument) if argument < 0 else hex(argument & 0xFFFF_FFFF_FFFF_FFFF)


def _lines(writer: _Writer, number: int, step: Step) -> list[str]:
    """The lines of one step: of a `repeat`, those of the steps that it does."""
    name = operation(step)
    if name not in KNOWN or "pid" in step:
        raise UsageError(ec.RT_NATIVE_STEP, f"step {number} cannot be run on this kernel", found=name)
    if name == "repeat":
        inner = [line for each in step[name]["steps"] for line in _lines(writer, number, each)]
        return [f"repeat {step[name]['count']} {len(inner)}", *inner]
    return [" ".join([name, *(_spell(a) for a in _STEPS[name](writer, step[name]))])]


def operation(step: Step) -> str:
    """The name of the operation of a step."""
    return next(key for key in step if key not in ("expect", "pid"))


def _makes_shared_object(step: Step, zeros: set[str]) -> bool:
    """Whether a mapping makes a shared object of its own; `zeros` are the descriptors of /dev/zero."""
    arguments = step.get("mmap", {})
    flags = arguments.get("flags", ())
    return ("shared" in flags or "shared_validate" in flags) and (
        "anonymous" in flags or arguments.get("fd") in zeros
    )


def to_lines(steps: Iterable[Step]) -> str:
    """The steps in the runner's line form; UsageError (RT804) on one that only a simulation can do.

    Lines with ``!`` are observations that do not count as steps. Behind a `repeat` there may be more areas than can be
    looked at: none are.
    """
    writer = _Writer()
    lines = []
    zeros: set[str] = set()
    for number, step in enumerate(steps):
        lines += _lines(writer, number, step)
        if step.get("special_file", {}).get("kind") == "zero":
            zeros.add(step["special_file"]["id"])
        if _makes_shared_object(step, zeros):
            lines.append("!maps")
    many = any(line.startswith("repeat ") for line in lines)
    return "\n".join([*lines, *([] if many else ["!smaps"]), ""])


def file_slots(steps: Iterable[Step]) -> dict[int, str]:
    """Which file each of the runner's file numbers is; a reopened or dup'ed file has its first name."""
    writer = _Writer()
    first: dict[int, str] = {}
    for step in steps:
        name = operation(step)
        arguments = step[name]
        if name in ("memfd", "diskfile"):
            first[writer.slot(arguments["id"])] = arguments["id"]
        elif name in _STEPS and isinstance(arguments, dict):
            _STEPS[name](writer, arguments)
    return first
