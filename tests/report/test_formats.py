"""The registry of outputs: every row has its function, and --format offers what the registry has."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from remaptrace.cli.answers.callers import is_profile
from remaptrace.cli.answers.pages import is_page
from remaptrace.cli.group import group
from remaptrace.errors import UsageError
from remaptrace.report.formats import OUTPUTS, PROFILES, SCENARIOS, TEXTS, ending_of, form_for, text


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


@pytest.mark.parametrize(
    ("command", "path", "form"),
    [
        ("run", None, "rich"),
        ("run", "x", "rich"),
        ("run", "x.txt", "rich"),
        ("run", "x.JSON", "json"),
        ("run", "x.jsonl", "jsonl"),
        ("run", "x.md", "markdown"),
        ("run", "x.html", "rich"),
        ("run", "x.perfetto.json", "rich"),
        ("check", "x.xml", "junit"),
        ("check", "x.sarif", "rich"),
        ("advise", "x.speedscope.json", "rich"),
        ("verify", "x.yaml", "rich"),
        ("verify", "x.ktap", "ktap"),
    ],
)
def test_the_ending_of_a_file_asks_for_a_form(command: str, path: str | None, form: str) -> None:
    assert form_for(command, "rich", path) == form
    assert form_for(command, "plain", path) == "plain", "what --format says is what is written"


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("run", "x.csv"),
        ("run", "x.xml"),
        ("run", "x.folded"),
        ("run", "x.speedscope.json"),
        ("run", "x.txt.gz"),
        ("diff", "x.perfetto.json"),
        ("diff", "x.jsonl"),
        ("check", "x.parquet"),
    ],
)
def test_text_is_not_written_under_the_name_of_another_form(command: str, path: str) -> None:
    with pytest.raises(UsageError, match="writes no"):
        form_for(command, "rich", path)


@pytest.mark.parametrize("path", ["x.FOLDED", "x.Pb.Gz", "x.PPROF", "X.SPEEDSCOPE.JSON"])
def test_capitals_in_an_ending_ask_for_the_same_file(path: str) -> None:
    assert is_profile(path) and ending_of(path, PROFILES) == path[1:].lower()
    assert is_page("x.HTM", picture=False) and not is_page("x.HTM", picture=True)
    assert ending_of("x.YAML", SCENARIOS) == ".yaml"
    assert not is_profile(None) and not is_page(None, picture=False)


def test_a_form_that_its_name_asks_for_is_written_so(tmp_path: Path) -> None:
    path = tmp_path / "ls.json"
    assert CliRunner().invoke(group, ["run", "traces/conformance/linux-6.12", "-o", str(path)]).exit_code == 0
    assert json.loads(path.read_text())["schema"].startswith("remaptrace/")
