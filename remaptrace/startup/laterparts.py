"""Parts of numpy that are loaded when something of them is asked for: functions of `numpy.lib`, how numpy was built.

While numpy is imported a finder answers for them with modules that have every name, each a mark of where it comes from.
Behind that import the marks are taken out of numpy again, and numpy asks `numpy.__getattr__` for what it does not have:
there the part is imported, as anyone else would import it, and its name stays in numpy from then on.
"""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec  # type: ignore[import-not-found]
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from importlib.machinery import ModuleSpec as Spec
    from typing import Any

_PARTS = ("numpy.lib", "numpy.__config__")
_HANDED_ON = ("bincount",)
"""Functions of `numpy._core.multiarray` that numpy has by way of a part, and that most replays call."""


class _Name:
    """Stands for a name of a part."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def found(self) -> Any:
        """What it stands for."""
        return getattr(import_module(self.module), self.name)


class _Part(ModuleType):
    """Stands for a module: it has every name that is asked of it, and says that none is public."""

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            self.__dict__["asked"] = True
            return []
        if name.startswith("__"):
            raise AttributeError(name)
        return _Name(self.__name__, name)

    def found(self) -> Any:
        """What it stands for."""
        return import_module(self.__name__)


class Parts:
    """A finder, and the loader, of what stands for parts of numpy, and what becomes of it."""

    def __init__(self) -> None:
        self._made: list[_Part] = []

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> Spec | None:
        """As finders do; None: the others shall look."""
        if not any(fullname == part or fullname.startswith(f"{part}.") for part in _PARTS):
            return None
        spec: Spec = ModuleSpec(fullname, self, is_package=fullname == _PARTS[0])  # type: ignore[arg-type]
        return spec

    def create_module(self, spec: Spec) -> ModuleType:
        """What stands for a module."""
        part = _Part(spec.name)
        self._made.append(part)
        return part

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is done."""

    def __enter__(self) -> Parts:
        sys.meta_path.insert(0, self)  # type: ignore[arg-type]
        return self

    def __exit__(self, *_: object) -> None:
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        for part in self._made:
            if sys.modules.get(part.__name__) is part:
                del sys.modules[part.__name__]

    def leave(self, numpy: ModuleType) -> None:
        """Take what stands for parts out of `numpy`, which asks for it from now on."""
        names = vars(numpy)
        late = {name: one for name, one in names.items() if type(one) in (_Name, _Part)}
        if not late:
            return
        for name in late:
            del names[name]
        core = vars(sys.modules["numpy._core.multiarray"])
        names.update((name, core[name]) for name in _HANDED_ON if name in late and name in core)
        lists = [part.__name__ for part in self._made if "asked" in vars(part)]
        if lists:
            late["__all__"] = _List(names.pop("__all__"), lists)
        names["__getattr__"] = _asking(numpy, late, names["__getattr__"])
        names["__dir__"] = _listing(late, names["__dir__"])


class _List:
    """Stands for `numpy.__all__`, of which some names are told by parts."""

    def __init__(self, known: list[str], parts: list[str]) -> None:
        self._known, self._parts = known, parts

    def found(self) -> list[str]:
        """The list."""
        return list({*self._known, *(name for part in self._parts for name in import_module(part).__all__)})


def _asking(numpy: ModuleType, late: dict[str, Any], other: Callable[[str], Any]) -> Callable[[str], Any]:
    """`numpy.__getattr__`: what is `late`, and then what numpy's own knows."""

    def __getattr__(name: str) -> Any:
        one = late.get(name)
        if one is None:
            return other(name)
        value = vars(numpy)[name] = one.found()
        return value

    return __getattr__


def _listing(late: Iterable[str], other: Callable[[], Iterable[str]]) -> Callable[[], list[str]]:
    """`numpy.__dir__`."""

    def __dir__() -> list[str]:
        return [*{*late, *other()} - {"matrixlib"}]

    return __dir__
