"""Finds traces in what a user names, recognises their format by content, and reads them.

`discover` turns paths into items that can be read one by one, so that a bad one does not stop the
others; `load` reads them all. A directory is a recorded set, a family of strace -ff files, or a
folder of these and of scenarios.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Sequence

from .. import errorcodes as ec
from ..errors import InputError, UsageError
from ..lateclasses import dataclass, replace
from ..patterns import pattern
from .events import Trace
from .formats import BY_NAME, HEAD, log_text, recognise, strace_text
from .opening import (
    PACKED,
    PACKED_END,
    SET_ENDING,
    bare_name,
    can_be_read_again,
    decompressed,
    is_packed,
    last_name,
    read_input,
    shown,
    text_of,
)
from .stored.magic import MAGICS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from ..machinecode.ready import Progress

FORMATS = tuple(BY_NAME)
_SCENARIO = pattern(rf".+\.ya?ml{PACKED_END}\Z")
_WITH_HOST = pattern(rf"(.+)\.(?:ya?ml|jsonl){PACKED_END}\Z")
_RECORDINGS = tuple(f"{name}.txt{packed}" for name in ("ftrace", "perf", "strace") for packed in PACKED)
_FAMILY = pattern(r"(.+)\.(\d+)\Z")


@dataclass(frozen=True)
class Item:
    """Something to read: `kind` is "file", "set" (a folder), "packed" (one in a file) or "family" (strace -ff)."""

    kind: str
    paths: tuple[str, ...]
    format: str | None = None
    maps: tuple[str, ...] = ()
    threads_of: int | None = None  # strace: process of threads whose birth is not shown; 0: the first one

    @property
    def name(self) -> str:
        """What reports call it."""
        path = shown(self.paths[0])
        if self.kind == "packed":
            return bare_name(path)
        return last_name(path) if self.kind != "family" else last_name(path).rpartition(".")[0]

    def load(self, cache: bool = False, progress: Progress | None = None) -> Trace:
        """Read it. `cache`: keep and reuse a column file beside the source. InputError if it cannot be read.

        `progress` is called with a phase ("compile reader", "read"), how much is done and the whole.
        """
        if cache and self.threads_of is None and self.can_be_read_again():
            from .cache import cached

            return cached(self, lambda: self._read(progress))
        return self._read(progress)

    def can_be_read_again(self) -> bool:
        """Whether everything that it is read from are files: a pipe gives what it holds once."""
        return all(can_be_read_again(path) or os.path.isdir(path) for path in (*self.paths, *self.maps))

    def _read(self, progress: Progress | None = None) -> Trace:
        is_text = True
        if self.kind == "set":
            from .recorded.read import read_set

            trace = read_set(self.paths[0], self.format)
            if self.maps:
                trace.notes.append("--maps was not used: a recorded set brings its own maps")
            if self.threads_of is not None:
                trace.notes.append(
                    "--one-process and --threads-of were not used: they are for a strace log by itself"
                )
            return trace
        if self.kind == "packed":
            from .packed import unpacked
            from .recorded.read import read_set

            with unpacked(self.paths[0]) as folder:
                trace = read_set(folder, self.format)
            trace.name = self.name
            return trace
        if self.kind == "family":
            from .pasted import unpasted
            from .strace.family import read_strace_files

            undone = [unpasted(read_input(p)) for p in self.paths]
            files = [(p, data) for p, (data, _) in zip(self.paths, undone, strict=True)]
            trace = read_strace_files(files, threads_of=self.threads_of)
            trace.name = self.name
            trace.notes += dict.fromkeys(note for _, notes in undone for note in notes)
        else:
            stored = _stored(self.paths[0], self.format)
            if stored is not None:
                if self.maps:
                    stored.notes.append("--maps was not used: a column file has its first areas in it")
                return stored
            path = self.paths[0]
            trace, is_text = read_text(text_of(path), path, self.format, progress, self.threads_of)
        maps = []
        if self.maps:
            from .recorded.mapsfile import read_maps

            maps = [read_maps(read_input(p), p) for p in _map_files(self.maps)]
        if is_text and trace.recorded:
            from .recorded.initial import add_told
            from .recorded.overtaken import put_in_order
            from .recorded.unseen import note_unseen, show_execs

            put_in_order(trace)
            note_unseen(trace)
            show_execs(trace)
            add_told(trace, maps)
        if maps:
            from .recorded.initial import add_maps

            add_maps(trace, maps, named=True)
        if is_text and trace.recorded:
            from pathlib import Path

            from .insertion import StringNumbers
            from .recorded.assumed import assume_execs

            assume_execs(trace, StringNumbers(trace), Path(self.paths[0]).parent)
            from .recorded.lacking import say_what_is_missing

            say_what_is_missing(trace)
        return trace


def read_text(
    text: bytes | mmap.mmap,
    path: str,
    format: str | None = None,
    progress: Progress | None = None,
    threads_of: int | None = None,
) -> tuple[Trace, bool]:
    """The trace of what `text_of` gives of `path`, and whether it was a text that a recorder wrote.

    A large strace log that is as it was recorded is read where it lies; else as `read_data` does.
    """
    if not isinstance(text, bytes):
        from .pasted import is_as_recorded

        if format in (None, "strace") and recognise(text[:HEAD]) == "strace" and is_as_recorded(text):
            trace = strace_text(memoryview(text), shown(path), progress, threads_of)
            trace.name, trace.sources = _base(shown(path)), [shown(path)]
            return trace, True
        text = text[:]
    trace = read_data(text, shown(path), format, progress, threads_of)
    return trace, (format or recognise(text)) not in ("columns", "jsonl")


def _stored(path: str, format: str | None) -> Trace | None:
    """The trace of a column file, mapped as it is; None for any other file."""
    if format not in (None, "columns") or not can_be_read_again(path):
        return None
    try:
        with open(path, "rb") as file:
            found = file.read(len(MAGICS[0])) in MAGICS
    except OSError:
        return None  # read_input says what is wrong
    if not found:
        return None
    from .stored.columnfile import open_columns

    return open_columns(path)[0]


def load(
    paths: Sequence[str],
    *,
    maps: Sequence[str] = (),
    format: str | None = None,
    cache: bool = False,
) -> list[Trace]:
    """Read everything that `paths` name. See `discover` and `Item.load`."""
    return [item.load(cache) for item in discover(paths, maps=maps, format=format)]


def discover(
    paths: Iterable[str],
    *,
    maps: Sequence[str] = (),
    format: str | None = None,
    threads_of: int | None = None,
) -> list[Item]:
    """The items that `paths` name, in their order; inside a directory by name.

    `format` forces a reader (one of FORMATS); `maps` are /proc/PID/maps files or a directory of them
    for the traces; `threads_of` as in `read_strace`. InputError RT200, RT204; UsageError RT205 for an unknown format.
    """
    if format is not None and format not in FORMATS:
        raise UsageError(ec.RT_FORMAT_NAME, f"unknown format '{format}'", expected=", ".join(FORMATS))
    items: list[Item] = []
    for path in paths:
        if path not in ("", "-") and os.path.isdir(path):
            from pathlib import Path

            folder = Path(path)
            found = _directory(folder, format, tuple(maps)) or _logs(folder, format, tuple(maps))
            if not found:
                raise InputError(
                    ec.RT_NO_TRACES,
                    "the directory holds no traces",
                    path,
                    expected="*.yaml, a recorded set (strace.txt, ftrace.txt, perf.txt), or strace -ff files",
                )
            items += found
        else:
            items.append(_file(path, format, tuple(maps)))
    found_items = _families(items)
    return (
        [replace(item, threads_of=threads_of) for item in found_items]
        if threads_of is not None
        else found_items
    )


def _file(path: str, format: str | None, maps: tuple[str, ...]) -> Item:
    """A file; the recording of a set brings the set's maps and truth with it, unless maps are named."""
    if is_packed(path):
        return Item("packed", (path,), format, maps)
    name = last_name(path)
    recorder = name.partition(".")[0]
    if name in _RECORDINGS and format in (None, recorder) and not maps:
        from pathlib import Path

        folder = Path(path).parent
        if (folder / "maps").is_dir():
            return Item("set", (str(folder),), recorder)
    return Item("file", (path,), format, maps)


