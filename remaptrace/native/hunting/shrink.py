"""Making a failing program small: delta debugging over steps.

A step may name the result of an earlier one (``@5+0x1000``), or a file that an earlier one made.
Removing a step renumbers the names behind it, and takes along the steps that name it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from typing import Any

from ..steps import Step

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


Shrinking = Generator[list[list[Step]], list[bool], list[Step]]
"""Yields candidates, takes which of them still fail, returns the smallest program."""


def shrinking(steps: Sequence[Step]) -> Shrinking:
    """A program from `steps` that still fails and of which no single step can be left out.

    Candidates come many at once, so that a kernel that takes seconds to start is started some ten times: without
    one piece each, then without the first so many of the pieces that could be left out.
    """
    current = list(steps)
    chunk = max(1, len(current) // 2)
    while True:
        pieces = [range(at, min(at + chunk, len(current))) for at in range(0, len(current), chunk)]
        without = yield from _tried(current, [[piece] for piece in pieces])
        spare = [piece for piece, fails in zip(pieces, without, strict=True) if fails]
        if spare:
            heads = [spare[: n + 1] for n in range(len(spare))]
            fine = yield from _tried(current, heads)
            most = max((n for n, fails in enumerate(fine) if fails), default=0)
            current = _without(current, heads[most])
        elif chunk == 1:
            return current
        chunk = max(1, min(chunk, len(current)) // 2)


def _without(steps: list[Step], pieces: Sequence[range]) -> list[Step]:
    gone = {n for piece in pieces for n in piece}
    return keep(steps, [n for n in range(len(steps)) if n not in gone])


def _tried(
    steps: list[Step], choices: Sequence[Sequence[range]]
) -> Generator[list[list[Step]], list[bool], list[bool]]:
    """Which of the choices of pieces can be left out; nothing at all is no program."""
    candidates = [_without(steps, pieces) for pieces in choices]
    asked = [c for c in candidates if c and len(c) < len(steps)]
    found = iter((yield asked) if asked else [])
    return [bool(c) and len(c) < len(steps) and next(found) for c in candidates]


def shrink(steps: Sequence[Step], fails: Callable[[list[Step]], bool]) -> list[Step]:
    """The smallest program that `shrinking` finds, where each candidate is tried by `fails`."""
    pass_ = shrinking(steps)
    try:
        candidates = next(pass_)
        while True:
            candidates = pass_.send([fails(c) for c in candidates])
    except StopIteration as end:
        return list(end.value)
