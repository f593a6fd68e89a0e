"""`remaptrace conformance`: the programs with the answers of real kernels, to list and to take along."""

from __future__ import annotations

import click

from ...errorcodes import RT_USAGE
from ...errors import UsageError
from .. import output as out
from ..options import format_option, output_option


@click.command("conformance")
@click.option("--list", "listed", is_flag=True, help="List the programs. [default]")
@click.option(
    "--export",
    "folder",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Write them into DIR: scenario, C program and JSON of each, and a Makefile that runs them.",
)
@click.option(
    "--kernel",
    default="*",
    metavar="PATTERN",
    help="Those with answers of that kernel; linux-6.*: of several.",
)
@format_option("plain", "json")
@output_option
def command(listed: bool, folder: str | None, kernel: str, form: str, output: str | None) -> None:
    """Small programs of memory calls with the answers of real kernels, for any kernel, emulator or sandbox.

    \b
      remaptrace conformance --kernel linux-6.18
      remaptrace conformance --export programs && make -C programs KERNEL=linux-6.18
    """
    from ...conformance.corpus import corpus
    from ...conformance.export import describe, export
    from ...report.jsontext import to_json

    if listed and folder:
        raise UsageError(RT_USAGE, "--list and --export together", expected="one of them")
    programs = corpus(kernel)
    rows = export(programs, folder) if folder else [describe(program)[0] for program in programs]
    portable = sum(row["portable"] for row in rows)
    if form == "json":
        facts = {"schema": "remaptrace/conformance/1", "programs": rows}
        out.write_text([to_json(facts)], output)
        return
    lines = []
    if not folder:
        for row in rows:
            note = "" if row["portable"] else f"  [no C: {row['why_not']}]"
            lines.append(f"{row['kernel']}/{row['name']}  {row['steps']} steps  {row['about']}{note}\n")
    where = f" in {folder}" if folder else ""
    lines.append(f"{len(rows)} programs, {portable} of them as C{where}\n")
    out.write_text(lines, output)
