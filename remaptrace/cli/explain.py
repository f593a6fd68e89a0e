"""`remaptrace explain`: what a code, an outcome, a rule or a term means."""

from __future__ import annotations

import click

from ..errorcodes import RT_USAGE
from ..errors import UsageError
from ..explain import explain, topics
from ..report.errortext import printable


@click.command("explain")
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Explain CODE: an error code (RT104), an outcome (SEGV_MAPERR), a rule (max_map_count) or a
    term of the reports. Without CODE, list everything that can be explained."""
    if code is None:
        for section, names in topics().items():
            click.echo(f"{section}:")
            click.echo(
                click.wrap_text(", ".join(names), width=78, initial_indent="  ", subsequent_indent="  ")
            )
        return
    text = explain(code)
    if text is None:
        known = [name for names in topics().values() for name in names]
        import difflib  # only for those who mistype

        near = difflib.get_close_matches(code, known, n=3)
        raise UsageError(
            RT_USAGE,
            f"nothing known about '{printable(code)}'",
            expected=f"one of: {', '.join(near)}" if near else "see 'remaptrace explain' for the list",
        )
    click.echo(text)
