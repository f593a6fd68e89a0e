"""`remaptrace explain`: what a code, an outcome, a rule or a term means."""

from __future__ import annotations

import click


@click.command("explain")
@click.argument("code", required=False)
@click.argument("trace", required=False)
def command(code: str | None, trace: str | None) -> None:
    """Explain CODE: an error code (RT104), an outcome (SEGV_MAPERR), an errno (ENOMEM), a rule (max_map_count), a flag
    of smaps (nh) or a term of the reports. Without CODE, list everything that can be explained.

    With an errno and a TRACE: why calls of that trace were refused with it.
    """
    from ..doing import explain

    explain.told(code, trace)
