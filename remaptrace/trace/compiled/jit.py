"""How the byte machines are compiled: plain functions inside, few entry points, no exceptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt

from ...engine.cachedir import caching

F = TypeVar("F", bound=Callable[..., Any])

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.int64]
Halves = npt.NDArray[np.int32]


def _uncounted() -> dict[str, bool]:
    """numba's option that leaves out counting references to arrays, if this numba has it.

    Nothing is allocated here, so none need counting; counting takes half of the time of a byte machine.
    """
    try:
        numba.njit(_nrt=False)(_nothing)
    except (KeyError, TypeError):
        return {}
    return {"_nrt": False}


def _nothing() -> int:
    return 0


_OPTIONS = {"nogil": True, **_uncounted()}


def kernel(function: F) -> F:
    """Compile `function` for calls from other kernels only; it becomes part of its callers."""
    inner = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True, **_OPTIONS)
    compiled: F = inner(function)
    return compiled


def entry(function: F) -> F:
    """Compile `function` for calls from Python, without the interpreter's lock, and keep it on disk."""
    with caching("trace"):
        compiled: F = numba.njit(cache=True, **_OPTIONS)(function)
    return compiled
