"""Rows of measurements: what, how much, against what, and whether the bound holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """`ratio` is the number that the bound speaks of; `bound` with `at_least` or at most; `stretch`: a better one."""

    group: str
    name: str
    ratio: float
    bound: float
    at_least: bool = True
    unit: str = "x"
    detail: str = ""
    stretch: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the bound is met."""
        return self.ratio >= self.bound if self.at_least else self.ratio <= self.bound

    @property
    def stretched(self) -> bool:
        """Whether the better bound is met, too."""
        if self.stretch is None:
            return False
        return self.ratio >= self.stretch if self.at_least else self.ratio <= self.stretch


def text(rows: Sequence[Row], baseline: dict[str, float] | None = None) -> str:
    """The table for people; with a baseline also how each ratio has moved since."""
    lines = []
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            lines.append(f"\n{group}")
        sign = ">=" if row.at_least else "<="
        verdict = "  MISSED" if not row.holds else "  stretch" if row.stretched else ""
        old = (baseline or {}).get(f"{row.group}/{row.name}")
        trend = f"  ({row.ratio / old - 1:+.0%} since the baseline)" if old else ""
        lines.append(
            f"  {row.name:<44} {row.ratio:>10,.2f} {row.unit:<9} {sign} {_bounds(row):<12} {row.detail}{verdict}{trend}"
        )
    met = sum(row.holds for row in rows)
    return "\n".join([*lines, "", f"bounds met: {met} of {len(rows)}"])


def _bounds(row: Row) -> str:
    return f"{row.bound:,g}" if row.stretch is None else f"{row.bound:,g} ({row.stretch:,g})"


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Write the rows with their verdicts."""
    data = [asdict(row) | {"holds": row.holds} for row in rows]
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def read_baseline(path: Path) -> dict[str, float]:
    """Ratios of an earlier run by group/name; empty if there is none."""
    if not path.exists():
        return {}
    return {f"{r['group']}/{r['name']}": r["ratio"] for r in json.loads(path.read_text(encoding="utf-8"))}
