"""Logs as people pass them on: quoted in mails, indented in pages, behind the prefixes of other logs.

`unpasted` undoes what a log went through, in front of the choice of a reader: encodings (UTF-16, a byte order
mark, quoted-printable, HTML entities, JSON lines of docker), colour codes, no-break blanks, carriage returns as
line ends, a prefix that the lines have in common, and the line breaks of mailers. The number of a line stays
what it is in the file. What was done is said in notes; text that is a log as it is comes back unchanged.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from mmap import mmap

from .strace.args import BadLine, split_arguments
from .strace.lines import call_name, read_head, split_call, unfinished
from .tracepoints.prefix import TOKEN, is_kernel_line, kernel_prefix, shape_of
from .tracepoints.wrapped import is_wrapped, join_wrapped

_SAMPLE_BYTES, _SAMPLE_LINES = 1 << 18, 2000
_LONGEST = 2_000
"""Bytes of a line within which a prefix is looked for."""

_LOG_LINE = re.compile(
    rb"(?:(?:[a-z_][a-z0-9_]*|SYS_\d+)\(.*|<\.\.\. [a-z_0-9]+ resumed>.*)"
    rb"(?:\) *= *(?:-?(?:0x[0-9a-f]+|\d+)|\?)|<(?:unfinished|detached) \.\.\.>)"
    rb"|\+\+\+ (?:exited|killed|superseded) |--- SIG[A-Z0-9]+ \{|--- stopped by SIG"
)
"""A line of strace that could stand alone."""

_BEGUN = re.compile(rb"[a-z_][a-z0-9_]*\((?:NULL|0x[0-9a-f]|-?\d|\"|\{|AT_FDCWD|PR_|\))")
"""The beginning of a call whose end a mailer put into the next line."""

_OTHER_TEXTS = re.compile(
    rb" *\S.{0,20}?-\d+ +(?:\([ \d-]*\) +)?\[\d{3,}\] |.*: (?:raw_)?sys(?:calls:sys)?_(?:enter|exit)\w*: "
    rb"| *(?:[\d.]+ \| +)?\d+\) +(?:\S+-\d+ +\|)?[^|]*\|  "
    rb"| *\d+\.\d+ (?:[^()]*/\d+ )?(?:syscalls|raw_syscalls|exceptions|sched|task|signal):\w+\("
    rb"|# tracer: | *\d+\.\d+ \( *(?:\d+\.\d+ ms)? *\): "
)
"""Lines of ftrace, perf script and perf trace as they are."""

_COLOURS = re.compile(
    rb"\x1b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()][0-9A-Za-z]|[=>78cM])"
)
_LONE_RETURN = re.compile(rb"\r(?!\r*\n)")
_QUOTED_BYTE = re.compile(rb"=([0-9A-F]{2})")
_ENTITY = re.compile(rb"&(?:lt|gt|amp|quot|apos|nbsp|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
_FENCE = re.compile(
    rb"[ \t]*(?:(?:```|~~~)[ \t]*[\w+.-]*|</?(?:pre|code|samp|blockquote)(?: [^>]*)?>|\[/?code\]"
    rb"|\{(?:noformat|code(?::\w+)?)\})[ \t]*\r?\Z"
)

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
}
"""What word processors and pages put in place of plain characters: blanks, quotes, dashes, dots."""


def unpasted(data: bytes) -> tuple[bytes, list[str]]:
    """The log in `data` as its recorder wrote it, and notes on what was undone."""
    notes: list[str] = []
    for step in (_wide, _returns, _colours, _quoted_printable, _letters, _json_lines, _entities):
        data = step(data, notes)
    return _lines(data, notes)


def is_as_recorded(log: mmap) -> bool:
    """True if nothing of `unpasted` applies to a mapped log: its beginning comes back as it is, and no byte of what
    is undone further on stands anywhere. False may still mean that there is nothing to undo.
    """
    head = log[:_SAMPLE_BYTES]
    done, notes = unpasted(head)
    elsewhere = (b"\r", b"\x1b", b"\xa0", b"\xe2", b"\xef")
    return done == head and not notes and all(log.find(byte) < 0 for byte in elsewhere)


# -- characters


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
    """A carriage return that no newline follows ends a line."""
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
    head = data[:_SAMPLE_BYTES]
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
    if b"\xa0" in data or b"\xe2" in data or b"\xef\xbb" in data:
        for letter, plain in _LETTERS.items():
            if letter in data:
                found = True
                data = data.replace(letter, plain)
        if b"\xa0" in data[:_SAMPLE_BYTES] and not _is_utf8(data[:_SAMPLE_BYTES]):
            found = True
            data = data.replace(b"\xa0", b" ")
    if found:
        notes.append("no-break blanks, typographic quotes and dashes are read as plain ones")
    return data


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start > len(data) - 4
    return True


def _entities(data: bytes, notes: list[str]) -> bytes:
    if re.search(rb"&(?:lt|gt|quot|#39);", data[:_SAMPLE_BYTES]) is None or _sample_score(data) == (0, 0):
        return data
    notes.append("entities of HTML (&lt; ...) are read as their characters")
    return _ENTITY.sub(
        lambda match: html.unescape(match.group().decode()).replace("\xa0", " ").encode(), data
    )


def _json_lines(data: bytes, notes: list[str]) -> bytes:
    """``{"log": "...\\n", "stream": ...}`` of docker, or any JSON object a line that holds a line of the log."""
    head = data[:_SAMPLE_BYTES].lstrip()
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
                if isinstance(text, str) and _is_log_line(text.encode("utf-8", "replace").rstrip(b"\n")):
                    return key
    return None


def _is_log_line(line: bytes) -> bool:
    return _start_of(line) >= 0 or is_kernel_line(line)


def _of_json(line: bytes, key: str) -> bytes:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return line
    text = row.get(key) if isinstance(row, dict) else None
    if not isinstance(text, str):
        return line
    return text.rstrip("\r\n").replace("\n", " ").encode("utf-8", "replace")


# -- lines


def _lines(data: bytes, notes: list[str]) -> tuple[bytes, list[str]]:
    """The prefix taken away and broken lines joined, where the lines show either."""
    sample = [line for line in islice(_split(data[:_SAMPLE_BYTES]), _SAMPLE_LINES) if line.strip()]
    kernel = kernel_prefix(sample[:400])
    if kernel is not None:
        notes.append(f"the lines have something in front, as {kernel.shown!r}: it is left out")
        freed = [kernel.pattern.sub(b"", line, count=1) for line in data.split(b"\n")]
        return _unwrapped(b"\n".join(freed), freed[:_SAMPLE_LINES], notes), notes
    if sum(_OTHER_TEXTS.match(line) is not None for line in sample[:200]) * 4 > len(sample[:200]):
        return _unwrapped(data, sample, notes), notes
    prefix = _common_prefix(sample)
    broken = _breaks(sample if prefix is None else [_stripped(line, prefix[0]) for line in sample])
    if prefix is None and not broken:
        return data, notes
    lines = data.split(b"\n")
    if prefix is not None:
        pattern, shown = prefix
        lines = [_stripped(line, pattern) for line in lines]
        notes.append(f"the lines have something in front, as {shown!r}: it is left out")
    lines = [b"" if _FENCE.match(line) else line for line in lines]
    if broken:
        count = _join(lines)
        if count:
            notes.append(
                f"{count} calls were broken over lines, as mailers and terminals do: they are joined"
            )
    return b"\n".join(lines), notes


def _unwrapped(data: bytes, sample: list[bytes], notes: list[str]) -> bytes:
    """Kernel text with the lines joined that a mailer broke."""
    if not is_wrapped(sample[:400]):
        return data
    lines = data.split(b"\n")
    notes.append(f"{join_wrapped(lines)} lines were broken, as mailers and terminals do: they are joined")
    return b"\n".join(lines)


def _split(data: bytes) -> Iterator[bytes]:
    yield from (line.rstrip(b"\r") for line in data.split(b"\n"))


def _sample_score(data: bytes) -> tuple[int, int]:
    """How many of the first lines are, and how many hold, a line of strace."""
    sample = list(islice(_split(data[:_SAMPLE_BYTES]), 200))
    starts = [_start_of(line) for line in sample]
    return sum(start == 0 for start in starts), sum(start >= 0 for start in starts)


def _start_of(line: bytes, looks: re.Pattern[bytes] = _LOG_LINE) -> int:
    """Where in `line` something begins that is a whole line of strace; -1 if nowhere.

    The earliest beginning of a word counts, so that columns of strace's own (thread ids, times) stay with it.
    """
    if len(line) > _LONGEST:  # a search would look at each word to the end of the line
        return 0 if looks.match(line, read_head(line[:_LONGEST]).start) is not None else -1
    if looks.search(line) is None:
        return -1
    for token in TOKEN.finditer(line):
        start = token.start()
        if token.group().isspace():
            if start or re.match(rb" +\d+\.\d+ ", line) is None:
                continue
        elif start and line[start - 1 : start].isalnum():
            continue
        if looks.match(line, start + read_head(line[start:]).start):
            return start
    return -1


def _common_prefix(sample: list[bytes]) -> tuple[re.Pattern[bytes], str] | None:
    """The prefix that most lines of strace in the sample have, and one of them; None if they have none."""
    for looks in (_LOG_LINE, _BEGUN):
        shapes: Counter[bytes] = Counter()
        examples: dict[bytes, bytes] = {}
        for line in sample[:400]:
            start = _start_of(line, looks)
            if start < 0:
                continue
            shape = shape_of(line[:start])
            shapes[shape] += 1
            examples.setdefault(shape, line[:start])
        if not shapes:
            continue
        shape, count = shapes.most_common(1)[0]
        counted = _counted(sample, shape)
        if counted is not None:
            return counted
        if shape == b"" or (shapes[b""] and count * 2 <= shapes[b""] + 1):
            return None
        shown = examples[shape].decode("utf-8", "replace")
        return re.compile(shape), shown if shown.strip() else shown.replace("\t", "\\t")
    return None


_NUMBERED = re.compile(rb"[ \t]*(\d{1,9})(?:[:\t.)|-][ \t]?|[ \t]+)")


def _counted(sample: list[bytes], shape: bytes) -> tuple[re.Pattern[bytes], str] | None:
    """The numbers of lines that ``cat -n`` and ``nl`` put in front, which could be thread ids.

    They go up by one from line to line; thread ids do not. An indent in front of thread ids counts as a prefix.
    """
    if shape != b"" or len(sample) < 3:
        return None
    numbers = [int(match.group(1)) for line in sample if (match := _NUMBERED.match(line))]
    if len(numbers) < len(sample) * 0.9:
        return None
    steps = sum(b - a == 1 for a, b in pairwise(numbers))
    if steps >= (len(numbers) - 1) * 0.9 and numbers[-1] > numbers[0] + 1:
        example = _NUMBERED.match(sample[0])
        assert example is not None
        return _NUMBERED, example.group().decode()
    return None


def _stripped(line: bytes, prefix: re.Pattern[bytes]) -> bytes:
    match = prefix.match(line)
    if match is not None:
        return line[match.end() :]
    bare = line.rstrip()
    if bare and len(bare) <= 3 and prefix.match(bare + b" "):  # an empty line of a quotation: ">"
        return b""
    return line


# -- broken lines


def _is_start(line: bytes) -> bool:
    """True if a line begins something of its own, and so does not continue the line before."""
    text = line[read_head(line).start :].lstrip()
    return (
        call_name(text) is not None
        or text.startswith((b"<... ", b"+++ ", b"--- ", b"strace: ", b"Process ", b"[ Process"))
        or not text
    )


def _lacks_end(line: bytes) -> bool:
    """True for a call that is neither whole nor one whose rest comes later."""
    text = line[read_head(line).start :].rstrip(b"\r")
    if text.startswith(b"--- SIG"):
        return not text.endswith(b" ---")
    if not (call_name(text) or text.startswith(b"<... ")) or unfinished(text) or text.endswith(b" attached"):
        return False
    if text.startswith(b"<... "):
        return b"=" not in text
    end = split_arguments(text, text.find(b"(") + 1)[1]
    if end < 0:
        return True
    rest = text[end:].strip()
    return rest in (b"", b"=") or (b"(" in rest and rest.count(b"(") > rest.count(b")"))


def _joined(first: bytes, second: bytes) -> bytes | None:
    """The line that two pieces make if it is a whole call, or still lacks only its end; else None."""
    second = second.rstrip(b"\r")
    glues: tuple[Callable[[], bytes], ...] = (
        lambda: first.rstrip(b" ") + b" " + second.lstrip(b" "),
        lambda: first + second,
        lambda: first + second.lstrip(b" "),
    )
    lacking: bytes | None = None
    for glue in glues:
        line = glue()
        text = line[read_head(line).start :]
        if (text.startswith(b"--- SIG") and text.endswith(b"} ---")) or unfinished(text):
            return line
        if text.startswith(b"<... "):
            text = b"x(" + text.partition(b"resumed>")[2]
        try:
            if split_call(text) is not None and _readable(text):
                return line
        except BadLine:
            continue
        if lacking is None and _lacks_end(line):
            lacking = line
    return lacking


def _readable(text: bytes) -> bool:
    """False if an argument was torn where a blank now stands: ``0x1000 2000``, ``MAP_ANON YMOUS``."""
    arguments = split_arguments(text, text.find(b"(") + 1)[0]
    return not any(
        re.search(rb"[\w|] +[\w|]", argument) for argument in arguments if argument[:1] not in b'"[{'
    )


def _breaks(sample: list[bytes]) -> bool:
    """True if some call of the sample is broken and the line behind it completes it."""
    return any(
        _lacks_end(line) and not _is_start(behind) and _joined(line, behind) is not None
        for line, behind in pairwise(sample)
    )


def _join(lines: list[bytes]) -> int:
    """Join broken calls in place, leaving empty lines where their other pieces stood; how many were."""
    count = at = 0
    while at < len(lines) - 1:
        line, behind = lines[at].rstrip(b"\r"), at + 1
        while behind < len(lines) and behind - at <= 12 and _lacks_end(line) and not _is_start(lines[behind]):
            joined = _joined(line, lines[behind])
            if joined is None:
                break
            line = joined
            behind += 1
        if behind > at + 1 and not _lacks_end(line):
            lines[at] = line
            lines[at + 1 : behind] = [b""] * (behind - at - 1)
            count += 1
            at = behind
        else:
            at += 1
    return count
