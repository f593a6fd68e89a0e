"""JSON of the facts, as they are. Nothing here imports numpy: lists of kernels and architectures do without."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .documents.run import Run


def to_json(facts: Mapping[str, Any]) -> str:
    """The facts as one indented JSON document with a final newline."""
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def runs_json(facts: Sequence[Run], _results: Sequence[Any]) -> str:
    """The document of one run, or of several in one."""
    return to_json(facts[0] if len(facts) == 1 else {"schema": "remaptrace/runs/1", "runs": facts})
