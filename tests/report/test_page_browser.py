"""The page in a real browser: no request, no error, and what a hand does changes what is shown."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from remaptrace.cli.group import group

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
TRACES = Path(__file__).parents[2] / "traces"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield found
        found.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.html"
    CliRunner().invoke(group, ["run", str(TRACES / "efence-500"), "-o", str(path)])
    return path


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [420, 1280])
def test_the_page_works_by_itself(browser: Any, file: Path, theme: str, width: int) -> None:
    view = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    said: list[str] = []
    asked: list[str] = []
    view.on("console", lambda message: said.append(message.text))
    view.on("pageerror", lambda error: said.append(str(error)))
    view.on("request", lambda request: asked.append(request.url))
    view.goto(file.as_uri())
    view.wait_for_function("window.ready === true")
    assert said == []
    assert asked == [file.as_uri()]
    count = view.locator("output.count").first
    before = count.inner_text()
    view.locator("input[type=range]").first.focus()
    for _ in range(5):
        view.keyboard.press("ArrowLeft")
    assert count.inner_text() != before
    bar = view.locator("canvas.bar").first
    hover = view.locator(".hover").first
    box = bar.bounding_box()
    seen = set()
    for part in range(1, 20):
        bar.hover(position={"x": box["width"] * part / 20, "y": box["height"] / 2})
        seen.add(hover.inner_text())
    assert any("made by" in text for text in seen)
    bar.focus()
    view.keyboard.press("ArrowRight")
    assert "made by" in hover.inner_text() or "before the trace" in hover.inner_text()
    assert view.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    view.close()


def test_a_click_on_the_chart_moves_the_moment(browser: Any, file: Path) -> None:
    view = browser.new_page(viewport={"width": 1000, "height": 900})
    view.goto(file.as_uri())
    view.wait_for_function("window.ready === true")
    before = view.locator("output.count").first.inner_text()
    view.locator(".u-over").first.click(position={"x": 60, "y": 40})
    assert view.locator("output.count").first.inner_text() != before
    view.close()
