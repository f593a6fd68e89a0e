"""The registry of outputs: every row has its function, and --format offers what the registry has."""

from __future__ import annotations

from importlib import import_module

import click
import pytest
from click.testing import CliRunner

from remaptrace.cli.group import group
from remaptrace.report.formats import OUTPUTS, TEXTS, text


@pytest.mark.parametrize(
    "maker", sorted({m for row in TEXTS.values() for m in row.values()} | {o.maker for o in OUTPUTS})
)
def test_a_row_names_a_function_that_exists(maker: str) -> None:
    module, _, name = maker.partition(":")
    assert callable(getattr(import_module(f"remaptrace.report.{module}"), name))


@pytest.mark.parametrize("command", [name for name in TEXTS if name != "areas"])
def test_a_command_offers_the_texts_of_its_rows(command: str) -> None:
    found = group.get_command(click.Context(group), command)
    assert found is not None
    form = next(p for p in found.params if p.name == "form")
    assert isinstance(form.type, click.Choice)
    assert set(form.type.choices) == {"rich", *TEXTS[command]}
    assert CliRunner().invoke(found, ["--format", "morse", "x"]).exit_code == 2


def test_the_report_of_a_terminal_is_no_text() -> None:
    assert text("diff", "rich", {}) is None
    assert list(text("advise", "json", {"a": 1}) or ()) == ['{\n  "a": 1\n}\n']
