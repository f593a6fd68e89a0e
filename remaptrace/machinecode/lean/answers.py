"""Remember what numba found out once: signatures of operations for types of words, types of constants and kernels."""

from __future__ import annotations

from typing import Any

_WORDS = ("Integer", "IntegerLiteral", "Boolean", "BooleanLiteral", "CPointer")


def remember_answers() -> bool:
    """From now on numba looks up once what does not change. False if this numba is built otherwise."""
    signatures, values = _remember_signatures(), _remember_values()
    return signatures and values


def _remember_signatures() -> bool:
    """A built-in function is resolved once for the same types.

    numba tries all its templates at each use, several times: that of `a + b` for arrays of numpy comes first.
    """
    from numba.core import types

    function: Any = getattr(types, "Function", None)
    resolve: Any = getattr(function, "get_call_type", None)
    words: Any = [getattr(types, name, None) for name in _WORDS]
    if resolve is None or None in words or not hasattr(types.int64, "_code"):
        return False
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


def _remember_values() -> bool:
    """The type of a whole number or of a kernel is found once; what can be no literal makes no error that says so."""
    from numba.core import dispatcher, types
    from numba.core.typing import context

    kernel: Any = getattr(dispatcher, "Dispatcher", None)
    base: Any = getattr(context, "BaseContext", None)
    resolve: Any = getattr(base, "resolve_value_type", None)
    literal: Any = getattr(types, "maybe_literal", None)
    literals: Any = getattr(getattr(types, "Literal", None), "ctor_map", None)
    if None in (kernel, resolve, literal, literals):
        return False
    known: dict[Any, Any] = {}
    words: Any = types

    def resolve_value_type(self: Any, value: Any) -> Any:
        if type(value) is not int and not isinstance(value, kernel):
            return resolve(self, value)
        answer = known.get(value)
        if answer is None:
            answer = known[value] = resolve(self, value)
        return answer

    def maybe_literal(value: Any) -> Any:
        if type(value) in literals or isinstance(value, words.Literal):
            return literal(value)
        return None

    base.resolve_value_type = resolve_value_type
    words.maybe_literal = maybe_literal
    return True
