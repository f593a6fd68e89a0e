"""`remaptrace explain`: what a code, an outcome, a rule or a term means."""

from __future__ import annotations

import click

from ...errorcodes import RT_USAGE
from ...errors import UsageError
from ...explain import explain, topics
from ...report.errortext import printable


def _in_trace(code: str, path: str) -> None:
    from ...abi.errnos import ERRNOS

    errno = ERRNOS.get(code.strip().upper())
    if errno is None:
        raise UsageError(
            RT_USAGE, f"'{printable(code)}' is no errno", expected="ENOMEM, EACCES, ... with a TRACE"
        )
    from ...report.facts.refusals import refused_with
    from .. import output as out
    from .. import session

    for _, loaded in session.load_traces([path]):
        result, _ = session.replay_timed(loaded, session.Choice().machine(loaded), None)
        click.echo(f"{code.upper()} in {printable(loaded.name or path)}")
        sentences = refused_with(result, errno) or ["no call of it was refused with it"]
        for sentence in sentences:
            click.echo(
                click.wrap_text(
                    printable(sentence), width=out.width(), initial_indent="  ", subsequent_indent="    "
                )
            )


@click.command("explain")
@click.argument("code", required=False)
@click.argument("trace", required=False)
def command(code: str | None, trace: str | None) -> None:
    """Explain CODE: an error code (RT104), an outcome (SEGV_MAPERR), an errno (ENOMEM), a rule (max_map_count), a flag
    of smaps (nh) or a term of the reports. Without CODE, list everything that can be explained.

    With an errno and a TRACE: why calls of that trace were refused with it.
    """
    if code is not None and trace is not None:
        _in_trace(code, trace)
        return
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
            expected=f"did you mean {' or '.join(near)}?"
            if near
            else "see 'remaptrace explain' for the list",
        )
    click.echo(text)
