"""What a system says of itself, as a machine: the output of `sysctl -a`, and a kernel's .config.

Only lines that decide something which is simulated are used; `used` says which, so that a report can name
them. Everything else in such files has no bearing on mappings, or none that is modelled.
"""

from __future__ import annotations

import re

from ...errorcodes import RT_CONFIG
from ...errors import InputError
from ..versions.releases import preset_for
from .described import LSM_LOWEST, SYSCTLS, Described, lines_of, with_searches
from .options import arch_of, lsm_lowest_of, settings_of


def in_reach(value: str) -> str:
    """Limits as wide as ULONG_MAX less a little are none."""
    return "-1" if value.isdecimal() and int(value[:30]) >= 1 << 63 else value


def read_sysctl(path: str, lsm_lowest: int = LSM_LOWEST) -> Described:
    """Rules from lines ``name = value``; `lsm_lowest` as the kernel's .config has it.

    InputError RT408 for a file that has none of them.
    """
    settings: dict[str, str] = {}
    used: list[str] = []
    lines = 0
    for line in lines_of(path):
        name, equals, value = line.partition("=")
        lines += bool(equals)
        rule = SYSCTLS.get(name.strip().replace("/", "."))
        if rule and equals and value.strip():
            settings[rule] = in_reach(value.strip().split()[0])
            used.append(f"{name.strip()} = {value.strip()}")
    if not lines:
        raise InputError(
            RT_CONFIG, "not the output of sysctl", path, expected="lines such as vm.max_map_count = 65530"
        )
    return Described(settings=with_searches(settings, lsm_lowest), used=tuple(used))


_OPTION = re.compile(r"(?:CONFIG_(\w+)=(.*)|# CONFIG_(\w+) is not set)\s*\Z")
_WHOLE = 300
"""Options from which a .config that names its version is taken as whole: what is not in it is not set."""
_TITLE = re.compile(r"# Linux/(\S+)\s+(\d+\.\d+\S*)")


def read_config(path: str) -> Described:
    """Architecture, kernel and rules from a .config, plain or gzip (/proc/config.gz).

    InputError RT408 for a file that is none.
    """
    options: dict[str, str] = {}
    release = ""
    for line in lines_of(path):
        title = _TITLE.match(line)
        if title:
            release = title[2]
        match = _OPTION.match(line)
        if match:
            options[match[1] or match[3]] = match[2].strip('"') if match[1] else "n"
    if not options:
        raise InputError(RT_CONFIG, "not a kernel .config", path, expected="lines such as CONFIG_X86_64=y")
    used: list[str] = []

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
    return Described(
        preset_for(release) if release else None,
        arch,
        settings,
        tuple(dict.fromkeys(used)),
        options,
        _lacking(bool(release), arch, whole),
        lsm_lowest_of(options, LSM_LOWEST if not whole else 0),
    )


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
