"""The registry of rules: what a rule is, and how one gets its number.

Rules stand in three modules, registered in this order whoever is imported first: `limitrules`, `callrules`, `rules`.
"""

from __future__ import annotations

from ..lateclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal


@dataclass(frozen=True)
class Rule:
    """One rule: its number in the engine's array, name in YAML, kind and default."""

    index: int
    name: str
    kind: Literal["bool", "int", "enum"]
    default: int
    doc: str
    choices: tuple[str, ...] = ()
    least: int | None = None  # of an int: what a kernel takes at least and at most; None: whatever there is
    most: int | None = None


RULES: dict[str, Rule] = {}


N_RULES = 320
"""Words that the engine sets aside for them."""


def rule(
    name: str,
    kind: Literal["bool", "int"],
    default: int,
    doc: str,
    least: int | None = None,
    most: int | None = None,
) -> int:
    RULES[name] = Rule(len(RULES), name, kind, default, doc, (), least, most)
    return RULES[name].index


def choice(name: str, choices: tuple[str, ...], default: str, doc: str) -> int:
    RULES[name] = Rule(len(RULES), name, "enum", choices.index(default), doc, choices)
    return RULES[name].index
