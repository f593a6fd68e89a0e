"""Two other sides instead of one and a replay: in which kinds do two images, or two commands, answer differently?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ...lateclasses import replace
from ...result.agreement import CheckOutcome, Disagreement, Tally
from ...result.areafields import area_words
from ..answers import NativeRun
from ..scenario_file import step_text
from ..steps import Program
from ..transport import Transport
from ..verify import COMPARED, Asked, Verdict, ask, narrowed
from ..wire import Where
from .hunt import Choose, Hunted, Hunter

_NO_AREA = "no area (there are {})"


class SidesHunter(Hunter):
    """A hunter whose second side is another transport; `choose` still makes the machine that reports name."""

    def __init__(
        self, transport: Transport, other: Transport, choose: Choose, wanted: Sequence[str] = COMPARED
    ) -> None:
        super().__init__(transport, choose, wanted)
        self.other = other
        self.other_where: Where | None = None

    def _ask(self, programs: list[Program]) -> list[tuple[Asked, Verdict | None]]:
        (where, there), (self.other_where, here) = self._both(programs)
        if self.found is None:
            self.found = Hunted(where, self.choose(where).machine)
        return [self._pair(a, b) for a, b in zip(there, here, strict=True)]

    def _both(self, programs: list[Program]) -> list[tuple[Where, list[Asked]]]:
        """What both sides answer, asked at the same time: an image takes its seconds to boot."""
        with ThreadPoolExecutor(2) as pool:
            sides = [pool.submit(ask, programs, side, areas=True) for side in (self.transport, self.other)]
            return [side.result() for side in sides]

    def _pair(self, there: Asked, here: Asked) -> tuple[Asked, Verdict | None]:
        if there.run is None:
            return there, None
        if here.run is None:  # it ended on the second side alone
            return replace(here, run=None), None
        return there, compared(there, here.run, self.wanted)

    def _show(self, kinds: Any) -> None:
        """The answers of the first side in the example's text."""
        (_, asked), (_, others) = self._both([f.example for f in kinds])
        for found, a, b in zip(kinds, asked, others, strict=True):
            if a.run is not None and b.run is not None:
                found.verdict = compared(a, b.run, self.wanted)


def compared(there: Asked, here: NativeRun, wanted: Sequence[str] = COMPARED) -> Verdict:
    """The verdict on a program that both sides answered: `there` counts as expected, `here` as found."""
    mine = narrowed(there.answered(), wanted)
    other = narrowed(here, wanted)
    found = list(_differences(there.program, mine, other))
    steps = len(there.program.steps)
    differing = len({d.event for d in found if d.event >= 0})
    outcome = CheckOutcome(
        there.program.name, "", "program", {"steps": Tally(steps - differing, steps)}, tuple(found)
    )
    text = replace(there, run=mine).text("as the first side answers", areas=True)
    return Verdict(there, outcome, text, {n: n for n in range(steps)})


def _differences(program: Program, mine: NativeRun, other: NativeRun) -> Iterator[Disagreement]:
    for n, step in enumerate(program.steps):
        pairs = _fields(mine.expects[n], other.expects[n])
        a, b = mine.behind.get(n), other.behind.get(n)
        if a is not None or b is not None:
            pairs += _areas(_last(mine, n) or [], _last(other, n) or [])
        for what, expected, found in pairs:
            yield Disagreement(what, n, 0, program.path, 0, step_text(step), expected, found)
    for what, expected, found in _areas(mine.vmas or [], other.vmas or []):
        yield Disagreement(what, -1, 0, program.path, 0, "areas after the last step", expected, found)


def _last(run: NativeRun, n: int) -> list[dict[str, Any]] | None:
    """The areas behind step `n`: as they were last said."""
    return next((run.behind[k] for k in range(n, -1, -1) if k in run.behind), None)


def _fields(a: dict[str, Any], b: dict[str, Any]) -> list[tuple[str, str, str]]:
    out = []
    if ("error" in a) != ("error" in b):
        out.append(("result", _result(a), _result(b)))
    for key in dict.fromkeys((*a, *b)):
        if key == "vmas":
            out += _areas(a.get(key, []), b.get(key, []))
        elif key in ("result", "error") and ("error" in a) != ("error" in b):
            continue
        elif a.get(key) != b.get(key):
            shown = _result if key == "result" else lambda fields, key=key: str(fields.get(key, "no answer"))
            out.append((key, shown(a), shown(b)))
    return out


def _result(fields: dict[str, Any]) -> str:
    if "error" in fields:
        return str(fields["error"])
    value = fields.get("result")
    return "no answer" if value is None else hex(value) if value >= 4096 else str(value)


def _areas(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    for i in range(max(len(a), len(b))):
        if i >= len(a):
            return [("vmas", _NO_AREA.format(len(a)), area_words(b[i]))]
        if i >= len(b):
            return [("vmas", area_words(a[i]), _NO_AREA.format(len(b)))]
        if a[i] != b[i]:
            return [("vmas", area_words(a[i]), area_words(b[i]))]
    return []
