"""Expressions, seeded shuffles and the arithmetic of `repeat`.

An expression is evaluated for all turns of a loop at once: a name is an int outside loops and an
int64 array inside. Overflow of 64 bits is an error, never a wrong number.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ... import errorcodes as ec
from .values import Problem, did_you_mean

if TYPE_CHECKING:
    import ast

    import numpy.typing as npt


IntArray: TypeAlias = "npt.NDArray[np.int64]"
Value: TypeAlias = "int | IntArray"

MAX_EVENTS = 1 << 24
_LOW, _HIGH = -(1 << 63), (1 << 64) - 1
_MASK = (1 << 64) - 1


@lru_cache(maxsize=4096)
def _parse(text: str) -> ast.expr:
    import ast  # most scenarios say numbers

    if len(text) > 1000:
        raise Problem(ec.RT_EXPRESSION, "expression too long", (), "at most 1,000 characters")
    try:
        with warnings.catch_warnings():  # what Python thinks of its spelling is no word for the user
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Problem(
            ec.RT_EXPRESSION, f"'{text}' is not an expression", (), "like base + i * page"
        ) from None


def evaluate(text: str, names: Mapping[str, Value]) -> Value:
    """The value of an expression over `names`."""
    return _value(_parse(text), names, text, 0)


def is_expression(text: str, names: Mapping[str, Value]) -> bool:
    """True if `text` starts with one of `names`, a digit or a bracket: not a misspelt word."""
    return text in names or any(c in text for c in "+*%<>&|^~()") or text[:1].isdecimal()


def _value(node: ast.expr, names: Mapping[str, Value], text: str, depth: int) -> Value:
    import ast

    if depth > 50:
        raise Problem(ec.RT_EXPRESSION, f"'{text}' is nested too deeply", (), "at most 50 levels")
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return _checked(node.value, text)
    if isinstance(node, ast.Name):
        if node.id in names:
            return names[node.id]
        raise Problem(
            ec.RT_EXPRESSION,
            f"unknown name '{node.id}' in '{text}'" if node.id != text else f"unknown name '{node.id}'",
            (),
            "a number or one of: " + did_you_mean(node.id, names),
        )
    if isinstance(node, ast.BinOp) and type(node.op).__name__ in _BINARY:
        left = _value(node.left, names, text, depth + 1)
        right = _value(node.right, names, text, depth + 1)
        return _BINARY[type(node.op).__name__](left, right, text)
    if isinstance(node, ast.UnaryOp):
        operand = _value(node.operand, names, text, depth + 1)
        if isinstance(node.op, ast.USub):
            return _arith(0, operand, lambda a, b: a - b, text)
        if isinstance(node.op, ast.Invert):
            return _arith(-1, operand, lambda a, b: a - b, text)
        if isinstance(node.op, ast.UAdd):
            return operand
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args and not node.keywords:
        if node.func.id in ("min", "max"):
            values = [_value(a, names, text, depth + 1) for a in node.args]
            if all(isinstance(v, int) for v in values):
                return min(values) if node.func.id == "min" else max(values)  # type: ignore[type-var]
            return _extreme(values, node.func.id == "max")
    raise Problem(
        ec.RT_EXPRESSION,
        f"'{text}' is not an expression",
        (),
        "numbers, names, + - * // % << >> & | ^ ~ ( ), min, max",
    )


def _extreme(values: list[Value], largest: bool) -> Value:
    """min or max where at least one is an array. Arrays hold signed words: no element reaches a number from 2^63 on."""
    beyond = [v for v in values if isinstance(v, int) and v >= 1 << 63]
    if beyond and largest:
        return max(beyond)
    within = [v for v in values if not (isinstance(v, int) and v >= 1 << 63)]
    result = within[0]
    for value in within[1:]:
        result = np.maximum(result, value) if largest else np.minimum(result, value)
    return result


def _checked(value: int, text: str) -> int:
    if _LOW <= value <= _HIGH:
        return value
    raise Problem(ec.RT_EXPRESSION, f"'{text}' does not fit 64 bits", (), "-2^63 to 2^64 - 1")


def _bounds(value: Value) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return (int(value.min()), int(value.max())) if value.size else (0, 0)


def _arith(left: Value, right: Value, op: Callable[[Any, Any], Any], text: str) -> Value:
    """+, - and *: bounds are computed exactly first, so that arrays cannot wrap."""
    if isinstance(left, int) and isinstance(right, int):
        return _checked(op(left, right), text)
    corners = [op(a, b) for a in _bounds(left) for b in _bounds(right)]
    limits = (*_bounds(left), *_bounds(right), *corners)
    if min(limits) < _LOW or max(limits) >= 1 << 63:
        raise Problem(ec.RT_EXPRESSION, f"'{text}' does not fit 64 bits in a loop", (), "less than 2^63")
    result: IntArray = op(left, right)
    return result


def _divide(left: Value, right: Value, op: Callable[[Any, Any], Any], text: str) -> Value:
    low, high = _bounds(right)
    if low <= 0 <= high and (isinstance(right, int) or bool((right == 0).any())):
        raise Problem(ec.RT_EXPRESSION, f"'{text}' divides by zero", (), "a divisor that is never 0")
    if _bounds(left)[0] == _LOW and low <= -1 <= high:
        raise Problem(ec.RT_EXPRESSION, f"'{text}' does not fit 64 bits", (), "-2^63 to 2^64 - 1")
    return _arith_free(left, right, op, text)


def _shift(left: Value, right: Value, op: Callable[[Any, Any], Any], text: str) -> Value:
    low, high = _bounds(right)
    if low < 0 or high > 63:
        raise Problem(ec.RT_EXPRESSION, f"'{text}' shifts by less than 0 or more than 63", (), "0 to 63")
    return _arith(left, right, op, text)


def _arith_free(left: Value, right: Value, op: Callable[[Any, Any], Any], text: str) -> Value:
    """Operations whose result is never wider than their operands."""
    if isinstance(left, int) and isinstance(right, int):
        return _checked(op(left, right), text)
    if max(*_bounds(left), *_bounds(right)) >= 1 << 63:
        raise Problem(ec.RT_EXPRESSION, f"'{text}' does not fit 64 bits in a loop", (), "less than 2^63")
    result: IntArray = op(left, right)
    return result


_BINARY: dict[str, Callable[[Value, Value, str], Value]] = {
    "Add": lambda a, b, t: _arith(a, b, lambda x, y: x + y, t),
    "Sub": lambda a, b, t: _arith(a, b, lambda x, y: x - y, t),
    "Mult": lambda a, b, t: _arith(a, b, lambda x, y: x * y, t),
    "FloorDiv": lambda a, b, t: _divide(a, b, lambda x, y: x // y, t),
    "Mod": lambda a, b, t: _divide(a, b, lambda x, y: x % y, t),
    "LShift": lambda a, b, t: _shift(a, b, lambda x, y: x << y, t),
    "RShift": lambda a, b, t: _shift(a, b, lambda x, y: x >> y, t),
    "BitAnd": lambda a, b, t: _arith_free(a, b, lambda x, y: x & y, t),
    "BitOr": lambda a, b, t: _arith_free(a, b, lambda x, y: x | y, t),
    "BitXor": lambda a, b, t: _arith_free(a, b, lambda x, y: x ^ y, t),
}


def shuffled(count: int, seed: int) -> IntArray:
    """0..count-1 in an order that depends on `seed` alone, on every machine and numpy.

    Positions are sorted by splitmix64(seed, position).
    """
    x = np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x += np.uint64((seed * 0xBF58476D1CE4E5B9 + 0x9E3779B97F4A7C15) & _MASK)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(x ^ (x >> np.uint64(31)), kind="stable").astype(np.int64)
