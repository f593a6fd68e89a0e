"""JSON Lines: the facts as they are, then a line an event."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import numpy.typing as npt

from ..abi.calls import ARGUMENTS, KIND_NAMES
from ..abi.kinds import ACCESSES, EVF_MADE, K_FAULT
from ..abi.outcomes import NAMES, OUT_NONE
from ..result.result import Result
from ..trace.events import Trace
from ..trace.stored.shapes import LINES_BLOCK, Template, literal, numbers, shaped, worded
from ..trace.wording import (
    argument_form,
    argument_text,
    event_text,
    event_word,
    place,
    result_text,
    returns_address,
)

if TYPE_CHECKING:
    from .documents.run import Event, Run

EVENT_SCHEMA: Final = "remaptrace/event/1"
_FEW = 16  # events up to which a template a shape costs more than it saves


def runs_json_lines(facts: Sequence[Run], results: Sequence[Result]) -> Iterator[str]:
    """The lines of several runs, one behind the other."""
    for found, result in zip(facts, results, strict=True):
        yield from to_json_lines(found, result)


def to_json_lines(facts: Run, result: Result) -> Iterator[str]:
    """The facts as the first line, then a line an event: what was called and what the kernel answered.

    In pieces of one or many lines.
    """
    yield json.dumps(facts, ensure_ascii=False) + "\n"
    told = np.flatnonzero(np.asarray(result.trace.columns["flags"]) & EVF_MADE == 0)
    for first in range(0, len(told), LINES_BLOCK):
        yield _event_lines(result, told[first : first + LINES_BLOCK])


def _event_lines(result: Result, events: npt.NDArray[np.int64]) -> str:
    """The lines of `events`, which are rows of the trace."""
    trace = result.trace
    if len(events) < _FEW:
        return "".join(
            json.dumps(event_row(result, event), ensure_ascii=False) + "\n" for event in events.tolist()
        )
    block = {name: np.asarray(column)[events] for name, column in trace.columns.items()}
    block |= {f"result.{name}": np.asarray(column)[events] for name, column in result.columns.items()}
    kinds, returned = block["kind"], block["result.ret"]
    refused = (returned < 0) & (returned >= -4095)
    pages = np.isin(kinds, list(ACCESSES)) & (block["a2"] > 1)

    def template(row: int) -> Template:
        kind, outcome = int(kinds[row]), int(block["result.outcome"][row])
        columns: list[Any] = [numbers(events), worded(block["task"], task)]
        text = f'{{"schema": {literal(json.dumps(EVENT_SCHEMA))}, "event": %d, %s'
        if "source" in block:
            text += ", %s"
            columns.append(worded(block["source"], file))
        else:
            text += f", {literal(file(0))}"
        text += ', "line": %d'
        columns.append(numbers(block.get("line", np.zeros(len(events), dtype=np.int64))))
        text += (
            f', "kind": {literal(json.dumps(KIND_NAMES.get(kind, str(kind)), ensure_ascii=False))}, "text": "'
        )
        words, more = _text(trace, kind, block, bool(pages[row]))
        text += f'{words}"'
        columns += more
        if outcome == OUT_NONE:
            text += ', "result": %d, "result_text": '
            columns.append(numbers(returned))
            if refused[row]:
                text += "%s"
                columns.append(worded(returned, lambda value: json.dumps(result_text(value, kind))))
            else:
                text += '"0x%x"' if returns_address(kind) else '"%d"'
                columns.append(numbers(returned))
        else:
            text += literal(f', "outcome": {json.dumps(NAMES[outcome])}')
        for name in ("minor", "major", "map_count"):
            text += f', "{name}": %d'
            columns.append(numbers(block[f"result.{name}"]))
        return text + "}", columns

    def task(number: int) -> str:
        known = 0 <= number < len(trace.tasks)
        pid, tid = (int(trace.tasks[number][name]) if known else 0 for name in ("pid", "tid"))
        return f'"pid": {pid}, "tid": {tid}'

    def file(number: int) -> str:
        name = trace.sources[number] if number < len(trace.sources) else ""
        return f'"file": {json.dumps(name, ensure_ascii=False)}'

    return shaped((kinds, block["result.outcome"], refused, pages), template)


def _text(trace: Trace, kind: int, block: dict[str, npt.NDArray[Any]], pages: bool) -> tuple[str, list[Any]]:
    """The inside of the JSON string that `event_text` gives, as a template with its columns."""
    if kind in ACCESSES:
        word = event_word(kind, 0)
        if kind == K_FAULT:
            return "%s 0x%x", [
                worded(block["a1"], lambda code: event_word(kind, code)),
                numbers(block["a0"]),
            ]
        if pages:
            return f"{word} 0x%x, %d pages", [numbers(block["a0"]), numbers(block["a2"])]
        return f"{word} 0x%x", [numbers(block["a0"])]
    parts: list[str] = []
    columns: list[Any] = []
    for name, column in zip(ARGUMENTS.get(kind, ()), (block[f"a{i}"] for i in range(6)), strict=False):
        form = argument_form(kind, name)
        parts.append("0x%x" if form == "%x" else form)
        if form == "%s":
            columns.append(worded(column, partial(_inside_string, trace, kind, name)))
        else:
            columns.append(numbers(column))
    return f"{literal(KIND_NAMES.get(kind, f'kind {kind}'))}({', '.join(parts)})", columns


def _inside_string(trace: Trace, kind: int, name: str, value: int) -> str:
    return json.dumps(argument_text(trace, kind, name, value), ensure_ascii=False)[1:-1]


def event_row(result: Result, event: int) -> Event:
    """What is told of one event."""
    trace, columns = result.trace, result.columns
    kind = int(trace.columns["kind"][event])
    outcome = int(columns["outcome"][event])
    answer: dict[str, str | int] = {"outcome": NAMES[outcome]}
    if outcome == OUT_NONE:
        returned = int(columns["ret"][event])
        answer = {"result": returned, "result_text": result_text(returned, kind)}
    row = {
        "schema": EVENT_SCHEMA,
        **place(trace, event),
        "kind": KIND_NAMES.get(kind, str(kind)),
        "text": event_text(trace, event),
        **answer,
        **{name: int(columns[name][event]) for name in ("minor", "major", "map_count")},
    }
    return cast("Event", row)
