"""What `remaptrace kernels` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..output import show, width, write_text

if TYPE_CHECKING:
    from ...report.documents.machines import Kernels, KernelsCompare


def kernels(
    name: str | None = None,
    *,
    shown: str | None = None,
    compare: tuple[str, str] | None = None,
    not_modelled: bool = False,
    form: str = "rich",
    output: str | None = None,
) -> None:
    """List the kernels, show one, compare two, or say what is not modelled."""
    shown = shown or name
    from ...machine.load import kernel_names, load_kernel
    from ...machine.versions.derive import ground_of
    from ...report import machines

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
        from ...report.jsontext import to_json

        write_text([to_json(facts)], output)
    elif form == "plain":
        write_text([sheet.text()], output)
    else:
        show(sheet, output, "remaptrace kernels")
