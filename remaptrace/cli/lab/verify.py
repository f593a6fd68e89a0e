"""`remaptrace verify`: a kernel, an emulator or a sandbox and the simulated one do the same programs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...errorcodes import RT_COMPILER, RT_NATIVE_PLACE, RT_USAGE
from ...errors import EXIT_FINDINGS, EXIT_OK, KSFT_SKIP, RemapTraceError, UsageError
from ...lateclasses import dataclass, field, replace
from ...native.profiles import ALL, PROFILES, TOGETHER
from ..options import machine_options, report_option
from .sides import answers_option, architecture_of, export_option, image_option, transport_of, under_option

if TYPE_CHECKING:
    from ...native.hunting.hunt import Hunted, Hunter
    from ...native.hunting.kinds import Kind
    from ...native.place import Place
    from ...native.steps import Program
    from ...native.transport import Transport
    from ...native.wire import Where
    from ...probe.naming import Named

_EMULATED = ("results", "outcomes", "values", "areas")


@click.command("verify")
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO|RECORDING...]")
@click.option(
    "--pid", type=int, metavar="PID", help="Process of a recording that is asked for. [default: the busiest]"
)
@click.option(
    "--random", "operations", type=click.IntRange(1), metavar="N", help="Generate programs of N steps in all."
)
@click.option("--seed", default=1, show_default=True, help="Where the random programs begin.")
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    type=click.Choice(ALL),
    help="Subject of the random programs; may be repeated. [default: all]",
)
@under_option
@image_option(
    "Ask a kernel image: a bzImage, booted in qemu, or a User-mode Linux. Twice: in which kinds do two differ?",
    several=True,
)
@click.option(
    "--compare",
    "wanted",
    metavar="LIST",
    help="What is compared, with commas: results, outcomes, values, faults, areas, flags, pages."
    " [default: all; under an emulator without faults, flags, pages]",
)
@click.option(
    "--keep",
    type=click.Path(),
    metavar="DIR",
    help="Write the smallest program of each kind there, as scenario and as C.",
)
@export_option(
    "Ask nobody: write the programs with a static runner and a script, to take to a machine without Python."
)
@answers_option("Compare what such a folder brought back.")
@click.option("--kselftest-exit", is_flag=True, help="Exit status of kselftest: 0 pass, 1 fail, 4 skip.")
@report_option("verify")
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="Write the report to FILE; to FILE.yaml: the smallest program of the most frequent kind.",
)
@machine_options(asked=True)
def command(
    scenarios: tuple[str, ...],
    pid: int | None,
    operations: int | None,
    seed: int,
    profiles: tuple[str, ...],
    under: str | None,
    images: tuple[str, ...],
    wanted: str | None,
    keep: str | None,
    export: str | None,
    answers: str | None,
    kselftest_exit: bool,
    form: str,
    output: str | None,
    arch: str | None,
    kernel: str | None,
    settings: tuple[str, ...],
    host: str | None,
) -> int:
    """Run each SCENARIO, or random programs, on this kernel and compare with the replay.

    Of a RECORDING the calls and page faults of one process are run: what it had before becomes setup, memory lies
    where it was recorded, memfds stand for files; what cannot be a step is named.

    Every step's result, outcome, faults, and the areas behind it are compared. The steps run in processes of
    their own with a clean address window; nothing else is touched, but by the subject huge the pool of huge pages,
    where nobody uses it: it is put back. Every disagreement is found, by kind: the call, the class of its
    arguments, the answer there and here; each with the smallest program that shows it. Subjects that the kernel
    lacks something for are left out by name.
    Without --kernel the replay is that of the release that answers. Exit status 1: a disagreement.

    \b
      remaptrace verify --random 3000
      remaptrace verify --in arch/x86/boot/bzImage --random 3000      a patch of yours
      remaptrace verify --in vmlinuz-6.1 --in vmlinuz-6.12 --random 3000
      remaptrace verify --under qemu-x86_64 --random 2000             an emulator
      remaptrace verify --export out --random 2000; out/run.sh; remaptrace verify --answers out
    """
    if answers is not None and (
        scenarios or operations is not None or export is not None or under is not None or images
    ):
        raise click.UsageError("--answers: the folder has its programs, and was asked elsewhere")
    if not scenarios and operations is None and answers is None:
        raise click.UsageError("give a SCENARIO or RECORDING, or --random N")
    if host:
        raise click.UsageError("--host: the running kernel is no host of a simulated one")
    if len(images) > 2 or (images and under is not None):
        raise click.UsageError("--in: one image, or two to compare, and no --under")
    from ...machine.kernel import parsed_settings

    asked = _Asked(
        scenarios=scenarios,
        operations=operations,
        seed=seed,
        profiles=profiles or ALL,
        wanted=_wanted(wanted),
        arch=arch,
        kernel=kernel,
        settings=parsed_settings(settings),
        pid=pid,
    )
    try:
        if export is not None:
            return asked.export(export)
        other = transport_of(None, images[1]) if len(images) == 2 else None
        transport = transport_of(under, images[0] if images else None, answers)
        asked.arch = arch or architecture_of(transport)
        return asked.answer(transport, form, output, keep, kselftest_exit, other)
    except RemapTraceError as error:
        if not kselftest_exit:
            raise
        click.echo(f"# {error}")
        return KSFT_SKIP if error.code in (RT_COMPILER, RT_NATIVE_PLACE) else EXIT_FINDINGS


@dataclass
class _Asked:
    """The programs and the machine that a command line names."""

    scenarios: tuple[str, ...]
    operations: int | None
    seed: int
    profiles: tuple[str, ...]
    wanted: tuple[str, ...]
    arch: str | None
    kernel: str | None
    settings: dict[str, str]
    pid: int | None
    place: Place | None = None
    notes: list[str] = field(default_factory=list)
    without: frozenset[str] = frozenset()  # kinds of special files that cannot be made there

    def answer(
        self,
        transport: Transport,
        form: str,
        output: str | None,
        keep: str | None,
        kselftest: bool,
        other: Transport | None = None,
    ) -> int:
        """Ask, compare and report; the exit status."""
        from ...native.hunting.hunt import Hunter
        from ...native.hunting.sides import SidesHunter
        from ...report.facts.verify import Asking, verify_facts
        from ..answers.kinds import deliver
        from ..session import Progress

        began = time.monotonic()
        where = transport.ask([]).where
        wanted = self.wanted or (_EMULATED if where.emulated else _wanted("all"))
        skipped = self._lacking(transport)
        self.profiles = tuple(name for name in self.profiles if name not in skipped)
        hunter = (
            Hunter(transport, self._machine, wanted)
            if other is None
            else SidesHunter(transport, other, self._machine, wanted)
        )
        progress, done = Progress("programs"), 0

        def report(steps: int) -> None:
            nonlocal done
            done += steps
            progress("verify", done, self.operations or 0)

        try:
            hunted = hunter.hunt(self._programs(), report)
        finally:
            progress.close()
        assert self.place is not None
        notes = [*self.notes, *([] if hunted.programs else ["no program was run"])]
        second = None
        if isinstance(hunter, SidesHunter) and hunter.other_where is not None:
            second = hunter.other.name, hunter.other_where.kernel
        rules = {} if where.emulated else self._rules(hunted, hunter)
        asking = Asking(transport.name, wanted, skipped, notes, time.monotonic() - began, second, rules)
        deliver(verify_facts(hunted, self.place, asking), form, output, keep)
        if kselftest and not hunted.programs:
            return KSFT_SKIP
        return EXIT_FINDINGS if hunted.kinds else EXIT_OK

    def _rules(self, hunted: Hunted, hunter: Hunter) -> dict[Kind, list[Named]]:
        """The rules that explain each kind."""
        from ...native.hunting.sides import SidesHunter
        from ...native.place import machine_there
        from ...probe.naming import differing, explaining

        if not isinstance(hunter, SidesHunter):
            return explaining(hunted)
        assert hunter.other_where is not None
        here = machine_there(hunter.other_where, arch=self.arch, kernel=None, settings=self.settings).machine
        return differing(hunted, hunted.machine, here)

    def export(self, folder: str) -> int:
        """Write the programs for another machine."""
        from ...native.folder import export
        from ...native.verify import random_programs
        from ...native.wire import SECONDS

        programs = list(self._programs())
        if self.operations is not None:  # short ones show by themselves what cannot be made small there
            short = random_programs(max(1, self.operations // 2), self.seed, self.profiles, length=5)
            programs += [replace(p, name=f"{p.name}-short") for p in short]
        export(Path(folder), programs, seconds=SECONDS)
        steps = sum(len(p.steps) for p in programs)
        click.echo(
            f"{len(programs):,} programs, {steps:,} steps in {folder}: run run.sh there, bring the folder back,"
        )
        click.echo(f"then: remaptrace verify --answers {folder}")
        return EXIT_OK

    def _machine(self, where: Where) -> Place:
        from ...native.place import machine_there

        self.place = machine_there(where, arch=self.arch, kernel=self.kernel, settings=self.settings)
        return self.place

    def _lacking(self, transport: Transport) -> dict[str, str]:
        """Subjects of random programs that cannot be asked there, with why."""
        from ...native.lacks import asked_together, lacking, missing_kinds

        if self.operations is None:
            return {}
        profiles = tuple(PROFILES) if TOGETHER in self.profiles else self.profiles
        expects = asked_together(profiles, transport)
        found = lacking(profiles, expects)
        self.without = frozenset(found)
        if "special" in profiles and "special" not in found:
            kinds = missing_kinds(expects)
            self.without |= frozenset(kinds)
            found |= {f"special with {kind}": why for kind, why in kinds.items()}
        return found

    def _programs(self) -> Iterator[Program]:
        from ...native.scenarios import read_programs
        from ...native.verify import random_programs

        asked = [a for path in self.scenarios for a in read_programs(path, self.pid)]
        self.notes = [note for a in asked for note in a.notes]
        yield from [a.program for a in asked]
        if self.operations is not None and self.profiles:
            yield from random_programs(self.operations, self.seed, self.profiles, without=self.without)


def _wanted(text: str | None) -> tuple[str, ...]:
    """The words of --compare; none where it is not given. Raises UsageError (RT501)."""
    from ...native.verify import COMPARED

    if text is None:
        return ()
    if text == "all":
        return COMPARED
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in COMPARED:
            raise UsageError(
                RT_USAGE, "--compare names nothing that is compared", found=word, expected=", ".join(COMPARED)
            )
    if not words:
        raise UsageError(RT_USAGE, "--compare names nothing", found=text, expected=", ".join(COMPARED))
    return tuple(w for w in COMPARED if w in words)
