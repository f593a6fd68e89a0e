"""Values in a scenario: what a field of each kind accepts, and the number it means.

A converter gets the value as YAML gave it (int, bool, None, str, list) and returns an int, or an
int64 array with one value for each turn of the loops around the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ... import errorcodes as ec
from ...abi import vmanames
from ...abi.calls import Arg as Field
from ...abi.mman import HUGE_DEFAULT, HUGE_SIZE_SHIFT, PROT
from ...patterns import IGNORECASE, pattern
from ...sizes import parse_size
from .steps import SYSCTLS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    import numpy as np
    import numpy.typing as npt

    from .build import Builder

    Value: TypeAlias = int | npt.NDArray[np.int64]

_REFERENCE = pattern(r"@(\w+)(?:([+-])(0[xX][0-9a-fA-F]+|0|[1-9]\d*))?\Z")
_LETTERS = {
    "".join(p): sum({"r": 1, "w": 2, "x": 4}[c] for c in p)
    for p in ("r", "w", "x", "rw", "wr", "rx", "xr", "wx", "xw", "rwx", "rxw", "wrx", "wxr", "xrw", "xwr")
}
_SHIFTED = pattern(r"(\d{1,2}) ?<< ?(?:map|mfd|shm)_huge_shift\Z", IGNORECASE)
_WORD = pattern(r"[A-Za-z_]\w*\Z")
_KERNELS_PREFIX = pattern(
    r"(?:UFFDIO_(?:\w+_)?MODE|UFFD_FEATURE|UFFD|MPOL_MF|MPOL_F|MPOL|FALLOC_FL|F_SEAL|PKEY|PROT|MAP|MADV|MREMAP|MLOCK"
    r"|MCL|MS|MFD|SHM|PR|RLIMIT)_(\w+)\Z"
)
_COMMENT = pattern(r"\s*/\*[^*]*\*/")
_NUMBER = pattern(r"(?:0[xX][0-9a-fA-F]+|[1-9]\d*|0)\Z")
_LAST_NODE = 61  # the highest bit of a mask here; nodes from there on are on no machine
_MOST_NODES = 1024  # of a kernel's MAX_NUMNODES


class Problem(Exception):
    """Something wrong in a scenario, before its line and column are known.

    `path` leads to the value from the step or the document: keys and list positions; a last element
    `Key(k)` means the key itself.
    """

    def __init__(self, code: str, problem: str, path: Iterable[Any] = (), expected: str = "") -> None:
        super().__init__(problem)
        self.code = code
        self.problem = problem
        self.path: tuple[Any, ...] = tuple(path)
        self.expected = expected

    def within(self, *path: Any) -> Problem:
        """This problem with `path` put before its own."""
        self.path = (*path, *self.path)
        return self


class Key(str):
    """A last path element that means the key, not its value."""

    __slots__ = ()


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """``a, b, ... (did you mean 'b'?)`` for an expected list; the nearest name is guessed."""
    import difflib

    known = list(choices)
    near = difflib.get_close_matches(word, known, 1, 0.6)
    listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return listed + (f" (did you mean '{near[0]}'?)" if near else "")


def number(b: Builder, value: Any, field: Field) -> Value:
    """A number: as it is, with a unit, or an expression; or one of the field's words."""
    if field.words and type(value) is str and value in field.words:
        return field.words[value]
    if field.most is not None:
        return _bounded(b, value, field, field.most)
    if type(value) is int:
        if -(1 << 63) <= value < 1 << 64:
            return value
        raise Problem(ec.RT_VALUE, f"{field.name} does not fit 64 bits", (field.name,), "at most 2^64 - 1")
    if type(value) is str:
        size = parse_size(value) if value[:1].isdecimal() else None
        if size is not None and size < 1 << 64:
            return size
        return b.expression(value, field.name)
    raise Problem(
        ec.RT_VALUE,
        f"{field.name} must be a number, not {_kind_of(value)}",
        (field.name,),
        "a number of bytes (4096, 0x1000, 4KiB) or an expression",
    )


def _bounded(b: Builder, value: Any, field: Field, most: int) -> Value:
    """A number of at most `most`, in every turn."""
    result = number(b, value, field._replace(most=None))
    if (result if isinstance(result, int) else int(result.min(initial=0))) < 0:
        raise Problem(ec.RT_VALUE, f"{field.name} is negative", (field.name,), "0 or more")
    if (result if isinstance(result, int) else int(result.max(initial=0))) > most:
        raise Problem(ec.RT_LIMIT, f"{field.name} is too large", (field.name,), f"at most {most:,}")
    return result


