"""How the byte machines are compiled: plain functions inside, few entry points, no exceptions.

As ``remaptrace.trace.compiled.*`` entries are fronts that load their machine code at the first call; as
``remaptrace.trace._jitted.*`` the same files are loaded with numba, to make that code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

F = TypeVar("F", bound=Callable[..., Any])

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.int64]
Halves = npt.NDArray[np.int32]

COMPILED = __name__.startswith("remaptrace.trace._jitted.")

if COMPILED:
    import numba

    from ...machinecode.build import Jit

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

    _jit = Jit({"forceinline": True}, nogil=True, **_uncounted())
    kernel = _jit.kernel

    def entry(signature: str) -> Callable[[F], F]:
        """Machine code can be made of a function, which numba knows as `signature`: it becomes an `Entry`."""

        def wrapped(function: F) -> F:
            made: Any = _jit.entry(function, signature)
            return made  # type: ignore[no-any-return]

        return wrapped

else:

    def kernel(function: F) -> F:
        """Leave `function` as it is: only its compiled form is called."""
        return function

    def entry(signature: str) -> Callable[[F], F]:
        """Call the machine code of a function, made at the first call if it is not on disk."""
        return _front

    def _front(function: F) -> F:
        from ...machinecode.folders import READERS
        from ...machinecode.load import Function

        module = function.__module__.rpartition(".")[2]
        front: Any = Function(READERS, f"{module}.{function.__name__}", whole_arrays=True)
        return front  # type: ignore[no-any-return]
