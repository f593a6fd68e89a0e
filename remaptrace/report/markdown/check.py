"""The report of `check` as Markdown, for pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..phrases import file_place
from .diff import table
from .run import MARKER

if TYPE_CHECKING:
    from ..documents.check import Check as Facts


def check_markdown(facts: Facts) -> str:
    """A row a source, then the first differences with their places."""
    rows, lines = [], []
    for o in facts["outcomes"]:
        if o["error"]:
            state = f"unreadable: {o['error']['code']}"
        elif not o["compared"]:
            state = "nothing to compare with"
        else:
            state = "agrees" if o["agrees"] else "**differs**"
        compared = ", ".join(f"{k} {t['agree']:,}/{t['total']:,}" for k, t in o["compared"].items())
        rows.append([o["name"], state, compared])
        lines += [
            f"- {o['name']}, {file_place(d['at'])}: {d['what']}, expected {d['expected']}, got {d['simulated']} "
            f"(`{d['call']}`)"
            for d in o["differences"]
        ]
    text = [MARKER, "### remaptrace check", "", *table(["source", "verdict", "compared"], rows, right=0), ""]
    return "\n".join(text + lines) + "\n"
