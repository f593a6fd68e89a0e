"""A strict subset of YAML, read in plain Python without importing a YAML library.

Block mappings and lists, one-line flow collections, plain and simply quoted scalars, comments on
lines of their own or behind a bare `key:`. Whatever else YAML allows raises NotCanonical, and the
caller takes the full reader; what is accepted means exactly what it means there.
"""

from __future__ import annotations

from ...patterns import pattern
from .yamldoc import scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_MAX_DEPTH = 16
_INSIDE = r"[A-Za-z0-9_./+()*<>=~^|&%@-]"
_PLAIN = rf"(?:[A-Za-z0-9_./+(~=<]|-(?=[A-Za-z0-9_(-])){_INSIDE}*(?: +{_INSIDE}+)*"
_SCALAR = pattern(_PLAIN + r"\Z")
_KEY = pattern(r"([A-Za-z_][A-Za-z0-9_]*|[0-9]+):(?: +|\Z)")
_BARE = pattern(r" *(?:#.*)?\Z")
VALUE = rf"(?:'([^'\n]*)'|({_PLAIN}))"
"""A scalar inside a flow collection: as quoted, or plain."""
_PAIR = pattern(rf" *([A-Za-z_][A-Za-z0-9_]*): +{VALUE} *([,}}])")
_ONE = rf" *[A-Za-z_][A-Za-z0-9_]*: +(?:'[^'\n]*'|{_PLAIN}) *"
_FLAT = pattern(rf"\{{(?:{_ONE},)*{_ONE}\}}")
_NESTED = pattern(r" *([A-Za-z_][A-Za-z0-9_]*): +[\[{]")
_LEAF = pattern(rf" *{VALUE}")
_EMPTY_MAP = pattern(r" *\}")
_EMPTY_LIST = pattern(r" *\]")
_QUOTED = pattern(r"'([^'\n]*)' *\Z")
_OPEN = pattern(r" *([\[{])")
_END = pattern(r" *([,\]}])")
_BLANK = pattern(r"\s*(?:#.*)?\Z")
_REFUSED = pattern(r"[\t\r\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_ASCII = bytes([10, *range(32, 127)])
_MARKERS = ("\n---", "\n...", "\n%")


class NotCanonical(Exception):
    """The text is not in the subset; it may still be good YAML."""


class Lines:
    """Lines of a document with a cursor; `first` is the number of the first line."""

    def __init__(self, lines: list[str], first: int, numbers: dict[int, list[int]]) -> None:
        self.lines, self.first, self.numbers = lines, first, numbers
        self.at = 0
        self.depth = 0

    def peek(self) -> tuple[int, str]:
        """Indentation and text of the next line that says something; (-1, "") at the end."""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not _BLANK.match(line):
                text = line.lstrip(" ")
                return len(line) - len(text), text
            self.at += 1
        return -1, ""

    def block(self, indent: int) -> Any:
        """The collection whose entries stand at `indent`."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise NotCanonical
        _, text = self.peek()
        value = self.sequence(indent) if text.startswith("- ") else self.mapping(indent, self.peek()[1])
        self.depth -= 1
        return value

    def sequence(self, indent: int) -> list[Any]:
        """Entries `- ...` at `indent`."""
        out: list[Any] = []
        numbers: list[int] = []
        while True:
            at, text = self.peek()
            if at != indent or not text.startswith("- "):
                break
            numbers.append(self.first + self.at)
            rest = text[2:]
            inner = rest.lstrip(" ")
            if _KEY.match(inner) and not _SCALAR.match(inner):
                column = indent + len(text) - len(inner)
                out.append(self.mapping(column, inner))
            else:
                self.at += 1
                out.append(value_of(inner))
        if at > indent:
            raise NotCanonical
        self.numbers[id(out)] = numbers
        return out

    def mapping(self, indent: int, text: str) -> dict[str, Any]:
        """Entries `key: ...` at `indent`; `text` is the first one, from its key on."""
        out: dict[str, Any] = {}
        while True:
            found = _KEY.match(text)
            if not found or found[1] in out:
                raise NotCanonical
            self.at += 1
            rest = text[found.end() :]
            if _BARE.match(rest):
                at, following = self.peek()
                nested = at > indent or (at == indent and following.startswith("- "))
                out[found[1]] = self.block(at) if nested else None
            else:
                out[found[1]] = value_of(rest)
            at, text = self.peek()
            if at > indent:
                raise NotCanonical
            if at != indent or text.startswith("- "):
                return out


def value_of(text: str) -> Any:
    """The value that stands on the rest of a line."""
    first = text[:1]
    if first in ("{", "["):
        value, end = flow(text, 0, 0)
        if text[end:].strip(" "):
            raise NotCanonical
        return value
    quoted = _QUOTED.match(text)
    if quoted:
        return quoted[1]
    plain = text.rstrip(" ")
    if not _SCALAR.match(plain):
        raise NotCanonical
    return scalar(plain)


def flow(text: str, at: int, depth: int) -> tuple[Any, int]:
    """The flow collection that begins at `at`, and where it ends."""
    if depth > _MAX_DEPTH:
        raise NotCanonical
    return flow_map(text, at + 1, depth) if text[at] == "{" else flow_list(text, at + 1, depth)


def flow_map(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    """A flow mapping from behind its bracket."""
    flat = _FLAT.match(text, at - 1)
    if flat:
        pairs = _PAIR.findall(text, at, flat.end())
        out: dict[str, Any] = {key: scalar(plain) if plain else quoted for key, quoted, plain, _ in pairs}
        if len(out) != len(pairs):
            raise NotCanonical
        return out, flat.end()
    out = {}
    closing = _EMPTY_MAP.match(text, at)
    if closing:
        return out, closing.end()
    pair = _PAIR.match
    while True:
        found = pair(text, at)
        if found:
            key, quoted, plain, end = found.groups()
            value: Any = scalar(plain) if quoted is None else quoted
            at = found.end()
        else:
            opening = _NESTED.match(text, at)
            if not opening:
                raise NotCanonical
            key = opening[1]
            value, at = flow(text, opening.end() - 1, depth + 1)
            closing = _END.match(text, at)
            if not closing:
                raise NotCanonical
            end, at = closing[1], closing.end()
        if key in out:
            raise NotCanonical
        out[key] = value
        if end == "}":
            return out, at
        if end != ",":
            raise NotCanonical


def flow_list(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    """A flow list from behind its bracket."""
    out: list[Any] = []
    closing = _EMPTY_LIST.match(text, at)
    if closing:
        return out, closing.end()
    while True:
        leaf = _LEAF.match(text, at)
        if leaf:
            out.append(scalar(leaf[2]) if leaf[1] is None else leaf[1])
            at = leaf.end()
        else:
            opening = _OPEN.match(text, at)
            if not opening:
                raise NotCanonical
            value, at = flow(text, opening.end() - 1, depth + 1)
            out.append(value)
        end = _END.match(text, at)
        if not end or end[1] == "}":
            raise NotCanonical
        at = end.end()
        if end[1] == "]":
            return out, at


def check_text(text: str) -> None:
    """NotCanonical for characters and markers that the subset does not know."""
    refused = text.encode().translate(None, _ASCII) if text.isascii() else _REFUSED.search(text)
    if refused or text.startswith(("---", "...", "%")) or any(m in text for m in _MARKERS):
        raise NotCanonical


def parse(lines: list[str], first: int, numbers: dict[int, list[int]]) -> Any:
    """The collection that `lines` hold; `first` is the number of the first one (from 1)."""
    reader = Lines(lines, first, numbers)
    indent, _ = reader.peek()
    if indent != 0:
        raise NotCanonical
    value = reader.block(0)
    if reader.peek()[0] >= 0:
        raise NotCanonical
    return value
