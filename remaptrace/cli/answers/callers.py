"""`advise --by caller`: the bill by call stack, and its files for flame graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errorcodes import RT_MOMENT, RT_USAGE
from ...errors import UsageError
from ...report.formats import PICTURES, PROFILES, ending_of
from .. import output as out

if TYPE_CHECKING:
    from ...result.result import Result


def is_profile(output: str | None) -> bool:
    """True if the file's name asks for stacks."""
    return ending_of(output, PROFILES) is not None


def check_form(form: str, output: str | None) -> None:
    """UsageError RT501 for a form that the bill by caller is not written in: text would be taken for it."""
    said = ending_of(output, PICTURES) if form == "rich" else None
    if said is not None or form not in ("rich", "plain", "json"):
        raise UsageError(
            RT_USAGE,
            f"the bill by caller is not written as {said or form}",
            expected=f"{', '.join(PROFILES)}, .json, another ending for text, or --format plain or json",
        )


def deliver(result: Result, unit: str, depth: int, rows: int, form: str, output: str | None) -> None:
    """Write the bill by caller; a profile has whole stacks. UsageError RT501 for a recording without stacks.

    The replay must have been asked for its changes.
    """
    from ...advice.bill import peak
    from ...advice.callers import by_caller, of_areas, of_unit
    from ...report import callers

    trace = result.trace
    if "stack" not in trace.columns:
        raise UsageError(
            RT_USAGE,
            f"'{trace.name}' has no call stacks",
            expected="a recording of `remaptrace record --stacks`, strace -k or perf record -g",
        )
    if unit == "areas":
        event, _ = peak(result)
        if event < 0:
            raise UsageError(RT_MOMENT, "no event of the trace has an address space", trace.name)
        task = int(trace.columns["task"][event])
        assert result.changes is not None
        stacks = of_areas(result, task, event, result.changes.areas_at(event, task) or ())
    else:
        stacks = of_unit(result, unit)
    profile = ending_of(output, PROFILES)
    if output is not None and profile == ".folded":
        out.write_text([callers.folded(stacks)], output)
    elif output is not None and profile == ".speedscope.json":
        out.write_text([callers.speedscope(stacks, unit, trace.name)], output)
    elif output is not None and profile is not None:
        out.write_bytes(callers.pprof(stacks, unit), output)
    elif form == "json":
        from ...report.jsontext import to_json

        out.write_text([to_json(callers.facts(by_caller(stacks, depth), unit, trace.name))], output)
    else:
        from ...report.errortext import printable

        shown = callers.text(by_caller(stacks, depth), unit, rows)
        out.write_text([printable(line) + "\n" for line in shown.splitlines()], output)
