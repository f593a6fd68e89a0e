"""The page in a real browser: no request, no error, and what a hand does changes what is shown."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import remaptrace
from remaptrace.cli.group import group

from . import pixels
from .test_page import leaves

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


def ready(view: Any) -> None:
    """Wait from outside: the policy of the page forbids the driver to evaluate strings in it."""
    for _ in range(600):
        if view.evaluate("window.ready === true"):
            return
        view.wait_for_timeout(50)
    raise AssertionError("the page never became ready")


@lru_cache(maxsize=1)
def axe_source() -> str:
    """The accessibility checker, if it is installed (axe-playwright-python)."""
    try:
        return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    except ModuleNotFoundError:
        return ""


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
    ready(view)
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
    violations = view.evaluate(f"{axe_source()};axe.run()")["violations"] if axe_source() else []
    serious = [(v["id"], v["impact"], [n["html"][:80] for n in v["nodes"]]) for v in violations]
    assert serious == []
    bar.focus()
    view.keyboard.press("ArrowRight")
    told = hover.inner_text()
    assert any(words in told for words in ("made by", "before the trace", "from the start"))
    assert view.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    view.close()


def test_a_click_on_the_chart_moves_the_moment(browser: Any, file: Path) -> None:
    view = browser.new_page(viewport={"width": 1000, "height": 900})
    view.goto(file.as_uri())
    ready(view)
    before = view.locator("output.count").first.inner_text()
    view.locator(".u-over").first.click(position={"x": 60, "y": 40})
    assert view.locator("output.count").first.inner_text() != before
    view.close()


def opened(browser: Any, tmp_path: Path, *args: str, width: int = 1000) -> Any:
    path = tmp_path / "page.html"
    CliRunner().invoke(group, [*args, "-o", str(path)])
    view = browser.new_page(viewport={"width": width, "height": 900})
    view.goto(path.as_uri())
    ready(view)
    return view


def test_any_event_can_be_reached_and_counts_as_the_replay_does(browser: Any, file: Path) -> None:
    counts = remaptrace.replay(remaptrace.load(TRACES / "efence-500")).columns["map_count"]
    view = browser.new_page(viewport={"width": 1000, "height": 900})
    view.goto(file.as_uri())
    ready(view)
    number = view.locator("input[type=number]").first
    for event in (1234, 2345, 3316, 4000):
        number.fill(str(event))
        number.press("Enter")
        text = view.locator("output.count").first.inner_text()
        assert text.startswith(f"event {event:,}, line ")
        assert text.endswith(f"; {counts[event]:,} VMAs after it")
    view.locator("input[type=range]").first.focus()
    view.keyboard.press("Shift+ArrowLeft")
    assert view.locator("output.count").first.inner_text().startswith("event 3,999, line ")
    view.close()


def test_a_click_into_the_picture_moves_the_event(browser: Any, file: Path) -> None:
    view = browser.new_page(viewport={"width": 1000, "height": 900})
    view.goto(file.as_uri())
    ready(view)
    for name in ("picture", "kinds", "faults"):
        before = view.locator("output.count").first.inner_text()
        view.locator(f"canvas.{name}").first.click(position={"x": 100, "y": 100})
        assert view.locator("output.count").first.inner_text() != before, name
        view.locator("button", has_text="peak").first.click()
    view.close()


def test_machines_of_a_diff_move_together_and_show_where_they_differ(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "guard.yaml"
    path.write_text(
        "steps:\n- mmap: {addr: 0x10000000, length: 65536, prot: rw, flags: [private, anonymous, fixed]}\n"
        "- mmap: {addr: 0x20000000, length: 65536, prot: rw, flags: [private, anonymous, fixed]}\n"
        "- mseal: {addr: 0x20000000, length: 65536}\n- munmap: {addr: 0x20000000, length: 65536}\n"
    )
    view = opened(browser, tmp_path, "diff", str(path), "--kernel", "linux-6.18", "--kernel", "linux-2.6.21")
    view.locator("input[type=number]").first.fill("3")
    view.locator("input[type=number]").first.press("Enter")
    words = view.locator("output.count").all_inner_texts()
    assert [w.rpartition("; ")[2] for w in words] == ["2 VMAs after it", "1 VMA after it"]
    summary = view.locator("summary", has_text="Red: 1 range")
    summary.click()
    assert "20000000-20010000" in view.locator(".heads table").inner_text()
    view.locator("input[type=range]").first.press("ArrowLeft")
    assert view.locator("summary", has_text="No protection differs here").count() == 1
    view.close()


def test_guest_and_host_stand_side_by_side_and_move_together(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "guest.yaml"
    path.write_text(
        "steps:\n- mmap: {addr: 0x10000000, length: 65536, prot: rw, flags: [private, anonymous, fixed]}\n"
        "- write: {addr: 0x10000000, pages: 16}\n- munmap: {addr: 0x10008000, length: 8192}\n"
    )
    machine = ("--arch", "um-i386", "--kernel", "linux-2.6.21", "--host", "linux-2.6.21")
    view = opened(browser, tmp_path, "run", str(path), *machine, width=1280)
    left, right = (view.locator("canvas.bar").nth(i).bounding_box() for i in (0, 1))
    assert left["y"] == pytest.approx(right["y"], abs=60)
    assert left["x"] + left["width"] <= right["x"]
    view.locator("input[type=number]").first.fill("1")
    view.locator("input[type=number]").first.press("Enter")
    texts = view.locator("output.count").all_inner_texts()
    assert texts[0].startswith("event 1,")
    assert not texts[1].startswith("event 1,")
    view.close()


def test_on_paper_small_tables_are_open_and_large_ones_as_they_were(browser: Any, file: Path) -> None:
    view = browser.new_page()
    view.goto(file.as_uri())
    ready(view)
    view.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    each = "[...document.querySelectorAll('details')].filter((d) => d.fill)"
    tables = view.evaluate(f"{each}.map((d) => [d.open, d.querySelectorAll('tr').length])")
    assert any(rows > 60 for _, rows in tables)
    assert all(opened == (rows <= 60) for opened, rows in tables)
    view.close()


def test_the_table_of_every_number_has_the_values_of_the_json(browser: Any, file: Path) -> None:
    facts = json.loads(
        CliRunner().invoke(group, ["run", str(TRACES / "efence-500"), "--format", "json"]).stdout
    )
    view = browser.new_page()
    view.goto(file.as_uri())
    ready(view)
    box = view.locator("section[aria-label='Every number of this report']")
    box.locator("summary").click()
    box.locator("tbody tr").first.wait_for()
    rows = "[...document.querySelectorAll('section[aria-label^=Every] tbody tr')]"
    shown = dict(view.evaluate(f"{rows}.map((r) => [...r.cells].map((c) => c.textContent))"))
    view.close()
    found = {p: v for p, v in leaves(facts) if "seconds" not in p and "resident[" not in p}
    assert len(found) > 100
    words = {"True": "true", "False": "false"}
    assert {p: shown[p] for p in found} == {p: words.get(v, v) for p, v in found.items()}


def test_arrow_keys_go_on_from_anywhere(browser: Any, file: Path) -> None:
    """On the body, and on the charts over time; in fields they stay what they are there."""
    view = browser.new_page(viewport={"width": 1000, "height": 900})
    view.goto(file.as_uri())
    ready(view)
    words = view.locator("output.count").first
    seen = [words.inner_text()]
    view.evaluate("document.activeElement.blur()")
    view.keyboard.press("ArrowLeft")
    seen.append(words.inner_text())
    for name in ("kinds", "faults"):
        view.locator(f"canvas.{name}").first.focus()
        view.keyboard.press("ArrowLeft")
        seen.append(words.inner_text())
    assert len(set(seen)) == 4
    view.locator("input[type=number]").first.focus()
    view.keyboard.press("ArrowLeft")
    assert words.inner_text() == seen[-1]
    view.close()


def test_paper_is_light_and_whole_also_from_a_dark_screen(browser: Any, file: Path) -> None:
    """Colours of the keys are printed, charts end where the paper does, ink is dark."""
    view = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    view.goto(file.as_uri())
    ready(view)
    view.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    view.emulate_media(media="print")
    view.set_viewport_size({"width": 700, "height": 900})
    style = "getComputedStyle(document.querySelector('{}')).{}"
    assert view.evaluate(style.format(".key i", "printColorAdjust")) == "exact"
    assert view.evaluate(style.format("body", "color")) == "rgb(26, 26, 26)"
    for chart in view.locator(".chart").all():
        box, drawn = chart.bounding_box(), chart.locator("canvas").bounding_box()
        assert drawn["x"] + drawn["width"] <= box["x"] + box["width"] + 1
    view.emulate_media(media="screen")
    view.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert view.evaluate(style.format("body", "color")) == "rgb(232, 232, 232)"
    view.close()


PICTURES = Path(__file__).parent / "pictures" / "page"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [420, 1280])
def test_the_pictures_look_as_they_were_looked_at(browser: Any, file: Path, theme: str, width: int) -> None:
    """Each canvas as 24 times 8 mean colours beside those that somebody looked at; a tenth may differ by a tenth."""
    view = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    view.goto(file.as_uri())
    ready(view)
    number = view.locator("input[type=number]").first
    number.fill("3000")
    number.press("Enter")
    view.mouse.move(0, 0)
    for name in ("bar", "picture", "kinds", "faults"):
        cells = pixels.grid(view.locator(f"canvas.{name}").first.screenshot(), 24, 8)
        stored = PICTURES / f"{name}-{width}-{theme}.txt"
        if os.environ.get("REMAPTRACE_UPDATE_SNAPSHOTS"):
            stored.parent.mkdir(exist_ok=True)
            stored.write_text(pixels.as_text(cells))
        wrong = pixels.apart(cells, pixels.from_text(stored.read_text()), 26)
        assert wrong <= 0.1, f"{name}: {wrong:.0%} of the picture differ"
    view.close()


def test_a_picture_of_something_else_does_not_pass(browser: Any, tmp_path: Path) -> None:
    """The comparison above tells one trace from another, and one theme from the other."""
    view = opened(browser, tmp_path, "run", str(TRACES / "threads500"), width=1280)
    cells = pixels.grid(view.locator("canvas.picture").first.screenshot(), 24, 8)
    view.close()
    light, dark = (
        pixels.from_text((PICTURES / f"picture-1280-{theme}.txt").read_text()) for theme in ("light", "dark")
    )
    assert pixels.apart(cells, light, 26) > 0.1
    assert pixels.apart(dark, light, 26) > 0.1


def test_a_check_draws_each_difference_on_the_course_of_its_run(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        "name: a\nsteps:\n"
        "- mmap: {addr: 0x10000000, length: 8192, prot: rw, flags: [private, anonymous, fixed], fd: -1, offset: 0}\n"
        "- munmap: {addr: 0x10000000, length: 4096}\n  expect: {result: -22}\n"
    )
    view = opened(browser, tmp_path, "check", str(path))
    assert view.get_by_text("Red: 1 difference from what was recorded or expected.").count() == 1
    assert view.locator("td .share").count() == 1
    view.locator("ul.wrong button").first.click()
    assert view.locator("output.count").first.inner_text().startswith("event 1")
    png = view.locator(".u-over").first.screenshot()
    _, _, rows, size = pixels.decoded(png)
    reds = sum(row[i] > 200 and row[i + 1] < 60 for row in rows[:12] for i in range(0, len(row), size))
    assert reds > 5  # the mark above the event
    view.close()
