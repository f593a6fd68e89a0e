"""YAML documents as plain Python values, read safely and with limits.

`load` gives dicts, lists, ints, bools, None and strings. It builds from the C parser's events, so
tags are never constructed, aliases share what they name, and depth and expanded size are bounded
before anything grows. Numbers are decimal or 0x, 0o, 0b; a leading zero, ``yes`` and ``1:30`` are
text, whatever version of YAML one has in mind.
"""

from __future__ import annotations

from ... import errorcodes as ec
from ...errors import InputError
from ...lateclasses import dataclass, field
from ...patterns import pattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


MAX_DEPTH = 40
MAX_NODES = 20_000_000  # aliases expanded
_INT = pattern(r"[-+]?(?:0[xX][0-9a-fA-F_]{1,32}|0o[0-7_]{1,32}|0b[01_]{1,80}|0|[1-9][0-9_]{0,32})\Z")
_CONSTANTS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


@dataclass
class Document:
    """A YAML document: its value, and for every list the line of each entry (by id of the list)."""

    root: Any
    lines: dict[int, list[int]] = field(default_factory=dict)
    text: str = ""
    path: str = ""


def scalar(text: str) -> Any:
    """What a plain scalar means."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.match(text):
        return int(text, 0)
    return text


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def decode(data: bytes | str, path: str) -> str:
    """The text of a document; InputError at the first byte that is not UTF-8."""
    if isinstance(data, str):
        return data
    data = data.removeprefix(_BYTE_ORDER_MARK)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        column = e.start - (data.rfind(b"\n", 0, e.start) + 1) + 1
        raise InputError(
            ec.RT_YAML,
            "not UTF-8 text",
            path,
            line,
            column,
            found=f"byte 0x{data[e.start]:02x}",
            expected="UTF-8",
        ) from None


def load(text: str, path: str = "") -> Document:
    """Read one document. Raises InputError (RT100, RT108) with its place."""
    import yaml

    reader = _Reader(text, path)
    try:
        return reader.document()
    except yaml.MarkedYAMLError as e:
        mark: Any = e.problem_mark or e.context_mark
        problem = (e.problem or "syntax error").strip()
        if "nesting depth" in problem:
            raise reader.error(
                ec.RT_LIMIT, "nested too deeply", mark, f"at most {MAX_DEPTH} levels"
            ) from None
        raise reader.error(ec.RT_YAML, problem, mark, "a YAML document") from None
    except yaml.reader.ReaderError as e:
        line = text.count("\n", 0, e.position) + 1
        raise InputError(
            ec.RT_YAML,
            "a character that YAML does not allow",
            path,
            line,
            found=f"#x{ord(e.character) if isinstance(e.character, str) else e.character:04x}",
            expected="printable text",
        ) from None


def parser_of(text: str) -> Any:
    """The parser of libyaml, or the slow one where PyYAML was built without it."""
    import yaml

    return (yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader)(text)


class _Reader:
    def __init__(self, text: str, path: str) -> None:
        import yaml

        self.text, self.path = text, path
        self.next: Any = parser_of(text).get_event
        self.events = yaml
        self.doc = Document(None, text=text, path=path)
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.memo: dict[str, Any] = {}
        self.nodes = 0

    def error(self, code: str, problem: str, mark: Any, expected: str = "") -> InputError:
        line = mark.line + 1 if mark is not None else 0
        column = mark.column + 1 if mark is not None else 0
        rows = self.text.splitlines()
        text = rows[line - 1] if 0 < line <= len(rows) else ""
        return InputError(code, problem, self.path, line, column, text[:400], expected=expected)

    def document(self) -> Document:
        ev = self.events
        self.next()  # stream start
        event: Any = self.next()
        if type(event) is ev.StreamEndEvent:
            raise self.error(ec.RT_YAML, "the document is empty", None, "a mapping with steps")
        self.doc.root = self.value(self.next(), 0)
        self.next()  # document end
        event = self.next()
        if type(event) is not ev.StreamEndEvent:
            raise self.error(
                ec.RT_YAML, "a second document begins", event.start_mark, "one document in a file"
            )
        return self.doc

    def value(self, event: Any, depth: int) -> Any:
        """The value that begins with `event`."""
        ev = self.events
        kind = type(event)
        self.nodes += 1
        if kind is ev.ScalarEvent:
            if event.implicit[0] and not event.style:
                text = event.value
                memo = self.memo
                if text in memo:
                    result = memo[text]
                else:
                    result = memo[text] = scalar(text)
            else:
                self.refuse_tag(event)
                result = event.value
        elif kind is ev.MappingStartEvent:
            result = self.mapping(event, depth + 1)
        elif kind is ev.SequenceStartEvent:
            result = self.sequence(event, depth + 1)
        else:
            return self.alias(event)
        return result

    def refuse_tag(self, event: Any) -> None:
        if event.tag not in (None, "!", "tag:yaml.org,2002:str"):
            raise self.error(
                ec.RT_YAML, f"tag {event.tag}", event.start_mark, "no tags: they are never loaded"
            )

    def alias(self, event: Any) -> Any:
        if event.anchor not in self.anchors:
            raise self.error(
                ec.RT_YAML, f"unknown alias *{event.anchor}", event.start_mark, "an anchor before it"
            )
        value, weight = self.anchors[event.anchor]
        self.nodes += weight
        if self.nodes > MAX_NODES:
            raise self.error(
                ec.RT_LIMIT,
                "aliases expand too far",
                event.start_mark,
                f"at most {MAX_NODES:,} nodes with aliases expanded",
            )
        return value

    def mapping(self, start: Any, depth: int) -> dict[str, Any]:
        ev = self.events
        self.check(start, depth)
        before = self.nodes
        result: dict[str, Any] = {}
        while type(event := self.next()) is not ev.MappingEndEvent:
            if type(event) is not ev.ScalarEvent:
                raise self.error(
                    ec.RT_YAML, "a key that is not a word", event.start_mark, "a word before ':'"
                )
            key = event.value
            if event.anchor:
                self.anchors[event.anchor] = (key, 1)
            if key in result:
                raise self.error(ec.RT_YAML, f"'{key}' appears twice", event.start_mark, "each key once")
            value_event = self.next()
            result[key] = self.value(value_event, depth)
            self.keep(value_event, result[key])
        if start.anchor:
            self.anchors[start.anchor] = (result, self.nodes - before + 1)
        return result

    def sequence(self, start: Any, depth: int) -> list[Any]:
        ev = self.events
        self.check(start, depth)
        before = self.nodes
        result: list[Any] = []
        lines: list[int] = []
        while type(event := self.next()) is not ev.SequenceEndEvent:
            lines.append(event.start_mark.line + 1)
            item = self.value(event, depth)
            self.keep(event, item)
            result.append(item)
        if not start.flow_style:
            self.doc.lines[id(result)] = lines
        if start.anchor:
            self.anchors[start.anchor] = (result, self.nodes - before + 1)
        return result

    def keep(self, event: Any, value: Any) -> None:
        """Remember a scalar with an anchor."""
        if type(event) is self.events.ScalarEvent and event.anchor:
            self.anchors[event.anchor] = (value, 1)

    def check(self, start: Any, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self.error(
                ec.RT_LIMIT, "nested too deeply", start.start_mark, f"at most {MAX_DEPTH} levels"
            )
        if start.tag not in (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            raise self.error(
                ec.RT_YAML, f"tag {start.tag}", start.start_mark, "no tags: they are never loaded"
            )
