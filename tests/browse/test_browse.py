"""`remaptrace browse`: what it shows is what the replay has, driven by keys without a terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import remaptrace
from remaptrace.browse.moment import SORTS, Moment
from remaptrace.cli.entry import run_command
from remaptrace.cli.group import group
from remaptrace.errors import UsageError
from remaptrace.trace.scenario.read import read_scenario

TRACES = Path(__file__).parents[2] / "traces"

TWO = """
steps:
- mmap: {addr: 0x10000000, length: 65536, prot: rw, flags: [private, anonymous, fixed]}
- mprotect: {addr: 0x10004000, length: 4096, prot: none}
- mmap: {addr: 0x20000000, length: 8192, prot: rw, flags: [private, anonymous, fixed]}
- madvise: {addr: 0x10000000, length: 16384, advice: dontfork}
- munmap: {addr: 0x20000000, length: 8192}
"""


def moment(source: str | Path = TWO) -> Moment:
    trace = read_scenario(source) if isinstance(source, str) else remaptrace.load(source)
    return Moment(remaptrace.replay(trace, changes=True))


def driven(
    started: Moment, act: Callable[[Any, Any], Awaitable[None]], size: tuple[int, int] = (110, 34)
) -> None:
    app_module = pytest.importorskip("remaptrace.browse.app", reason="textual is not installed")
    app = app_module.Browser(started)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await act(app, pilot)

    asyncio.run(run())


def test_rows_are_the_areas_of_the_replay_at_every_event() -> None:
    browsed = moment(TRACES / "ls")
    result = browsed.result
    for event in range(0, len(result.trace), 9):
        browsed.go(event)
        if browsed.space():
            assert tuple(browsed.rows()) == result.vmas(at=event)
    assert browsed.course(40)[-1] >= 0
    assert max(browsed.course(40)) == int(result.columns["map_count"].max())


def test_steps_go_from_change_to_change() -> None:
    browsed = moment()
    browsed.go(0)
    seen = []
    for _ in range(6):
        seen.append((browsed.event, len(browsed.rows())))
        browsed.step(1)
    assert seen[:5] == [(0, 1), (1, 3), (2, 4), (3, 4), (4, 3)]
    assert seen[5][0] == 4, "there is nothing behind the last"
    browsed.step(-1)
    assert browsed.event == 3


def test_the_filter_looks_into_everything_that_is_shown() -> None:
    browsed = moment()
    browsed.go(3)
    for wanted, count in (
        ("10004000-", 1),
        ("---p", 1),
        ("no access", 1),
        ("dc", 1),
        ("ANONYMOUS", 3),
        ("zzz", 0),
    ):
        browsed.wanted = wanted
        assert len(browsed.rows()) == count, wanted


def test_every_order_sorts() -> None:
    browsed = moment(TRACES / "bash-script")
    for browsed.order in SORTS:
        rows = browsed.rows()
        assert sorted(rows, key=SORTS[browsed.order]) == rows
        assert len(rows) == len(browsed.areas())


def test_an_area_is_explained_by_birth_flags_and_borders() -> None:
    browsed = moment()
    browsed.go(3)
    text = "\n".join(browsed.explain(browsed.rows()[1]))
    assert "event 0  line 3: mmap(0x10000000, 65536, rw," in text
    assert "below: 10000000-10004000 rw-p; kept apart by" in text
    assert "dc" in text.split("below:")[1].splitlines()[0]
    assert "above: 10005000-10010000 rw-p; kept apart by" in text
    assert "mr  VM_MAYREAD: mprotect may make it readable." in text
    last = "\n".join(browsed.explain(browsed.rows()[3]))
    assert "above: no area" in last and "pages of nothing" in last


def test_processes_are_each_others_neighbours() -> None:
    browsed = moment(TRACES / "bash-script")
    first = browsed.pid
    seen = {first}
    for _ in browsed.pids:
        browsed.switch()
        seen.add(browsed.pid)
        assert browsed.space()
    assert browsed.pid == first and seen == set(browsed.pids)


def test_keys_move_filter_sort_and_explain(tmp_path: Path) -> None:
    started = moment(TRACES / "efence-500")

    async def act(app: Any, pilot: Any) -> None:
        peak = started.event
        whole = app.areas.row_count
        assert whole == 1034
        await pilot.press("left")
        assert started.event < peak
        await pilot.press("shift+right")
        await pilot.press("slash", *"---p", "enter")
        assert 0 < app.areas.row_count < whole
        await pilot.press("escape")
        await pilot.press("s")
        assert started.order == "size"
        await pilot.press("g", *"1234", "enter")
        assert started.event == 1234
        assert app.areas.row_count == int(started.result.columns["map_count"][1234])
        await pilot.press("p")
        assert started.event == peak
        await pilot.press("enter")
        await pilot.pause()
        assert any("Birth" in line for line in app.screen.lines)
        path = app.save_screenshot(path=str(tmp_path), filename="explain.svg")
        assert "Borders" in Path(path).read_text(encoding="utf-8")
        await pilot.press("escape")
        path = app.save_screenshot(path=str(tmp_path), filename="list.svg")
        drawn = Path(path).read_text(encoding="utf-8")
        assert "1,034" in drawn and "anonymous" in drawn

    driven(started, act)


def test_names_are_no_markup() -> None:
    started = moment(TRACES / "ls")

    async def act(app: Any, pilot: Any) -> None:
        cells = {str(app.areas.get_row_at(i)[4]) for i in range(app.areas.row_count)}
        assert {"[heap]", "[stack]", "[vdso]"} <= cells

    driven(started, act)


def test_arrow_keys_belong_to_a_field_while_it_is_open() -> None:
    started = moment()

    async def act(app: Any, pilot: Any) -> None:
        event = started.event
        await pilot.press("slash", "a", "left", "b")
        assert started.event == event
        assert started.wanted == "ba"

    driven(started, act)


def test_a_trace_without_an_address_space_is_refused() -> None:
    trace = read_scenario("steps: []")
    with pytest.raises(LookupError):
        Moment(remaptrace.replay(trace, changes=True))


def test_without_textual_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remaptrace.cli.browse.find_spec", lambda name: None)
    found = CliRunner().invoke(group, ["browse", str(TRACES / "ls")])
    error = found.exception
    code = error.code if isinstance(error, SystemExit) else error
    assert isinstance(code, UsageError) and code.code == "RT815"
    assert "remaptrace[browse]" in code.expected
    assert "textual" not in sys.modules or found.output == ""


@pytest.mark.parametrize("piped", ["stdin", "stdout"])
def test_without_a_terminal_one_line_says_what_shows_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], piped: str
) -> None:
    monkeypatch.setattr("remaptrace.cli.browse.find_spec", lambda name: name)
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(getattr(sys, stream), "isatty", lambda here=stream: here != piped, raising=False)
    assert run_command(["browse", str(TRACES / "ls")]) == 2
    error = capsys.readouterr().err
    assert "RT501" in error and "needs a terminal" in error and "--at EVENT" in error
