"""Types of variables as numba infers them, each step again only where what it stands on has changed.

numba takes all steps of a function over and over until no type changes, at least twice, each within several contexts
that name it should it fail. Here the same steps are taken in the same order, and what was known is left out.
"""

from __future__ import annotations

from typing import Any


def lean_inference() -> Any:
    """A class in place of numba's `TypeInferer`. ImportError, AttributeError: this numba is built otherwise."""
    from numba.core import errors, typeinfer, types, utils

    base: Any = typeinfer.TypeInferer
    kinds: Any = types
    failing: Any = errors
    copied, called, applied = typeinfer.Propagate, typeinfer.CallConstraint, typeinfer.IntrinsicCallConstraint
    given, stored = typeinfer.ArgConstraint, typeinfer.SetItemConstraint
    for owner, name in (
        *((base, name) for name in ("propagate", "add_type", "resolve_value_type", "unify")),
        *((called, name) for name in ("resolve", "get_call_signature")),
        (typeinfer.TypeVar, "add_type"),
        (typeinfer.TypeVar, "union"),
        (kinds.Dispatcher, "get_call_type"),
        (kinds.int64, "_code"),
    ):
        getattr(owner, name)
    functions = frozenset((kinds.Function, kinds.Dispatcher))
    plain = frozenset(
        (
            kinds.Integer,
            kinds.IntegerLiteral,
            kinds.Boolean,
            kinds.BooleanLiteral,
            kinds.CPointer,
            kinds.NoneType,
        )
    )
    operators: Any = utils.OPERATORS_TO_BUILTINS
    answers: dict[Any, Any] = {}
    functions_of: dict[Any, Any] = {}

    class Lean(base):  # type: ignore[misc]
        """For functions all of whose errors are final: numba is asked for what to say."""

        def propagate(self, raise_errors: bool = True) -> Any:
            if not raise_errors:
                return super().propagate(raise_errors)
            known: dict[int, Any] = {}
            before: list[Any] = []
            while True:
                error = None
                for one in self.constraints.constraints:
                    try:
                        self._step(one, known)
                    except failing.ForceLiteralArg:
                        raise
                    except failing.TypingError as found:
                        error = error or found
                now = [one.type for one in self.typevars.values()]
                if now == before:
                    break
                before = now
            if error is not None:
                raise error
            return []

        def _step(self, one: Any, known: dict[int, Any]) -> None:
            kind = type(one)
            place = self.typevars
            if kind is copied:
                source, target = place[one.src], place[one.dst]
                if source.type is not target.type or target.type is None:
                    target.union(source, loc=one.loc)
                self.refine_map[one.dst] = one
                return
            if kind is called and not one.kws and one.vararg is None:
                names = [one.func, *[each.name for each in one.args]]
            elif kind is applied and one.func in operators:
                names = [each.name for each in one.args]
            elif kind is given:
                names = [one.src]
            elif kind is stored:
                names = [one.target.name, one.index.name, one.value.name]
            else:
                one(self)
                return
            now = [place[name].type for name in names]
            target = None if kind is stored else place[one.dst if kind is given else one.target]
            seen = known.get(id(one))
            if seen is not None and seen[0] == now and (target is None or seen[1] is target.type):
                return
            if (
                kind in (given, stored)
                or None in now
                or not (
                    self._called(one, now[0], now[1:])
                    if kind is called
                    else self._called(one, self._operator(one.func), now)
                )
            ):
                one(self)
            known[id(one)] = now, None if target is None else target.type

        def _operator(self, operator: Any) -> Any:
            """The type of the function that an operator is."""
            known = functions_of.get(operator)
            if known is None:
                known = functions_of[operator] = self.resolve_value_type(None, operator)
            return known

        def _called(self, one: Any, function: Any, args: list[Any]) -> bool:
            """Type a call of a function with plain arguments; False if numba has to."""
            if type(function) not in functions or not all([type(kind) in plain for kind in args]):
                return False
            asked = (function._code, *[kind._code for kind in args])
            signature = answers.get(asked)
            if signature is None:
                signature = function.get_call_type(self.context, tuple(args), {})
                if signature is None or type(signature.return_type) not in plain or signature.recvr:
                    return False
                if type(function) is kinds.Dispatcher:
                    answers[asked] = signature
            self.add_type(one.target, signature.return_type, loc=one.loc)
            one.signature = signature
            return True

    return Lean
