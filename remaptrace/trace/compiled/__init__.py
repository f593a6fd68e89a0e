"""Byte machines for large recorded logs, compiled by numba.

Importing a module of this package imports numba; readers do so only for inputs that are worth it. What a
machine does not recognise at once it hands back by line, to be read by the plain reader: a machine is fast,
never the only one who knows. Compiled code is kept on disk by a hash of these sources.
"""

from __future__ import annotations

MANY = 1 << 18
"""Events from which machine code pays that has to be loaded for one pass over them."""
_COMPILE_FROM = 1 << 21
"""Events from which it is compiled for them where it is not at hand, as a reader and the engine are: a second or so."""


def pays(name: str, events: int) -> bool:
    """True when `events` are many and machine code of function `name` is at hand, or worth making."""
    if events < MANY:
        return False
    from ...machinecode.folders import READERS, can_compile
    from ...machinecode.ready import is_compiled

    return is_compiled(READERS, name) or (events >= _COMPILE_FROM and can_compile())