def address(b: Builder, value: Any, field: Field) -> Value:
    """A number, or a reference '@N+0x1000' that the replay resolves (0 stands here)."""
    if type(value) is int and 0 <= value < 1 << 64:
        return value
    if type(value) is str and value.startswith("@"):
        match = _REFERENCE.match(value)
        if not match:
            raise Problem(
                ec.RT_REFERENCE,
                f"'{value}' is not a reference",
                (field.name,),
                "'@5', '@5+0x1000', '@5-4096', or '@name' of a step with `as: name`",
            )
        addend = int(match[3], 0) if match[3] else 0
        b.refer(match[1], -addend if match[2] == "-" else addend, field.name)
        return 0
    return number(b, value, field)


def protection(b: Builder, value: Any, field: Field) -> Value:
    """Letters of rwx, `none`, the kernel's words (read, growsdown), or a number."""
    if type(value) is list:
        total: Value = 0
        for i, item in enumerate(value):
            total = total | _flag(b, item, field, PROT, (field.name, i))
        return total
    if type(value) is str:
        bits = _LETTERS.get(value, PROT.get(value))
        if bits is None:
            bits = _joined(value, PROT | _LETTERS)
        if bits is not None:
            return bits
        if b.knows(value):
            return b.expression(value, field.name)
        raise Problem(
            ec.RT_NAME,
            f"unknown protection '{value}'",
            (field.name,),
            "letters of rwx, none, or a number",
        )
    return number(b, value, field)


def flags(b: Builder, value: Any, field: Field) -> Value:
    """A list of names and numbers, one name, or a number."""
    table = field.words or {}
    if type(value) is list:
        total: Value = 0
        for i, item in enumerate(value):
            total = total | _flag(b, item, field, table, (field.name, i))
        return total
    return _flag(b, value, field, table, (field.name,))


def _known(word: str, table: dict[str, int]) -> int | None:
    """The bits of one word: a name of the table, with the kernel's prefix, too; None: not known."""
    bits = table.get(word)
    if bits is None:
        kernels = _KERNELS_PREFIX.match(word)
        bits = table.get(kernels[1].lower()) if kernels else None
    if bits is None and word in ("file", "MAP_FILE"):
        return 0  # what tracers write for flags without a word
    return bits


def _joined(value: str, table: dict[str, int]) -> int | None:
    """The bits of `a|b|0x4 /* ??? */`, as tracers write them; None: something in it is not known."""
    total = 0
    for word in _COMMENT.sub("", value).split("|"):
        bits = _known(word, table)
        if bits is None and _NUMBER.match(word):
            bits = int(word, 0)
        if bits is None or bits >= 1 << 64:
            return None
        total |= bits
    return total


def _flag(b: Builder, value: Any, field: Field, table: dict[str, int], path: tuple[Any, ...]) -> Value:
    if type(value) is int and -(1 << 63) <= value < 1 << 64:
        return value
    if type(value) is str:
        bits = _known(value, table)
        if bits is not None:
            return bits
        if "|" in value or "/*" in value:
            bits = _joined(value, table)
            if bits is not None:
                return bits
        shifted = _SHIFTED.match(value)
        if shifted:
            return int(shifted[1]) << HUGE_SIZE_SHIFT
        if b.knows(value):
            return b.expression(value, field.name)
        raise Problem(
            ec.RT_NAME,
            f"unknown {field.name.removesuffix('s')} '{value}' in {b.step_name}",
            path,
            "one of: " + did_you_mean(value, table),
        )
    raise Problem(
        ec.RT_VALUE, f"{field.name} must be names or numbers, not {_kind_of(value)}", path, "[shared, fixed]"
    )


def name(b: Builder, value: Any, field: Field) -> Value:
    """One name of the field's table, or a number."""
    return _flag(b, value, field, field.words or {}, (field.name,))


def truth(_b: Builder, value: Any, field: Field) -> Value:
    """true or false."""
    if type(value) is bool:
        return int(value)
    raise Problem(
        ec.RT_VALUE,
        f"{field.name} must be true or false, not {_kind_of(value)}",
        (field.name,),
        "true, false",
    )


