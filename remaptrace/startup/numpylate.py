"""numpy without what it names while it is loaded and a replay never uses: a fifth of a short command.

Parts of the standard library (`inspect` with `ast`, `dis` and `tokenize`; `pickle`, `platform`, `textwrap`) serve what
describes numpy's functions, and functions that nothing here calls, as does linear algebra with its type hints. While
numpy is imported they are represented: what is asked of one loads it and is answered by it, but for signatures and
texts, which nobody reads, and functions of linear algebra, which load it when they are called. Behind that import
sys.modules is as if nobody had asked for them, so that whoever imports them gets them. Only for the command line: it
drops numpy's docstrings, too.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib import _find_spec  # type: ignore[import-not-found,attr-defined]
from importlib import import_module
from types import ModuleType

from ..patterns import IGNORECASE, pattern
from .laterparts import Parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec as Spec
    from typing import Any


_OF_LINALG = ("matrix_power",)
"""What the matrix class of numpy calls of its linear algebra."""


class _Late(ModuleType):
    """Stands for a module until something of it is asked for that is not among `answers`."""

    def __init__(self, name: str, **answers: object) -> None:
        super().__init__(name)
        self.__dict__.update(answers)

    def __getattr__(self, name: str) -> Any:
        if name == "__path__":  # `from ... import` asks whether it is a package
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


class _Package(_Late):
    """The same for a package of numpy."""

    @property
    def __path__(self) -> list[str]:  # type: ignore[override]
        folder = os.path.dirname(str(sys.modules["numpy"].__file__))
        return [os.path.join(folder, *self.__name__.split(".")[1:])]


def _later(module: str, name: str) -> Callable[..., Any]:
    """A function of a module that is loaded when it is called."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(import_module(module), name)(*args, **kwargs)

    return call


def _datetime() -> list[_Late]:
    """`datetime` as numpy's C code needs it, where the interpreter has it in C."""
    try:
        from _datetime import datetime_CAPI  # type: ignore[import-not-found]
    except ImportError:
        return []
    return [_Late("datetime", datetime_CAPI=datetime_CAPI)]


class Numpy:
    """A finder in front of all others, which finds numpy once: the import then finds what stands for modules."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> Spec | None:
        """As finders do; None: the others shall look."""
        if fullname != "numpy":
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        spec: Spec | None = _find_spec(fullname, path, target)
        execute = getattr(getattr(spec, "loader", None), "exec_module", None)
        if spec is not None and execute is not None and _is_tried(spec.origin):
            spec.loader = _Loader(spec.loader, execute)  # type: ignore[assignment]
        return spec


def _is_tried(file: str | None) -> bool:
    """Whether the numpy with this __init__ is of a version that is known to import what stands for modules.

    Any other is imported as it is: what it takes from them while it is loaded is not known, and no second attempt is
    possible behind a failed one.
    """
    try:
        with open(os.path.join(os.path.dirname(file or ""), "version.py"), "rb") as text:
            version = text.read(_HEAD).partition(b'version = "')[2].partition(b'"')[0]
    except OSError:
        return False
    major, minor, *_ = *version.split(b"."), b"", b""
    return major == _TRIED_MAJOR and minor.isdigit() and int(minor) <= _TRIED_MINOR


_TRIED_MAJOR, _TRIED_MINOR = b"2", 5
"""The versions of numpy whose import was tried so: from 2.0 to this one."""
_HEAD = 512
"""Bytes of its version.py that have the version."""


def prepare_numpy() -> None:
    """Have numpy come so when it is imported, unless it is there."""
    if "numpy" not in sys.modules:
        sys.meta_path.insert(0, Numpy())  # type: ignore[arg-type]


class _Loader:
    """The loader of numpy, until it has loaded it."""

    def __init__(self, loader: object, execute: Callable[[ModuleType], None]) -> None:
        self._loader, self._execute = loader, execute

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        """Make the module of its code, as that loader does."""
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self._loader  # type: ignore[assignment]
        _load(module, self._execute)


def _load(numpy: ModuleType, execute: Callable[[ModuleType], None]) -> None:
    late = [
        # a text as it is; no signature: `inspect` itself, asked for one later, looks at the function
        _Late("inspect", cleandoc=lambda text: text, signature=lambda _function: None),
        _Package("numpy.linalg", **{name: _later("numpy.linalg", name) for name in _OF_LINALG}),
        # for its authors, numpy compares signatures of its functions with those of their dispatchers
        _Late("numpy._utils._inspect", getargspec=lambda _function: ((), None, None, None)),
        *_datetime(),
        _Late("re", compile=pattern, I=IGNORECASE),
        *map(_Late, ("ast", "ctypes", "pickle", "platform", "textwrap")),
    ]
    late = [one for one in late if one.__name__ not in sys.modules]
    sys.modules.update((one.__name__, one) for one in late)
    try:
        with Parts() as parts:
            execute(numpy)
    finally:
        for one in late:
            if sys.modules.get(one.__name__) is one:
                del sys.modules[one.__name__]
    parts.leave(numpy)
