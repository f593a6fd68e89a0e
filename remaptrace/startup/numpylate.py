"""numpy without what it names while it is loaded and a replay never uses: a sixth of a short command.

Parts of the standard library (`inspect` with `ast`, `dis` and `tokenize`; `pickle`, `platform`, `textwrap`) serve what
describes numpy's functions, and functions that nothing here calls; its type hints stand at three named tuples of linear
algebra. While numpy is imported they are represented: what is asked of one loads it and is answered by it, but for
signatures, texts and that hint, which nobody reads. Behind that import sys.modules is as if nobody had asked for them,
so that whoever imports them gets them. Only for the command line: it drops numpy's docstrings, too.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Late(ModuleType):
    """Stands for a module until something of it is asked for that is not among `answers`."""

    def __init__(self, name: str, **answers: object) -> None:
        super().__init__(name)
        self.__dict__.update(answers)

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


class _NDArray:
    """The hint for an array of numbers of a kind."""

    def __class_getitem__(cls, kind: object) -> type:
        return cls


class _Hints(_Late):
    """numpy._typing, a folder."""

    @property
    def __path__(self) -> list[str]:  # type: ignore[override]
        return [os.path.join(os.path.dirname(str(sys.modules["numpy"].__file__)), "_typing")]


def _datetime() -> list[_Late]:
    """`datetime` as numpy's C code needs it, where the interpreter has it in C."""
    try:
        from _datetime import datetime_CAPI  # type: ignore[import-not-found]
    except ImportError:
        return []
    return [_Late("datetime", datetime_CAPI=datetime_CAPI)]


def load_numpy() -> None:
    """Import numpy, unless it is there."""
    if "numpy" in sys.modules:
        return
    late = [
        # a text as it is; no signature: `inspect` itself, asked for one later, looks at the function
        _Late("inspect", cleandoc=lambda text: text, signature=lambda _function: None),
        _Hints("numpy._typing", NDArray=_NDArray),
        *_datetime(),
        *map(_Late, ("ast", "pickle", "platform", "textwrap")),
    ]
    late = [one for one in late if one.__name__ not in sys.modules]
    sys.modules.update((one.__name__, one) for one in late)
    try:
        import numpy  # noqa: F401
    finally:
        for one in late:
            if sys.modules.get(one.__name__) is one:
                del sys.modules[one.__name__]
