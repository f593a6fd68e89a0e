"""JSON and JSON Lines of the facts, as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..abi.kinds import EVF_MADE, KIND_NAMES
from ..abi.outcomes import NAMES, OUT_NONE
from ..result.result import Result
from ..trace.wording import event_text, place, result_text

EVENT_SCHEMA = "remaptrace/event/1"


def to_json(facts: Mapping[str, Any]) -> str:
    """The facts as one indented JSON document with a final newline."""
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def to_json_lines(facts: Mapping[str, Any], result: Result) -> Iterator[str]:
    """The facts as the first line, then one line an event: what was called and what the kernel answered."""
    yield json.dumps(facts, ensure_ascii=False) + "\n"
    trace, columns = result.trace, result.columns
    flags = trace.columns["flags"]
    for event in range(len(trace)):
        if int(flags[event]) & EVF_MADE:
            continue
        kind = int(trace.columns["kind"][event])
        row: dict[str, Any] = {
            "schema": EVENT_SCHEMA,
            **place(trace, event),
            "kind": KIND_NAMES.get(kind, str(kind)),
            "text": event_text(trace, event),
        }
        outcome = int(columns["outcome"][event])
        if outcome == OUT_NONE:
            row["result"] = int(columns["ret"][event])
            row["result_text"] = result_text(int(columns["ret"][event]), kind)
        else:
            row["outcome"] = NAMES[outcome]
        row["minor"] = int(columns["minor"][event])
        row["major"] = int(columns["major"][event])
        row["map_count"] = int(columns["map_count"][event])
        yield json.dumps(row, ensure_ascii=False) + "\n"
