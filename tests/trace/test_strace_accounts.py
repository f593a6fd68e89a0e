"""Lines in = events + counted calls + named lines + known noise: nothing of a log is dropped in silence."""

from __future__ import annotations

import gzip
import random
from collections import Counter
from pathlib import Path

import pytest

from remaptrace.trace.detect import read_data
from remaptrace.trace.strace import lines as strace_lines
from remaptrace.trace.strace.read import StraceReader

from .strace_case_file import read_cases

DATA = Path(__file__).parent / "data" / "strace"
INSERTED = [b"<", b'"', b"(", b")", b", ", b"|", b"0x", b" = ", b"\r", b" munmap(0x1000, 4096) = 0", b"mmap("]
INSERTED += [b" <unfinished ...>", b" -1", b"xyz(", b"9" * 20]


def seed_lines() -> list[bytes]:
    found = [line.encode() for case in read_cases() for line in (*case.before, case.line)]
    for path in sorted(DATA.glob("*.gz")):
        found += gzip.decompress(path.read_bytes()).split(b"\n")[:150]
    return found


def mutated(line: bytes, seeds: list[bytes], chance: random.Random) -> bytes:
    at = chance.randrange(len(line) + 1)
    change = chance.randrange(6)
    if change == 0:
        return line[:at]
    if change == 1:
        return (
            line[:at] + bytes([chance.choice([byte for byte in range(256) if byte != 10])]) + line[at + 1 :]
        )
    if change == 2:
        return line[:at] + line[at + chance.randrange(1, 9) :]
    if change == 3:
        return line[:at] + chance.choice(INSERTED) + line[at:]
    if change == 4:
        other = chance.choice(seeds)
        return line[:at] + other[chance.randrange(len(other) + 1) :]
    return line


def test_every_mutated_line_is_an_event_counted_named_or_known_noise() -> None:
    chance, seeds = random.Random(11), seed_lines()
    lines = [mutated(chance.choice(seeds), seeds, chance) for _ in range(20_000)]
    reader = StraceReader(b"\n".join(lines) + b"\n", "log")
    model = reader.model
    seen: Counter[str] = Counter()
    for number, line in reader.numbered_lines():
        before = (len(model.out), len(reader.skipped), reader.understood, reader._open)
        reader.read_line(line, number)
        if before != (len(model.out), len(reader.skipped), reader.understood, reader._open):
            seen["accounted"] += 1
        else:
            assert strace_lines.is_noise(line), line
            seen["noise"] += 1
    assert seen.total() == len(lines)
    assert seen["accounted"] > 15_000


def _told(data: bytes) -> tuple[object, ...]:
    trace = read_data(data, "log")
    columns = {name: column.tolist() for name, column in trace.columns.items()}
    bad = [(skip.line, skip.code) for skip in trace.skipped]
    return columns, bad, trace.ignored, trace.unmodelled


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be", "cr", "crlf"])
def test_mutated_lines_are_accounted_for_alike_in_other_encodings_and_with_other_line_ends(
    coding: str,
) -> None:
    chance, seeds = random.Random(16), seed_lines()
    lines = [mutated(chance.choice(seeds), seeds, chance) for _ in range(2_000)]
    plain = [line.decode("ascii", "replace").replace("\ufffd", "?").replace("\r", "") for line in lines]
    plain = [line.replace("\0", "?").replace("\x1b", "?") for line in plain]
    expected = _told(("\n".join(plain) + "\n").encode())
    ends = {"cr": "\r", "crlf": "\r\n"}
    text = ends.get(coding, "\n").join(plain) + ends.get(coding, "\n")
    assert _told(text.encode(coding if coding.startswith("utf") else "ascii")) == expected
