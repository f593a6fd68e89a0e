"""Writing the bundle of modules: behind a report, when a command loaded, or compiled, what no bundle gave it."""

from __future__ import annotations

import marshal
import os
import sys
import time
from binascii import crc32
from contextlib import suppress
from importlib import invalidate_caches
from importlib.machinery import PathFinder, SourceFileLoader

from .. import patterns
from ..kept import identity, make_folder, settled
from ..outfile import write_file
from . import bundle as reading
from .expressions import kept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Set
    from importlib.machinery import ModuleSpec as Spec
    from types import CodeType

    from ..kept import Identity
    from ..patterns import Key
    from .bundle import Bundle, Entry, Piece

_MOST = 8
"""Bundles that are kept: one for each interpreter and search path."""
_SECOND = 10**9


def keep_modules(bundle: Bundle | None, before: Set[str]) -> bool:
    """Keep the modules that this process loaded after `before` were there, with those of `bundle`; True if it did.

    The regular expressions that were compiled are kept with them.

    Nothing is written where everything came from `bundle`, where the interpreter was told to write no code
    (PYTHONDONTWRITEBYTECODE), or where imports are not the interpreter's own. OSError.
    """
    if sys.dont_write_bytecode or not reading.may_bundle():
        return False
    names = reading.found_elsewhere(bundle, before)
    if not (names or patterns.unknown) or not _searched_alone({name for name in names if "." not in name}):
        return False
    invalidate_caches()
    found = _Found()
    for name in names:
        found.take(name)
    found.expressions = {key: kept(key) for key in patterns.unknown}
    if not (found.modules or found.expressions):
        return False
    if bundle is not None:
        found.join(bundle)
    data = found.data()
    if data is None:
        return False
    path = reading.place()
    make_folder(os.path.dirname(path))
    write_file(path, data, private=True)
    _forget_old(os.path.dirname(path))
    return True


def _searched_alone(wanted: set[str]) -> bool:
    """True if no folder of sys.path that a bundle is not for, where `python -m` was started, has one of `wanted`."""
    folders = reading.searched()
    return all(path in folders or reading.names_in(path, wanted) == [] for path in sys.path)


class _Found:
    """What goes into a bundle: modules with their code, as they are on disk now."""

    def __init__(self) -> None:
        self.modules: dict[str, tuple[Entry, bytes]] = {}
        self.folders: dict[str, Identity] = {}
        self.expressions: dict[Key, bytes] = {}
        self.now = time.time_ns()

    def take(self, name: str) -> None:
        """Add a module that this process loaded, if the interpreter would load the same now."""
        spec = reading.spec_of(name)
        if spec is None or spec.origin is None or (known := settled(spec.origin, self.now)) is None:
            return
        parent = sys.modules.get(name.rpartition(".")[0])
        package = spec.submodule_search_locations is not None
        if not self._folders_settled(name, spec.origin, package):
            return
        again = PathFinder.find_spec(name, getattr(parent, "__path__", ()) if "." in name else None)
        if again is None or again.origin != spec.origin or type(again.loader) is not type(spec.loader):
            return
        data = b""
        if isinstance(again.loader, SourceFileLoader):
            try:
                data = marshal.dumps(_code(again, known))
            except (OSError, ImportError, SyntaxError, ValueError):
                return
        cached = again.cached or ""
        self.modules[name] = (spec.origin, cached, package, known, 0, len(data), crc32(data)), data

    def join(self, bundle: Bundle) -> None:
        """Add what `bundle` has and is as it was."""
        for name, entry in bundle.modules.items():
            file, _, package, known = entry[:4]
            if name in self.modules or settled(file, self.now) != known:
                continue
            looked = reading.known_by_times(name, file, package)
            if not self._folders_settled(name, file, package):
                continue
            if any(self.folders[one] != bundle.folders.get(one) for one in looked):
                continue
            data = bundle.data(name)
            if data is not None:
                self.modules[name] = entry, data
        for key, place in bundle.expressions.items():
            piece = bundle.piece(*place)
            if piece is not None:
                self.expressions.setdefault(key, piece)

    def data(self) -> tuple[bytes, ...] | None:
        """The bundle; None if a file or a folder changed meanwhile."""
        tops = self._tops()
        if tops is None:
            return None
        modules: dict[str, Entry] = {}
        at = 0
        for name, ((file, cached, package, known, _, length, checksum), _data) in self.modules.items():
            if identity(file) != known:
                return None
            modules[name] = file, cached, package, known, at, length, checksum
            at += length
        if any(identity(folder) != known for folder, known in self.folders.items()):
            return None
        expressions: dict[Key, Piece] = {}
        for key, data in self.expressions.items():
            expressions[key] = at, len(data), crc32(data)
            at += len(data)
        table = {"folders": self.folders, "tops": tops, "modules": modules, "expressions": expressions}
        return reading.packed(
            table, [*(data for _, data in self.modules.values()), *self.expressions.values()]
        )

    def _tops(self) -> dict[str, tuple[Identity | None, list[str]]] | None:
        """What each folder of sys.path has of the modules that are looked for there; None if one is found elsewhere."""
        files = {name: entry[0] for name, (entry, _) in self.modules.items() if "." not in name}
        tops: dict[str, tuple[Identity | None, list[str]]] = {}
        for folder in reading.searched():
            known, names = settled(folder, self.now), reading.names_in(folder, set(files))
            if names is None:
                return None
            tops[folder] = known, names
        invalidate_caches()
        for name, file in files.items():
            spec = PathFinder.find_spec(name)
            if spec is None or spec.origin != file:
                return None
        same = all(reading.names_in(folder, set(files)) == names for folder, (_, names) in tops.items())
        return tops if same else None

    def _folders_settled(self, name: str, file: str, package: bool) -> bool:
        """True if the folders in which the module `name` was looked for may be known by their times."""
        for one in reading.known_by_times(name, file, package):
            if one not in self.folders:
                known = settled(one, self.now)
                if known is None:
                    return False
                self.folders[one] = known
        return True


def _code(spec: Spec, known: Identity) -> CodeType | None:
    """The code of a source file that is `known`: of its .pyc file if that cannot be of what it was a moment before.

    A .pyc file knows its source by size and second: one that was written in the second of an edit may be of what was
    there before, and whoever takes it away to be rid of that would find the same in the bundle. OSError, SyntaxError.
    """
    loader, file = spec.loader, spec.origin
    assert isinstance(loader, SourceFileLoader) and file is not None
    written = identity(spec.cached) if spec.cached else None
    if written is None or written[0] - known[0] > _SECOND:
        return loader.get_code(spec.name)
    code: CodeType = loader.source_to_code(loader.get_data(file), file)
    return code


def _forget_old(folder: str) -> None:
    """Take away all but the newest bundles, and what was never finished."""
    with suppress(OSError):
        paths = [os.path.join(folder, name) for name in os.listdir(folder)]
        for path in sorted(paths, key=os.path.getmtime, reverse=True)[_MOST:]:
            os.unlink(path)
