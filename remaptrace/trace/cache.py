"""Keeps parsed traces as column files, found again by the content of what they were read from.

The name of a kept file is a hash of every byte of the inputs, of how they are to be read, and of
the sources of the readers: a changed log, another `--maps` or a newer reader never meet an old
column file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..digests import blake2b
from ..errors import InputError
from ..kept import cache_root, damaged, make_folder, may_use
from ..sources import import_closure
from .events import Trace
from .stored.columnfile import open_columns, write_columns

if TYPE_CHECKING:
    from .detect import Item

_STEP = 1 << 20


def cache_folder() -> Path:
    """Where column files are kept: $REMAPTRACE_CACHE/traces or the user's cache folder."""
    return cache_root() / "traces"


@lru_cache(maxsize=1)
def reader_version() -> str:
    """A hash of the sources of all readers: what opening an input imports, over and over."""
    digest = blake2b(digest_size=16)
    for path in import_closure(["trace.detect"]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def content_key(item: Item) -> str:
    """The hash that names the column file of `item`. OSError if an input cannot be read."""
    digest = blake2b(digest_size=20)
    digest.update(f"{reader_version()} {item.kind} {item.format}".encode())
    for path in _files(item):
        digest.update(f"\0{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while piece := file.read(_STEP):
                digest.update(piece)
    return digest.hexdigest()


def _files(item: Item) -> Iterable[Path]:
    for name in (*item.paths, *item.maps):
        path = Path(name)
        yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def cached(item: Item, read: Callable[[], Trace]) -> Trace:
    """The trace of `item` from its column file, or read and kept for the next time.

    A cache that cannot be written costs a note in the trace, never the trace.
    """
    try:
        path = cache_folder() / f"{content_key(item)}.rtcols"
    except OSError:
        return read()  # the reader says what is wrong with the input
    if may_use(path):
        try:
            trace = open_columns(path, sealed=True)[0]
        except InputError:
            damaged(path)
        else:
            return _renamed(trace, item)
    trace = read()
    try:
        make_folder(path.parent)
        write_columns(trace, path, private=True, inputs=[str(p) for p in item.paths])
    except (OSError, InputError) as e:
        trace.notes.append(f"the trace could not be kept for the next time: {e}")
    return trace


def _renamed(trace: Trace, item: Item) -> Trace:
    """The same content may have been read under another path before."""
    if item.kind == "file" and len(trace.sources) == 1:
        trace.sources = [item.paths[0]]
    return trace
