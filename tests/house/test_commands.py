"""Commands that the documents show are commands: they parse, name files that are here, and the short ones run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from remaptrace.cli.group import group

from .imports import PACKAGE

ROOT = PACKAGE.parent
PAGES = [
    *("README.md", "traces/README.md", "CONTRIBUTING.md"),
    *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md")),
]
_SHOWN = re.compile(r"^(?: {4}|\$ |    \$ )?(remaptrace [a-z]+(?: .*)?)$", re.M)


def shown() -> list[tuple[str, str]]:
    """Page and command line of every line that begins with the program's name."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
        for line in _SHOWN.findall(text):
            found.append((page, re.sub(r"\s+#.*", "", line).strip()))
    return sorted(set(found))


def _words(line: str) -> list[str]:
    return shlex.split(line)[1:]


@pytest.mark.parametrize(
    ("page", "line"), shown(), ids=lambda v: v.replace("/", "_") if isinstance(v, str) else ""
)
def test_a_shown_command_parses(page: str, line: str) -> None:
    if re.search(r"[|<>]|\.\.\.|\$\(|[A-Z]{4,}", line.replace("TRACE_", "")):
        pytest.skip("a pattern or a pipe line, not one command")
    name, *arguments = _words(line)
    command = group.get_command(click.Context(group), name)
    assert command is not None, f"{page}: there is no command {name}"
    with command.make_context(name, arguments, resilient_parsing=False):
        pass
    for word in arguments:
        if word.startswith(("traces/", "examples/")):
            assert (ROOT / word).exists(), f"{page}: {word} is not here"


def test_the_documents_show_commands() -> None:
    assert len(shown()) > 20
    assert all(Path(ROOT / page).is_file() for page in PAGES)
