"""`remaptrace arches`: the architectures, with what their PTEs can hold."""

from __future__ import annotations

import click

from ..options import format_option, output_option
from ..output import show, width, write_text


@click.command("arches")
@click.option(
    "--series",
    default="plain",
    show_default=True,
    metavar="SERIES",
    type=click.Choice(["plain", "rfp2005", "rfp2007", "intended"]),
    help="Patch series whose file PTEs are shown.",
)
@format_option("rich", "plain", "json")
@output_option
def command(series: str, form: str, output: str | None) -> None:
    """List the architectures: page-table geometry, bits of a file PTE, support of MAP_CHGPROT."""
    from ...machine.arch import arch_names, load_arch_file
    from ...report.jsontext import to_json
    from ...report.machines import arch_facts, arch_sheet

    facts = arch_facts([load_arch_file(name, series) for name in arch_names()])
    if form == "json":
        write_text([to_json(facts)], output)
        return
    sheet = arch_sheet(facts, width())
    if form == "plain":
        write_text([sheet.text()], output)
    else:
        show(sheet, output, "remaptrace arches")
