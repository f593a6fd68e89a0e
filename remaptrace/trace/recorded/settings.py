"""What the machine that recorded was set to: `record.json` of a set made by `remaptrace record`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ... import errorcodes as ec
from ...errors import InputError
from ...machine.rules import RULES
from ...machine.system.described import SYSCTLS

_USUAL = {"max_map_count": 65530, "overcommit_memory": 0, "overcommit_ratio": 50, "legacy_va_layout": 0}
"""What every kernel sets by itself: said by nobody, it is not repeated."""
_NOT_TAKEN = ("mmap_min_addr",)  # a kernel's own default, which differs between them


def recorded_settings(path: Path) -> dict[str, Any]:
    """Rules with the values that the recording machine's sysctls gave them, where they are not the usual ones.

    InputError RT326 for a file that is no object.
    """
    try:
        if not path.is_file():
            return {}
        facts = json.loads(path.read_bytes())
        sysctls = facts["system"]["sysctl"]
        items = dict(sysctls).items()
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise InputError(
            ec.RT_SET,
            "record.json does not tell what was recorded",
            str(path),
            expected="what 'record' writes",
        ) from None
    settings: dict[str, Any] = {}
    for name, value in items:
        rule = SYSCTLS.get(name)
        if rule is None or rule in _NOT_TAKEN or not str(value).isdigit():
            continue
        if int(value) != _USUAL.get(rule, RULES[rule].default) and int(value) < 1 << 31:
            settings[rule] = int(value)
    return settings
