"""The surfaces: for each one, an input made by a random generator, and its judge."""

from __future__ import annotations

import gzip
import json
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import zstandard

from remaptrace.machine.load import read_kernel_file
from remaptrace.machine.system.configfiles import read_config, read_sysctl
from remaptrace.trace.detect import load, read_data
from remaptrace.trace.dumps.door import form_of, read_dump
from remaptrace.trace.dumps.dump import trace_of
from remaptrace.trace.events import Trace
from remaptrace.trace.opening import decompressed
from remaptrace.trace.scenario.read import build, read_canonical, read_scenario
from remaptrace.trace.scenario.yamldoc import load as full_yaml
from remaptrace.trace.stored.columnfile import read_columns, write_columns
from remaptrace.trace.stored.jsonlread import read_jsonl
from remaptrace.trace.stored.jsonlwrite import write_jsonl
from remaptrace.trace.strace.fast import FastStraceReader
from remaptrace.trace.strace.read import StraceReader
from remaptrace.trace.tracepoints.ftrace import ftrace_records
from remaptrace.trace.tracepoints.perf import perf_records
from remaptrace.trace.tracepoints.records import KernelText

from . import tables
from .corpus import ROOT, content, scenarios, seeds
from .judges import refused, replayed, same_records, same_traces
from .mutate import NUMBERS, mutated, some_lines

REPLAYED = 0.25
"""Share of the inputs of a reader that are replayed too: reading finds more in less time."""


@dataclass(frozen=True)
class Surface:
    """How an input is made from a generator's state, and what is held against it (Finding if it fell)."""

    make: Callable[[random.Random], bytes]
    judge: Callable[[bytes, random.Random], None]


def _lines_of(surface: str) -> Callable[[random.Random], bytes]:
    def make(rng: random.Random) -> bytes:
        return mutated(some_lines(rng.choice(seeds(surface)), rng), rng)

    return make


def _strace(data: bytes, rng: random.Random) -> None:
    def read(reader: StraceReader) -> Trace:
        reader.read_all()
        return reader.finish()

    plain = refused(lambda: read(StraceReader(data, "log")))
    fast = refused(lambda: read(FastStraceReader(data, "log", 0, 1)))
    same_traces(plain, fast)
    if rng.random() < REPLAYED:
        _any_text(data, rng, "strace")


def _any_text(data: bytes, rng: random.Random, form: str | None = None) -> None:
    trace = refused(lambda: read_data(data, "fuzz", form))
    if isinstance(trace, Trace) and rng.random() < REPLAYED:
        replayed(trace, rng.randrange(7))


def _records(read: Callable[..., KernelText], form: str) -> Callable[[bytes, random.Random], None]:
    def judge(data: bytes, rng: random.Random) -> None:
        same_records(*(refused(partial(read, data, compiled=how)) for how in (False, True)))
        if rng.random() < REPLAYED:
            _any_text(data, rng, form)

    return judge


def _yaml(data: bytes, rng: random.Random) -> None:
    text = data.decode("utf-8", "replace")
    trace = refused(lambda: read_scenario(data, path="fuzz.yaml"))
    quick = refused(lambda: read_canonical(text, "", "fuzz.yaml"))
    if isinstance(quick, Trace):
        same_traces(quick, refused(lambda: build(full_yaml(text, "fuzz.yaml"))))
    if isinstance(trace, Trace) and rng.random() < REPLAYED:
        replayed(trace, rng.randrange(7))


@cache
def _as_jsonl() -> list[bytes]:
    return [*seeds("jsonl"), *("".join(write_jsonl(load([str(p)])[0])).encode() for p in scenarios()[::3])]


def _make_jsonl(rng: random.Random) -> bytes:
    """Mutated as text, or with one value of one line replaced by another of any type."""
    lines = rng.choice(_as_jsonl()).split(b"\n")
    data = b"\n".join(lines[: rng.randint(2, 40)])
    if rng.random() < 0.5:
        return mutated(data, rng)
    rows = data.split(b"\n")
    at = rng.randrange(len(rows))
    try:
        row = json.loads(rows[at])
    except ValueError:
        return mutated(data, rng)
    rows[at] = json.dumps(_replaced(row, rng)).encode()
    return b"\n".join(rows)


