"""JSON Lines, out and in: one event a line, as docs/jsonl-format.md describes.

The first line may be a header (kind "trace") with the tables. Every trace reads back equal; a file
written by hand may hold event lines only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from .. import errorcodes as ec
from ..abi.calls import ARGUMENTS, KIND_NAMES
from ..abi.kinds import EVF_HAS_RET
from ..errors import InputError
from .columnfile import PLAIN_FIELDS
from .events import (
    RELOCATION_DTYPE,
    TRUTH_DTYPE,
    Expectation,
    Skipped,
    Trace,
    TraceBuilder,
    maps_file,
    signed,
)
from .proved import Flaw, prove
from .shapes import LINES_BLOCK, Template, literal, numbers, shaped, worded

VERSION = 1
_HEADER = "trace"
_FEW = 16  # events up to which a template a shape costs more than it saves
_PLACES = ("line", "time", "source", "origin", "stack")
_TRUTH = ("map_count", "total_vm", "data_vm", "stack_vm", "locked_vm")
_TEXT = frozenset({"path", "name", "file"})  # arguments that are numbers of strings
_FLAG_NAMES = {
    2: "observe",
    4: "made",
    8: "injected",
    16: "truth",
    32: "unfinished",
    64: "in_kernel",
    256: "taken",
}
_FLAG_BITS = {name: bit for bit, name in _FLAG_NAMES.items()}
_KINDS = {name: number for number, name in KIND_NAMES.items()}
_ARGS = ("a0", "a1", "a2", "a3", "a4", "a5")
_PLAIN = (*(name for name in PLAIN_FIELDS if name != "strings"), "initial")
MOST_TASKS = 1 << 20
"""Rows of tasks that a file without a header gets for naming them."""
_COMMON = frozenset({"kind", "task", "ret", "marks", *_PLACES, "truth", "expect", "on", "step", "refs"})


def write_jsonl(trace: Trace) -> Iterator[str]:
    """The text of `trace`, in pieces of one or many lines."""
    header: dict[str, Any] = {"kind": _HEADER, "version": VERSION}
    header |= {
        name: getattr(trace, name) for name in _PLAIN if getattr(trace, name) not in (None, "", [], {}, ())
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
    given = np.zeros(end - first, dtype=np.int64)  # a bit for each column that a line has when it is not 0
    for bit, name in enumerate(("task", *_ARGS, *_PLACES)):
        if name in block:
            given |= (block[name] != 0).astype(np.int64) << bit
    for kind in np.unique(kinds).tolist():  # named arguments are there in any case
        mine = len(ARGUMENTS.get(kind, ()))
        given[kinds == kind] &= ~(((1 << mine) - 1) << 1)

    def template(row: int) -> Template:
        values = {name: int(column[row]) for name, column in block.items()}
        named = ARGUMENTS.get(values["kind"], ())
        parts: list[str] = []
        columns: list[Any] = []
        for key, value in _event(trace, values).items():
            column = block[_ARGS[named.index(key)] if key in named else key if key in block else "kind"]
            if key in named and key in _TEXT:
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
    for i, column in enumerate(_ARGS):
        value: Any = row[column]
        if i < len(named):
            out[named[i]] = trace.strings[value] if named[i] in _TEXT else value
        elif value:
            out[column] = value
    if row["flags"] & EVF_HAS_RET:
        out["ret"] = row["ret"]
    flags = [_FLAG_NAMES.get(1 << b, 1 << b) for b in range(1, 63) if row["flags"] >> b & 1]
    if flags:
        out["marks"] = flags
    out |= {n: row[n] for n in _PLACES if row.get(n)}
    return out


def _extras(trace: Trace) -> dict[int, dict[str, Any]]:
    """What tables beside the columns say about single events."""
    extras: dict[int, dict[str, Any]] = {}
    if trace.truth is not None:
        for t in trace.truth:
            extras.setdefault(int(t["event"]), {})["truth"] = {n: int(t[n]) for n in _TRUTH}
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


class _Reader:
    def __init__(self, path: str) -> None:
        self.path = path
        self.b = TraceBuilder()
        self.truth: list[tuple[int, ...]] = []
        self.refs: list[tuple[int, int, int, int]] = []
        self.expects: list[Expectation] = []
        self.header: dict[str, Any] = {}
        self.number = 0
        self.text = ""
        self.lines: list[int] = []  # of each event in this file
        self.origins: list[int] = []
        self.has_origins = False
        self.stacks: list[int] = []

    def error(self, problem: str, found: Any = "", expected: str = "") -> InputError:
        found = str(found)
        column = self.text.find(found) + 1 if found else 0
        return InputError(
            ec.RT_JSONL,
            problem,
            self.path,
            self.number,
            max(column, 0),
            self.text[:400],
            found[:100],
            expected,
        )

    def integer(self, value: Any, name: str) -> int:
        if type(value) is not int or not -(1 << 63) <= value < 1 << 64:
            raise self.error(f"{name} must be a whole number of 64 bits", json.dumps(value), "a number")
        return value

    def small(self, value: Any, name: str) -> int:
        if type(value) is not int or not -(1 << 31) <= value < 1 << 31:
            raise self.error(f"{name} must be a whole number of 32 bits", json.dumps(value), "a number")
        return value

    def place(self, value: Any, name: str) -> int:
        if type(value) is not int or not 0 <= value < 1 << 63:
            raise self.error(f"{name} must be a whole number, 0 or more", json.dumps(value), "a number")
        return value

    def line(self, number: int, text: str) -> None:
        self.number, self.text = number, text
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as e:
            problem = e.msg if isinstance(e, json.JSONDecodeError) else "not JSON"
            raise self.error(f"not a JSON object: {problem}", expected='{"kind": "mmap", ...}') from None
        if not isinstance(value, dict) or "kind" not in value:
            raise self.error("not an event", expected='an object with "kind"')
        if value["kind"] == _HEADER:
            self.take_header(value)
        else:
            self.event(value)

    def take_header(self, value: dict[str, Any]) -> None:
        if self.b.rows or self.header:
            raise self.error("a header in the middle", _HEADER, "one header, in the first line")
        if value.get("version") != VERSION:
            raise self.error(f"version {value.get('version')} is not known", expected=f"version {VERSION}")
        self.header = value
        for name in ("tasks", "skipped", "maps", "initial", "expect_at_end"):
            if not isinstance(value.get(name, []), list):
                raise self.error(f"{name} must be a list", json.dumps(value[name]), "[...]")
        for task in value.get("tasks", ()):
            if not isinstance(task, dict):
                raise self.error("a task must be an object", expected='{"tid": 1, "pid": 1}')
            tid = self.small(task.get("tid", 0), "tid")
            self.b.task(
                tid,
                self.small(task.get("pid", tid), "pid"),
                str(task.get("name", "")),
                self.small(task.get("parent", -1), "parent"),
            )

    def event(self, value: dict[str, Any]) -> None:
        kind = (
            _KINDS.get(value["kind"])
            if isinstance(value["kind"], str)
            else self.integer(value["kind"], "kind")
        )
        if kind is None or kind not in KIND_NAMES:
            from .scenario.values import did_you_mean

            raise self.error(
                f"unknown kind '{value['kind']}'",
                value["kind"],
                "one of: " + did_you_mean(str(value["kind"]), _KINDS),
            )
        named = ARGUMENTS[kind]
        args = [0] * 6
        used = 0
        for i, column in enumerate(_ARGS):
            name = named[i] if i < len(named) else column
            if name in value:
                used += 1
                args[i] = self.argument(name, value[name], i < len(named))
        known = used + sum(k in value for k in (*_COMMON, "expect_line"))
        if known != len(value):
            allowed = {*named, *_COMMON, "expect_line", *_ARGS[len(named) :]}
            wrong = next(k for k in value if k not in allowed)
            raise self.error(
                f"unknown field '{wrong}' of {KIND_NAMES[kind]}", wrong, ", ".join(named) or "no arguments"
            )
        number = self.b.event(
            kind,
            self.task(value.get("task", 0)),
            args,
            self.integer(value["ret"], "ret") if "ret" in value else None,
            self.flag_bits(value.get("marks", [])),
            self.place(value.get("line", 0), "line"),
            self.place(value.get("time", 0), "time"),
        )
        self.lines.append(self.number)
        self.b.source_rows[-1] = self.small(value.get("source", 0), "source")
        self.origins.append(self.place(value.get("origin", 0), "origin"))
        self.has_origins |= "origin" in value
        self.stacks.append(self.small(value.get("stack", 0), "stack"))
        self.tables(number, value)

    def task(self, value: Any) -> int:
        """The row of a task; without a header each new one must follow the last."""
        row = self.small(value, "task")
        known = len(self.b.tasks)
        if "tasks" not in self.header and known <= row < MOST_TASKS:
            self.b.tasks += [(n + 1, n + 1, 0, -1) for n in range(known, row + 1)]
            known = row + 1
        if not 0 <= row < known:
            there = (
                f"there are {known}" if "tasks" in self.header else f"at most {MOST_TASKS} without a header"
            )
            raise self.error(f"event of task {row}, which does not exist", value, there)
        return row

    def argument(self, name: str, value: Any, named: bool) -> int:
        if named and name in _TEXT:
            if type(value) is not str:
                raise self.error(f"{name} must be text", json.dumps(value), '"..."')
            return self.b.string(value)
        return self.integer(value, name)

    def flag_bits(self, value: Any) -> int:
        bits = 0
        for flag in value if isinstance(value, list) else [value]:
            if type(flag) is int and 0 < flag < 1 << 16:
                bits |= flag
            elif type(flag) is str and flag in _FLAG_BITS:
                bits |= _FLAG_BITS[flag]
            else:
                raise self.error(f"unknown mark '{flag}'", flag, ", ".join(_FLAG_BITS))
        return bits

    def tables(self, number: int, value: dict[str, Any]) -> None:
        truth = value.get("truth")
        if truth is not None:
            if not isinstance(truth, dict):
                raise self.error("truth must be an object", expected=", ".join(_TRUTH))
            self.truth.append((number, *(self.counter(truth.get(n, 0), n) for n in _TRUTH)))
        refs = value.get("refs", [])
        if not isinstance(refs, list):
            raise self.error("refs must be a list", json.dumps(refs), "[[0, 12, 4096]]")
        for ref in refs:
            if not isinstance(ref, list) or len(ref) != 3:
                raise self.error("refs must be [argument, event, addend]", expected="[[0, 12, 4096]]")
            argument, source, addend = (self.integer(x, "refs") for x in ref)
            if not 0 <= argument < 6:
                raise self.error(f"refs name argument {argument}", json.dumps(ref), "0 to 5")
            if not 0 <= source < number:
                raise self.error(
                    f"refs name event {source}", json.dumps(ref), f"an event before this one, {number}"
                )
            self.refs.append((number, argument, source, signed(addend)))
        if "expect" in value or "on" in value:
            self.expect(number, value)

    def counter(self, value: Any, name: str) -> int:
        if name == "map_count":
            return self.small(value, name)
        if type(value) is not int or not -(1 << 63) <= value < 1 << 63:
            raise self.error(f"{name} must be a whole number of 63 bits", json.dumps(value), "a number")
        return value

    def expect(self, number: int, value: Any) -> None:
        if not isinstance(value, dict):
            raise self.error(
                "an expectation must be an object", json.dumps(value), '{"expect": {"vmas": []}}'
            )
        fields, on = value.get("expect", {}), value.get("on", {})
        if not isinstance(fields, dict) or not isinstance(on, dict):
            raise self.error("expect must be an object", expected='{"result": 0}')
        line = self.integer(value.get("expect_line", 0), "expect_line")
        self.expects.append(Expectation(number, self.integer(value.get("step", 0), "step"), line, fields, on))

    def finish(self, name: str) -> Trace:
        h = self.header
        for e in h.get("expect_at_end", ()):
            self.expect(-1, e)
        if not self.b.tasks:
            self.b.task(1, 1)
        try:
            fields: dict[str, Any] = {n: h[n] for n in _PLAIN if n in h}
            fields["initial"] = tuple((s, e, n) for s, e, n in h.get("initial", ()))
            fields["skipped"] = [Skipped(**s) for s in h.get("skipped", ())]
            fields["maps"] = [maps_file(m) for m in h.get("maps", ())]
        except (TypeError, KeyError, ValueError) as e:
            self.number, self.text = 1, ""
            raise self.error(f"the header is damaged: {e}") from None
        fields.setdefault("format", "jsonl")
        fields.setdefault("name", name)
        fields.setdefault("sources", [self.path])
        trace = self.b.finish(
            truth=np.array(self.truth, dtype=TRUTH_DTYPE) if self.truth else None,
            relocations=np.array(self.refs, dtype=RELOCATION_DTYPE) if self.refs else None,
            expects=self.expects,
            **fields,
        )
        if any(self.stacks):
            trace.columns["stack"] = np.array(self.stacks, dtype=np.int32)
        if self.has_origins:
            trace.columns["origin"] = np.array(self.origins, dtype=np.int64)
        try:
            prove(trace)
        except Flaw as flaw:
            self.number = self.lines[flaw.event] if flaw.event >= 0 else 1
            self.text = ""
            raise self.error(flaw.problem, flaw.found, flaw.expected) from None
        return trace


def read_jsonl(data: bytes, *, name: str = "", path: str = "") -> Trace:
    """Read a JSON Lines trace. InputError RT211 with line and column."""
    reader = _Reader(path)
    for number, raw in enumerate(data.split(b"\n"), 1):
        if raw.strip():
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError as e:
                raise InputError(
                    ec.RT_JSONL,
                    "not UTF-8 text",
                    path,
                    number,
                    e.start + 1,
                    found=f"byte 0x{raw[e.start]:02x}",
                ) from None
            reader.line(number, text)
    return reader.finish(name)
