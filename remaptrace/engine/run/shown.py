"""What a recording shows about the machine that made it: configuration that no release tells.

A recorded success decides, unless the machine was told otherwise (a kernel file or ``--set``).
"""

from __future__ import annotations

from ...abi import kinds as ev
from ...machine.rules import RULES
from ...trace.events import Trace, one_of, rows_where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_EVIDENCE: tuple[tuple[str, int, int, int, str], ...] = (
    ("pkeys", ev.K_PKEY_ALLOC, 0, 16, "the processor has protection keys: pkeys=16"),
    ("anon_vma_name", ev.K_SET_VMA_NAME, 0, 1, "anonymous memory was named: anon_vma_name=yes"),
)
"""Rule, kind of the call, least result that proves, the value it proves, and that in words."""


def shown_by(trace: Trace, machine: Any) -> tuple[dict[int, int], list[str]]:
    """Values of rules, by number, that the recorded results prove against the machine's defaults; and notes."""
    values: dict[int, int] = {}
    notes: list[str] = []
    if not trace.recorded:
        return values, notes
    columns = trace.columns
    for name, kind, least, value, words in _EVIDENCE:
        if machine.origins.get(name) != "default" or machine.kernel.values[name] == value:
            continue
        calls = rows_where(lambda kinds, kind=kind: one_of(kinds, (kind,)), columns["kind"])
        recorded = (columns["flags"][calls] & (ev.EVF_HAS_RET | ev.EVF_INJECTED)) == ev.EVF_HAS_RET
        if (recorded & (columns["ret"][calls] >= least)).any():
            values[RULES[name].index] = value
            notes.append(f"the recording shows that {words}")
    return values, notes
