"""Kernels: a value for every rule, with the origin of each."""

from __future__ import annotations

from collections.abc import Mapping

from ..errorcodes import RT_USAGE
from ..errors import UsageError
from ..lateclasses import dataclass
from ..sizes import parse_size
from . import presets
from .rules import RULES, Rule
from .system.described import with_searches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


PAGES_OF = {"ram": "ram_pages", "swap": "swap_pages"}
"""Overrides given as sizes ("64M"); the rule counts pages."""

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_INT64 = 1 << 63


@dataclass(frozen=True)
class Kernel:
    """A named set of rules. `values` has every rule; `origins` says which file or override set it."""

    name: str
    about: str
    era: str  # "2.6" or "modern": which family of PTE words its architectures use
    series: str  # support for protections in file PTEs: plain, rfp2007, rfp2005, intended
    values: Mapping[str, int]
    origins: Mapping[str, str]
    release: str = ""  # of a kernel file: the kernel at the bottom of its bases; "": `name`


def parse_rule(rule: Rule, raw: Any) -> int:
    """The number for a value as YAML or --set give it; UsageError RT404 if it makes no sense."""
    text = str(raw).strip()
    low = text.lower()
    if rule.kind == "enum":
        if low in rule.choices:
            return rule.choices.index(low)
        raise _bad(rule, text, "one of: " + ", ".join(rule.choices))
    if rule.kind == "bool":
        if low in _TRUE + _FALSE:
            return 1 if low in _TRUE else 0
        raise _bad(rule, text, "yes or no")
    value = parse_size(text)
    if value is None or not -_INT64 <= value < _INT64:
        raise _bad(rule, text, "an integer of 64 bits, such as 65530, 0x10000, 64KiB, -1 or unlimited")
    if rule.least is not None and not rule.least <= value <= (_INT64 if rule.most is None else rule.most):
        raise _bad(
            rule, text, f"{rule.least} and more" if rule.most is None else f"{rule.least} to {rule.most}"
        )
    return value


def _bad(rule: Rule, found: str, expected: str) -> UsageError:
    return UsageError("RT404", f"rule {rule.name} cannot be {found!r}", found=found, expected=expected)


def override(key: str, raw: Any, page_size: int) -> tuple[str, int]:
    """(rule name, value) of one override; `ram` and `swap` are sizes in bytes, or numbers with a suffix.

    UsageError RT403 for an unknown rule, RT404 for a bad value.
    """
    key = key.strip().removeprefix("vm.").replace("-", "_")
    if key in PAGES_OF:
        rule = RULES[PAGES_OF[key]]
        size = parse_size(str(raw).strip())
        if size is None or size < 0:
            raise _bad(rule, str(raw), "a size such as 64M or 8GiB")
        return rule.name, size // page_size
    if key == "rlimit_data" and parse_size(str(raw)) is not None:
        key = "data_limit"
    if key not in RULES:
        raise presets.unknown("RT403", "rule", key, [*PAGES_OF, *RULES])
    return key, parse_rule(RULES[key], raw)


def parsed_settings(settings: tuple[str, ...]) -> dict[str, str]:
    """Overrides as the command line gives them, KEY=VALUE, as a mapping; UsageError RT501 for one without '='."""
    out: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            raise UsageError(
                RT_USAGE, f"--set {setting!r} has no value", expected="KEY=VALUE, such as max_map_count=1000"
            )
        out[key.strip()] = value.strip()
    sysctl = out.pop("vm.mmap_min_addr", None)
    return out if sysctl is None else {**with_searches({"dac_mmap_min_addr": sysctl}), **out}
