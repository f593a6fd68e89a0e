"""JSON Schema (draft 2020-12) of the documents that commands write, made from their types (`report.documents`)."""

from __future__ import annotations

from importlib import import_module
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

DOCUMENTS: dict[str, tuple[str, str]] = {
    "run": ("run", "Run"),
    "runs": ("run", "Runs"),
    "event": ("run", "Event"),
    "check": ("check", "Check"),
    "baseline": ("check", "Baseline"),
    "verify": ("verify", "Verify"),
    "conformance": ("verify", "Conformance"),
    "diff": ("diff", "Diff"),
    "diff-recordings": ("diff", "DiffRecordings"),
    "advise": ("advise", "Advise"),
    "advise-map": ("advise", "AdviseMap"),
    "advise-growth": ("advise", "AdviseGrowth"),
    "callers": ("advise", "Callers"),
    "maps": ("machines", "Maps"),
    "pte": ("machines", "Pte"),
    "kernels": ("machines", "Kernels"),
    "kernels-compare": ("machines", "KernelsCompare"),
    "arches": ("machines", "Arches"),
    "record": ("record", "Record"),
    "page": ("page", "Page"),
}
"""Documents by the name between the slashes of their `schema`, and where their types stand."""

_PLAIN: dict[Any, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    NoneType: "null",
}


def schema_of(name: str, *, strict: bool = False) -> dict[str, Any]:
    """The schema of a document of DOCUMENTS. New keys may appear in documents at any time; `strict` forbids them.

    KeyError for an unknown name.
    """
    module, kind = DOCUMENTS[name]
    top = getattr(import_module(f".documents.{module}", __package__), kind)
    definitions: dict[str, Any] = {}
    reference = _of(top, definitions, strict)
    (title,) = get_args(get_type_hints(top)["schema"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:" + title.replace("/", ":"),
        "title": title,
        **reference,
        "$defs": definitions,
    }


def _of(hint: Any, definitions: dict[str, Any], strict: bool) -> dict[str, Any]:
    """The schema of a type; those of TypedDicts go to `definitions`."""
    if hint is object:  # whatever another document says
        return {}
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if is_typeddict(hint):
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = {}
            definitions[hint.__name__] = _object(hint, definitions, strict)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    origin, args = get_origin(hint), get_args(hint)
    if origin is NotRequired:
        return _of(args[0], definitions, strict)
    if origin is Literal:
        return {"const": args[0]} if len(args) == 1 else {"enum": list(args)}
    if origin is list:
        return {"type": "array", "items": _of(args[0], definitions, strict)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(args[1], definitions, strict)}
    if origin in (Union, UnionType):
        kinds = [_of(arg, definitions, strict) for arg in args]
        if all(set(kind) == {"type"} for kind in kinds):
            return {"type": [kind["type"] for kind in kinds]}
        return {"anyOf": kinds}
    raise TypeError(f"{hint} has no schema")


def _object(hint: Any, definitions: dict[str, Any], strict: bool) -> dict[str, Any]:
    hints = get_type_hints(
        hint, include_extras=True
    )  # __required_keys__ does not see into annotations as text
    made: dict[str, Any] = {
        "description": " ".join((hint.__doc__ or "").split()),
        "type": "object",
        "properties": {key: _of(value, definitions, strict) for key, value in hints.items()},
        "required": [k for k, v in hints.items() if hint.__total__ and get_origin(v) is not NotRequired],
    }
    return made | {"additionalProperties": False} if strict else made
