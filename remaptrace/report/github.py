"""Annotations of a check for GitHub Actions: ``::error file=...,line=...::message`` lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..printable import printable
from .facts.check import summary

if TYPE_CHECKING:
    from .documents.check import Check as Facts


def check_github(facts: Facts) -> str:
    """One annotation a difference or unreadable input, then the summary."""
    lines = []
    for o in facts["outcomes"]:
        if o["error"]:
            error = o["error"]
            lines.append(
                _annotation(
                    "error", error["file"] or o["path"], error["line"], f"{error['code']}: {error['problem']}"
                )
            )
        elif not o["compared"]:
            lines.append(_annotation("warning", o["path"], 0, "nothing to compare with"))
        for d in o["differences"]:
            text = f"{d['call']}\n{d['what']}: expected {d['expected']}, simulated {d['simulated']}"
            lines.append(_annotation("error", d["at"]["file"] or o["path"], d["at"]["line"], text))
        if o["skipped_lines"]:
            lines.append(
                _annotation("warning", o["path"], 0, f"{o['skipped_lines']} unreadable lines skipped")
            )
    lines.append(f"::notice::{_data(summary(facts))}")
    return "".join(line + "\n" for line in lines)


def _annotation(level: str, path: str, line: int, text: str) -> str:
    place = f"file={_property(path)}" + (f",line={line}" if line else "")
    return f"::{level} {place}::{_data(text)}"


def _data(text: str) -> str:
    text = "\n".join(printable(line) for line in text.split("\n"))
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
