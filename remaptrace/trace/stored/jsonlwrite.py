"""JSON Lines out: one event a line, a header in front, as docs/jsonl-format.md has it. Every trace reads back equal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from ...abi.calls import ARGUMENTS, KIND_NAMES, STRING_ARGUMENTS
from ...abi.kinds import EVF_HAS_RET
from ..events import (
    Expectation,
    Trace,
    distinct,
)
from .jsonlnames import ARGS, COUNTERS, HEADER, MARKS, PLACES, PLAIN, VERSION
from .shapes import LINES_BLOCK, Template, literal, numbers, shaped, worded

_FEW = 16  # events up to which a template a shape costs more than it saves


def write_jsonl(trace: Trace) -> Iterator[str]:
    """The text of `trace`, in pieces of one or many lines."""
    header: dict[str, Any] = {"kind": HEADER, "version": VERSION}
    header |= {
        name: getattr(trace, name) for name in PLAIN if getattr(trace, name) not in (None, "", [], {}, ())
    }
    header["recorded"] = trace.recorded
    header["tasks"] = [
        {
            "tid": int(t["tid"]),
            "pid": int(t["pid"]),
            "name": trace.strings[t["name"]],
            "parent": int(t["parent"]),
        }
        for t in trace.tasks
    ]
    if trace.skipped:
        header["skipped"] = [asdict(s) for s in trace.skipped]
    if trace.maps:
        header["maps"] = [asdict(m) for m in trace.maps]
    final = [e for e in trace.expects if e.event < 0]
    if final:
        header["expect_at_end"] = [_expectation(e) for e in final]
    yield _dump(header)
    yield from _event_lines(trace)


def _event_lines(trace: Trace) -> Iterator[str]:
    extras = _extras(trace)
    if len(extras) > len(trace) // 8:
        for event in range(len(trace)):
            yield _dump(_event(trace, _row(trace, event)) | extras.get(event, {}))
        return
    at = 0
    for event in [*sorted(extras), len(trace)]:
        for first in range(at, event, LINES_BLOCK):
            yield _plain_lines(trace, first, min(first + LINES_BLOCK, event))
        if event in extras and event < len(trace):
            yield _dump(_event(trace, _row(trace, event)) | extras[event])
        at = event + 1


def _row(trace: Trace, event: int) -> dict[str, int]:
    return {name: int(column[event]) for name, column in trace.columns.items()}


def _plain_lines(trace: Trace, first: int, end: int) -> str:
    """The lines of events of which only the columns tell."""
    if end - first < _FEW:
        return "".join(_dump(_event(trace, _row(trace, event))) for event in range(first, end))
    block = {name: np.asarray(column[first:end]) for name, column in trace.columns.items()}
    kinds = block["kind"]
    given = np.zeros(end - first, dtype=np.int16)  # a bit for each column that a line has when it is not 0
    for bit, name in enumerate(("task", *ARGS, *PLACES)):
        if name in block:
            given |= (block[name] != 0) * np.int16(1 << bit)
    for kind in distinct(kinds).tolist():  # named arguments are there in any case
        mine = len(ARGUMENTS.get(kind, ()))
        given[kinds == kind] &= ~(((1 << mine) - 1) << 1)

    def template(row: int) -> Template:
        values = {name: int(column[row]) for name, column in block.items()}
        named = ARGUMENTS.get(values["kind"], ())
        parts: list[str] = []
        columns: list[Any] = []
        for key, value in _event(trace, values).items():
            column = block[ARGS[named.index(key)] if key in named else key if key in block else "kind"]
            if key in named and key in STRING_ARGUMENTS:
                parts.append(f"{literal(json.dumps(key))}: %s")
                columns.append(worded(column, lambda n: _json(trace.strings[n])))
            elif key in ("kind", "marks"):
                parts.append(literal(f"{json.dumps(key)}: {_json(value)}"))
            else:
                parts.append(f"{literal(json.dumps(key))}: %d")
                columns.append(numbers(column))
        return "{" + ", ".join(parts) + "}", columns

    return shaped((kinds, block["flags"], given), template)


def _event(trace: Trace, row: dict[str, int]) -> dict[str, Any]:
    kind = row["kind"]
    out: dict[str, Any] = {"kind": KIND_NAMES.get(kind, kind)}
    if row["task"]:
        out["task"] = row["task"]
    named = ARGUMENTS.get(kind, ())
    for i, column in enumerate(ARGS):
        value: Any = row[column]
        if i < len(named):
            out[named[i]] = trace.strings[value] if named[i] in STRING_ARGUMENTS else value
        elif value:
            out[column] = value
    if row["flags"] & EVF_HAS_RET:
        out["ret"] = row["ret"]
    flags = [MARKS.get(1 << b, 1 << b) for b in range(1, 63) if row["flags"] >> b & 1]
    if flags:
        out["marks"] = flags
    out |= {n: row[n] for n in PLACES if row.get(n)}
    return out


def _extras(trace: Trace) -> dict[int, dict[str, Any]]:
    """What tables beside the columns say about single events."""
    extras: dict[int, dict[str, Any]] = {}
    if trace.truth is not None:
        for t in trace.truth:
            extras.setdefault(int(t["event"]), {})["truth"] = {n: int(t[n]) for n in COUNTERS}
    if trace.relocations is not None:
        for r in trace.relocations:
            refs = extras.setdefault(int(r["event"]), {}).setdefault("refs", [])
            refs.append([int(r["arg"]), int(r["source"]), int(r["addend"])])
    for e in trace.expects:
        if e.event >= 0:
            extras.setdefault(e.event, {}).update(_expectation(e))
    return extras


def _expectation(e: Expectation) -> dict[str, Any]:
    out: dict[str, Any] = {"expect": e.fields, "step": e.step}
    if e.line:
        out["expect_line"] = e.line
    if e.on:
        out["on"] = e.on
    return out


def _json(value: Any) -> str:
    return json.dumps(value, separators=(", ", ": "), ensure_ascii=False, allow_nan=False)


def _dump(value: Any) -> str:
    return _json(value) + "\n"
