"""The compiled readers and writers of large logs: whether they are on disk, when they are compiled, ahead or not."""

from __future__ import annotations

import os
from collections.abc import Callable

from .folders import READERS, can_compile, is_kept, known_object
from .image import MACHINES
from .shipped import is_shipped

Progress = Callable[[str, int, int], None]
"""Called with a phase, how much is done and the whole."""

_KERNEL_TEXT = ("kernellines.kernel_lines", "scan.add_name")
_STRACE = (
    "stracelex.lex_lines",
    "stracefollow.read_lines",
    "stracefollow.follow",
    "stracefollow.add_path",
    "scan.add_name",
    "blockcolumns.append_block",
)
WRITER = "writelines.write_lines"
"""What writes lines from columns."""
_PASSES = (
    *("acts.near_pairs", "acts.latest_acts", "acts.walls", "lives.count_lives"),
    *("eventrows.fill_rows", "eventrows.differences"),
)
"""What numpy does where they are not at hand."""
FUNCTIONS = tuple(dict.fromkeys((*_STRACE, *_KERNEL_TEXT, WRITER, *_PASSES)))
_MACHINES = {"strace": _STRACE, "ftrace": _KERNEL_TEXT, "perf": _KERNEL_TEXT}
"""For each recorder the compiled functions that its reader calls."""

COMPILE_FOR = {"strace": 32 << 20, "ftrace": 48 << 20, "perf": 48 << 20}
"""From how many bytes of text on even compiling its reader is worth it."""


def is_compiled(room: str, name: str) -> bool:
    """True when machine code of `name`, made from these sources, is at hand: shipped, or kept on disk."""
    return is_at_hand(room, name) or is_kept(room, name)


def is_at_hand(room: str, name: str) -> bool:
    """True when an image of `name`, made from these sources, is there to be loaded at once."""
    return is_shipped(room, name) or (os.uname().machine in MACHINES and known_object(room, name) != "")


def is_ready(recorder: str) -> bool:
    """True when the compiled reader of this recorder's text is on disk."""
    return all(is_compiled(READERS, name) for name in _MACHINES[recorder])


def pays(recorder: str, size: int) -> bool:
    """True when the compiled reader of this text is at hand, or worth compiling for `size` bytes."""
    return (size >= COMPILE_FOR[recorder] and can_compile()) or is_ready(recorder)


def will_compile(recorder: str, size: int) -> bool:
    """True when reading `size` bytes of this recorder's text begins with compiling its reader."""
    return size >= COMPILE_FOR[recorder] and can_compile() and not is_ready(recorder)


def warm() -> None:
    """Compile the readers and writers that are not on disk yet. ReplayError RT605 if one cannot be made or kept."""
    from .build import keep_object

    for name in FUNCTIONS:
        keep_object(READERS, name)
