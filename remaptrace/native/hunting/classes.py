"""What kind of call a step is: the words that tell one class of arguments from another.

``mmap`` of private anonymous memory with MAP_FIXED_NOREPLACE over something mapped is one class, whatever its
address and length. What counts is what kernels look at: flags, what is wrong with an argument, and what is mapped
where the call goes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ...abi import mman as names
from ..answers import NativeRun
from ..program import PAGE, operation
from ..steps import Step

_TOP = 1 << 47  # TASK_SIZE of x86-64, bytes
_REFERENCE = re.compile(r"^@(\d+)(?:([+-])(0x[0-9a-fA-F]+|\d+))?$")
_PLACES = ("fixed", "fixed_noreplace")
_ACCESSES = ("read", "write", "exec")


def class_of(steps: Sequence[Step], number: int, run: NativeRun) -> str:
    """The class of the arguments of step `number`, in words; `run` tells results and areas before it."""
    step = steps[number]
    name = operation(step)
    arguments = step[name] if isinstance(step[name], dict) else {"addr": step[name]}
    look = Look(run, number)
    if name == "mmap":
        words = _mmap(arguments, look)
    elif name == "mremap":
        words = _mremap(arguments, look)
    elif name in _ACCESSES:
        words = [look.at(look.number(arguments.get("addr", 0)))]
    else:
        words = _plain(arguments, look)
    return ", ".join(w for w in words if w)


class Look:
    """The address space that a step found, as the other side told it."""

    def __init__(self, run: NativeRun, step: int) -> None:
        self.run = run
        self.areas = [] if step == 0 else run.behind.get(step - 1)

    def number(self, value: Any) -> int:
        """A number, or what an earlier step returned plus an addend."""
        if isinstance(value, int):
            return value
        match = _REFERENCE.match(str(value))
        if match is None:
            return int(str(value), 0) if str(value)[:1].isdecimal() else 0
        result = (
            self.run.expects[int(match[1])].get("result", -1) if int(match[1]) < len(self.run.expects) else -1
        )
        addend = int(match[3], 0) if match[3] else 0
        return int(result) + (-addend if match[2] == "-" else addend)

    def at(self, address: int) -> str:
        """What is mapped at an address: permissions, and whether of a file."""
        if self.areas is None:
            return ""
        for area in self.areas:
            if area["start"] <= address < area["end"]:
                return f"{area['perms']} {_object(area)}"
        return "nothing mapped"

    def over(self, address: int, length: int) -> str:
        """How much of a range is mapped."""
        if self.areas is None or length <= 0:
            return ""
        end = address + (length + PAGE - 1) // PAGE * PAGE
        inside = [a for a in self.areas if a["start"] < end and address < a["end"]]
        covered = sum(min(a["end"], end) - max(a["start"], address) for a in inside)
        if not inside:
            return "nothing mapped"
        if covered < end - address:
            return "with a hole"
        return "one area" if len(inside) == 1 else "several areas"


def _object(area: dict[str, Any]) -> str:
    file = area.get("file", "shm")  # unknown is only which shared object it is
    if not file:
        return "anonymous"
    return "heap" if file == "[heap]" else "shared object" if file.startswith("shm") else "file"


def _words(value: Any, table: dict[str, int]) -> list[str]:
    """Flags by name, in the order of the table; unknown bits as one word."""
    if isinstance(value, int):
        given = value
    else:
        given = 0
        for word in value or ():
            given |= word if isinstance(word, int) else table[str(word)]
    found, left = [], given
    for name, bits in table.items():
        if bits and given & bits == bits and name not in found:
            found.append(name)
            left &= ~bits
    return [*found, *(["unknown flags"] if left else [])]


def _wrong(address: int, length: int | None) -> list[str]:
    """What is wrong with a range whatever is mapped there."""
    found = []
    if address % PAGE:
        found.append("unaligned address")
    if length == 0:
        found.append("length 0")
    elif length is not None and (length < 0 or length > _TOP or (address % (1 << 64)) + length > _TOP):
        found.append("beyond user space")
    return found


def _mmap(a: dict[str, Any], look: Look) -> list[str]:
    flags = a["flags"]
    names_ = [str(f) for f in flags] if isinstance(flags, list) else _words(flags, names.MAP)
    known = [n for n in names_ if n in names.MAP]
    kinds = [n for n in ("private", "shared", "shared_validate") if n in known]
    what = " ".join(kinds[:1] or ["neither private nor shared"])
    what += (
        " anonymous" if "anonymous" in known else " of a closed descriptor" if a["fd"] == "bad" else " file"
    )
    address, length = look.number(a["addr"]), look.number(a["length"])
    more = [n for n in known if n not in ("private", "shared", "shared_validate", "anonymous", *_PLACES)]
    place = next((n for n in _PLACES if n in known), "")
    words = [what, *more]
    if any(n not in names.MAP for n in names_):
        words.append("unknown flags")
    wrong = _wrong(address, length)
    if isinstance(a["offset"], int) and a["offset"] % PAGE:
        wrong.append("unaligned offset")
    elif isinstance(a["offset"], int) and a["offset"] >= 1 << 40:
        wrong.append("huge offset")
    if place:
        over = look.over(address, length) if not wrong else ""
        words.append(
            place
            + (f" over {over}" if over == "nothing mapped" else " over something mapped" if over else "")
        )
    else:
        words.append("with a hint" if address else "anywhere")
    return [*words, *wrong]


def _mremap(a: dict[str, Any], look: Look) -> list[str]:
    address, old, new = (look.number(a[k]) for k in ("addr", "old_length", "new_length"))
    how = "shrinks" if new < old else "grows" if new > old else "same length"
    if old == 0:
        how = "old length 0"
    wrong = _wrong(address, old or None)
    if new == 0:
        wrong.append("new length 0")
    words = [how, " ".join(_words(a["flags"], names.MREMAP)), *wrong]
    target = look.number(a.get("new_addr", 0))
    if "fixed" in _words(a["flags"], names.MREMAP) or "dontunmap" in _words(a["flags"], names.MREMAP):
        if target % PAGE:
            words.append("unaligned target")
        elif target < address + old and address < target + new:
            words.append("onto itself")
    return [*words, look.over(address, old or 1) if not wrong else ""]


def _plain(a: dict[str, Any], look: Look) -> list[str]:
    """Calls on a range, and those on none."""
    words = []
    for key in ("advice", "flags", "prot", "mode"):
        value = a.get(key, 0)
        if isinstance(value, list):
            words.append(" ".join(v if isinstance(v, str) else f"{key} {v:#x}" for v in value))
        elif value:
            words.append(f"{key} {value:#x}" if isinstance(value, int) else f"{value}")
    if "addr" not in a:
        return words
    address = look.number(a["addr"])
    length = next((look.number(a[k]) for k in ("length", "size") if k in a), None)
    wrong = _wrong(address, length)
    return [*words, *wrong, look.over(address, length) if length is not None and not wrong else ""]
