"""Writing steps and answers as a scenario file, in the form of the conformance programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..trace.scenario.write import text as quoted
from .answers import NativeRun
from .program import operation
from .steps import Step

_HEX = frozenset({"addr", "new_addr", "start", "end", "brk_start", "first_free_top"})


def _flow(value: Any, key: str = "") -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return hex(value) if value >= 0 and (key in _HEX or value >= 1 << 20) else str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_flow(v, k)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(v) for v in value) + "]"
    text = str(value)
    if not text.isprintable():
        return quoted(text)
    plain = text.replace("_", "a").replace(" ", "a").replace("-", "a")
    return text if plain.isalnum() and not plain[0].isdecimal() else "'" + text.replace("'", "''") + "'"


def step_text(step: Step) -> str:
    """A step in one line, as a scenario has it."""
    return _step(step, None)[0].removeprefix("- ")


def _areas(areas: Sequence[dict[str, Any]], indent: str) -> list[str]:
    return [f"{indent}- {_flow(area)}" for area in areas]


def _step(step: Step, expect: dict[str, Any] | None) -> list[str]:
    name = operation(step)
    argument = hex(step[name]) if isinstance(step[name], int) else _flow(step[name])
    lines = [f"- {name}: {argument}"]
    if expect is None or name == "repeat":
        return lines
    if "vmas" in expect:
        return [
            *lines,
            "  expect:",
            *(f"    {key}: {_flow(value, key)}" for key, value in expect.items() if key != "vmas"),
            "    vmas:" + (" []" if not expect["vmas"] else ""),
            *_areas(expect["vmas"], "    "),
        ]
    return [*lines, f"  expect: {_flow(expect)}"]


def scenario_text(
    name: str, about: str, steps: Sequence[Step], run: NativeRun | None, *, whole: bool, areas: bool = False
) -> str:
    """A scenario of `steps`, with the answers of `run` as expectations if there is one.

    With `areas`, those behind each step that changed them are among its answers.

    With `whole` it also lists the areas that were there before, as programs need whose addresses
    the kernel chooses.
    """
    lines = [f"name: {name}", f"about: '{about}'", "arch: x86_64", "page_size: 4096"]
    if run is not None and whole:
        lines += ["initial:", *_areas(run.initial, ""), f"brk_start: {run.brk_start:#x}"]
        lines.append(f"first_free_top: {run.first_free_top:#x}")
    lines.append("steps:")
    last: list[dict[str, Any]] | None = []
    for number, step in enumerate(steps):
        expect = run.expects[number] if run is not None else None
        if run is not None and expect is not None and areas:
            now = run.behind.get(number)
            if now is not None and now != last:
                expect = {**expect, "vmas": now}
            last = now
        lines += _step(step, expect)
    if run is not None and run.vmas is not None:
        lines += ["vmas:" + (" []" if not run.vmas else ""), *_areas(run.vmas, "")]
    return "\n".join(lines) + "\n"