def _map_files(maps: tuple[str, ...]) -> list[str]:
    """The map files that `--maps` names: files, or those of a directory."""
    out: list[str] = []
    for path in maps:
        if os.path.isdir(path):
            found = (os.path.join(path, name) for name in sorted(os.listdir(path)) if ".maps" in name)
            out += filter(os.path.isfile, found)
        else:
            out.append(path)
    return out


def _directory(
    folder: Path, format: str | None, maps: tuple[str, ...], seen: set[tuple[int, int]] | None = None
) -> list[Item]:
    """What a directory holds: itself as a set, or its scenarios, families and folders.

    `seen` are the folders, by device and inode, that were looked into: a link to one above leads into none twice.
    """
    seen = set() if seen is None else seen
    try:
        known = folder.stat()
        if (known.st_dev, known.st_ino) in seen:
            return []
        seen.add((known.st_dev, known.st_ino))
        entries = sorted(folder.iterdir())
    except OSError as e:
        raise InputError(ec.RT_MISSING, e.strerror or "cannot be read", str(folder)) from None
    names = {e.name for e in entries}
    if names & set(_RECORDINGS):
        return [Item("set", (str(folder),), format, maps)]
    items: list[Item] = []
    members: list[Item] = []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            items += _directory(entry, format, maps, seen)
        elif entry.name.endswith(SET_ENDING):  # any other archive may hold anything
            items.append(Item("packed", (str(entry),), format, maps))
        elif _SCENARIO.match(entry.name) or host_log_of(str(entry)) is not None:
            items.append(Item("file", (str(entry),), format, maps))
        elif _FAMILY.match(entry.name):
            members.append(Item("file", (str(entry),), "strace", maps))
    return items + [i for i in _families(members) if i.kind == "family"]