def limit(b: Builder, value: Any, field: Field) -> Value:
    """A number of bytes, or `unlimited` (-1)."""
    return -1 if value == "unlimited" else number(b, value, field)


def descriptor(b: Builder, value: Any, field: Field) -> Value:
    """A file by its id, `bad`, or a number."""
    if type(value) is int and -(1 << 63) <= value < 1 << 64:
        return value
    if type(value) is str:
        return b.descriptor(value, field.name)
    raise Problem(
        ec.RT_VALUE, f"{field.name} must be a file, not {_kind_of(value)}", (field.name,), "an id, -1 or bad"
    )


def new_descriptor(b: Builder, value: Any, field: Field) -> Value:
    """The id of a file or descriptor that the step makes."""
    if type(value) is str and _WORD.match(value) and value != "bad":
        return b.new_descriptor(value)
    raise Problem(
        ec.RT_VALUE,
        f"{field.name} must be a name for the file",
        (field.name,),
        "letters, digits and _; not bad",
    )


def text(b: Builder, value: Any, field: Field) -> Value:
    """Words for reports."""
    if type(value) in (str, int):
        return b.string(str(value))
    raise Problem(ec.RT_VALUE, f"{field.name} must be text", (field.name,), "a name")


def vma_name(b: Builder, value: Any, field: Field) -> Value:
    """A name for memory, null for none, or a number: an address that cannot be read."""
    if value is None or type(value) is str:
        return b.string(vmanames.name_string(value))
    if type(value) is int and 0 <= value < 1 << 64:
        return b.string(vmanames.UNREADABLE if value else "")
    raise Problem(
        ec.RT_VALUE, f"{field.name} must be text or null, not {_kind_of(value)}", (field.name,), "heap, null"
    )


def huge_size(b: Builder, value: Any, field: Field) -> Value:
    """A page size in bytes (2MiB), or true: log2 of it, HUGE_DEFAULT for the machine's own."""
    if type(value) is bool:
        return HUGE_DEFAULT if value else 0
    size = number(b, value, field)
    if isinstance(size, int) and size > 1 and size & (size - 1) == 0:
        return size.bit_length() - 1
    raise Problem(ec.RT_VALUE, f"{field.name} must be a size of pages", (field.name,), "2MiB, 1GiB or true")


def four_numbers(_b: Builder, value: Any, field: Field) -> Value:
    """The arguments of prctl behind its option: checked here, taken by the builder."""
    if type(value) is list and len(value) <= 4:
        if all(type(v) is int and -(1 << 63) <= v < 1 << 64 for v in value):
            return 0
    raise Problem(ec.RT_VALUE, f"{field.name} must be up to four numbers", (field.name,), "[1, 0, 0, 0]")


def node_mask(b: Builder, value: Any, field: Field) -> Value:
    """NUMA nodes as a list of their numbers, a mask, or null."""
    if value is None:
        return 0
    if type(value) is list:
        if all(type(v) is int and 0 <= v < _MOST_NODES for v in value):
            return sum(1 << v for v in {min(int(v), _LAST_NODE) for v in value})
        raise Problem(
            ec.RT_VALUE,
            f"{field.name} must be numbers of nodes",
            (field.name,),
            f"[0, 1], each below {_MOST_NODES}",
        )
    return number(b, value, field)


def sysctl(_b: Builder, value: Any, field: Field) -> Value:
    """The number of the rule that a sysctl sets."""
    from ...machine.rules import RULES

    if type(value) is str and value in SYSCTLS:
        return RULES[SYSCTLS[value]].index
    raise Problem(
        ec.RT_NAME,
        f"unknown sysctl '{value}'",
        (field.name,),
        "one of: " + did_you_mean(str(value), SYSCTLS),
    )


def _kind_of(value: Any) -> str:
    kinds = {str: f"'{value}'", bool: str(value).lower(), list: "a list", dict: "a mapping", int: str(value)}
    return kinds.get(type(value), "nothing")


CONVERTERS: dict[str, Callable[[Builder, Any, Field], Value]] = {
    "int": number,
    "addr": address,
    "prot": protection,
    "flags": flags,
    "mode": flags,
    "name": name,
    "bool": truth,
    "limit": limit,
    "fd": descriptor,
    "newfd": new_descriptor,
    "text": text,
    "vmaname": vma_name,
    "sysctl": sysctl,
    "nodes": node_mask,
    "four": four_numbers,
    "hugesize": huge_size,
}
