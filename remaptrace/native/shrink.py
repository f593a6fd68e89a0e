"""Making a failing program small: delta debugging over steps.

A step may name the result of an earlier one (``@5+0x1000``), or a file that an earlier one made.
Removing a step renumbers the names behind it, and takes along the steps that name it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from .steps import Step

_REFERENCE = re.compile(r"^@(\d+)(.*)$")


def _references(step: Step) -> set[int]:
    found: set[int] = set()
    for value in step.values():
        for leaf in value.values() if isinstance(value, dict) else (value,):
            match = _REFERENCE.match(leaf) if isinstance(leaf, str) else None
            if match:
                found.add(int(match[1]))
    return found


def _files(step: Step, *keys: str) -> set[str]:
    """The files that a step names under `keys`."""
    values = (value.get(key) for value in step.values() if isinstance(value, dict) for key in keys)
    return {v for v in values if isinstance(v, str) and v != "bad"}


def _renumber(value: Any, numbers: dict[int, int]) -> Any:
    if isinstance(value, dict):
        return {k: _renumber(v, numbers) for k, v in value.items()}
    match = _REFERENCE.match(value) if isinstance(value, str) else None
    return f"@{numbers[int(match[1])]}{match[2]}" if match else value


def keep(steps: Sequence[Step], wanted: Sequence[int]) -> list[Step]:
    """The steps of the numbers `wanted` (ascending) whose references and files are kept too, renumbered."""
    numbers: dict[int, int] = {}
    files: set[str] = set()
    kept: list[Step] = []
    for number in wanted:
        step = steps[number]
        if all(r in numbers for r in _references(step)) and _files(step, "fd") <= files:
            files |= _files(step, "id", "new_fd")
            numbers[number] = len(kept)
            kept.append({k: _renumber(v, numbers) for k, v in step.items()})
    return kept


def shrink(steps: Sequence[Step], fails: Callable[[list[Step]], bool]) -> list[Step]:
    """A program from `steps` that still `fails` and of which no single step can be left out.

    `fails` is called about len(steps) * log2(len(steps)) times.
    """
    current = list(steps)
    chunk = max(1, len(current) // 2)
    while True:
        removed = False
        at = 0
        while at < len(current):
            wanted = [n for n in range(len(current)) if not at <= n < at + chunk]
            candidate = keep(current, wanted)
            if candidate and len(candidate) < len(current) and fails(candidate):
                current = candidate
                removed = True
            else:
                at += chunk
        if chunk == 1 and not removed:
            return current
        chunk = max(1, chunk // 2) if not removed or chunk > 1 else 1
