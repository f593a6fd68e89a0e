"""What the answers of a program show of the machine that gave them: its processor, configuration and NUMA nodes.

Only what could not have been answered so otherwise; see `answered`.
"""

from __future__ import annotations

from .leftout import Steps, expected_of, number_of, operation_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_GIGANTIC = "30<<"


def shown_rules(steps: Steps) -> dict[str, Any]:
    """Rules by name."""
    rules: dict[str, Any] = {}
    nodes = 1
    for step in steps:
        operation, given = operation_of(step)
        expect = expected_of(step)
        error = expect.get("error")
        if operation == "pkey_alloc" and number_of(expect, "result") > 0:
            rules["pkeys"] = 16
        elif operation == "vma_name" and error is None and given.get("name") is not None and expect:
            rules["anon_vma_name"] = True
        elif operation in ("mbind", "set_mempolicy", "home_node") and error is None and expect:
            nodes = max(nodes, _least_node(operation, given) + 1)
        elif operation == "memfd_create" and error == "ENODEV" and _is_gigantic(given):
            rules["gigantic_pages"] = False
        elif operation == "special_file" and given.get("kind") == "secretmem" and error == "ENOSYS":
            rules["secretmem"] = False
        if expect.get("code") == "BUS_MCEERR_AR":
            rules["memory_failure"] = True
    if nodes > 1:
        rules["nodes"] = nodes
    return rules


def _is_gigantic(given: dict[str, Any]) -> bool:
    flags = given.get("flags")
    return isinstance(flags, list) and any(str(flag).startswith(_GIGANTIC) for flag in flags)


def _least_node(operation: str, given: dict[str, Any]) -> int:
    """The lowest node that the machine must have so that the call works: one of a mask is enough."""
    if operation == "home_node":
        return max(number_of(given, "node"), 0)
    nodes = given.get("nodes")
    if isinstance(nodes, list):
        known = [n for n in nodes if type(n) is int and 0 <= n < 63]
        return min(known, default=0)
    mask = nodes if type(nodes) is int and 0 < nodes < 1 << 63 else 1
    return (mask & -mask).bit_length() - 1
