"""Boot parameters as settings: /proc/cmdline, or its text (Documentation/admin-guide/kernel-parameters.txt)."""

from __future__ import annotations

import os
from collections.abc import Callable

from ...errorcodes import RT_CONFIG
from ...errors import InputError
from ...sizes import parse_size
from .described import LSM_LOWEST, SYSCTLS, Described, lines_of, with_searches
from .options import HUGE_PAGES_WORDS

_SHMEM = ("always", "within_size", "advise", "never", "deny", "force")
_HUGE = 2 << 20


def read_cmdline(given: str, lsm_lowest: int = LSM_LOWEST) -> Described:
    """Settings of the boot parameters in a file, or in `given` itself. InputError RT408 for a value that is none.

    Parameters that decide nothing that is simulated are passed over.
    """
    text = " ".join(lines_of(given)) if os.path.exists(given) else given
    settings: dict[str, str] = {}
    used: list[str] = []
    size = _HUGE
    for word in _words(text):
        name, _, value = word.partition("=")
        name = name.replace("-", "_")
        if name in ("default_hugepagesz", "hugepagesz"):
            size = _size(given, word, value)
            continue
        if name == "hugepages":
            if size != _HUGE:  # another pool than that of the processor's common huge pages
                continue
            found = {"nr_hugepages": str(_number(given, word, value))}
        elif name.startswith("sysctl."):
            rule = SYSCTLS.get(name[7:].replace("/", "."))
            found = {rule: value} if rule else {}
        else:
            take = _TAKEN.get(name)
            found = take(given, word, value) if take else {}
        if found:
            settings.update(found)
            used.append(word)
    return Described(settings=with_searches(settings, lsm_lowest), used=tuple(used))


def _words(text: str) -> list[str]:
    """Parameters, where quotes keep blanks; what stands behind ``--`` is init's."""
    words: list[str] = []
    part, quoted = "", False
    for letter in text.strip() + " ":
        if letter == '"':
            quoted = not quoted
        elif letter.isspace() and not quoted:
            if part == "--":
                break
            if part:
                words.append(part)
            part = ""
        else:
            part += letter
    return words


def _number(path: str, word: str, value: str) -> int:
    if value.isascii() and value.isdecimal() and len(value) < 16:
        return int(value)
    raise _bad(path, word, "a number")


def _size(path: str, word: str, value: str) -> int:
    size = parse_size(value)
    if size is None or size <= 0:
        raise _bad(path, word, "a size such as 2M")
    return size


def _bad(path: str, word: str, expected: str) -> InputError:
    return InputError(RT_CONFIG, f"boot parameter {word} cannot be read", "--cmdline", expected=expected)


def _thp(path: str, word: str, value: str) -> dict[str, str]:
    if value not in HUGE_PAGES_WORDS:
        raise _bad(path, word, ", ".join(HUGE_PAGES_WORDS))
    return {"thp_enabled": HUGE_PAGES_WORDS[value]}


def _thp_shmem(path: str, word: str, value: str) -> dict[str, str]:
    if value not in _SHMEM:
        raise _bad(path, word, ", ".join(_SHMEM))
    return {"thp_shmem_enabled": value}


def _ram(path: str, word: str, value: str) -> dict[str, str]:
    if "@" in value or value in ("nopentium", ""):
        return {}
    return {"ram": str(_size(path, word, value))}


def _switch(on: dict[str, str], off: dict[str, str]) -> Callable[[str, str, str], dict[str, str]]:
    def take(path: str, word: str, value: str) -> dict[str, str]:
        return off if value.lower() in ("0", "n", "no", "off", "false") else on

    return take


_TAKEN: dict[str, Callable[[str, str, str], dict[str, str]]] = {
    "transparent_hugepage": _thp,
    "transparent_hugepage_shmem": _thp_shmem,
    "stack_guard_gap": lambda path, word, value: {"stack_guard_gap": str(_number(path, word, value))},
    "mem": _ram,
    "norandmaps": lambda *_: {"randomize_va_space": "0"},
    "nopku": lambda *_: {"pkeys": "0"},
    "numa": lambda path, word, value: {"nodes": "1"} if value == "off" else {},
    "possible_cpus": lambda path, word, value: {"possible_cpus": str(_number(path, word, value))},
    "nosmp": lambda *_: {"possible_cpus": "1"},
    "secretmem.enable": _switch({"secretmem": "yes"}, {"secretmem": "no"}),
}
