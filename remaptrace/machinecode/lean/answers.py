"""Remember what numba found out once: the signature of an operation for types of words."""

from __future__ import annotations

from typing import Any


def remember_answers() -> bool:
    """From now on a built-in function is resolved once for the same types. False if this numba is built otherwise.

    numba tries all its templates at each use, several times: that of `a + b` for arrays of numpy comes first.
    """
    from numba.core import types

    base: Any = getattr(types, "BaseFunction", None) or getattr(types.functions, "BaseFunction", None)
    function: Any = getattr(types, "Function", None)
    words: Any = [getattr(types, name, None) for name in _WORDS]
    if None in (base, function, *words) or not hasattr(types.int64, "_code"):
        return False
    resolve = base.get_call_type
    kinds = frozenset(words)

    def get_call_type(self: Any, context: Any, args: Any, kws: Any) -> Any:
        if kws or not all(type(one) in kinds for one in args):
            return resolve(self, context, args, kws)
        known = self.__dict__.setdefault("_answers", {})
        asked = tuple([one._code for one in args])
        answer = known.get(asked)
        if answer is None:
            signature = resolve(self, context, args, kws)
            known[asked] = signature, self._impl_keys[signature.args]
            return signature
        signature, implementation = answer
        self._impl_keys[signature.args] = implementation
        return signature

    function.get_call_type = get_call_type
    return True


_WORDS = ("Integer", "IntegerLiteral", "Boolean", "BooleanLiteral", "CPointer")
