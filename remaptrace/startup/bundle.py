"""Modules of short commands from one file: importlib looks for, opens and reads hundreds otherwise.

A finder stands in front of those of the interpreter, and answers for modules that the bundle has. It is as exact
as .pyc files, and more: a module counts only while its source has the size and the times that it had when its code was
kept (the time of its last change of any kind too, which nobody can set), and only while nothing that would be found
before it can have appeared: the folders of packages have their times, those of sys.path the same names of such modules
in them. Whatever differs is left to the interpreter's own finders. The loader is importlib's own, with the same source,
file and spec; the code alone comes from elsewhere, each with a checksum. The file is believed as other kept ones are:
no one else may write it (`kept`).
"""

from __future__ import annotations

import marshal
import os
import sys
from _frozen_importlib import (  # type: ignore[import-not-found]
    BuiltinImporter,
    FrozenImporter,
    ModuleSpec,
)
from _frozen_importlib_external import (  # type: ignore[import-not-found]
    MAGIC_NUMBER,
    ExtensionFileLoader,
    PathFinder,
    SourceFileLoader,
)
from binascii import crc32

from ..digests import blake2b
from ..kept import cache_place, identity, may_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence, Set
    from importlib.machinery import ModuleSpec as Spec
    from types import CodeType, ModuleType
    from typing import Any, TypeAlias

    from ..kept import Identity
    from ..patterns import Key

    Piece: TypeAlias = tuple[int, int, int]
    Entry: TypeAlias = tuple[str, str, bool, Identity, int, int, int]

PACKAGES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
"""The folder of sys.path that this package is in."""
_FORMAT = b"rtbundl3"
_HEAD = 16
"""Bytes in front of the table: this format, the table's length and checksum. Offsets of code count from its end."""
_HOOKS = ["zipimport", "_frozen_importlib_external"]
"""The modules of the hooks for sys.path that an interpreter begins with."""
_FIRST: list[Any] = [BuiltinImporter, FrozenImporter]
"""The interpreter's finders of modules that are in it."""


def searched() -> list[str]:
    """The folders of sys.path that a bundle is for: without the one that `python -m` happens to be started in."""
    try:
        here = os.getcwd()
    except OSError:
        here = ""
    return [path for path in sys.path if path and (path == PACKAGES or path != here)]


def place() -> str:
    """Where the bundle of this interpreter and this search path is kept."""
    digest = blake2b(digest_size=8)
    frozen = str(getattr(sys, "_xoptions", {}).get("frozen_modules"))
    how = (sys.version, MAGIC_NUMBER.hex(), str(sys.flags.optimize), str(sys.pycache_prefix), frozen)
    for part in (*how, PACKAGES, *searched()):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return os.path.join(cache_place(), "modules", f"{digest.hexdigest()}.bundle")


def names_in(folder: str, wanted: set[str]) -> list[str] | None:
    """What of `folder` an import of a name of `wanted` could find, in order; None if it cannot be listed."""
    try:
        return sorted(name for name in os.listdir(folder) if name.partition(".")[0] in wanted)
    except FileNotFoundError:
        return []
    except OSError:
        return None


def looked_in(file: str, package: bool) -> list[str]:
    """The folder in which a module is looked for, and that of a package in which its __init__ is."""
    folder = os.path.dirname(file)
    return [os.path.dirname(folder), folder] if package else [folder]


def known_by_times(fullname: str, file: str, package: bool) -> list[str]:
    """The same without folders of sys.path, which have names of modules instead (`Bundle.fits`)."""
    return looked_in(file, package)[0 if "." in fullname else 1 :]


