"""Which sources a module is made of: itself and, over and over, what those import.

A cache that keeps what code made is right only as long as that code is the same, so its key has to cover every file
that may be part of it. The files are found from the sources themselves, not from a list of folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
"""The folder of this package."""

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(\.+)([\w.]*)[ \t]+import[ \t]*(\([^)]*\)|[^\n#]*)"
    r"|(?:from|import)[ \t]+remaptrace\b([^\n#]*))",
    re.M,
)
_COMMENT = re.compile(r"#[^\n]*")


def import_closure(names: Iterable[str], root: Path = PACKAGE, leaves: Iterable[str] = ()) -> list[Path]:
    """The files of the modules `names` ("engine.run.loop", below `root`) and of all that they import, sorted.

    An import counts wherever it stands: in a function and under TYPE_CHECKING too. Files of the packages `leaves`
    ("machinecode") are part of the answer; what they import themselves is not followed. ValueError for an absolute
    import of this package, which would not be found.
    """
    stop = tuple(root.joinpath(*name.split(".")) for name in leaves)
    found: set[Path] = set()
    waiting = [path for name in names for path in _modules(root.joinpath(*name.split(".")), ())]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        if not any(folder in path.parents for folder in stop):
            waiting += _imports(path)
    return sorted(found)


def _imports(path: Path) -> list[Path]:
    targets: list[Path] = []
    for dots, module, names, absolute in _IMPORT.findall(path.read_text(encoding="utf-8")):
        if not dots:
            raise ValueError(f"{path}: an absolute import of remaptrace{absolute.rstrip()}")
        folder = path
        for _ in dots:
            folder = folder.parent
        words = _COMMENT.sub("", names).strip("() \t\n").split(",")
        targets += _modules(
            folder.joinpath(*filter(None, module.split("."))), [w.split()[0] for w in words if w.split()]
        )
    return targets


def _modules(place: Path, names: Iterable[str]) -> list[Path]:
    """The files behind ``from place import names``: the module, or the package's own file and its modules."""
    package = place / "__init__.py"
    module = place.with_suffix(".py")
    if not place.is_dir() or (module.is_file() and not package.is_file()):
        return [module]
    inside = [_modules(place / name, ()) for name in names if _exists(place / name)]
    return [*([package] if package.is_file() else []), *(path for paths in inside for path in paths)]


def _exists(place: Path) -> bool:
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()
