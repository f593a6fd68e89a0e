"""The browser of areas as a textual application: a list, a course, a line about the event, explanations."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, Sparkline, Static

from ..counting import number
from ..printable import printable
from ..result.areakinds import KINDS, kind_of
from ..result.result import VmaRow
from .moment import SORTS, Moment, size, summary

_MOST = 2_000
"""Areas listed at once; a filter finds the others."""
_PARTS = 400


class Explanation(ModalScreen[None]):
    """Birth, flags and borders of one area."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q,space", "app.pop_screen", "back")]
    CSS = "Explanation {align: center middle;} #text {width: 90%; height: 80%; border: round $accent; padding: 0 1;}"

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines

    def compose(self) -> ComposeResult:
        """The sentences, which scroll."""
        with VerticalScroll(id="text"):
            yield Static("\n".join(map(printable, self.lines)), markup=False)
        yield Footer()


class Browser(App[None]):
    """Areas of a process at any event."""

    TITLE = "remaptrace browse"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #event {height: auto; max-height: 3; padding: 0 1;}
    #summary {height: 1; padding: 0 1; color: $text-muted;}
    #course {height: 3; margin: 0 1;}
    #areas {height: 1fr;}
    #filter, #number {display: none;}
    #filter.asked, #number.asked {display: block;}
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "change before", priority=True),
        Binding("right", "step(1)", "next change", priority=True),
        Binding("shift+left", "event(-1)", "event before", show=False, priority=True),
        Binding("shift+right", "event(1)", "next event", show=False, priority=True),
        Binding("p", "peak", "peak"),
        Binding("g", "ask('number')", "go to event"),
        Binding("slash", "ask('filter')", "filter"),
        Binding("s", "sort", "sort"),
        Binding("tab", "process", "process", priority=True),
        Binding("escape", "clear", "all areas", show=False),
        Binding("q", "quit", "quit"),
    ]

    def __init__(self, moment: Moment) -> None:
        super().__init__()
        self.moment = moment
        self.peak = moment.event
        self.shown: list[VmaRow] = []

    def compose(self) -> ComposeResult:
        """From top to bottom: event, course, sum, list, fields, keys."""
        yield Static(id="event", markup=False)
        yield Sparkline(self.moment.course(_PARTS), id="course", summary_function=max)
        yield Static(id="summary", markup=False)
        yield DataTable(id="areas", cursor_type="row", zebra_stripes=True)
        yield Input(placeholder="range, permissions, kind, name or flag", id="filter")
        yield Input(placeholder="number of an event", id="number", type="integer")
        yield Footer()

    def on_mount(self) -> None:
        """The list gets its columns and the focus."""
        self.areas.add_columns("range", "perms", "size", "kind", "name", "flags", "made at")
        self.areas.focus()
        self.show()

    @property
    def areas(self) -> DataTable[Any]:
        """The list."""
        found: DataTable[Any] = self.query_one("#areas", DataTable)
        return found

    def show(self) -> None:
        """Everything as the moment has it now; the cursor stays at its address."""
        at = self.shown[self.areas.cursor_row].start if self.areas.cursor_row < len(self.shown) else 0
        moment, areas = self.moment, self.areas
        found = moment.rows()
        whole = len(moment.areas())
        self.shown = found[:_MOST]
        areas.clear()
        for v in self.shown:
            made = "assumed" if v.assumed else number(v.born) if v.born >= 0 else "before"
            cells = [
                f"{v.start:x}-{v.end:x}",
                v.perms,
                size(v),
                KINDS[kind_of(v)],
                v.name or v.file or "",
                v.vmflags,
            ]
            areas.add_row(*(Text(printable(cell)) for cell in cells), made)  # names are no markup
        row = (
            next((i for i, v in enumerate(self.shown) if v.start >= at), 0)
            if moment.order == "address"
            else 0
        )
        areas.move_cursor(row=row)
        self.query_one("#event", Static).update(printable(moment.title()))
        told = summary(len(found), whole, moment)
        if len(found) > _MOST:
            told += f"; the first {number(_MOST)} are listed"
        if moment.wanted:
            told += f", filter: {printable(moment.wanted)}"
        self.query_one("#summary", Static).update(told)

    def action_step(self, by: int) -> None:
        """To the change of areas before or behind; within a field, the cursor's own."""
        focused = self.focused
        if isinstance(focused, Input):
            (focused.action_cursor_left if by < 0 else focused.action_cursor_right)()
            return
        self.moment.step(by)
        self.show()

    def action_event(self, by: int) -> None:
        """To the event before or behind."""
        self.moment.go(self.moment.event + by)
        self.show()

    def action_peak(self) -> None:
        """To the event with the most areas of all processes."""
        self.moment.pid = int(self.moment.trace.tasks["pid"][self.moment.trace.columns["task"][self.peak]])
        self.moment.go(self.peak)
        self._course()

    def action_process(self) -> None:
        """To the next process."""
        self.moment.switch()
        self._course()

    def _course(self) -> None:
        self.query_one("#course", Sparkline).data = self.moment.course(_PARTS)
        self.show()

    def action_sort(self) -> None:
        """The next order."""
        orders = list(SORTS)
        self.moment.order = orders[(orders.index(self.moment.order) + 1) % len(orders)]
        self.show()

    def action_ask(self, field: str) -> None:
        """Open a field."""
        asked = self.query_one(f"#{field}", Input)
        asked.add_class("asked")
        asked.focus()

    def action_clear(self) -> None:
        """Close the fields, show every area."""
        self.moment.wanted = ""
        self.query_one("#filter", Input).value = ""
        self._close()

    def _close(self) -> None:
        for field in ("filter", "number"):
            self.query_one(f"#{field}", Input).remove_class("asked")
        self.areas.focus()
        self.show()

    def on_input_changed(self, changed: Input.Changed) -> None:
        """A filter works while it is typed."""
        if changed.input.id == "filter":
            self.moment.wanted = changed.value
            self.show()

    def on_input_submitted(self, done: Input.Submitted) -> None:
        """Back to the list; a number goes to its event."""
        if done.input.id == "number" and done.value.strip().isdecimal():
            self.moment.go(int(done.value))
        done.input.value = "" if done.input.id == "number" else done.value
        self._close()

    def on_data_table_row_selected(self, chosen: DataTable.RowSelected) -> None:
        """Enter explains the area under the cursor."""
        if chosen.cursor_row < len(self.shown):
            self.push_screen(Explanation(self.moment.explain(self.shown[chosen.cursor_row])))
