"""Boot parameters as settings: /proc/cmdline, or its text (Documentation/admin-guide/kernel-parameters.txt)."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable

from ...errorcodes import RT_CONFIG
from ...errors import InputError, UsageError
from ...sizes import parse_size
from ..kernel import parse_rule
from ..rules import RULES
from .described import COMMON_HUGE_PAGE, LSM_LOWEST, SYSCTLS, Described, in_reach, lines_of, with_searches
from .hugepools import HugePools, sized
from .options import HUGE_PAGES_WORDS

_SHMEM = ("always", "within_size", "advise", "never", "deny", "force")
_LONG_ENOUGH = 6
"""Letters from which a word that nearly is a parameter is taken for a slip."""

NOT_SIMULATED = {
    "ia32_emulation": "whether there are 32-bit processes: recordings show them",
    "kernelcore": "which memory can be moved",
    "maxcpus": "processors at boot",
    "memmap": "which RAM there is: --set ram",
    "movablecore": "which memory can be moved",
    "noexec": "whether pages can be kept from being executed",
    "noexec32": "whether pages can be kept from being executed",
    "nr_cpus": "most possible processors: --set possible_cpus",
    "thp_anon": "huge pages of other sizes",
    "thp_shmem": "huge pages of other sizes",
    "transparent_hugepage_tmpfs": "huge pages of files in tmpfs",
    "hugetlb_cma": "huge pages that are found when they are asked for",
    "vdso": "areas behind exec: a recording's maps show them",
    "vdso32": "areas behind exec: a recording's maps show them",
}
"""Parameters that decide something about mappings and nothing that is simulated: what."""


def read_cmdline(given: str, lsm_lowest: int = LSM_LOWEST, huge: int = COMMON_HUGE_PAGE) -> Described:
    """Settings of the boot parameters in a file, or in `given` itself. InputError RT408 for a value that is none.

    `huge`: bytes of the architecture's common huge page. Parameters that decide nothing that is simulated are
    passed over; those that decide what is not simulated are named (`unlike`).
    """
    text = " ".join(lines_of(given)) if os.path.exists(given) else given
    settings: dict[str, str] = {}
    used: list[str] = []
    unlike: list[str] = []
    pools = HugePools(huge)
    for word in _words(text):
        name, _, value = word.partition("=")
        name = name.replace("-", "_")
        if name in ("default_hugepagesz", "hugepagesz"):
            pools.size(_size(given, word, value), name != "hugepagesz")
            continue
        if name == "hugepages":
            if not pools.count(_pages(given, word, value)):
                unlike.append(f"{word} (a kernel ignores it: it follows no size of its own)")
            continue
        if name.startswith("sysctl."):
            found = _sysctl(given, word, name[7:].replace("/", "."), value)
        else:
            take = _TAKEN.get(name)
            found = take(given, word, value) if take else {}
            unlike += _unlike(word, name)
        if found:
            settings.update(found)
            used.append(word)
    _take_pools(pools, huge, settings, used, unlike)
    return Described(settings=with_searches(settings, lsm_lowest), used=tuple(used), unlike=tuple(unlike))


def _take_pools(
    pools: HugePools, huge: int, settings: dict[str, str], used: list[str], unlike: list[str]
) -> None:
    if pools.default != huge:
        unlike.append(f"default_hugepagesz={sized(pools.default)} (MAP_HUGETLB is taken for {sized(huge)})")
    for size, pages in pools.pools().items():
        if size == huge:
            settings["nr_hugepages"] = str(pages)
            used.append(f"hugepages={pages} of {sized(size)}")
        elif pages:
            unlike.append(f"{pages} huge pages of {sized(size)} (that pool is taken to be empty)")


def _sysctl(path: str, word: str, name: str, value: str) -> dict[str, str]:
    rule = SYSCTLS.get(name)
    if rule is None:
        return {}
    try:
        parse_rule(RULES[rule], in_reach(value))
    except UsageError as error:
        raise _bad(path, word, error.expected) from None
    return {rule: in_reach(value)}


def _unlike(word: str, name: str) -> list[str]:
    """What a parameter decides that is not simulated, or which one a mistyped word may be meant for."""
    if word.startswith("numa=fake"):
        return [f"{word} (nodes that CONFIG_NUMA_EMU makes: --set nodes)"]
    if name in NOT_SIMULATED:
        return [f"{word} ({NOT_SIMULATED[name]})"]
    if name in _TAKEN or len(name) < _LONG_ENOUGH:
        return []
    near = difflib.get_close_matches(name, [*_TAKEN, *NOT_SIMULATED, "hugepages", "hugepagesz"], 1, 0.88)
    return [f"{word} (not known; did you mean {near[0]}?)"] if near else []


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


def _pages(path: str, word: str, value: str) -> int:
    """Huge pages in all, or node by node (0:3,1:4; 5.16)."""
    if ":" not in value:
        return _number(path, word, value)
    total = 0
    for part in value.split(","):
        node, colon, pages = part.partition(":")
        if not colon or not node.isdecimal():
            raise _bad(path, word, "a number, or NODE:NUMBER,...")
        total += _number(path, word, pages)
    return total


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
