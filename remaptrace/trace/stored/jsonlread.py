"""JSON Lines in: one event a line, as docs/jsonl-format.md describes.

The first line may be a header (kind "trace") with the tables; a file written by hand may hold event lines only.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ... import errorcodes as ec
from ...abi.calls import ARGUMENTS, KIND_NAMES, STRING_ARGUMENTS
from ...errors import InputError
from ..events import (
    RELOCATION_DTYPE,
    TRUTH_DTYPE,
    Expectation,
    Skipped,
    Trace,
    TraceBuilder,
    maps_file,
    signed,
)
from ..proved import Flaw, prove
from .jsonlnames import ARGS, COUNTERS, HEADER, MARKS, PLACES, PLAIN, VERSION

_MARK_BITS = {name: bit for bit, name in MARKS.items()}
_KINDS = {name: number for number, name in KIND_NAMES.items()}
MOST_TASKS = 1 << 20
"""Rows of tasks that a file without a header gets for naming them."""
_COMMON = frozenset({"kind", "task", "ret", "marks", *PLACES, "truth", "expect", "on", "step", "refs"})


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
        if value["kind"] == HEADER:
            self.take_header(value)
        else:
            self.event(value)

    def take_header(self, value: dict[str, Any]) -> None:
        if self.b.rows or self.header:
            raise self.error("a header in the middle", HEADER, "one header, in the first line")
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
            from ..scenario.values import did_you_mean

            raise self.error(
                f"unknown kind '{value['kind']}'",
                value["kind"],
                "one of: " + did_you_mean(str(value["kind"]), _KINDS),
            )
        named = ARGUMENTS[kind]
        args = [0] * 6
        used = 0
        for i, column in enumerate(ARGS):
            name = named[i] if i < len(named) else column
            if name in value:
                used += 1
                args[i] = self.argument(name, value[name], i < len(named))
        known = used + sum(k in value for k in (*_COMMON, "expect_line"))
        if known != len(value):
            allowed = {*named, *_COMMON, "expect_line", *ARGS[len(named) :]}
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
            self.place(value.get("other_end", 0), "other_end"),
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
        if named and name in STRING_ARGUMENTS:
            if type(value) is not str:
                raise self.error(f"{name} must be text", json.dumps(value), '"..."')
            return self.b.string(value)
        return self.integer(value, name)

    def flag_bits(self, value: Any) -> int:
        bits = 0
        for flag in value if isinstance(value, list) else [value]:
            if type(flag) is int and 0 < flag < 1 << 16:
                bits |= flag
            elif type(flag) is str and flag in _MARK_BITS:
                bits |= _MARK_BITS[flag]
            else:
                raise self.error(f"unknown mark '{flag}'", flag, ", ".join(_MARK_BITS))
        return bits

    def tables(self, number: int, value: dict[str, Any]) -> None:
        truth = value.get("truth")
        if truth is not None:
            if not isinstance(truth, dict):
                raise self.error("truth must be an object", expected=", ".join(COUNTERS))
            self.truth.append((number, *(self.counter(truth.get(n, 0), n) for n in COUNTERS)))
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
            fields: dict[str, Any] = {n: h[n] for n in PLAIN if n in h}
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
