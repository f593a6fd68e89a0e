"""What `remaptrace check` does."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ...errorcodes import RT_USAGE
from ...errors import EXIT_FINDINGS, EXIT_INPUT, EXIT_OK, KSFT_SKIP, RemapTraceError, UsageError
from ...lateclasses import replace
from ...printable import printable
from ...report.formats import made, output_for, text
from .. import output as out
from .. import session
from ..answers.pages import is_page, write_page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...result.agreement import CheckOutcome
    from ...result.result import Result
    from ...trace.detect import Item


_MOST_DRAWN = 4
"""Sources up to which a page draws each replay; of more it has the table alone."""


def check(
    paths: tuple[str, ...],
    *,
    choice: session.Choice = session.AS_THE_SOURCE_SAYS,
    placing: str | None = None,
    maps: tuple[str, ...] = (),
    threads_of: int | None = None,
    differences: int = 3,
    bounds: tuple[str, ...] = (),
    baseline: str | None = None,
    write_baseline: str | None = None,
    kselftest_exit: bool = False,
    form: str = "rich",
    output: str | None = None,
    picture: bool = False,
) -> int:
    """Replay every item of the paths and compare with its truth; the exit status."""
    from ...trace.detect import discover

    gates = _Gates(bounds, baseline, measures=write_baseline is not None)
    try:
        items = discover(paths, maps=maps, threads_of=threads_of)
    except RemapTraceError as error:
        if not kselftest_exit:
            raise
        out.write_text([f"# {error}\n"], None)
        return EXIT_FINDINGS
    outcomes: list[CheckOutcome] = []
    draws = form == "rich" and is_page(output, picture) and len(items) <= _MOST_DRAWN
    results: dict[int, Result] = {}
    ticker = _Ticker(len(items))
    for item in items:
        ticker.show(item.name)
        outcome, result = _check(item, choice, placing, gates, draws)
        if draws and result is not None:
            results[len(outcomes)] = result
        outcomes.append(outcome)
    ticker.close()
    gates.say_what_was_not_tried(outcomes)
    if write_baseline is not None:
        from ...result.gates import baseline_text

        out.write_text([baseline_text(gates.measured)], write_baseline)
    _deliver(outcomes, form, output, differences, picture, results)
    if kselftest_exit:
        return _kselftest(outcomes)
    if any(not o.agrees and not o.error for o in outcomes):
        return EXIT_FINDINGS
    return EXIT_INPUT if any(o.error for o in outcomes) else EXIT_OK


def _kselftest(outcomes: list[CheckOutcome]) -> int:
    """KSFT_SKIP where nothing has a truth to compare with, else pass or fail (tools/testing/selftests/kselftest.h)."""
    compared = [o for o in outcomes if o.error is not None or any(t.total for t in o.tallies.values())]
    if not compared:
        return KSFT_SKIP
    return EXIT_OK if all(o.agrees for o in compared) else EXIT_FINDINGS


_NOT_KEPT = "not in the baseline: nothing of it was tried"


class _Gates:
    """The bounds that --max and --baseline set, and what was measured, if somebody wants that."""

    def __init__(self, bounds: tuple[str, ...], baseline: str | None, measures: bool) -> None:
        from ...result.gates import parsed_bounds, read_baseline
        from ...trace.opening import read_input

        self.bounds = parsed_bounds(bounds)
        self.baseline = read_baseline(read_input(baseline), baseline) if baseline is not None else None
        self.measured: dict[str, dict[str, int]] = {}
        self.measures = measures
        self.kept: set[str] = set()

    def tried(self, outcome: CheckOutcome, item: Item, result: Result) -> CheckOutcome:
        """`outcome` with the bounds tried on `result`."""
        if not (self.measures or self.bounds) and self.baseline is None:
            return outcome
        from ...result.gates import baseline_key, measured, with_gates

        path = item.paths[0]
        if self.measures:
            self.measured[path] = measured(result)
        outcome = with_gates(outcome, result, self.bounds, "--max") if self.bounds else outcome
        if self.baseline is None:
            return outcome
        key = baseline_key(self.baseline, path)
        if key is None:
            return replace(outcome, notes=(*outcome.notes, _NOT_KEPT))
        self.kept.add(key)
        return with_gates(outcome, result, self.baseline[key], "baseline")

    def say_what_was_not_tried(self, outcomes: list[CheckOutcome]) -> None:
        """Bounds on what a source does not record, sources without a baseline, and the other way round.

        UsageError if no source is in the baseline.
        """
        from ...result.gates import NOT_TRIED

        for outcome in outcomes:
            untried = [note for note in outcome.notes if note.endswith(NOT_TRIED)]
            sys.stderr.write("".join(f"# {printable(outcome.name)}: {note}\n" for note in untried))
        if self.baseline is None:
            return
        unkept = [o for o in outcomes if _NOT_KEPT in o.notes]
        if unkept and not self.kept:
            raise UsageError(
                RT_USAGE,
                "the baseline has none of the sources, so nothing would be bounded",
                found=", ".join(sorted(self.baseline)[:3]) or "no source in it",
                expected="a baseline written of these: --write-baseline",
            )
        lines = [f"# {printable(o.name)}: {_NOT_KEPT}" for o in unkept]
        lines += [
            f"# {printable(key)}: in the baseline, and not among the sources"
            for key in sorted(set(self.baseline) - self.kept)
        ]
        sys.stderr.write("".join(f"{line}\n" for line in lines))


def _check(
    item: Item, choice: session.Choice, placing: str | None, gates: _Gates, draws: bool
) -> tuple[CheckOutcome, Result | None]:
    """The outcome for one item, and its replay with its changes if it is to be drawn; an unreadable one is an
    outcome too.
    """
    from ...result.agreement import CheckOutcome

    try:
        trace = item.load()
        machine = choice.machine(trace)
        if machine.host is not None and (log := session.host_log(item)) is not None:
            return session.sides_agreement(trace, machine, placing, item, log), None
        result, seconds = session.replay_timed(
            trace, machine, placing, counters=trace.truth is not None, changes=draws, pages=draws
        )
        outcome = session.agreement(result, item, True, seconds)
        found = outcome or CheckOutcome(item.name, item.paths[0], "program", {}, seconds=seconds)
        return gates.tried(found, item, result), result
    except RemapTraceError as error:
        return CheckOutcome(item.name, item.paths[0], "program", {}, error=error), None


def _deliver(
    outcomes: list[CheckOutcome],
    form: str,
    path: str | None,
    differences: int,
    picture: bool,
    results: Mapping[int, Result],
) -> None:
    from ...report.facts.check import check_facts

    facts = check_facts(outcomes)
    parts = text("check", form, facts)
    if parts is not None:
        out.write_text(parts, path)
    elif path is not None and (asked := output_for("check", path)) is not None:
        out.write_bytes(made(asked, [facts]), path)
    else:
        from ...report.rich.check import check_sheet

        sheet = check_sheet(facts, out.width(), differences)
        if path is not None and is_page(path, picture):
            from ...report.html.tables import check_tables

            wrong = [
                [
                    (d.event, f"{d.call}: {d.what} {d.expected}, here {d.simulated}")
                    for d in outcomes[i].disagreements
                ]
                for i in results
            ]
            drawn = list(results.values())
            write_page(path, "remaptrace check", sheet, [facts], drawn, check_tables(facts), wrong=wrong)
        else:
            out.show(sheet, path, "remaptrace check")


class _Ticker:
    """Says on a terminal's standard error which of many sources is being replayed."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.live = sys.stderr.isatty() and total > 1

    def show(self, name: str) -> None:
        """One more is begun."""
        self.done += 1
        if self.live:
            sys.stderr.write(f"\r\x1b[K{self.done}/{self.total} {name[:60]}")
            sys.stderr.flush()

    def close(self) -> None:
        """Take the line away."""
        if self.live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
