"""What numba does beside its work, left out: events that nobody hears, lines of logs, names of what is being done."""

from __future__ import annotations

from typing import Any


def be_quiet() -> None:
    """From now on numba of this process keeps to its work; what is built otherwise is left as it is."""
    try:
        from numba.core import base, byteflow, event, ir, ssa, types, utils
    except ImportError:
        return
    _without_listeners(event)
    _without_lines((byteflow, ssa))
    _plain_instances(types)
    _direct_variables(ir)
    _arguments_by_code(base)
    _signatures_once(utils)


def _without_listeners(event: Any) -> None:
    """Timers listen to every use of the lock, one for each function that is being compiled."""
    if hasattr(event, "broadcast") and hasattr(event, "Event"):
        event.broadcast = lambda told: None


def _without_lines(modules: tuple[Any, ...]) -> None:
    """Lines are formatted for a log that is never written."""
    for module in modules:
        logger = getattr(module, "_logger", None)
        if logger is not None and not logger.isEnabledFor(10):
            logger.debug = lambda *told, **more: None


def _plain_instances(types: Any) -> None:
    """Classes of types are abstract ones, which ask in Python whether something is theirs; none is by registration."""
    kind: Any = type(types.Type)
    if kind.__mro__[1].__name__ == "ABCMeta" and "__instancecheck__" not in vars(kind):
        kind.__instancecheck__ = type.__instancecheck__


def _direct_variables(ir: Any) -> None:
    """Which variables a statement has is asked many times of each: without a list for each part."""
    variable, instruction, statement, expression = ir.Var, ir.Inst, ir.Stmt, ir.Expr
    if "_rec_list_vars" not in vars(instruction) or "list_vars" not in vars(expression):
        return
    others = (ir.Loc, ir.Scope, ir.Const, ir.Global, ir.FreeVar, ir.Arg)
    none = frozenset((str, int, bool, type(None), type(len), *others))

    def add(value: Any, found: list[Any]) -> None:
        kind = type(value)
        if kind is variable:
            found.append(value)
        elif kind in none:
            return
        elif kind is expression:
            for one in value._kws.values():
                add(one, found)
        elif isinstance(value, instruction):
            found.extend(value.list_vars())
        elif isinstance(value, (list, tuple)):
            for one in value:
                add(one, found)
        elif isinstance(value, dict):
            for one in value.values():
                add(one, found)
        elif isinstance(value, variable):
            found.append(value)

    def of_statement(self: Any) -> list[Any]:
        found: list[Any] = []
        for one in self.__dict__.values():
            add(one, found)
        return found

    def of_expression(self: Any) -> list[Any]:
        found: list[Any] = []
        for one in self._kws.values():
            add(one, found)
        return found

    statement.list_vars = of_statement
    expression.list_vars = of_expression


def _arguments_by_code(base: Any) -> None:
    """Whether an implementation asks for a place in the source is seen from its code, without a signature of it."""
    asked = getattr(base, "_has_loc", None)
    if asked is None:
        return
    plain = type(_arguments_by_code)

    def has_loc(function: Any) -> bool:
        if type(function) is plain and not hasattr(function, "__wrapped__"):
            code = function.__code__
            return "loc" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        found: bool = asked(function)
        return found

    base._has_loc = has_loc


def _signatures_once(utils: Any) -> None:
    """The signature of a function is the same each time it is asked for."""
    asked = getattr(utils, "pysignature", None)
    if asked is None:
        return
    plain = type(_signatures_once)
    known: dict[Any, Any] = {}

    def signature(function: Any) -> Any:
        if type(function) is not plain:
            return asked(function)
        answer = known.get(function)
        if answer is None:
            answer = known[function] = asked(function)
        return answer

    utils.pysignature = signature
