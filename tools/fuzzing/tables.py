"""Event tables that no reader makes, and column files whose checksum is right but whose content is not."""

from __future__ import annotations

import hashlib
import json
import random
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from remaptrace.abi.calls import KIND_NAMES
from remaptrace.trace.events import Trace, TraceBuilder

from .judges import replayed
from .mutate import wild_number

_AT = 0x10000000
_USUAL = (
    ("mmap", (_AT, 16 * 4096, 3, 0x32, -1, 0)),
    ("mmap", (_AT + 0x10000, 4 * 4096, 3, 0x11, 3, 4096)),
    ("mmap", (0, 8192, 3, 0x102, -1, 0)),
    ("write", (_AT, 1, 4, 0, 0, 0)),
    ("read", (_AT + 0x10000, -1, 4, 0, 0, 0)),
)
_KINDS = {name: kind for kind, name in KIND_NAMES.items()}


def make(rng: random.Random) -> bytes:
    """Up to thirty rows of any kinds and numbers, as JSON."""
    rows = []
    for _ in range(rng.randint(1, 30)):
        if rng.random() < 0.4:
            name, args = rng.choice(_USUAL)
            row = [_KINDS[name], *args]
            if rng.random() < 0.4:
                row[rng.randrange(1, 7)] = wild_number(rng)
        else:
            row = [rng.choice(sorted(KIND_NAMES)), *(wild_number(rng) for _ in range(6))]
        rows.append([*row, rng.randrange(2), wild_number(rng) if rng.random() < 0.3 else row[1]])
    return json.dumps({"recorded": rng.random() < 0.5, "machine": rng.randrange(7), "rows": rows}).encode()


def judge(data: bytes, rng: random.Random) -> None:
    """The table is refused, or replayed with a whole state (now and then behind every event), in both engines alike."""
    given = json.loads(data)
    replayed(_trace(given), given["machine"], every=rng.random() < 0.2)


def _trace(given: dict[str, Any]) -> Trace:
    b = TraceBuilder()
    tasks = [b.task(1, 1), b.task(2, 2)]
    b.event(_KINDS["makefile"], tasks[0], (3, 8, 1, 0, 0))
    for kind, *args, task, ret in given["rows"]:
        pages = args[2]
        if KIND_NAMES[kind] in ("read", "write", "execute") and abs(pages) > 64:
            args[2] = 1
        b.event(kind, tasks[task], tuple(args), ret=ret if given["recorded"] else None)
    trace = b.finish(recorded=given["recorded"])
    return trace


def sealed_again(data: bytes, rng: random.Random, replaced: Callable[[Any, random.Random], Any]) -> bytes:
    """The column file `data` with a part of its header or of its blocks changed, under a right checksum."""
    magic, size = data[:8], int.from_bytes(data[8:16], "little")
    head, rest = data[48 : 48 + size], data[-(-(48 + size) // 64) * 64 :]
    if rng.random() < 0.7:
        head = zlib.compress(json.dumps(replaced(json.loads(zlib.decompress(head)), rng)).encode())
    elif rest:
        blocks = np.frombuffer(rest, dtype=np.uint8).copy()
        for _ in range(rng.randint(1, 3)):
            blocks[rng.randrange(len(blocks))] = rng.randrange(256)
        rest = blocks.tobytes()
    length = len(head).to_bytes(8, "little")
    head = head.ljust(-(-(48 + len(head)) // 64) * 64 - 48)
    return magic + length + hashlib.blake2b(length + head + rest, digest_size=32).digest() + head + rest
