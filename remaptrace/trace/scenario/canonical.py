"""The quick way through a scenario in canonical form, as the conformance programs are written.

Steps on one line, `expect` on the next, fields in the order of the table. Each shape of step has a
regular expression made from the table; what does not fit goes through the same converters as any
other scenario, so that both ways give the same trace. Anything unusual, errors included, raises
NotCanonical, and the full reader starts over.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from operator import call

from ...abi.calls import Arg as Field
from ...abi.kinds import EVF_HAS_RET, EVF_OBSERVE
from ...abi.rows import E_FLAGS, E_RET
from ...patterns import pattern
from .build import Builder
from .expect import check_expect, expected_result
from .steps import STEPS, Step
from .values import CONVERTERS, Problem
from .yamldoc import scalar
from .yamlmini import VALUE, NotCanonical, parse, value_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import Any


_NUMBER = r"(0x[0-9a-fA-F]{1,16}|[1-9][0-9]{0,18}|0)"
_PATTERNS = {
    "int": _NUMBER,
    "addr": r"(0x[0-9a-fA-F]{1,16}|[1-9][0-9]{0,18}|0|'@[0-9]+(?:[+-]0x[0-9a-f]{1,16})?')",
    "prot": r"([a-z]+|0x[0-9a-f]{1,16}|[0-9]+)",
    "flags": r"(\[[A-Za-z0-9_, ']*\]|0x[0-9a-f]+|[0-9]+)",
    "name": r"([A-Za-z0-9_]+)",
    "fd": r"(-1|[A-Za-z0-9_]+)",
}
_OMITTED = {"read": ("value", "pages", "sp"), "exec": ("value", "pages", "sp"), "write": ("pages", "sp")}
_ITEM = pattern(
    r"- ([a-z_0-9]+): (\{[^{}\n]*\}|[0-9][0-9a-fx]*|'@[0-9a-fx+-]+')\n(?:  expect: (\{[^{}\n]*\})\n)?(?=- |[a-z]|\Z)"
)
_LISTING = pattern(r"- dump: \{\}\n  expect:\n    vmas:\n((?:    - \{[^{}\n]*\}\n)+)(?=- |[a-z]|\Z)")
_END_AREAS = pattern(r"vmas:\n((?:- \{[^{}\n]*\}\n)+)\Z")
_AREA = pattern(
    rf"- \{{start: {_NUMBER}, end: {_NUMBER}, perms: ([r-][w-][x-][ps]), offset: {_NUMBER},"
    rf" file: {VALUE}(?:(, vmflags: ){VALUE})?\}}\n"
)
_PLAIN_HEAD = pattern(r"(?:[a-z_]+: (?:[A-Za-z][A-Za-z0-9_]*|[1-9][0-9]{0,17})\n)+\Z")
_RESULT = pattern(r"\{result: (0x[0-9a-f]{1,15})\}\Z")
TAIL_KEYS = ("vmas", "name", "about", "arch", "page_size", "machine", "vars", "files", "layout", "initial")
_SLOW = 500  # steps without a quick way that are read here before their share is looked at
_integer = partial(int, base=0)


@lru_cache(maxsize=1)
def _shapes() -> dict[str, tuple[Step, re.Pattern[str], tuple[Field, ...], tuple[int, ...]]]:
    """For each plain operation: its pattern, its fields in order, and the defaults behind them."""
    shapes = {}
    for step in STEPS.values():
        fields = [f for f in step.args if isinstance(f, Field)]
        omitted = _OMITTED.get(step.name, ())
        shown = [f for f in fields if f.name not in omitted]
        if (
            step.special
            or len(fields) != len(step.args)
            or not shown
            or any(f.form not in _PATTERNS for f in shown)
        ):
            continue
        if step.scalar and len(shown) == 1:
            shape = _PATTERNS[shown[0].form] + r"\Z"
        else:
            shape = r"\{" + ", ".join(f"{f.name}: {_PATTERNS[f.form]}" for f in shown) + r"\}\Z"
        rest = tuple(f.default or 0 for f in fields if f.name in omitted)
        shapes[step.name] = (step, pattern(shape), tuple(shown), (*rest, *(0,) * (6 - len(fields))))
    return shapes


class _AsksForNames(Exception):
    """What a text means depends on what its scenario names."""


class _Nobody:
    """Stands for a Builder where a text is converted for every scenario."""

    step_name = ""

    def __getattr__(self, name: str) -> Any:
        raise _AsksForNames


_NOBODY: Any = _Nobody()
_NUMBERS: dict[tuple[str, int], dict[str, int]] = {}
_ANSWERS: dict[tuple[str, str], tuple[dict[str, Any], int, int]] = {}
"""What texts mean in every scenario: words of flags and protections, answers of steps."""
_MOST_KEPT = 1 << 14


class _Memo(dict[str, int]):
    """Numbers of texts that were converted before; a new text goes through the field's converter."""

    def __init__(self, b: Builder, step: Step, field: Field) -> None:
        self.b, self.field = b, field
        self.everywhere = _NUMBERS.setdefault((step.name, step.args.index(field)), {})
        super().__init__(self.everywhere)

    def __missing__(self, text: str) -> int:
        given = value_of(text) if text[:1] == "[" else scalar(text)
        convert = CONVERTERS[self.field.form]
        try:
            value = convert(_NOBODY, given, self.field)
        except (_AsksForNames, Problem):
            value = convert(self.b, given, self.field)
        else:
            if isinstance(value, int) and len(self.everywhere) < _MOST_KEPT:
                self.everywhere[text] = value
        if not isinstance(value, int):
            raise NotCanonical
        self[text] = value
        return value