def host_log_of(path: str) -> str | None:
    """The log of the host beside a guest's trace: NAME.host.txt for NAME.yaml or NAME.jsonl, each packed or not."""
    match = _WITH_HOST.match(path)
    if match is None:
        return None
    logs = (f"{match[1]}.host.txt{packed}" for packed in PACKED)
    return next((log for log in logs if os.path.isfile(log)), None)


def _logs(folder: Path, format: str | None, maps: tuple[str, ...]) -> list[Item]:
    """Single recordings that lie in a directory without scenarios and sets, and what is empty, damaged or named so."""
    items = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            try:
                wanted = ".strace" in path.name or recognise(read_input(str(path))) is not None
            except InputError:
                wanted = "." in path.name
            if wanted:
                items.append(Item("file", (str(path),), format, maps))
    return items


def _families(items: list[Item]) -> list[Item]:
    """Files PREFIX.PID that stand together become one family, where the first stood."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        match = _FAMILY.match(item.paths[0]) if item.kind == "file" else None
        if match and item.format in (None, "strace"):
            groups.setdefault(match[1], []).append(item)
    out: list[Item] = []
    for item in items:
        match = _FAMILY.match(item.paths[0]) if item.kind == "file" else None
        group = groups.get(match[1], []) if match else []
        if len(group) < 2 or item not in group or not _is_family(group):
            out.append(item)
        elif item is group[0]:
            paths = sorted((i.paths[0] for i in group), key=lambda p: int(p.rpartition(".")[2]))
            out.append(Item("family", tuple(paths), "strace", item.maps))
    return out


def _is_family(group: list[Item]) -> bool:
    """True if every file of the group that holds anything looks like strace."""
    from .strace.read import looks_like_strace

    def head(path: str) -> bytes:
        try:
            with open(path, "rb") as file:
                return file.read(HEAD)
        except OSError as e:
            raise InputError(ec.RT_MISSING, e.strerror or "cannot be opened", path) from None

    if not all(can_be_read_again(i.paths[0]) for i in group):
        return False  # pipes: a look at their beginning would take it away
    heads = [head(i.paths[0]) for i in group]
    return all(not h.strip() or looks_like_strace(h) for h in heads)


def read_data(
    data: bytes,
    path: str,
    format: str | None = None,
    progress: Progress | None = None,
    threads_of: int | None = None,
) -> Trace:
    """Read a trace from decompressed bytes; `path` is what errors and reports show; `progress` as in Item.load.

    `threads_of`: of strace, ftrace and perf text, see `read_strace` and `assemble`.

    InputError RT201 for white space only, RT202 for a format that is not recognised.
    """
    if not data[:HEAD].strip() and not data.strip():  # stripping a large log would copy it
        raise InputError(ec.RT_EMPTY, "the input is empty", path, expected="a trace or scenario")
    chosen, as_given = format or recognise(data), data
    notes: list[str] = []
    if chosen is None or BY_NAME[chosen].pasted:
        from .pasted import unpasted

        data, notes = unpasted(data)
        if data is not as_given:
            chosen = format or recognise(data)
    if chosen is None:
        raise _unknown(data, path, as_given)
    trace = log_text(chosen, data, path, progress, threads_of)
    if trace is None:
        trace = BY_NAME[chosen].read(data, _base(path), path, progress)
        if threads_of is not None:
            trace.notes.append(
                "--one-process and --threads-of were not used: they are for strace, ftrace and perf text"
            )
    if chosen not in ("scenario", "jsonl", "columns", "maps"):  # which name themselves
        trace.name, trace.sources = _base(path), [path]
    trace.notes += notes
    return trace


def _unknown(data: bytes, path: str, as_given: bytes) -> InputError:
    """The error for content that no reader knows, with what it seems to be: as it was given, or undone as pasted."""
    head = bytes(data[:512])
    from .dumps.told import told_of_any

    kind = told_of_any(bytes(as_given[:HEAD]), bytes(data[:HEAD]))
    hint = f"{kind.what}: {kind.instead}" if kind is not None else ""
    odd = sum(b < 9 or 13 < b < 32 or b > 126 for b in head)
    if not hint and (b"\0" in head or odd > len(head) // 3):
        hint = "binary data"
    text = "" if hint else bytes(as_given[:512]).split(b"\n", 1)[0].decode("utf-8", "replace")[:200]
    return InputError(
        ec.RT_UNKNOWN_FORMAT,
        "the format is not recognised",
        path,
        1 if text else 0,
        text=text,
        found=hint,
        expected="a YAML scenario, strace, ftrace, perf script or perf trace text, JSON Lines, a column file, or a map"
        " (/proc/PID/maps, smaps, pmap, a core file, a minidump, hs_err, a tombstone)",
    )


def _base(path: str) -> str:
    name = last_name(path)
    for suffix in PACKED[1:]:
        name = name.removesuffix(suffix)
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and suffix in ("yaml", "yml", "txt", "jsonl", "rtcols") else name


__all__ = ["FORMATS", "Item", "decompressed", "discover", "load", "read_data", "recognise"]
