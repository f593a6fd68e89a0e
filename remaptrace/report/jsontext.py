"""JSON of the facts, as they are. Nothing here imports numpy: lists of kernels and architectures do without."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def to_json(facts: Mapping[str, Any]) -> str:
    """The facts as one indented JSON document with a final newline."""
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
