"""`remaptrace kernels`: which kernels there are, their rules, what differs between two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..options import PresetName, format_option, output_option
from ..output import show, width, write_text

if TYPE_CHECKING:
    from ...report.documents.machines import Kernels, KernelsCompare


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
def command(
    name: str | None,
    shown: str | None,
    compare: tuple[str, str] | None,
    not_modelled: bool,
    form: str,
    output: str | None,
) -> None:
    """List the kernel presets; show one, NAME, with the origin of each rule; compare two."""
    shown = shown or name
    from ...machine.load import kernel_names, load_kernel
    from ...machine.versions.derive import ground_of
    from ...report import machines
    from ...report.jsontext import to_json

    facts: Kernels | KernelsCompare
    if not_modelled:
        facts = machines.not_modelled_facts()
        sheet = machines.not_modelled_sheet(width())
    elif compare:
        compared = machines.compare_facts(load_kernel(compare[0]), load_kernel(compare[1]))
        facts, sheet = compared, machines.compare_sheet(compared, width())
    elif shown:
        facts = machines.kernel_facts(load_kernel(shown))
        sheet = machines.kernel_sheet(load_kernel(shown), width())
    else:
        kernels = [load_kernel(name) for name in kernel_names()]
        facts = {
            "schema": machines.LIST_SCHEMA,
            "kernels": [{"name": k.name, "about": k.about, "ground": ground_of(k.name)} for k in kernels],
        }
        sheet = machines.kernel_list_sheet(kernels, width())
    if form == "json":
        write_text([to_json(facts)], output)
    elif form == "plain":
        write_text([sheet.text()], output)
    else:
        show(sheet, output, "remaptrace kernels")
