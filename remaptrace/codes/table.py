"""All error codes by their code, in order."""

from __future__ import annotations

from .code import ErrorCode
from .inputs import INPUTS
from .others import OTHERS

CODES: dict[str, ErrorCode] = {entry.code: entry for entry in (*INPUTS, *OTHERS)}
