"""What most commands do first: find and read traces, make the machine, replay, with progress."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence

from ..errorcodes import RT_CONFIG
from ..errors import InputError
from ..lateclasses import dataclass, replace
from ..machine.kernel import parsed_settings
from ..printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..machine.kernel import Kernel
    from ..machine.machine import Machine
    from ..result.agreement import CheckOutcome
    from ..result.result import Result, Snapshot
    from ..trace.detect import Item
    from ..trace.events import Trace

_QUIET_BELOW = 0.5
"""Seconds before progress is shown at all."""

_HINT_FROM = 25_000
"""Events from which a hint at the compiled engine helps, were it there."""


@dataclass(frozen=True)
class Choice:
    """What the command line says about machines. None and empty: as the source says."""

    arch: str | None = None
    kernel: str | None = None
    settings: dict[str, str] | None = None
    host: str | None = None

    def machine(self, trace: Trace) -> Machine:
        """The machine for one trace: options first, then what the source asks for, then the default."""
        from ..api import machine_of

        machine = machine_of(trace, self.arch, self.kernel, self.settings, self.host)
        _say_derived(machine.kernel, trace.kernel if self.kernel is None else self.kernel)
        return machine

    def why_not_compared(self, trace: Trace, machine: Machine) -> str:
        """Why recorded answers say nothing about `machine`; empty if it may be the one that recorded.

        A source that does not name its kernel is compared with whatever machine was asked for: the user
        knows it better.
        """
        from ..machine.versions.releases import preset_of_folder

        if trace.foreign:
            return trace.foreign
        own = Choice().machine(trace)
        named = trace.kernel or preset_of_folder(trace.sources) or trace.machine
        same_arch = own.arch.name == machine.arch.name
        if not trace.recorded or (same_arch and dict(own.kernel.values) == dict(machine.kernel.values)):
            return ""
        if not named and (same_arch or trace.arch is None):
            return ""
        if same_arch and own.kernel.name == machine.kernel.name:
            changed = [f"{k}={machine.rule(k)}" for k in machine.overrides if machine.rule(k) != own.rule(k)]
            return f"{', '.join(changed)} was asked for, which the recording does not say of its machine"
        return f"the recording is of {own.kernel.name}, {own.arch.label}"


AS_THE_SOURCE_SAYS = Choice(settings={})
"""What `chosen` makes of a command line without options."""


def chosen(
    arch: str | None,
    kernel: str | None,
    settings: tuple[str, ...],
    host: str | None,
    config: str | None = None,
    sysctl: str | Sequence[str] | None = None,
    cmdline: str | None = None,
) -> Choice:
    """The choice that the options make: --set over --sysctl over --cmdline over --config; names over a .config's.

    Of several sysctl files a later one goes over an earlier one.
    """
    from ..machine.system.described import LSM_LOWEST

    given: dict[str, str] = {}
    lsm = LSM_LOWEST
    if config is not None:
        from ..machine.system.configfiles import read_config

        described = read_config(config)
        for option, why in described.needs.items():
            if not {"--arch": arch, "--kernel": kernel}[option]:
                raise InputError(RT_CONFIG, why, config, expected=f"{option}, for what is to stand for it")
        arch, kernel = arch or described.arch, kernel or described.kernel
        given.update(described.settings)
        lsm = described.lsm_lowest
        _say_used(config, described.used)
        if described.lacks:
            sys.stderr.write(f"# {printable(config)}: it tells {described.lacks}\n")
        _say_unlike(config, described.unlike)
    if cmdline is not None:
        from ..machine.system.cmdline import read_cmdline

        booted = read_cmdline(cmdline, lsm, _huge_page(arch, kernel))
        given.update(booted.settings)
        _say_used("--cmdline", booted.used)
        _say_unlike("--cmdline", booted.unlike)
    if sysctl:
        from ..machine.system.configfiles import read_sysctl

        limits: dict[str, str] = {}
        for path in (sysctl,) if isinstance(sysctl, str) else sysctl:
            described = read_sysctl(path, lsm, limits)
            limits.update(described.settings)
            _say_used(path, described.used)
            _say_unlike(path, described.unlike)
        given.update(limits)
    return Choice(arch, kernel, {**given, **parsed_settings(settings)}, host)


def _say_derived(kernel: Kernel, recorded: str | None) -> None:
    """On what a kernel rests that is no preset; once."""
    from ..machine.versions.derive import is_derived, replacement

    texts = [replacement(recorded, kernel) if recorded else "", kernel.about if is_derived(kernel) else ""]
    for text in texts:
        if text and text not in _SAID:
            _SAID.add(text)
            sys.stderr.write(f"# {printable(text)}\n")


_SAID: set[str] = set()


def _say_used(path: str, used: Sequence[str]) -> None:
    text = ", ".join(used) if used else "nothing in it decides anything that is simulated"
    sys.stderr.write(f"# {printable(path)}: {printable(text)}\n")


def _say_unlike(path: str, unlike: Sequence[str]) -> None:
    if unlike:
        sys.stderr.write(f"# {printable(path)}: not simulated: {printable(', '.join(unlike))}\n")


def _huge_page(arch: str | None, kernel: str | None) -> int:
    """Bytes of a huge page of the architecture that is asked for; 0: it has none."""
    from ..machine.archwords import A_HUGE_SHIFT
    from ..machine.machine import Machine
    from ..machine.system.described import COMMON_HUGE_PAGE
    from ..machine.versions.releases import default_for

    if arch is None:
        return COMMON_HUGE_PAGE
    shift = Machine.load(arch, kernel or default_for(arch)).archwords[A_HUGE_SHIFT]
    return 1 << int(shift) if shift else 0


class Progress:
    """A line on standard error that says what goes on; only on a terminal, only when it takes long."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.since = time.monotonic()
        self.shown = 0
        self.live = sys.stderr.isatty()
        self.hinted = False

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Show phase and share done; compiling is announced at once, also without a terminal."""
        if phase == "compile reader":
            sys.stderr.write(
                "compiling the reader of large logs, once for this version (half a minute;"
                " 'remaptrace warm' does it ahead)\n"
            )
            return
        if phase == "compile":
            sys.stderr.write(
                f"compiling the engine, once for this version ({_how_long()}; 'remaptrace warm' does it ahead)\n"
            )
            return
        if not self.live or time.monotonic() - self.since < _QUIET_BELOW or not total:
            return
        if not self.hinted and total > _HINT_FROM:
            self.hinted = True
            from ..engine.run.engines import is_compiled

            if not is_compiled():
                sys.stderr.write(
                    "replaying interpreted; 'remaptrace warm' compiles the engine once, for all later runs\n"
                )
        filled = 24 * done // total
        text = f"{phase} {self.name} [{'#' * filled}{'.' * (24 - filled)}] {100 * done // total} %"
        sys.stderr.write("\r" + text.ljust(self.shown))
        sys.stderr.flush()
        self.shown = len(text)

    def close(self) -> None:
        """Take the line away."""
        if self.shown:
            sys.stderr.write("\r" + " " * self.shown + "\r")
            sys.stderr.flush()
            self.shown = 0


def _how_long() -> str:
    """How long it takes: LLVM alone is quick, where what it starts from came with the package."""
    from ..machinecode.folders import ENGINE
    from ..machinecode.shipped import shipped_bitcode

    return "a minute or two" if shipped_bitcode(ENGINE, "run.loop.replay") is None else "some seconds"


_LARGE = 32 << 20
"""Bytes of an input from which freed memory is kept for what is needed next."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_KEPT, _MAPPED_FROM = 256 << 20, 32 << 20


