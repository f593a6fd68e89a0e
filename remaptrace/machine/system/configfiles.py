"""What a system says of itself, as a machine: the output of `sysctl -a`, and a kernel's .config.

Only lines that decide something which is simulated are used; `used` says which, so that a report can name
them. Everything else in such files has no bearing on mappings, or none that is modelled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...errorcodes import RT_CONFIG
from ...errors import InputError, UsageError
from ..kernel import parse_rule
from ..load import load_kernel
from ..rules import RULES
from ..versions.derive import replacement, stands_for
from ..versions.releases import preset_for
from .described import LSM_LOWEST, SYSCTLS, UNLIKE_SYSCTLS, Described, in_reach, lines_of, with_searches
from .options import arch_of, lsm_lowest_of, settings_of
from .otherwise import contradiction, otherwise, stranger

_SAID = re.compile(r"(?:/proc/sys/)?([a-z][\w./-]*)\s*[=:](.*)")
"""A line of `sysctl -a`, or of `grep . /proc/sys/vm/*`."""


def read_sysctl(
    path: str, lsm_lowest: int = LSM_LOWEST, before: Mapping[str, str] | None = None
) -> Described:
    """Rules from lines ``name = value``; `lsm_lowest` as the kernel's .config has it; `before`: of earlier files.

    InputError RT408 for a file that has none of them, and for a value that no kernel takes.
    """
    settings: dict[str, str] = {}
    used: list[str] = []
    unlike: list[str] = []
    lines = 0
    for number, line in enumerate(lines_of(path), 1):
        said = _SAID.fullmatch(line.strip())
        if said is None or ("=" not in line and "/proc/sys/" not in line):
            continue
        lines += 1
        name, value = said[1].replace("/", "."), said[2].split()
        rule = SYSCTLS.get(name)
        if value and name in UNLIKE_SYSCTLS and value[0] != UNLIKE_SYSCTLS[name][0]:
            unlike.append(f"{name} = {value[0]} ({UNLIKE_SYSCTLS[name][1]})")
        if rule is None or not value:
            continue
        setting = in_reach(value[0])
        _taken_by_a_kernel(rule, setting, f"{name} = {value[0]}", path, number)
        earlier = settings.get(rule, (before or {}).get(rule))
        settings[rule] = setting
        other = f" (in place of {earlier})" if earlier not in (None, setting) else ""
        used.append(f"{name} = {value[0]}{other}")
    if not lines:
        raise InputError(
            RT_CONFIG, "not the output of sysctl", path, expected="lines such as vm.max_map_count = 65530"
        )
    return Described(settings=with_searches(settings, lsm_lowest), used=tuple(used), unlike=tuple(unlike))


def _taken_by_a_kernel(rule: str, value: str, said: str, path: str, line: int) -> None:
    try:
        parse_rule(RULES[rule], value)
    except UsageError as error:
        text = f"{said}: no kernel has this value"
        raise InputError(RT_CONFIG, text, path, line, found=value, expected=error.expected) from None


_OPTION = re.compile(r"(?:CONFIG_(\w+)=(.*)|# CONFIG_(\w+) is not set)\s*\Z")
_WHOLE = 300
"""Options from which a .config that names its version is taken as whole: what is not in it is not set."""
_TITLE = re.compile(r"# Linux(?:/\S+| kernel version:)\s+(\d+\.\d+\S*)")
"""``# Linux/x86 6.1.55 Kernel Configuration``; until 2.6.37 ``# Linux kernel version: 2.6.32``."""


def read_config(path: str) -> Described:
    """Architecture, kernel and rules from a .config, plain or gzip (/proc/config.gz).

    InputError RT408 for a file that is none.
    """
    options: dict[str, str] = {}
    release = ""
    again: list[str] = []
    for line in lines_of(path):
        title = _TITLE.match(line)
        if title:
            release = title[1]
        match = _OPTION.match(line)
        if match:
            name, value = match[1] or match[3], match[2].strip('"') if match[1] else "n"
            if options.get(name, value) != value:  # the last one holds, as in scripts/kconfig
                again.append(f"CONFIG_{name}={value} after CONFIG_{name}={options[name]}")
            options[name] = value
    if not options:
        raise InputError(RT_CONFIG, "not a kernel .config", path, expected="lines such as CONFIG_X86_64=y")
    wrong = contradiction(options)
    if wrong:
        raise InputError(RT_CONFIG, f"no kernel has this configuration: {wrong}", path)
    used: list[str] = list(again)

    def on(name: str) -> bool:
        """Whether the option is set; noted as used if it is."""
        if options.get(name, "n") in ("n", ""):
            return False
        used.append(f"CONFIG_{name}={options[name]}")
        return True

    arch = arch_of(on)
    version = re.match(r"(\d{1,4})\.(\d{1,4})", release)
    whole = version is not None and len(options) >= _WHOLE
    settings = settings_of(options, on, (int(version[1]), int(version[2])) if version else None, whole)
    if release:
        used.insert(0, f"Linux {release}")
    kernel = preset_for(release) if release else None
    return Described(
        kernel,
        arch,
        settings,
        tuple(dict.fromkeys(used)),
        options,
        _lacking(bool(release), arch, whole),
        (*otherwise(options, arch), *_of_a_distribution(release, kernel)),
        _needs(release, kernel, stranger(options)),
        lsm_lowest_of(options, LSM_LOWEST if not whole else 0),
    )


def _of_a_distribution(release: str, kernel: str | None) -> list[str]:
    """What a release does not tell of its kernel: an update, or what a distribution took over."""
    said = replacement(release, load_kernel(kernel)) if kernel is not None and stands_for(release) else ""
    return [said] if said else []


def _needs(release: str, kernel: str | None, stranger: str) -> dict[str, str]:
    """Options without which the configuration would be replayed on a machine that it is not of."""
    needs = {}
    updates = kernel is not None and re.match(rf"{re.escape(kernel.removeprefix('linux-'))}(?!\d)", release)
    if kernel is not None and not updates and stands_for(release) is None:
        needs["--kernel"] = f"Linux {release} is not described and cannot be derived"
    if stranger:
        needs["--arch"] = f"{stranger}: the architecture is not described"
    return needs


def _lacking(has_version: bool, arch: str | None, whole: bool) -> str:
    """What a .config does not tell: a defconfig holds what differs from the defaults of Kconfig alone."""
    if whole and arch is not None:
        return ""
    missing = [] if has_version else ["no version (--kernel names it)"]
    missing += [] if arch is not None else ["no architecture (--arch names it)"]
    if not whole:
        missing.append(
            "not every option, as in a defconfig: what is not in it is taken as the kernel's preset has it"
        )
    return ", ".join(missing)
