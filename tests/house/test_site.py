"""What is made from the help and from docs/: man pages, completions, the documentation site."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import click
import pytest
import yaml

from remaptrace.cli.group import COMMANDS, group
from tools.gallery import REPORTS
from tools.manpages import completions, pages

from .imports import PACKAGE

ROOT = PACKAGE.parent


def test_every_command_and_option_has_its_place_in_a_man_page() -> None:
    found = pages()
    assert set(found) == {"remaptrace.1", *(f"remaptrace-{name}.1" for name in COMMANDS)}
    whole = click.Context(group, info_name="remaptrace")
    for name in COMMANDS:
        command = group.get_command(whole, name)
        assert command is not None
        text = found[f"remaptrace-{name}.1"].replace("\\-", "-")
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.opts[0] in text, (name, parameter.opts)
        assert f"\\fB{name}\\fR" in found["remaptrace.1"]


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_man_reads_them_without_a_warning(tmp_path: Path) -> None:
    for name, text in list(pages().items())[:4]:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        done = subprocess.run(
            ["man", "-l", "--warnings", str(path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 and done.stderr == "", done.stderr
        assert "EXIT STATUS" in done.stdout


def test_building_makes_what_is_packed(tmp_path: Path) -> None:
    pytest.importorskip("setuptools")
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("tools", "remaptrace"):
        (tmp_path / name).symlink_to(ROOT / name)
    subprocess.run([sys.executable, "setup.py", "--version"], cwd=tmp_path, check=True, capture_output=True)
    made = {str(path.relative_to(tmp_path / "share")) for path in (tmp_path / "share").rglob("*.*")}
    assert {f"man/man1/{name}" for name in pages()} <= made
    with (ROOT / "pyproject.toml").open("rb") as file:
        needed = tomllib.load(file)["build-system"]["requires"]
    assert any(one.startswith("click") for one in needed)


def test_completions_go_where_shells_look_and_into_the_wheel() -> None:
    places = [f"share/{place}" for place in completions()] + ["share/man/man1/remaptrace.1"]
    with (ROOT / "pyproject.toml").open("rb") as file:
        packed = tomllib.load(file)["tool"]["setuptools"]["data-files"]
    for place in places:
        (pattern,) = packed[str(Path(place).parent)]
        assert fnmatch(place, pattern)
        assert "*" in pattern, "a wheel is built where they were not made, too"
    assert all("remaptrace" in text for text in completions().values())


def test_links_of_pages_stay_on_the_site() -> None:
    """A link that leaves docs/ is none on the site, whose strict build fails of it."""
    docs = ROOT / "docs"
    for page in docs.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#:\s]+\.\w+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if target.startswith("gallery/"):
                continue
            found = (page.parent / target).resolve()
            assert found.is_relative_to(docs) and found.exists(), f"{page.name}: {target}"


def test_the_navigation_names_pages_that_are_there_and_the_gallery_every_report() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    named: set[str] = set()
    waiting = [config["nav"]]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            named.add(one)
        else:
            waiting += one if isinstance(one, list) else list(one.values())
    docs = ROOT / "docs"
    written = {
        str(p.relative_to(docs)) for p in docs.rglob("*.md") if "gallery" not in p.relative_to(docs).parts
    }
    assert named <= written
    assert len(written - named) < 5, "pages are found by search, but most should be in the navigation"
    text = (docs / "gallery.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\(gallery/([\w-]+)\.html\)", text)) == set(REPORTS)
