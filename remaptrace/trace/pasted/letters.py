"""Characters: encodings, colour codes, carriage returns, what pages and mails put in place of plain ones."""

from __future__ import annotations

import html
import json
import re

from ...patterns import pattern
from .known import SAMPLE_BYTES, is_log_line, sample_score

_COLOURS = pattern(
    rb"\x1b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()][0-9A-Za-z]|[=>78cM])"
)
_RETURNS = pattern(rb"\r{2,}\n")
_TAG = pattern(rb"</?(?:span|pre|font|tt|kbd|mark|a|em|strong|b|i|code|samp)(?: [^<>]*)?>")
_SPAN = re.compile(rb"</span>|<span ")
_BREAK = pattern(rb"<br ?/?>[ \t]*\r?\n?")
_LONE_RETURN = pattern(rb"\r(?!\r*\n)")
_QUOTED_BYTE = pattern(rb"=([0-9A-F]{2})")
_ENTITY = pattern(rb"&(?:lt|gt|amp|quot|apos|nbsp|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
_KOI8_BLANK = pattern(rb"(?<= )\x9a|\x9a(?= )")
"""The no-break blank of KOI8, which mails in Russian have."""
_LETTERS: dict[bytes, bytes] = {
    b"\xc2\xa0": b" ",
    b"\xe2\x80\x8b": b"",
    b"\xe2\x80\xaf": b" ",
    b"\xef\xbb\xbf": b"",
    b"\xe2\x80\x9c": b'"',
    b"\xe2\x80\x9d": b'"',
    b"\xe2\x80\xa6": b"...",
    b"\xe2\x88\x92": b"-",
    b"\xe2\x80\x93": b"-",
    b"\xe2\x80\x94": b"---",
    b"\xe2\x80\x90": b"-",
    b"\xe2\x80\x91": b"-",
    b"\xe2\x80\x98": b"'",
    b"\xe2\x80\x99": b"'",
    b"0\xc3\x97": b"0x",
    b"\xef\xbc\x88": b"(",
    b"\xef\xbc\x89": b")",
    b"\xef\xbc\x8c": b", ",
    b"\xef\xbc\x9d": b"=",
}
"""What word processors and pages put in place of plain characters: blanks, quotes, dashes, dots."""


def _wide(data: bytes, notes: list[str]) -> bytes:
    """UTF-16 with or without its mark, and the mark of UTF-8."""
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:]
    head = data[:400]
    coding = ""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        coding = "utf-16"
    elif len(head) >= 8 and not any(head[1::2]) and all(head[0::2]):
        coding = "utf-16-le"
    elif len(head) >= 8 and not any(head[0::2]) and all(head[1::2]):
        coding = "utf-16-be"
    if not coding:
        return data
    notes.append("the text is UTF-16")
    return data.decode(coding, "replace").encode("utf-8", "replace")


def _returns(data: bytes, notes: list[str]) -> bytes:
    """A carriage return that no newline follows ends a line; several in front of a newline are one."""
    if b"\r\r\n" in data:
        data = _RETURNS.sub(b"\r\n", data)
    if b"\r" in data and _LONE_RETURN.search(data) is not None:
        notes.append("carriage returns without a newline end lines")
        return _LONE_RETURN.sub(b"\n", data)
    return data


def _colours(data: bytes, notes: list[str]) -> bytes:
    if b"\x1b" in data:
        notes.append("colour codes of a terminal are left out")
        return _COLOURS.sub(b"", data)
    return data


def _quoted_printable(data: bytes, notes: list[str]) -> bytes:
    """``=3D`` and soft line breaks of mails; each soft break leaves an empty line behind the joined one."""
    head = data[:SAMPLE_BYTES]
    if re.search(rb"\) *=3D ", head) is None:
        return data
    notes.append("the text is quoted-printable")
    out: list[bytes] = []
    held, breaks = b"", 0
    for line in data.split(b"\n"):
        bare = line.rstrip(b" \t\r")
        if bare.endswith(b"="):
            held += bare[:-1]
            breaks += 1
            continue
        out.append(_QUOTED_BYTE.sub(lambda match: bytes([int(match.group(1), 16)]), held + line))
        out += [b""] * breaks
        held, breaks = b"", 0
    if held:
        out.append(held)
    return b"\n".join(out)


def _letters(data: bytes, notes: list[str]) -> bytes:
    found = False
    if any(byte in data for byte in (b"\xa0", b"\xe2", b"\xef", b"0\xc3\x97")):
        for letter, plain in _LETTERS.items():
            if letter in data:
                found = True
                data = data.replace(letter, plain)
        if b"\xa0" in data[:SAMPLE_BYTES] and not _is_utf8(data[:SAMPLE_BYTES]):
            found = True
            data = data.replace(b"\xa0", b" ")
    if b" \x9a" in data[:SAMPLE_BYTES] and not _is_utf8(data[:SAMPLE_BYTES]):
        found = True
        data = _KOI8_BLANK.sub(b" ", data)
    if found:
        notes.append("no-break blanks, typographic quotes, dashes and signs are read as plain ones")
    return data


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start > len(data) - 4
    return True


def _tags(data: bytes, notes: list[str]) -> bytes:
    """The source of a page: words coloured by elements, lines ended by ``<br>``."""
    head = data[:SAMPLE_BYTES]
    if len(_SPAN.findall(head)) > 2 * head.count(b"\n") + 2:
        notes.append("elements of HTML are left out")
        data = _TAG.sub(b"", data)
    if len(breaks := _BREAK.findall(head)) > 1 and len(breaks) * 2 > head.count(b"\n"):
        notes.append("<br> ends lines")
        data = _BREAK.sub(b"\n", data)
    return data


def _entities(data: bytes, notes: list[str]) -> bytes:
    if re.search(rb"&(?:lt|gt|quot|#39);", data[:SAMPLE_BYTES]) is None or sample_score(data) == (0, 0):
        return data
    notes.append("entities of HTML (&lt; ...) are read as their characters")
    return _ENTITY.sub(
        lambda match: html.unescape(match.group().decode()).replace("\xa0", " ").encode(), data
    )


def _json_lines(data: bytes, notes: list[str]) -> bytes:
    """``{"log": "...\\n", "stream": ...}`` of docker, or any JSON object a line that holds a line of the log."""
    head = data[:SAMPLE_BYTES].lstrip()
    if not head.startswith(b"{"):
        return data
    key = _json_key(head)
    if key is None:
        return data
    notes.append(f"each line is JSON: its {key!r} is read")
    return b"\n".join(_of_json(line, key) for line in data.split(b"\n"))


_JSON_LINES = 40
"""Lines among which one of the log must be: headers of recorders may come first."""


def _json_key(head: bytes) -> str | None:
    for line in head.split(b"\n", _JSON_LINES)[:_JSON_LINES]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and "kind" not in row:
            for key in ("log", "message", "MESSAGE", "msg", "line", "text"):
                text = row.get(key)
                if isinstance(text, str) and is_log_line(text.encode("utf-8", "replace").rstrip(b"\n")):
                    return key
    return None


def _of_json(line: bytes, key: str) -> bytes:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return line
    text = row.get(key) if isinstance(row, dict) else None
    if not isinstance(text, str):
        return line
    return text.rstrip("\r\n").replace("\n", " ").encode("utf-8", "replace")


STEPS = (_wide, _returns, _colours, _quoted_printable, _letters, _json_lines, _tags, _entities)
"""Each takes a text and the notes, and gives the text with one thing undone."""
