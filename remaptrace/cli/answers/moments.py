"""--at: a moment of a trace as reports print it, by the number of an event or the place of its line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from ...errorcodes import RT_MOMENT
from ...errors import UsageError
from ...lateclasses import dataclass

if TYPE_CHECKING:
    from ...trace.events import Trace

_NUMBER = re.compile(r"-?[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+", re.ASCII)
_EVENT = re.compile(r"(?:event )?(-?[0-9,]+)", re.ASCII)
_LINE = re.compile(r"(?:(?P<file>.+):|line )(?P<line>[0-9,]+)", re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class Line:
    """A line of a source: the whole path, or the end of it; empty where the trace has one source."""

    file: str
    line: int


def _number(text: str) -> int | None:
    return int(text.replace(",", "")) if _NUMBER.fullmatch(text) and len(text) < 20 else None


if TYPE_CHECKING:

    class _Moment(click.types.ParamType[int | Line]):
        """What newer versions of click tell of a type."""
else:
    _Moment = click.types.ParamType


class EventNumber(_Moment):
    """An event as reports print it: ``6036``, ``6,036``, ``event 6,036``, ``line 88`` or ``FILE:88``."""

    name = "event"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | Line:
        """The number, or the place of its line; a usage error for anything else."""
        text = str(value).strip()
        event = _EVENT.fullmatch(text)
        number = _number(event[1]) if event else None
        if number is not None:
            return number
        at = _LINE.fullmatch(text)
        line = _number(at["line"]) if at else None
        if at is not None and line is not None:
            return Line(at["file"] or "", line)
        self.fail(
            f"{text!r} is no event, such as 6036, 6,036 or 'event 6,036', and no place, such as FILE:88 or 'line 88'",
            param,
            ctx,
        )

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Nothing: moments have no names."""
        return []


WITH_EVENTS = "a recording of calls that succeeded"


def event_of(trace: Trace, at: int | Line) -> int:
    """The event that `at` names in `trace`; of a line the last one that it made. UsageError RT503 if there is none."""
    if isinstance(at, Line):
        return _last_of_line(trace, at)
    if not 0 <= at < len(trace):
        if not len(trace):
            raise UsageError(RT_MOMENT, "the trace has no event", trace.name, expected=WITH_EVENTS)
        raise UsageError(RT_MOMENT, f"there is no event {at}", trace.name, expected=f"0 to {len(trace) - 1}")
    return at


def _last_of_line(trace: Trace, at: Line) -> int:
    import numpy as np

    sources = [i for i, path in enumerate(trace.sources) if _names(at.file, path)]
    if not sources:
        known = ", ".join(path.rpartition("/")[2] for path in trace.sources[:5])
        raise UsageError(RT_MOMENT, f"the trace has no source '{at.file}'", trace.name, expected=known)
    lines = trace.columns["line"]
    mine = np.isin(trace.columns["source"], sources)
    found = np.flatnonzero(mine & (lines == at.line))
    if len(found):
        return int(found[-1])
    known_lines = lines[mine & (lines > 0)]
    below, above = known_lines[known_lines < at.line], known_lines[known_lines > at.line]
    near = [str(int(below.max()))] if len(below) else []
    near += [str(int(above.min()))] if len(above) else []
    raise UsageError(
        RT_MOMENT,
        f"line {at.line} made no event",
        trace.name,
        expected=f"a line that did, such as {' or '.join(near)}" if near else "an event by its number",
    )


def _names(asked: str, path: str) -> bool:
    """True if `asked` is the path, or its last parts."""
    return not asked or path == asked or path.endswith("/" + asked.lstrip("./"))