class _Address:
    """Converts an address: a number, or a reference to what a step returned."""

    def __init__(self, b: Builder, field: Field, position: int) -> None:
        self.b, self.field, self.position = b, field, position

    def __call__(self, text: str) -> int:
        if text[0] != "'":
            return int(text, 0)
        return self.b.referred(text[1:-1], self.field, self.position)


class _Steps:
    """Reads the text of the steps into a Builder."""

    def __init__(self, b: Builder) -> None:
        self.b = b
        self.plans: dict[str, tuple[Any, ...]] = {}
        self.answers: dict[
            tuple[str, str], tuple[dict[str, Any], int, int]
        ] = {}  # that name what a scenario names

    def plan(self, operation: str) -> tuple[Any, ...] | None:
        """How to read one operation: step, pattern, converters, defaults; None if it has no quick way."""
        shape = _shapes().get(operation)
        if shape is None:
            return None
        step, pattern, fields, rest = shape
        converters = [self.converter(step, field) for field in fields]
        flags = EVF_OBSERVE if step.observe else 0
        plan = (step, pattern.match, converters, rest, step.kind, flags, step.returns)
        self.plans[operation] = plan
        return plan

    def converter(self, step: Step, field: Field) -> Callable[[str], int]:
        """How the text of a field becomes a number."""
        if field.form == "addr" and field.most is None:
            return _Address(self.b, field, step.args.index(field))
        return (
            _integer if field.form == "int" and field.most is None else _Memo(self.b, step, field).__getitem__
        )

    def read(self, text: str, line: int) -> None:
        """Append the events of `text`, which begins in line `line`."""
        b = self.b
        at, index, slow = 0, 0, 0
        match = _ITEM.match
        while at < len(text):
            item = match(text, at)
            if item is not None and self.quick(item[1], item[2], item[3], line, index):
                at = item.end()
                line += 1 if item[3] is None else 2
            else:
                slow += 1
                if slow > _SLOW and slow > index - slow:
                    raise NotCanonical  # the full reader is faster at this
                at, line = self.slow(text, at, line, index)
            index += 1
        b.step = index

    def quick(self, operation: str, args: str, expect: str | None, line: int, index: int) -> bool:
        """Append one step's event if it has a quick way; otherwise leave everything as it was."""
        plan = self.plans.get(operation) or self.plan(operation)
        if plan is None:
            return False
        step, fits, converters, rest, kind, flags, returns = plan
        found = fits(args)
        if found is None:
            return False
        b = self.b
        b.step_name = operation
        references = len(b.relocations)
        try:
            values = map(call, converters, found.groups())
            row = [kind, b.task, *values, *rest, 0, flags]
        except Problem:
            del b.relocations[references:]
            return False
        event = b.count
        if expect is not None:
            result = _RESULT.match(expect) if returns else None
            if result is not None:
                value = int(result[1], 16)
                fields: dict[str, Any] = {"result": value}
                row[E_RET], row[E_FLAGS] = value, flags | EVF_HAS_RET
            else:
                fields, row[E_RET], more = self.answer(step, expect)
                row[E_FLAGS] = flags | more
            b.expects.append((event, index, line, fields, {}))
        b.append(row, line)
        b.top.append((event, operation))
        return True

    def answer(self, step: Step, text: str) -> tuple[dict[str, Any], int, int]:
        """Fields, recorded result and event flags of an `expect`, remembered by its text."""
        key = (step.name, text)
        known = _ANSWERS.get(key) or self.answers.get(key)
        if known is None:
            expect, kept = value_of(text), _ANSWERS
            try:
                fields, on = check_expect(_NOBODY, step, expect)
            except (_AsksForNames, Problem):
                kept = self.answers
                fields, on = check_expect(self.b, step, expect)
            if on:
                raise NotCanonical
            ret, flags = expected_result(step, fields)
            known = fields, ret, flags
            if len(kept) < _MOST_KEPT or kept is self.answers:
                kept[key] = known
        return known

    def slow(self, text: str, at: int, line: int, index: int) -> tuple[int, int]:
        """Append the step that begins at `at` through the common way; where the next one begins."""
        b = self.b
        listing = _LISTING.match(text, at)
        areas = _areas(listing[1]) if listing is not None else None
        if listing is not None and areas is not None:
            b.add({"dump": {}, "expect": {"vmas": areas}}, line, index)
            return listing.end(), line + 3 + len(areas)
        end = text.find("\n- ", at)
        end = len(text) if end < 0 else end + 1
        piece = text[at:end]
        numbers: dict[int, list[int]] = {}
        entries = parse(piece.split("\n"), line, numbers)
        if type(entries) is not list or len(entries) != 1:
            raise NotCanonical
        b.document_lines = numbers
        b.add(entries[0], numbers[id(entries)][0], index)
        return end, line + piece.count("\n")


