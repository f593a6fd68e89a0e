"""Writes traces in any of our formats."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from .. import errorcodes as ec
from ..errors import InputError, UsageError
from .events import Trace

TEXT_WRITERS = ("yaml", "jsonl", "c", "syz")
FORMATS = (*TEXT_WRITERS, "columns", "parquet")
_ENDINGS = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".rtcols": "columns",
    ".parquet": "parquet",
    ".c": "c",
    ".syz": "syz",
}
_BLOCK = 1 << 20


def format_of(path: str, to: str | None = None) -> str:
    """The format that `to` names, or else the ending of `path`. UsageError RT205."""
    if to is not None:
        if to not in FORMATS:
            raise UsageError(ec.RT_FORMAT_NAME, f"unknown format '{to}'", expected=", ".join(FORMATS))
        return to
    name = path.removesuffix(".gz").removesuffix(".zst")
    form = _ENDINGS.get(Path(name).suffix.lower())
    if form is None:
        raise UsageError(
            ec.RT_FORMAT_NAME,
            f"the ending of '{path}' names no format",
            expected="an ending " + ", ".join(_ENDINGS) + ", or --to " + "|".join(FORMATS),
        )
    return form


def text_of(trace: Trace, form: str, *, kselftest: bool = False) -> tuple[Iterator[str], str]:
    """The lines of `trace` in a text format of TEXT_WRITERS, and what they leave out; empty: nothing.

    `kselftest`: see `reproducer.cfile.write_c`. A recording that holds more than steps can say (execs, files, several
    processes) becomes what its busiest process did, see `workload`; the scenario's `about` says so, too.
    """
    if form == "jsonl" or not trace.recorded:
        return _text(trace, form, kselftest), ""
    from .workload.build import workload

    try:
        lines = _text(trace, form, kselftest)
        first = next(lines, "")
    except InputError as error:
        if error.code != ec.RT_CONVERT:
            raise
        made = workload(trace).trace
        return _text(made, form, kselftest), made.about
    return chain((first,), lines), ""


def _text(trace: Trace, form: str, kselftest: bool) -> Iterator[str]:
    if form == "c":
        from .reproducer.cfile import write_c

        return write_c(trace, kselftest=kselftest)
    if form == "syz":
        from .foreign.syzwrite import write_syzkaller

        return write_syzkaller(trace)
    if form == "yaml":
        from .scenario.write import write_yaml

        return write_yaml(trace)
    from .stored.jsonlwrite import write_jsonl

    return write_jsonl(trace)


def write_trace(trace: Trace, path: str, to: str | None = None, *, kselftest: bool = False) -> str:
    """Write `trace` to `path`, whole or not at all; ``.gz`` and ``.zst`` are compressed. What is left out, or nothing.

    UsageError RT205, InputError RT220 (not written), RT221 (not expressible).
    """
    from .stored.columnfile import write_columns, write_whole

    form = format_of(path, to)
    if form in ("columns", "parquet"):
        if path.endswith((".gz", ".zst")):
            raise UsageError(
                ec.RT_FORMAT_NAME,
                f"{form} files are not compressed again",
                expected="a name without .gz, .zst",
            )
        if form == "parquet":
            from .stored.tabled import trace_parquet

            write_whole(path, iter([trace_parquet(trace)]))
        else:
            write_columns(trace, path)
        return ""
    lines, left_out = text_of(trace, form, kselftest=kselftest)
    write_whole(path, _packed(_blocks(lines), path))
    return left_out


def _blocks(lines: Iterator[str]) -> Iterator[bytes]:
    """Lines joined to blocks of about a megabyte."""
    held: list[str] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= _BLOCK:
            yield "".join(held).encode("utf-8", "surrogateescape")
            held, size = [], 0
    yield "".join(held).encode("utf-8", "surrogateescape")


def _packed(blocks: Iterator[bytes], path: str) -> Iterator[bytes]:
    if path.endswith(".gz"):
        pack: Callable[[bytes], bytes] = gzip.compress
        return (pack(block) for block in blocks)
    if path.endswith(".zst"):
        import zstandard

        return (zstandard.ZstdCompressor().compress(block) for block in blocks)
    return blocks