def _keep_freed_memory(paths: Sequence[str]) -> None:
    """For large inputs let malloc keep what was freed: what is made of their pieces would be faulted in anew each time.

    That is a twentieth of the time of a large log, most of it the kernel's (glibc gives back what is freed above
    M_TRIM_THRESHOLD; both thresholds move by themselves until they are set).
    """
    try:
        if max((os.stat(path).st_size for path in paths if path != "-"), default=0) < _LARGE:
            return
    except OSError:
        return  # who reads it says what is wrong
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # other libraries than glibc have none
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)


def load_traces(
    paths: Sequence[str],
    *,
    maps: Sequence[str] = (),
    cache: bool = False,
    source_format: str | None = None,
    unread: list[InputError] | None = None,
    threads_of: int | None = None,
) -> Iterator[tuple[Item, Trace]]:
    """Every trace that `paths` name, one after the other.

    With `unread` one of several that cannot be read does not stop the others: its error is appended.
    """
    from ..trace.detect import discover

    items = discover(paths, maps=maps, format=source_format, threads_of=threads_of)
    _keep_freed_memory(paths)
    for item in items:
        progress = Progress(item.name)
        try:
            trace = item.load(cache, progress)
        except InputError as error:
            if unread is None or len(items) == 1:
                raise
            unread.append(error)
            continue
        finally:
            progress.close()
        yield item, trace


