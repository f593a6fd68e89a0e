"""The real files that are mutated, by surface."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_DATA = ROOT / "tests" / "trace" / "data"
_HOSTILE = ROOT / "tests" / "data" / "hostile"
_SETS = ROOT / "traces"
_MOST = 2 << 20
"""Bytes of a file of the corpus that are used."""


def content(path: Path) -> bytes:
    """The decompressed bytes of `path`."""
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data)[:_MOST]


_PATTERNS: dict[str, list[tuple[Path, str]]] = {
    "strace": [
        (_DATA / "strace", "*.gz"),
        (_DATA / "reports", "*strace*"),
        (_HOSTILE, "*strace*"),
        (_SETS, "*/strace.txt*"),
        (ROOT / "tests" / "data" / "logs", "*.strace"),
    ],
    "ftrace": [(_DATA / "kernel-text", "ftrace-*"), (_HOSTILE, "ftrace-*"), (_SETS, "ls/ftrace*")],
    "perf": [(_DATA / "kernel-text", "perf-*"), (_HOSTILE, "perf-*"), (_SETS, "ls/perf*")],
    "perftrace": [
        (_DATA / "kernel-text", "perf-perf-trace*"),
        (_DATA, "perf-trace*"),
        (_SETS, "perf-trace/perf*"),
    ],
    "foreign": [(_DATA, "gvisor*"), (_DATA, "qemu*"), (_DATA, "valgrind*"), (_DATA, "ltrace*")],
    "yaml": [
        (_SETS, "conformance/*/*.yaml"),
        (_HOSTILE, "*.yaml"),
        (ROOT / "tests/data/kernel-cases", "*.yaml"),
    ],
    "dumps": [(ROOT / "tests" / "data" / "dumps", "*")],
    "jsonl": [(_HOSTILE, "*.jsonl")],
}


@cache
def seeds(surface: str) -> list[bytes]:
    """Contents of the corpus of `surface`, in an order that does not depend on the file system."""
    found = [p for folder, pattern in _PATTERNS[surface] for p in sorted(folder.glob(pattern)) if p.is_file()]
    return [content(p) for p in found]


@cache
def scenarios() -> list[Path]:
    """Scenarios that are short enough to be replayed ten thousand times."""
    return [p for p in sorted(_SETS.glob("conformance/*/*.yaml")) if p.stat().st_size < 12_000]
