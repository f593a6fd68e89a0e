"""The public Python interface: load a trace, replay it on a machine, compare two results.

>>> import remaptrace
>>> trace = remaptrace.load("traces/remapwin-256")          # doctest: +SKIP
>>> new = remaptrace.replay(trace, remaptrace.Machine.load())          # doctest: +SKIP
>>> old = remaptrace.replay(trace, remaptrace.Machine.load(kernel="linux-2.6.21"))  # doctest: +SKIP
>>> remaptrace.compare(new, old).counts["counts"]        # doctest: +SKIP
1234

Everything here is imported on first use, so that ``import remaptrace`` stays cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike, fspath

from .machine.machine import Machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .advice.whole import Advice
    from .blame import Reason
    from .report.documents.advise import Advise
    from .result.agreement import CheckOutcome
    from .result.diff import Diff
    from .result.result import Result
    from .rewrite.output import Rewritten
    from .trace.events import Trace

__all__ = [
    "Machine",
    "advise",
    "blame_difference",
    "check",
    "compare",
    "convert",
    "document",
    "event_text",
    "load",
    "load_all",
    "machine_of",
    "replay",
    "rewrite_trace",
]


def load_all(
    *paths: str | PathLike[str],
    maps: Sequence[str | PathLike[str]] = (),
    format: str | None = None,
) -> list[Trace]:
    """Every trace that `paths` name: files, recorded sets, folders of either, ``-`` for standard input.

    The format is recognised by content (YAML scenario, strace, ftrace or perf text, JSON Lines, column
    files; plain or compressed) unless `format` says it. `maps` are /proc/PID/maps files that show the areas
    before the first event. Raises InputError with file, line and code.
    """
    from .trace.detect import load as read

    return read([fspath(p) for p in paths], maps=[fspath(p) for p in maps], format=format)


def load(
    *paths: str | PathLike[str],
    maps: Sequence[str | PathLike[str]] = (),
    format: str | None = None,
) -> Trace:
    """The one trace that `paths` name; see `load_all`.

    Raises InputError, and ValueError if the paths name several traces.
    """
    traces = load_all(*paths, maps=maps, format=format)
    if len(traces) != 1:
        raise ValueError(f"{len(traces)} traces, not one; load_all() gives them all")
    return traces[0]


def replay(
    trace: Trace,
    machine: Machine | None = None,
    *,
    follow: bool | None = None,
    observe_at: Iterable[int] = (),
    counters: bool = False,
    engine: str = "auto",
    progress: Callable[[str, int, int], None] | None = None,
    changes: bool = False,
) -> Result:
    """What `machine` (default: the one that the trace asks for) does with the calls and accesses of `trace`.

    `follow` places mappings where the log says (default for recordings) or, when false, by the machine's
    own search. Behind each event of `observe_at` the address space of its task is kept in
    `Result.observed`. `counters` adds total_vm and its parts, and rss, after every event. `changes` keeps every
    change of areas (`Result.changes`), from which `Result.vmas(at=)` shows any event. Raises ReplayError.
    """
    from .engine.run.driver import replay as run

    machine = machine or machine_of(trace)
    if follow is False and trace.recorded and trace.relocations is None:
        from .trace.predicting import translated

        trace = translated(trace)
    return run(
        trace,
        machine,
        follow=follow,
        observe_at=observe_at,
        counters=counters,
        engine=engine,
        progress=progress,
        changes=changes,
    )


def machine_of(
    trace: Trace,
    arch: str | None = None,
    kernel: str | None = None,
    settings: Mapping[str, object] | None = None,
    host: str | None = None,
) -> Machine:
    """The machine for a trace: what is given here, else what the trace asks for (its own `machine:`, the
    release that recorded it, the kernel its folder is named after), else x86_64 and the newest kernel that has
    the architecture. `settings` are rules, `ram` and `swap`.

    Raises UsageError as `Machine.load`, InputError RT402 if the trace is of a machine that is none of those here.
    """
    from .machine.own import own_machine, refuse_foreign

    refuse_foreign(trace, arch)
    return own_machine(trace, arch, kernel, settings, host)


def compare(left: Result, right: Result) -> Diff:
    """What differs between two results of one trace, event by event and page by page at the end.

    Raises UsageError RT604 if they are of different traces.
    """
    from .result.diff import compare as diff

    return diff(left, right)


def check(result: Result) -> CheckOutcome:
    """How far `result` agrees with what its trace expects (scenarios) or what was recorded."""
    if result.trace.expects:
        from .result.expect import check_expectations

        return check_expectations(result)
    from .result.truth import check_recorded

    return check_recorded(result)


def convert(trace: Trace, path: str | PathLike[str], to: str | None = None) -> None:
    """Write `trace` to `path`: "yaml", "jsonl" or "columns", by the ending of the name unless `to` says it.

    Raises InputError RT221 for a trace that the format cannot hold, UsageError for an unknown format.
    """
    from .trace.convert import write_trace

    write_trace(trace, fspath(path), to)


def rewrite_trace(trace: Trace, *passes: str, result: Result | None = None) -> Rewritten:
    """`trace` as if the program had used other calls: "guards", "rfp", "rfp-guards", "merge-order", in turn.

    `result` is a replay of the trace; a scenario needs one, since its file does not say where its mappings lie.
    What comes back has the new `trace`, and `origin`: for each new event the old one that it stands for.
    Raises UsageError RT230 for an unknown pass.
    """
    from .rewrite.passes import rewrite

    return rewrite(trace, passes, None if result is None else result.columns["ret"])


def blame_difference(diff: Diff, event: int | None = None) -> Reason:
    """The rules that together make the two machines of `diff` answer differently at `event` (default: the first).

    Replays the events up to it about ten times. LookupError if nothing differs.
    """
    from .blame import blame

    at = diff.first if event is None else event
    if at < 0:
        raise LookupError("nothing differs")
    return blame(diff.left.trace, diff.left.machine, diff.right.machine, at, None)


def advise(result: Result, *, follow: bool | None = None) -> Advice:
    """Where the VMAs of the process with the most of them go, and what would save some, measured by replaying it.

    `follow` as in `replay`. Raises UsageError RT503 if no event of the trace has an address space.
    """
    from .advice.whole import advise_on

    return advise_on(result, follow=follow)


def document(advice: Advice) -> Advise:
    """What `remaptrace advise --format json` writes: the facts with their sentences (`remaptrace schema advise`)."""
    from .report.facts.advise import advise_facts

    return advise_facts(advice)


def event_text(trace: Trace, event: int) -> str:
    """An event in words, as the reports write it: ``mmap(0, 8192, r, private|anonymous, -1, 0)``."""
    from .trace.wording import event_text as text

    return text(trace, event)
