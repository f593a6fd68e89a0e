"""The arguments of one call as strace prints them: splitting them, and what each one means.

Splitting knows strings, structures, descriptor annotations (``3</path>``) and comments; values are numbers,
names, sums of names (``PROT_READ|PROT_WRITE``), shifts (``21<<MAP_HUGE_SHIFT``) and products (``8192*1024``).
Everything works on bytes: paths need not be UTF-8.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ...errorcodes import RT_ARGUMENT, RT_SYMBOL
from ..symbols import SHIFTS, SYMBOLS

_U64 = 0xFFFF_FFFF_FFFF_FFFF
_SYMBOLS: dict[bytes, int] = {name.encode(): value for name, value in SYMBOLS.items()}
_SHIFTS: dict[bytes, int] = {name.encode(): value for name, value in SHIFTS.items()}

_STOP = re.compile(rb'["<>(){}\[\],]|/\*|\Z')
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"(?:\.\.\.)?', re.DOTALL)
_PATH = re.compile(rb"<[^<>]*(?:<[^<>]*>)?>")
_OTHER_FILE = re.compile(rb"<(?:->|[^<>])*(?:<[^<>]*>)?>")
_COMMENT = re.compile(rb"/\*.*?\*/", re.DOTALL)
_BEHIND_VALUE = re.compile(rb"(?:</[^<>]*(?:<[^<>]*>)?>|<(?:->|[^<>])*(?:<[^<>]*>)?>)(?:\(deleted\))?")
_NUMBER = re.compile(rb"(-?)(?:0x([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))\Z")
_SHIFT = re.compile(rb"[1-5]?\d\Z")
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f", b"a": b"\a", b"b": b"\b"}


class BadLine(Exception):
    """A line that cannot be read; becomes a `Skipped`. `column` counts from 0 within the text given."""

    def __init__(self, code: str, column: int, found: bytes, expected: str) -> None:
        super().__init__(code, column, found, expected)
        self.code = code
        self.column = column
        self.found = found[:80].decode("utf-8", "backslashreplace")
        self.expected = expected


def split_arguments(text: bytes, start: int, close: bytes = b")") -> tuple[list[bytes], int]:
    """The arguments from `start` (behind the opening bracket) on, and the index behind the closing one.

    An index of -1 says that the text ends before the bracket closes.
    """
    arguments: list[bytes] = []
    depth = 0
    at = first = start
    while True:
        match = _STOP.search(text, at)
        assert match is not None
        at = match.end()
        stop = match.group()
        if stop == b'"':
            string = _STRING.match(text, match.start())
            if string is None:
                return arguments, -1
            at = string.end()
        elif stop == b"<":
            at = _skip_annotation(text, match.start())
        elif stop in (b"(", b"[", b"{"):
            depth += 1
        elif stop == b"/*":
            comment = _COMMENT.match(text, match.start())
            if comment is None:
                return arguments, -1
            at = comment.end()
        elif stop == b"," and depth == 0:
            arguments.append(text[first : match.start()].strip())
            first = at
        elif stop in (b")", b"]", b"}"):
            if depth == 0 and stop == close:
                last = text[first : match.start()].strip()
                if last or arguments:
                    arguments.append(last)
                return arguments, at
            depth -= 1
            if depth < 0:
                return arguments, -1
        elif stop == b"":
            return arguments, -1


def _skip_annotation(text: bytes, at: int) -> int:
    """The index behind ``</path>`` or ``<socket:[5]>`` at `at`; behind the ``<`` if it is something else."""
    before = text[at - 1 : at]
    if text[at + 1 : at + 2] == b"<" or before == b"<" or not (before.isalnum() or before in (b"_", b"]")):
        return at + 1
    pattern = _PATH if text[at + 1 : at + 2] == b"/" else _OTHER_FILE
    match = pattern.match(text, at)
    return match.end() if match else at + 1


@lru_cache(maxsize=1 << 12)
def value(token: bytes) -> int:
    """The number that an argument stands for: not wrapped, -2**63 .. 2**64-1.

    Raises BadLine for an unknown name or a number beyond 64 bits.
    """
    number = _SYMBOLS.get(token)
    if number is not None:
        return number
    plain = token
    if b"/*" in plain:
        plain = _COMMENT.sub(b"", plain).strip()
    if b"<" in plain and b"<<" not in plain:
        start = plain.index(b"<")
        if _BEHIND_VALUE.fullmatch(plain, start) is None:
            raise BadLine(RT_ARGUMENT, 0, token, "</path> or nothing behind a descriptor")
        plain = plain[:start]
    total = 0
    for part in plain.split(b"|"):
        total |= _term(part.strip(), token)
    return total


def _term(part: bytes, token: bytes) -> int:
    match = _NUMBER.match(part)
    if match is not None:
        return _number(match, token)
    number = _SYMBOLS.get(part)
    if number is not None:
        return number
    left, shift, name = part.partition(b"<<")
    if shift and (name in _SHIFTS or _SHIFT.match(name)):  # a number under -X raw
        count = _NUMBER.match(left)
        if count is not None:
            return _number(count, token) << (_SHIFTS.get(name) or int(name)) & _U64
    left, star, right = part.partition(b"*")
    if star:
        a, b = _NUMBER.match(left), _NUMBER.match(right)
        if a is not None and b is not None:
            return _number(a, token) * _number(b, token) & _U64
    if re.fullmatch(rb"[A-Za-z_]\w*", part):
        raise BadLine(RT_SYMBOL, 0, token, f"a known name in place of {part.decode()}")
    raise BadLine(RT_ARGUMENT, 0, token, "a number or names joined by |")


def _number(match: re.Match[bytes], token: bytes) -> int:
    sign, hexadecimal, octal, decimal = match.groups()
    if hexadecimal is not None:
        number = int(hexadecimal, 16)
    elif octal is not None:
        number = int(octal, 8)
    elif len(decimal) > 20:
        number = _U64 + 1
    else:
        number = int(decimal)
    if number > _U64 or (sign and number > 1 << 63):
        raise BadLine(RT_ARGUMENT, 0, token, "a number of at most 64 bits")
    return -number if sign else number


def signed(number: int) -> int:
    """`number` as a signed 64-bit word."""
    number &= _U64
    return number - (1 << 64) if number >> 63 else number


def unescape(text: bytes) -> str:
    """The text between quotes or angle brackets, its escapes undone; bytes that are no UTF-8 stay visible."""
    return raw(text).decode("utf-8", "backslashreplace")


def raw(text: bytes) -> bytes:
    """The bytes between quotes, their escapes undone."""
    return _ESCAPE.sub(_unescape_one, text) if b"\\" in text else text


def _unescape_one(match: re.Match[bytes]) -> bytes:
    hexadecimal, octal, letter = match.groups()
    if hexadecimal is not None:
        return bytes([int(hexadecimal, 16)])
    if octal is not None:
        return bytes([int(octal, 8) & 0xFF])
    return _LETTERS.get(letter, letter)


def string(token: bytes) -> str | None:
    """The string that an argument ``"text"`` or ``"text"...`` holds; None if it is no string."""
    match = _STRING.match(token)
    if match is None:
        return None
    return unescape(match.group().rstrip(b".")[1:-1])


def annotation(token: bytes) -> str | None:
    """The path or description behind a descriptor, as ``-y`` and ``-yy`` print it; None if there is none.

    A ``(deleted)`` behind it and the device of ``-yy`` are left out: ``</dev/null<char 1:3>>`` is /dev/null.
    """
    at = token.find(b"<")
    found = annotation_at(token, at) if at > 0 else None
    return found[0] if found is not None else None


def annotation_at(text: bytes, at: int) -> tuple[str, int] | None:
    """What `annotation` finds at the ``<`` at `at`, and the index behind it and its ``(deleted)``."""
    if text[at + 1 : at + 2] == b"<":
        return None
    pattern = _PATH if text[at + 1 : at + 2] == b"/" else _OTHER_FILE
    match = pattern.match(text, at)
    if match is None:
        return None
    inside = match.group()[1:-1]
    if inside.startswith(b"/"):
        inside = inside.partition(b"<")[0]
    end = match.end()
    return unescape(inside), end + 9 if text.startswith(b"(deleted)", end) else end


def fields(token: bytes) -> dict[bytes, bytes]:
    """The members of a structure ``{a=1, b={c=2}}``; empty if it is none (an address, NULL)."""
    members: dict[bytes, bytes] = {}
    if token.startswith(b"{"):
        for part in split_arguments(token, 1, b"}")[0]:
            name, equals, content = part.partition(b"=")
            if equals:
                members[name.strip()] = content.strip()
    return members


def list_items(token: bytes) -> list[bytes]:
    """The items of ``[a, b]``; empty if it is no list."""
    return split_arguments(token, 1, b"]")[0] if token.startswith(b"[") else []
