"""The quick way through a scenario in canonical form, as the conformance programs are written.

Steps on one line, `expect` on the next, fields in the order of the table. Each shape of step has a
regular expression made from the table; what does not fit goes through the same converters as any
other scenario, so that both ways give the same trace. Anything unusual, errors included, raises
NotCanonical, and the full reader starts over. What the text of a step means wherever it stands is
remembered: programs are repeated for other kernels, steps within a program.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from operator import call

from ...abi.calls import Arg as Field
from ...abi.kinds import EVF_HAS_RET, EVF_OBSERVE, K_DUMP
from ...abi.rows import E_FLAGS, E_RET
from ...patterns import pattern
from .build import Builder
from .expect import check_expect, expected_result
from .steps import STEPS, Step
from .table import octets_of
from .values import CONVERTERS, Problem
from .yamldoc import scalar
from .yamlmini import VALUE, NotCanonical, parse, value_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import Any, TypeAlias


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
_LISTING = pattern(r"dump: \{\}\n  expect:\n    vmas:\n((?:    - \{[^{}\n]*\}(?:\n|\Z))+)\Z")
_END_AREAS = pattern(r"vmas:\n((?:- \{[^{}\n]*\}\n)+)\Z")
_AREA = pattern(
    rf" *- \{{start: {_NUMBER}, end: {_NUMBER}, perms: ([r-][w-][x-][ps]), offset: {_NUMBER},"
    rf" file: {VALUE}(?:(, vmflags: ){VALUE})?\}}\Z"
)
_PLAIN_HEAD = pattern(r"(?:[a-z_]+: (?:[A-Za-z][A-Za-z0-9_]*|[1-9][0-9]{0,17})\n)+\Z")
_EXPECT = r"(?:\n  expect: (\{result: (0x[0-9a-f]{1,15})\}|\{[^{}\n]*\}))?\Z"
_TAIL = pattern(r"\n(?:vmas|name|about|arch|page_size|machine|vars|files|layout|initial):")
_SLOW = 500  # steps without a quick way that are read here before their share is looked at
_integer = partial(int, base=0)


@lru_cache(maxsize=1)
def _shapes() -> dict[str, tuple[Step, re.Pattern[str], tuple[Field, ...], tuple[int, ...]]]:
    """For each plain operation: the pattern of what stands behind its name, its fields in order, and the defaults
    behind them. Groups of the pattern are the fields, the `expect`, and a result that is all of it.
    """
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
            shape = _PATTERNS[shown[0].form] + _EXPECT
        else:
            shape = r"\{" + ", ".join(f"{f.name}: {_PATTERNS[f.form]}" for f in shown) + r"\}" + _EXPECT
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
_Read: TypeAlias = "tuple[bytes, dict[str, Any] | None, str, int]"
"""A step: its row (of the first process), fields of its `expect` (None: it has none), operation, number of lines."""
_STEPS: dict[str, _Read] = {}
_ENTRIES: dict[str, dict[str, Any]] = {}
_AREAS: dict[str, dict[str, Any]] = {}
"""What whole steps are in every scenario, what others hold, and areas of lists, by their texts."""
_MOST_STEPS, _LONGEST = 1 << 12, 1 << 9


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
        owners = [getattr(converter, "__self__", None) for converter in converters]
        words = [(i, memo.everywhere) for i, memo in enumerate(owners) if isinstance(memo, _Memo)]
        flags = EVF_OBSERVE if step.observe else 0
        # of a step that refers to nothing
        numbers = [_integer if isinstance(c, _Address) else c for c in converters]
        plan = (step, pattern.match, converters, numbers, rest, flags, words)
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
        """Append the events of `text`, which begins in line `line`, with a step."""
        b = self.b
        expect, top, append = b.expects.append, b.top.append, b.append_octets
        index = slow = 0
        for index, item in enumerate(text[2:-1].split("\n- ")):
            found = _STEPS.get(item) or self.quick(item) or _listing(item)
            if found is not None:
                octets, fields, operation, lines = found
                event = b.count
                if fields is not None:
                    own = fields.copy()  # which whoever asks may change
                    if "file_pages" in own:
                        own["file_pages"] = [*own["file_pages"]]
                    expect((event, index, line, own, {}))
                append(octets, line)
                top((event, operation))
                line += lines
            else:
                slow += 1
                if slow > _SLOW and slow > index - slow:
                    raise NotCanonical  # the full reader is faster at this
                line = self.slow(item, line, index)
        b.step = index + 1

    def quick(self, item: str) -> _Read | None:
        """One step, `item` without its dash, if it has a quick way; None leaves everything as it was."""
        operation, _, told = item.partition(": ")
        plan = self.plans.get(operation) or self.plan(operation)
        if plan is None:
            return None
        step, fits, converters, numbers, rest, flags, words = plan
        found = fits(told)
        if found is None:
            return None
        *texts, expect, result = found.groups()
        b = self.b
        b.step_name = operation
        references = len(b.relocations)
        everywhere = "'" not in item
        try:
            values = map(call, numbers if everywhere else converters, texts)
            row = [step.kind, 0, *values, *rest, 0, flags]
        except Problem:
            del b.relocations[references:]
            return None
        for i, kept in words:
            everywhere = everywhere and texts[i] in kept
        fields: dict[str, Any] | None = None
        if expect is None:
            pass
        elif result is not None and step.returns:
            value = int(result, 16)
            fields = {"result": value}
            row[E_RET], row[E_FLAGS] = value, flags | EVF_HAS_RET
        else:
            fields, row[E_RET], more = self.answer(step, expect)
            row[E_FLAGS] = flags | more
            everywhere = everywhere and (step.name, expect) in _ANSWERS
        read = (octets_of(row), fields, operation, 1 if expect is None else 2)
        if everywhere and len(_STEPS) < _MOST_STEPS:
            _STEPS[item] = read
        return read

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

    def slow(self, item: str, line: int, index: int) -> int:
        """Append the step `item` through the common way; the line where the next one begins."""
        b = self.b
        numbers: dict[int, list[int]] = {}
        entry, line_of = _ENTRIES.get(item), line
        if entry is None:
            entries = parse(f"- {item}\n".split("\n"), line, numbers)
            if type(entries) is not list or len(entries) != 1:
                raise NotCanonical
            entry, line_of = entries[0], numbers[id(entries)][0]
            flat = len(numbers) == 1 and "vmas:" not in item and "file_pages:" not in item
            if flat and line_of == line and len(item) < _LONGEST and len(_ENTRIES) < _MOST_STEPS:
                _ENTRIES[item] = entry  # with no list in it that is kept, or whose lines somebody asks for
        b.document_lines = numbers
        b.add(entry, line_of, index)
        return line + item.count("\n") + 1


_LOOK = octets_of((K_DUMP, *(0,) * 8, EVF_OBSERVE))
"""The row of a step `dump`."""


def _listing(item: str) -> _Read | None:
    """A step that lists areas, each in the usual form; None for any other."""
    listing = _LISTING.match(item)
    areas = _areas(listing[1].split("\n")) if listing is not None else None
    return None if areas is None else (_LOOK, {"vmas": areas}, "dump", 3 + len(areas))


def _areas(lines: list[str]) -> list[dict[str, Any]] | None:
    """The areas of a list, one a line, if each tells what such lists tell of areas, in order; else None."""
    areas: list[dict[str, Any]] = []
    for line in lines:
        area = _AREAS.get(line)
        if area is None:
            found = _AREA.match(line)
            if found is None:
                return None
            start, end, perms, offset, quoted, plain, more, quoted_flags, flags = found.groups()
            area = {
                "start": int(start, 0),
                "end": int(end, 0),
                "perms": perms,
                "offset": int(offset, 0),
                "file": scalar(plain) if quoted is None else quoted,
            }
            if more:
                area["vmflags"] = scalar(flags) if quoted_flags is None else quoted_flags
            if len(_AREAS) < _MOST_STEPS:
                _AREAS[line] = area
        areas.append(area.copy())
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
    tail = _TAIL.search(text, begin)
    end = len(text) if tail is None else tail.start() + 1
    line = text.count("\n", 0, begin) + 1
    root: dict[str, Any] = {}
    for piece, first in ((text[: start + 1], 1), (text[end:], line + text.count("\n", begin, end))):
        if piece.strip():
            areas = _END_AREAS.match(piece)
            listed = _areas(areas[1][:-1].split("\n")) if areas is not None else None
            part: Any = {"vmas": listed} if listed is not None else _plain_head(piece)
            part = part or parse(piece.split("\n"), first, {})
            if type(part) is not dict or "steps" in part or part.keys() & root.keys():
                raise NotCanonical
            root |= part
    root["steps"] = []
    steps = text[begin:end]
    return root, steps if steps.endswith("\n") else steps + "\n", line
