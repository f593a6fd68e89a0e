"""The facts of `check`: how far each scenario and recorded set agrees with its truth (remaptrace/check/1)."""

from __future__ import annotations

from collections.abc import Sequence

from ...result.agreement import CheckOutcome
from .run import agreement_facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from ..documents.check import Check
    from ..documents.run import Tally

SCHEMA: Final = "remaptrace/check/1"


def check_facts(outcomes: Sequence[CheckOutcome]) -> Check:
    """All outcomes with their totals.

    `programs` counts scenarios and recorded sets, and those that agree fully; `steps` everything
    that was compared: the steps of scenarios, and each comparison of recorded sets. A scenario's list of areas at
    its end decides whether the program agrees, but is no step.
    """
    compared: dict[str, Tally] = {}
    for outcome in outcomes:
        for what, tally in outcome.tallies.items():
            sums = compared.setdefault(what, {"agree": 0, "total": 0})
            sums["agree"] += tally.agree
            sums["total"] += tally.total
    return {
        "schema": SCHEMA,
        "programs": {"agree": sum(o.agrees for o in outcomes), "total": len(outcomes)},
        "steps": {
            "agree": sum(t["agree"] for what, t in compared.items() if what != "end_areas"),
            "total": sum(t["total"] for what, t in compared.items() if what != "end_areas"),
        },
        "compared": compared,
        "unreadable": sum(o.error is not None for o in outcomes),
        "outcomes": [agreement_facts(o) for o in outcomes],
    }


def summary(facts: Check) -> str:
    """The last line of `check`: ``programs A/B, steps C/D``."""
    programs, steps = facts["programs"], facts["steps"]
    return f"programs {programs['agree']}/{programs['total']}, steps {steps['agree']}/{steps['total']}"
