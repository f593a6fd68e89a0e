"""Kernel presets by name, with every rule resolved along `base:`."""

from __future__ import annotations

from functools import cache

from . import presets
from .kernel import Kernel, parse_rule
from .rules import RULES


@cache
def preset_kernel(name: str) -> Kernel:
    """The preset `name`, which exists; InputError RT406 for one that is broken."""
    values = {rule.name: rule.default for rule in RULES.values()}
    origins = dict.fromkeys(values, "default")
    for origin, data in presets.chain("kernels", name):
        for key, raw in (data.get("rules") or {}).items():
            if key not in RULES:
                raise presets.unknown("RT406", f"rule in preset {origin}:", key, list(RULES))
            values[key] = parse_rule(RULES[key], raw)
            origins[key] = origin
    facts = presets.resolved("kernels", name)
    return Kernel(name, facts["about"], facts["era"], facts["series"], values, origins)


def kernel_names() -> tuple[str, ...]:
    """Names of all kernel presets."""
    return presets.names("kernels")
