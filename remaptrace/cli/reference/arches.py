"""`remaptrace arches`: the architectures, with what their PTEs can hold."""

from __future__ import annotations

from typing import Any

import click

from ..options import format_option, output_option


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
def command(**given: Any) -> None:
    """List the architectures: page-table geometry, bits of a file PTE, support of MAP_CHGPROT."""
    from ..doing import arches

    arches.arches(**given)
