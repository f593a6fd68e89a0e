"""What the machine that recorded was set to and built with: `record.json` and `config.gz` of a set.

Of both only what differs from the kernel that the set names is taken, so that reports do not repeat what every
such kernel does by itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ... import errorcodes as ec
from ...errors import InputError, UsageError
from ...machine.kernel import override
from ...machine.load import load_kernel
from ...machine.rules import RULES
from ...machine.system.configfiles import read_config
from ...machine.system.described import LSM_LOWEST, SYSCTLS, in_reach, with_searches
from ...machine.system.options import HUGE_PAGES_WORDS
from ...machine.versions.releases import preset_for

CONFIG = "config.gz"
"""The kernel's configuration in a set: gzip, or text as /boot/config-RELEASE is."""

_USUAL = {"max_map_count": 65530, "overcommit_memory": 0, "overcommit_ratio": 50, "legacy_va_layout": 0}
"""What every kernel sets by itself: said by nobody, it is not repeated."""
_LIMITS = {"as": "rlimit_as", "data": "data_limit"}
"""Limits of the recorder that the program inherits, and the rules that they are."""


def recorded_settings(folder: Path, release: str | None = None) -> dict[str, Any]:
    """Rules with the values that the recording machine gave them, where they are not those of its `release`.

    What was set while it ran goes before what it was built with. InputError RT326 for a record.json that is no
    object, RT408 for a config.gz that is no configuration.
    """
    built, lsm = _built(folder / CONFIG)
    running = _running(folder / "record.json", lsm)
    own = _own_values(release)
    found: dict[str, Any] = {}
    for rule, value in {**built, **running}.items():
        name, number = override(rule, value, 4096)
        usual = _USUAL.get(name, own.get(name, RULES[name].default))
        if number != usual:
            found[name] = value if RULES[name].kind == "enum" else number
    return found


def _own_values(release: str | None) -> Mapping[str, int]:
    """The rules of the kernel that the set names; empty if it names none that is known."""
    if not release:
        return {}
    try:
        return load_kernel(preset_for(release)).values
    except UsageError:  # said where the machine is made
        return {}


def _built(path: Path) -> tuple[dict[str, str], int]:
    """Rules of the configuration, and its CONFIG_LSM_MMAP_MIN_ADDR; of a set without one nothing is known."""
    if not path.is_file():
        return {}, LSM_LOWEST
    described = read_config(str(path))
    # ram and swap are of the machine, not of its configuration; huge pages at boot are what record.json says
    return {k: v for k, v in described.settings.items() if k not in ("ram", "swap")}, described.lsm_lowest


def _running(path: Path, lsm: int) -> dict[str, Any]:
    """Rules of what record.json says: sysctls, huge pages, limits that the program inherited."""
    try:
        if not path.is_file():
            return {}
        facts = json.loads(path.read_bytes())
        system = facts["system"]
        sysctls = dict(system["sysctl"])
        thp = dict(system.get("thp", {}))
        limits = dict(system.get("rlimits", {}))
        attached = bool(dict(facts.get("options", {})).get("pid"))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise InputError(
            ec.RT_SET,
            "record.json does not tell what was recorded",
            str(path),
            expected="what 'record' writes",
        ) from None
    found: dict[str, Any] = {}
    for name, value in sysctls.items():
        rule = SYSCTLS.get(name)
        if rule is not None and str(value).isdecimal():
            found[rule] = in_reach(str(value))
    if str(thp.get("enabled")) in HUGE_PAGES_WORDS:
        found["thp_enabled"] = HUGE_PAGES_WORDS[str(thp["enabled"])]
    if str(thp.get("shmem_enabled")) in RULES["thp_shmem_enabled"].choices:
        found["thp_shmem_enabled"] = str(thp["shmem_enabled"])
    for name, rule in _LIMITS.items():
        soft = limits.get(name, [None])
        if not attached and isinstance(soft, list) and soft and type(soft[0]) is int and soft[0] >= 0:
            found[rule] = str(soft[0])
    return with_searches(found, lsm)
