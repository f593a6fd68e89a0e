"""How a name of prctl(PR_SET_VMA_ANON_NAME) stands in a trace: as one of its strings.

==================  ====================================================================
string              meaning
==================  ====================================================================
(empty)             NULL: take the name off
``anon:NAME``       that name; ``anon:`` alone is the empty name, which is one too
``anon@0x7f00``     a name of which the log shows the address only; equal addresses are
                    taken for equal names
``anon!EFAULT``     an address that the kernel could not read
==================  ====================================================================
"""

from __future__ import annotations

from .errnos import EFAULT

PREFIX = "anon:"
POINTER = "anon@"
UNREADABLE = "anon!EFAULT"
LONGEST = 79  # ANON_VMA_NAME_MAX_LEN without its NUL
_REFUSED = "\\`$[]"


def name_string(name: str | None) -> str:
    """The string of a name as the program gave it; None: NULL."""
    return "" if name is None else PREFIX + name


def pointer_string(pointer: int, recorded: int = 0) -> str:
    """The string of a name of which only the address and the recorded result of the call are known."""
    if recorded == -EFAULT:
        return UNREADABLE
    return f"{POINTER}{pointer & (1 << 64) - 1:#x}" if pointer else ""


def is_valid(text: str) -> bool:
    """Whether the kernel takes the name behind PREFIX (kernel/sys.c is_valid_name_char, 5.17)."""
    name = text.removeprefix(PREFIX)
    return len(name) <= LONGEST and not any(c in _REFUSED or not " " <= c <= "~" for c in name)


def shown_name(text: str, shmem: bool) -> str:
    """What /proc/PID/maps shows for a named area; ``?`` where the name itself is not known."""
    name = text.removeprefix(PREFIX) if text.startswith(PREFIX) else "?"
    return f"[{'anon_shmem' if shmem else 'anon'}:{name}]"