class Bundle:
    """An open bundle, and the finder that answers from it; `given` are the modules that it found."""

    def __init__(self, file: int, table: dict[str, Any], base: int) -> None:
        self._file, self._base = file, base
        self.folders: dict[str, Identity] = table["folders"]
        self.tops: dict[str, tuple[Identity | None, list[str]]] = table["tops"]
        self.modules: dict[str, Entry] = table["modules"]
        self.expressions: dict[Key, Piece] = table["expressions"]
        self._path = list(sys.path)
        self._same: dict[str, bool] = {}
        self.given: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> Spec | None:
        """As finders do; None: the others shall look."""
        entry = self.modules.get(fullname)
        if entry is None:
            return None
        file, cached, package, known, _, length, _ = entry
        above, *inside = looked_in(file, package)
        if sys.path != self._path if path is None else list(path) != [above]:
            return None
        if not self.same_folders(fullname) or identity(file) != known:
            return None
        loader = Loader(fullname, file, self) if length else ExtensionFileLoader(fullname, file)
        spec: Spec = ModuleSpec(fullname, loader, origin=file, is_package=package)
        spec.has_location = True
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations += inside
        if length:
            spec.cached = cached  # else it is put together again for each
        self.given.add(fullname)
        return spec

    def code(self, fullname: str) -> CodeType | None:
        """The code of a module that `find_spec` found; None if it is damaged."""
        data = self.data(fullname)
        if data is None:
            return None
        try:
            code: CodeType = marshal.loads(data)
        except (EOFError, ValueError, TypeError):
            return None
        return code

    def data(self, fullname: str) -> bytes | None:
        """The same as bytes."""
        return self.piece(*self.modules[fullname][4:])

    def piece(self, offset: int, length: int, checksum: int) -> bytes | None:
        """Bytes that lie behind the table; None if they are damaged."""
        try:
            data = os.pread(self._file, length, self._base + offset)
        except OSError:
            return None
        return data if len(data) == length and crc32(data) == checksum else None

    def fits(self) -> bool:
        """True if a search of sys.path for a module of the bundle ends where it ended when that was written."""
        wanted = {name for name in self.modules if "." not in name}
        for folder in self._path:
            known, names = self.tops.get(folder, (None, []))
            if (known is None or identity(folder) != known) and names_in(folder or ".", wanted) != names:
                return False
        return True

    def same_folders(self, fullname: str) -> bool:
        """True if nothing came into, or went from, the folders of packages in which a module is looked for."""
        file, _, package = self.modules[fullname][:3]
        for folder in known_by_times(fullname, file, package):
            same = self._same.get(folder)
            if same is None:
                same = self._same[folder] = identity(folder) == self.folders.get(folder, ())
            if not same:
                return False
        return True


class Loader(SourceFileLoader):  # type: ignore[misc]
    """The loader of a source file, whose code is in the bundle."""

    def __init__(self, fullname: str, path: str, bundle: Bundle) -> None:
        super().__init__(fullname, path)
        self._bundle = bundle

    def get_code(self, fullname: str) -> CodeType | None:
        """The module's code."""
        code: CodeType | None = self._bundle.code(fullname) or super().get_code(fullname)
        return code


def spec_of(name: str) -> Spec | None:
    """How a module was found; None for one that was made otherwise, or is another by its own name."""
    spec: Spec | None = getattr(sys.modules.get(name), "__spec__", None)
    return spec if spec is not None and spec.name == name else None


def found_elsewhere(bundle: Bundle | None, before: Set[str]) -> list[str]:
    """Modules that came behind `before`, of files by the interpreter's own loaders, and were not of `bundle`."""
    given = before if bundle is None else before | bundle.given
    kinds = (SourceFileLoader, ExtensionFileLoader)
    new = ((name, spec_of(name)) for name in list(sys.modules) if name not in given)
    return [name for name, spec in new if spec is not None and type(spec.loader) in kinds]


def packed(table: dict[str, Any], codes: Iterable[bytes]) -> tuple[bytes, ...]:
    """A bundle, for `opened`."""
    data = marshal.dumps(table)
    length, checksum = len(data).to_bytes(4, "little"), crc32(data).to_bytes(4, "little")
    return (_FORMAT, length, checksum, data, *codes)


def opened(path: str) -> Bundle | None:
    """The bundle at `path`; None if there is none, or none that may be believed or is for this search path."""
    if not may_use(path):
        return None
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        head = os.pread(file, _HEAD, 0)
        length = int.from_bytes(head[8:12], "little")
        data = os.pread(file, min(length, os.fstat(file).st_size), _HEAD)
    except OSError:
        os.close(file)
        return None
    whole = head[:8] == _FORMAT and len(data) == length
    if whole and crc32(data) == int.from_bytes(head[12:], "little"):
        bundle = Bundle(file, marshal.loads(data), _HEAD + length)
        if bundle.fits():
            return bundle
    os.close(file)
    return None


def may_bundle() -> bool:
    """True if modules are found as the interpreter does it: by its own finder, in folders that stay what they are."""
    hooks = [getattr(hook, "__module__", None) for hook in sys.path_hooks]
    return PathFinder in sys.meta_path and hooks == _HOOKS and all(map(os.path.isabs, sys.path))


def installed() -> Bundle | None:
    """Have modules come from the bundle from now on; None if there is none, or imports are not the usual ones."""
    bundle = opened(place()) if may_bundle() else None
    if bundle is not None:
        at = sys.meta_path.index(PathFinder)
        begin = at - len(_FIRST)
        # these found nothing of the bundle when it was written, and it is the same interpreter
        sys.meta_path.insert(begin if sys.meta_path[begin:at] == _FIRST else at, bundle)  # type: ignore[arg-type]
    return bundle
