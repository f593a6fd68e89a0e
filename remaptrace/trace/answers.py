"""What an expectation that a file of ours holds may say: the type of every answer, so that comparing cannot fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from .events import Expectation

    Told: TypeAlias = tuple[Any, int, int, dict[str, Any], dict[str, dict[str, Any]]]


DEEPEST = 32
"""Containers within each other in values that JSON holds."""


def told(expects: Sequence[Expectation]) -> Iterable[Told]:
    """Event, step, line, fields and `on` of each, by event: of a scenario as its reader has them, without an object."""
    rows = getattr(expects, "rows", None)
    return rows() if rows is not None else ((e.event, e.step, e.line, e.fields, e.on) for e in expects)


def whole(value: Any) -> bool:
    """True for a number of 64 bits, signed or not."""
    return type(value) is int and -(1 << 63) <= value < 1 << 64


def address(value: Any) -> bool:
    """True for an unsigned number of 64 bits."""
    return type(value) is int and 0 <= value < 1 << 64


def is_plain(value: Any, depth: int = 0) -> bool:
    """True for what JSON holds: texts, numbers, true, false, null, lists and mappings by text."""
    if value is None or isinstance(value, (str, bool, float)):
        return True
    if isinstance(value, int):
        return whole(value)
    if depth >= DEEPEST:
        return False
    if isinstance(value, Mapping):
        return all(type(k) is str and is_plain(v, depth + 1) for k, v in value.items())
    return isinstance(value, (list, tuple)) and all(is_plain(v, depth + 1) for v in value)


def _text(value: Any) -> bool:
    return type(value) is str


def _file_pages(value: Any) -> bool:
    return isinstance(value, list) and all(v is None or whole(v) for v in value)


def _areas(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, dict) and _area(v) for v in value)


def _area(area: dict[str, Any]) -> bool:
    if not ("start" in area and "end" in area and all(type(k) is str for k in area)):
        return False
    typed = {
        "start": address,
        "end": address,
        "offset": address,
        "pages": _text,
        "access": _text,
        "file_pages": _file_pages,
    }
    return all(holds(area[key]) for key, holds in typed.items() if key in area)


NUMBERS = (
    *("result", "value", "pkru", "minor_faults", "major_faults"),
    *("areas", "limit", "mmap_base", "cached_hole_size", "free_area_cache", "total_pages"),
    *("total", "free", "reserved", "surplus"),
)
"""Answers that are numbers, in scenarios and in every other format."""
_ANSWERS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(NUMBERS, (whole, "a number of 64 bits")),
    **dict.fromkeys(
        ("error", "outcome", "code", "continues_in", "resident", "pages", "access"), (_text, "text")
    ),
    "eof": (lambda v: type(v) is bool, "true or false"),
    "file_pages": (_file_pages, "a list of page numbers"),
    "vmas": (_areas, "a list of areas with start and end"),
}


def answer_flaw(fields: Any) -> tuple[str, str, str] | None:
    """What is wrong with the fields of an `expect`: in words, what was found, what would be right. None: nothing.

    A name that is no answer is none of our business: it disagrees, and the comparison says why.
    """
    if not isinstance(fields, dict) or not is_plain(fields):
        return "expect is no mapping of plain values", shortly(fields), "{result: 0}"
    for key, value in fields.items():
        holds, expected = _ANSWERS.get(key, (is_plain, ""))
        if not holds(value):
            return f"'{key}' of an expectation is not {expected}", shortly(value), expected
    return None


def shortly(value: Any) -> str:
    """`value` in at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
