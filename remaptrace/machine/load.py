"""A kernel by name: a preset, or a YAML file of the user's with `base:` and the rules that differ.

base: linux-6.18        # a preset, or another such file, relative to this one
about: our fleet        # optional
rules:
  max_map_count: 262144
  thp_enabled: 2
"""

from __future__ import annotations

import os
from functools import cache

from ..errorcodes import RT_CONFIG
from ..errors import InputError
from ..lateclasses import replace
from . import presets
from .kernel import Kernel, override
from .named import kernel_names, preset_kernel
from .versions.derive import derive, release, released, stands_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


__all__ = ["is_path", "kernel_names", "load_kernel", "read_kernel_file"]

_KEYS = ("base", "about", "rules")
_DEEPEST = 16
_MOST_BYTES = 1 << 20


@cache
def load_kernel(name: str) -> Kernel:
    """The preset `name`, a kernel derived for that version, or the YAML file of that path.

    UsageError RT401 if there is none, RT408 for a bad file.
    """
    if is_path(name):
        return read_kernel_file(name)
    known = kernel_names()
    if name not in known:
        if f"linux-{name}" in known:  # 2.6.20, 6.18
            return preset_kernel(f"linux-{name}")
        numbers = release(name)
        if numbers is not None and released(numbers):
            found = stands_for(name)
            return load_kernel(found) if found in known else derive(name)
        raise presets.unknown("RT401", "kernel", name, list(known))
    return preset_kernel(name)


def is_path(name: str) -> bool:
    """True for a name that can only be a file: it has a folder or a YAML ending."""
    return "/" in name or name.endswith((".yaml", ".yml"))


def read_kernel_file(path: str, depth: int = 0) -> Kernel:
    """The kernel that the file describes; its name is the file's without the ending.

    InputError RT408 for what is no such file, UsageError RT403 and RT404 for rules as in `override`.
    """
    if depth > _DEEPEST:
        raise InputError(RT_CONFIG, "`base` leads in a circle", path)
    data = _mapping(path)
    for key in data:
        if key not in _KEYS:
            raise InputError(
                RT_CONFIG,
                f"unknown key {key!r}",
                path,
                found=str(key),
                expected=presets.suggest(str(key), list(_KEYS)),
            )
    base = data.get("base")
    if not isinstance(base, str):
        raise InputError(
            RT_CONFIG, "`base` is missing", path, expected="the name of a preset, such as linux-6.18"
        )
    below = _base(path, base, depth)
    rules = data.get("rules") or {}
    if not isinstance(rules, dict):
        raise InputError(RT_CONFIG, "`rules` must be a mapping", path, expected="rule: value")
    changed = dict(override(str(k), v, 4096) for k, v in rules.items())
    return replace(
        below,
        name=os.path.splitext(os.path.basename(path))[0],
        about=str(data.get("about") or f"{below.name} with the rules of {path}"),
        values={**below.values, **changed},
        origins={**below.origins, **dict.fromkeys(changed, path)},
        release=below.release or below.name,
    )


def _base(path: str, base: str, depth: int) -> Kernel:
    if not is_path(base):
        return load_kernel(base)
    return read_kernel_file(os.path.join(os.path.dirname(path), base), depth + 1)


def _mapping(path: str) -> dict[Any, Any]:
    import yaml

    try:
        with open(path, "rb") as file:
            data = yaml.load(file.read(_MOST_BYTES), Loader=yaml.SafeLoader)
    except OSError as error:
        raise InputError(RT_CONFIG, f"cannot be read: {error.strerror}", path) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        line = mark.line + 1 if mark else 0
        raise InputError(RT_CONFIG, str(problem), path, line, mark.column + 1 if mark else 0) from None
    if not isinstance(data, dict):
        raise InputError(RT_CONFIG, "a kernel file must be a mapping", path, expected="base: and rules:")
    return data