def follows(placing: str | None) -> bool | None:
    """`follow` of `replay`, as --follow and --predict say it."""
    return None if placing is None else placing == "follow"


def replay_timed(trace: Trace, machine: Machine, placing: str | None, **options: Any) -> tuple[Result, float]:
    """Replay with progress; the result and the seconds it took.

    The environment's REMAPTRACE_ENGINE (auto, interpreted, compiled) overrides the choice by size.
    """
    from ..engine.run.driver import replay

    progress = Progress(trace.name)
    start = time.perf_counter()
    follow = follows(placing)
    if follow is False and trace.recorded and trace.relocations is None:
        from ..trace.predicting import translated

        trace = translated(trace)
    try:
        engine = os.environ.get("REMAPTRACE_ENGINE", "auto")
        result = replay(trace, machine, follow=follow, progress=progress, engine=engine, **options)
    finally:
        progress.close()
    return result, time.perf_counter() - start


def both_sides(
    trace: Trace, machine: Machine, placing: str | None, changes: bool = False
) -> tuple[tuple[Result, Result], Any]:
    """A User-mode Linux guest's replay and that of the calls it makes on its host; of each call the guest's event."""
    from ..uml import replay_uml

    run = replay_uml(trace, machine, follow=follows(placing), changes=changes)
    return (run.guest, run.host), run.origin


def peak_event(result: Result) -> int | None:
    """The last event behind which the process with the most VMAs has them all; None if no event has any.

    The last, because what the program did to the pages is then done.
    """
    from ..abi.kinds import K_EXIT

    highest, event = 0, None
    for first in range(0, len(result.trace), _PIECE):
        counts = result.columns["map_count"][first : first + _PIECE]
        if int(counts.max()) < highest:
            continue
        alive = result.trace.columns["kind"][first : first + _PIECE] != K_EXIT
        highest = max(int(counts[alive].max(initial=-1)), highest)
        if len(there := ((counts == highest) & alive).nonzero()[0]):
            event = first + int(there[-1])
    return event


_PIECE = 1 << 17
"""Events that are looked at together."""


def peak_snapshot(result: Result) -> Snapshot | None:
    """The address space with the most VMAs, at that moment; None if no event has one."""
    event = peak_event(result)
    return None if event is None else with_look(result, event).observed.get(event)


def with_look(result: Result, event: int) -> Result:
    """`result` with a look at the address space behind `event`: of a replay that kept its peak cheap there."""
    shot = None if result.looks is None else result.looks(event)
    return result if shot is None else replace(result, observed={**result.observed, event: shot})


def host_log(item: Item) -> str | None:
    """The log of a guest's host that lies beside the guest's trace, see `trace.detect.host_log_of`."""
    from ..trace.detect import host_log_of

    return host_log_of(item.paths[0]) if item.kind == "file" else None


def sides_agreement(
    trace: Trace, machine: Machine, placing: str | None, item: Item, log: str
) -> CheckOutcome:
    """How far the host calls that a guest's trace gives are those that were recorded on its host."""
    from ..trace.detect import load
    from ..uml import replay_uml
    from ..uml.sides import check_sides

    start = time.perf_counter()
    run = replay_uml(trace, machine, follow=follows(placing))
    recorded = load([log])[0]
    sides = check_sides(run, recorded, item.name, item.paths[0], time.perf_counter() - start)
    own = agreement(run.guest, item, True, 0.0)
    if own is None:
        return sides
    return replace(
        own,
        tallies={**own.tallies, **sides.tallies},
        disagreements=(*own.disagreements, *sides.disagreements),
        notes=(*own.notes, *sides.notes),
        seconds=own.seconds + sides.seconds,
    )


def agreement(result: Result, item: Item, own: bool, seconds: float) -> CheckOutcome | None:
    """The comparison with the scenario's expectations, or with the recording if the machine is its own."""
    trace = result.trace
    if trace.expects:
        from ..result.expect import check_expectations

        return check_expectations(result, item.name, item.paths[0], seconds)
    if trace.recorded and own:
        from ..result.truth import check_recorded

        return check_recorded(result, item.name, item.paths[0], seconds)
    return None
