"""Which system calls become which events, and how their arguments are read.

Three tables: calls whose arguments are plain numbers (`PLAIN`), calls that need a closer look (`HANDLERS`),
and calls that change an address space in ways the replay does not model (`UNMODELLED`). Calls that
`callnames` knows as harmless are only counted; what nobody knows is counted by its name as not modelled.
"""

from __future__ import annotations

import re
from functools import cache

from . import filecalls, memorycalls, taskcalls  # noqa: F401 (their handlers register themselves)
from .args import BadLine
from .callnames import CallNames
from .handlers import HANDLERS, shown, unmodelled
from .lines import split_call, unfinished
from .model import Call, Model
from .plaincalls import PLAIN, plain_call

UNMODELLED = frozenset(
    (
        b"map_shadow_stack",
        b"uselib",
        b"process_mrelease",
        b"vm86",
        b"vm86old",
        b"subpage_prot",
    )
)

MAYBE = frozenset((b"fcntl", b"fcntl64", b"ioctl", b"prctl", b"arch_prctl"))
"""Calls of which most have nothing to do with memory, as their first arguments tell."""

_FILE = rb"</[^<>]*(?:<[^<>]*>)?>|<(?:->|[^<>])*>"
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
        plain_call(model, call, plain)
        return
    handler = HANDLERS.get(call.name)
    if handler is not None:
        handler(model, call)
    else:
        unmodelled(model, call, call.name.decode())
