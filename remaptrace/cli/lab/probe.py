"""`remaptrace probe`: a kernel file by measurement."""

from __future__ import annotations

import click

from ...defaults import DEFAULT_ARCH
from ...errors import EXIT_FINDINGS, EXIT_OK
from .. import output as out
from ..options import PresetName
from .sides import answers_option, architecture_of, export_option, image_option, transport_of, under_option


@click.command("probe")
@image_option("Ask a kernel image: bzImage or User-mode Linux.")
@under_option
@click.option(
    "--from",
    "base",
    type=PresetName("kernels"),
    metavar="PRESET",
    help="Where to begin. [default: the preset of the release that answers]",
)
@click.option(
    "--rounds", type=click.IntRange(0), default=3, show_default=True, help="Random programs of each subject."
)
@click.option(
    "--search",
    type=click.IntRange(0),
    default=4,
    show_default=True,
    help="Random programs of each subject that are looked through, without asking, for those that decide open rules.",
)
@click.option(
    "-o", "--output", type=click.Path(), metavar="FILE", help="Write to FILE. [default: standard output]"
)
@export_option(
    "Write the programs and a static runner there, for a machine without Python: DIR/run.sh keeps its answers."
)
@answers_option("Take the answers that DIR/run.sh brought.")
def command(
    image: str | None,
    under: str | None,
    base: str | None,
    rounds: int,
    search: int,
    output: str | None,
    export: str | None,
    answers: str | None,
) -> int:
    """Ask a kernel some two hundred programs and find the value of every rule that fits.

    What can be read is read; then one rule after the other takes the value that explains more answers; then
    programs are searched for that tell the values of open rules apart. The result is a kernel file for --kernel:
    each rule with the program that contradicts any other value, open rules as comments with the reason, and the
    programs that no value explains. Exit status 1: there are such programs.

    \b
      remaptrace probe > mine.yaml                       the running kernel
      remaptrace probe --in bzImage --from linux-6.18 -o next.yaml
      remaptrace probe --export out; out/run.sh; remaptrace probe --answers out
    """
    if sum(given is not None for given in (image, under, export, answers)) > 1:
        raise click.UsageError("--in, --under, --export, --answers: one of them")
    if export is not None:
        return _export(export, rounds)
    from ...probe.probe import probe
    from ...probe.write import kernel_file
    from ..session import Progress

    transport = transport_of(under, image, answers)
    progress = Progress("probe")
    try:
        found = probe(
            transport,
            base,
            arch=architecture_of(transport) or DEFAULT_ARCH,
            rounds=rounds,
            search=search,
            progress=progress,
        )
    finally:
        progress.close()
    out.write_text(kernel_file(found), output)
    return EXIT_FINDINGS if found.unexplained else EXIT_OK


def _export(folder: str, rounds: int) -> int:
    from pathlib import Path

    from ...native.folder import export
    from ...native.wire import SECONDS
    from ...probe.corpus import programs

    chosen, _ = programs(None, rounds)
    export(Path(folder), chosen, seconds=SECONDS)
    click.echo(
        f"{len(chosen)} programs in {folder}: there, ./run.sh; then remaptrace probe --answers {folder}"
    )
    return EXIT_OK