def _areas(text: str) -> list[dict[str, Any]] | None:
    """The areas of a list, one a line, if each tells what such lists tell of areas, in order; else None."""
    found = _AREA.findall(text)
    if len(found) != text.count("\n"):
        return None
    areas: list[dict[str, Any]] = []
    for start, end, perms, offset, quoted, plain, more, quoted_flags, flags in found:
        area = {
            "start": int(start, 0),
            "end": int(end, 0),
            "perms": perms,
            "offset": int(offset, 0),
            "file": scalar(plain) if plain else quoted,
        }
        if more:
            area["vmflags"] = scalar(flags) if flags else quoted_flags
        areas.append(area)
    return areas


def read_steps(b: Builder, text: str, line: int) -> None:
    """Append the events of the text of `steps:`, whose first line is `line`. NotCanonical, Problem."""
    _Steps(b).read(text, line)


def _plain_head(text: str) -> dict[str, Any] | None:
    """What lines of words and numbers say, each under another key; None for any other text."""
    if not _PLAIN_HEAD.match(text):
        return None
    rows = [line.split(": ") for line in text.splitlines()]
    part = {key: scalar(value) for key, value in rows}
    return part if len(part) == len(rows) else None


def split(text: str) -> tuple[dict[str, Any], str, int]:
    """The document without its steps, the text of the steps, and the line where that begins.

    NotCanonical if the document does not have the canonical outline.
    """
    start = text.find("\nsteps:\n- ")
    if start < 0:
        raise NotCanonical
    begin = start + len("\nsteps:\n")
    tails = [at for key in TAIL_KEYS if (at := text.find(f"\n{key}:", begin)) >= 0]
    end = min(tails) + 1 if tails else len(text)
    line = text.count("\n", 0, begin) + 1
    root: dict[str, Any] = {}
    for piece, first in ((text[: start + 1], 1), (text[end:], line + text.count("\n", begin, end))):
        if piece.strip():
            areas = _END_AREAS.match(piece)
            listed = _areas(areas[1]) if areas is not None else None
            part: Any = {"vmas": listed} if listed is not None else _plain_head(piece)
            part = part or parse(piece.split("\n"), first, {})
            if type(part) is not dict or "steps" in part or part.keys() & root.keys():
                raise NotCanonical
            root |= part
    root["steps"] = []
    steps = text[begin:end]
    return root, steps if steps.endswith("\n") else steps + "\n", line
