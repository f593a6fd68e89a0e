"""`remaptrace kernels`: which kernels there are, their rules, what differs between two."""

from __future__ import annotations

from typing import Any

import click

from ..options import PresetName, format_option, output_option


@click.command("kernels")
@click.argument("name", required=False, type=PresetName("kernels"), metavar="[NAME]")
@click.option("--show", "shown", type=PresetName("kernels"), metavar="NAME", help="Every rule of one kernel.")
@click.option(
    "--compare",
    nargs=2,
    type=PresetName("kernels"),
    metavar="A B",
    help="The rules in which two kernels differ.",
)
@click.option("--not-modelled", is_flag=True, help="What the simulation leaves out, by call.")
@format_option("rich", "plain", "json")
@output_option
def command(**given: Any) -> None:
    """List the kernel presets; show one, NAME, with the origin of each rule; compare two."""
    from ..doing import kernels

    kernels.kernels(**given)