def _replaced(value: Any, rng: random.Random) -> Any:
    """`value` with one leaf, or a whole part, replaced."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value))
        return {**value, key: _replaced(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return [*value[:at], _replaced(value[at], rng), *value[at + 1 :]]
    odd: list[Any] = [None, True, [], {}, "", "x", 1.5, 1e300, -1, 0, 5, "\ud800", [[]], {"a": 1}]
    return rng.choice([*odd, *(int(n, 0) for n in NUMBERS if n.lstrip(b"-").isdigit() and n != b"07")])


def _jsonl(data: bytes, rng: random.Random) -> None:
    trace = refused(lambda: read_jsonl(data, path="fuzz.jsonl"))
    if isinstance(trace, Trace) and rng.random() < REPLAYED:
        replayed(trace, rng.randrange(7))


@cache
def _as_columns() -> list[bytes]:
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for path in scenarios()[::5]:
            write_columns(load([str(path)])[0], Path(folder) / "t")
            out.append((Path(folder) / "t").read_bytes())
    return out


def _columns(data: bytes, rng: random.Random) -> None:
    trace = refused(lambda: read_columns(data, path="fuzz.rtcols"))
    if isinstance(trace, Trace) and rng.random() < REPLAYED:
        replayed(trace, rng.randrange(7))


def _make_columns(rng: random.Random) -> bytes:
    data = rng.choice(_as_columns())
    return tables.sealed_again(data, rng, _replaced) if rng.random() < 0.8 else mutated(data, rng)


def _dumps(data: bytes, rng: random.Random) -> None:
    def read() -> Trace | None:
        form = form_of(data)
        return trace_of(read_dump(data, "fuzz", form), "fuzz") if form else None

    trace = refused(read)
    if isinstance(trace, Trace) and rng.random() < REPLAYED:
        replayed(trace, rng.randrange(7))


def _make_dump(rng: random.Random) -> bytes:
    return mutated(rng.choice(seeds("dumps"))[: 1 << 15], rng)


_MEMBERS = ("strace.txt", "ftrace.txt", "perf.txt", "mapcount.txt", "summary.json")


@cache
def _set_files() -> dict[str, bytes]:
    folder = ROOT / "traces" / "ls"
    files = {
        str(p.relative_to(folder)).removesuffix(".gz"): content(p) for p in folder.rglob("*") if p.is_file()
    }
    return files


def _make_set(rng: random.Random) -> bytes:
    """A recorded set with one damaged member, as JSON of latin-1 text."""
    files = dict(_set_files())
    for recorder in rng.sample(["strace.txt", "ftrace.txt", "perf.txt"], rng.randint(0, 2)):
        files.pop(recorder, None)
    name = rng.choice(sorted(files))
    files[name] = mutated(files[name], rng) if rng.random() < 0.9 else b""
    return json.dumps({n: d.decode("latin-1") for n, d in files.items()}).encode()


def _set(data: bytes, rng: random.Random) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "set"
        for member, text in json.loads(data).items():
            path = folder / member
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("latin-1"))
        refused(lambda: load([str(folder)]))


def _make_packed(rng: random.Random) -> bytes:
    data = rng.choice(seeds("strace"))[:4000]
    packed = gzip.compress(data) if rng.random() < 0.5 else zstandard.compress(data)
    return mutated(packed + (packed if rng.random() < 0.2 else b""), rng)


def _packed(data: bytes, rng: random.Random) -> None:
    refused(lambda: decompressed(data, "fuzz.gz"))


_SETTINGS = (
    b"# Linux/x86 6.1.55 Kernel Configuration\nCONFIG_X86_64=y\nCONFIG_TRANSPARENT_HUGEPAGE=y\nCONFIG_NUMA=y\n"
    b"# CONFIG_KSM is not set\nCONFIG_DEFAULT_MMAP_MIN_ADDR=65536\nCONFIG_PGTABLE_LEVELS=4\n"
)
_SYSCTLS = (
    b"vm.max_map_count = 65530\nvm.overcommit_memory = 0\nvm.nr_hugepages = 4\nvm.mmap_min_addr = 65536\n"
)
_KERNEL = b"name: mine\nbase: linux-6.18\nrules:\n  max_map_count: 10\n  guard_regions: none\n"


def _settings(text: bytes, read: Callable[[str], Any]) -> Surface:
    def judge(data: bytes, rng: random.Random) -> None:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "file.yaml"
            path.write_bytes(mutated(gzip.compress(data), rng, 2) if rng.random() < 0.3 else data)
            refused(lambda: read(str(path)))

    return Surface(lambda rng: mutated(text, rng), judge)


SURFACES: dict[str, Surface] = {
    "strace": Surface(_lines_of("strace"), _strace),
    "ftrace": Surface(_lines_of("ftrace"), _records(ftrace_records, "ftrace")),
    "perf": Surface(_lines_of("perf"), _records(perf_records, "perf")),
    "perftrace": Surface(_lines_of("perftrace"), _any_text),
    "foreign": Surface(_lines_of("foreign"), _any_text),
    "yaml": Surface(lambda rng: mutated(rng.choice(seeds("yaml"))[:8000], rng), _yaml),
    "jsonl": Surface(_make_jsonl, _jsonl),
    "columns": Surface(_make_columns, _columns),
    "dumps": Surface(_make_dump, _dumps),
    "sets": Surface(_make_set, _set),
    "packed": Surface(_make_packed, _packed),
    "config": _settings(_SETTINGS, read_config),
    "sysctl": _settings(_SYSCTLS, read_sysctl),
    "kernel": _settings(_KERNEL, read_kernel_file),
    "tables": Surface(tables.make, tables.judge),
}
