"""`remaptrace verify`: the running kernel and the simulated one do the same programs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ..defaults import DEFAULT_ARCH, DEFAULT_KERNEL
from ..errors import EXIT_FINDINGS, EXIT_OK
from ..native.profiles import PROFILES
from . import output as out
from .options import machine_options

if TYPE_CHECKING:
    from ..machine.machine import Machine
    from ..native.verify import Verdict


@click.command("verify")
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO...]")
@click.option(
    "--random", "operations", type=click.IntRange(1), metavar="N", help="Generate programs of N steps in all."
)
@click.option("--seed", default=1, show_default=True, help="Where the random programs begin.")
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    type=click.Choice(tuple(PROFILES)),
    help="Subject of the random programs; may be repeated. [default: all]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="Where the smallest disagreeing program is written.",
)
@machine_options()
def command(
    scenarios: tuple[str, ...],
    operations: int | None,
    seed: int,
    profiles: tuple[str, ...],
    output: str | None,
    arch: str | None,
    kernel: str | None,
    settings: tuple[str, ...],
    host: str | None,
) -> int:
    """Run each SCENARIO, or random programs, on this kernel and compare with the replay.

    Every step's result, outcome, faults and areas are compared. The steps run in a child process with
    a clean address window; nothing else is touched. The first disagreement is made as small as it
    gets and written as a scenario with this kernel's answers. Subjects that the kernel lacks something
    for are left out by name. Exit status 1: a disagreement.
    """
    from ..machine.machine import Machine

    if not scenarios and operations is None:
        raise click.UsageError("give a SCENARIO, or --random N")
    if host:
        raise click.UsageError("--host: the running kernel is no host of a simulated one")
    from ..machine.kernel import parsed_settings

    machine = Machine.load(arch or DEFAULT_ARCH, kernel or DEFAULT_KERNEL, parsed_settings(settings))
    status = EXIT_OK
    if scenarios:
        status = max(status, _scenarios(scenarios, machine, output))
    if operations is not None:
        status = max(status, _random(operations, seed, profiles or tuple(PROFILES), machine, output))
    return status


def _scenarios(paths: tuple[str, ...], machine: Machine, output: str | None) -> int:
    from ..native.scenarios import read_steps
    from ..native.verify import smallest, verify_steps

    agreeing = steps_agreeing = steps = 0
    status = EXIT_OK
    for path in paths:
        program = read_steps(path)
        verdict = verify_steps(program.steps, machine, program.name, whole=program.whole)
        tally = verdict.outcome.tallies["steps"]
        agreeing += verdict.outcome.agrees
        steps_agreeing += tally.agree
        steps += tally.total
        if not verdict.outcome.agrees and status == EXIT_OK:
            status = EXIT_FINDINGS
            _show(smallest(verdict, program.steps, machine, whole=program.whole), output)
    click.echo(f"programs {agreeing}/{len(paths)}, steps {steps_agreeing}/{steps}")
    return status


def _random(
    operations: int, seed: int, profiles: tuple[str, ...], machine: Machine, output: str | None
) -> int:
    from ..native.lacks import lacking
    from ..native.verify import ask_kernel, verify_random
    from .session import Progress

    lacks = lacking(profiles, lambda steps: ask_kernel(steps, whole=False).expects)
    for name, why in lacks.items():
        click.echo(f"{name} left out: {why}")
    profiles = tuple(name for name in profiles if name not in lacks)
    if not profiles:
        click.echo("no program was run: the kernel lacks what every chosen subject needs")
        return EXIT_OK

    began = time.monotonic()
    done = 0
    progress = Progress("programs")

    def report(verdict: Verdict) -> None:
        nonlocal done
        done += verdict.steps
        progress("verify", done, operations)

    try:
        programs, steps, disagreement = verify_random(operations, seed, machine, profiles, report)
    finally:
        progress.close()
    if disagreement is not None:
        _show(disagreement, output)
    verdict = "no disagreement" if disagreement is None else "a disagreement"
    click.echo(
        f"{programs:,} programs, {steps:,} steps from seed {seed} ({', '.join(profiles)}): {verdict},"
        f" {time.monotonic() - began:.0f} s"
    )
    return EXIT_OK if disagreement is None else EXIT_FINDINGS


def _show(verdict: Verdict, output: str | None) -> None:
    """Say what differs in the smallest program and keep the program."""
    path = output or f"{verdict.name}.yaml"
    out.write_text([verdict.text], path)
    for d in verdict.outcome.disagreements[:5]:
        where = f"{path}:{d.line}" if path != "-" else f"line {d.line}"
        click.echo(
            f"{where}  {d.call}  {d.what}\n    this kernel  {d.expected}\n    simulated    {d.simulated}"
        )
