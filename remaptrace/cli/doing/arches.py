"""What `remaptrace arches` shows."""

from __future__ import annotations

from ..output import show, width, write_text


def arches(*, series: str = "plain", form: str = "rich", output: str | None = None) -> None:
    """List the architectures, with file PTEs as a patch series has them."""
    from ...machine.arch import arch_names, load_arch_file
    from ...report.machines import arch_facts, arch_sheet

    facts = arch_facts([load_arch_file(name, series) for name in arch_names()])
    if form == "json":
        from ...report.jsontext import to_json

        write_text([to_json(facts)], output)
        return
    sheet = arch_sheet(facts, width())
    if form == "plain":
        write_text([sheet.text()], output)
    else:
        show(sheet, output, "remaptrace arches")
