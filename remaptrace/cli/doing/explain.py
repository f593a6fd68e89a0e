"""What `remaptrace explain` says."""

from __future__ import annotations

from ...errorcodes import RT_USAGE
from ...errors import UsageError
from ...printable import printable
from .. import output as out


def told(code: str | None = None, trace: str | None = None) -> None:
    """Explain a word, or why calls of a trace were refused with it; without a word, list them all."""
    if code is not None and trace is not None:
        _in_trace(code, trace)
        return
    from ...explain import explain, topics

    if code is None:
        # in one piece, so that a reader who takes a part of it has been given all of it
        parts = (
            f"{section}:\n{_wrapped(', '.join(names), 78, '  ', '  ')}" for section, names in topics().items()
        )
        _say("\n".join(parts))
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
    _say(text)


def _in_trace(code: str, path: str) -> None:
    from ...abi.errnos import ERRNOS

    errno = ERRNOS.get(code.strip().upper())
    if errno is None:
        raise UsageError(
            RT_USAGE, f"'{printable(code)}' is no errno", expected="ENOMEM, EACCES, ... with a TRACE"
        )
    from ...report.facts.refusals import refused_with
    from .. import session

    for _, loaded in session.load_traces([path]):
        result, _ = session.replay_timed(loaded, session.Choice().machine(loaded), None)
        _say(f"{code.upper()} in {printable(loaded.name or path)}")
        sentences = refused_with(result, errno) or ["no call of it was refused with it"]
        for sentence in sentences:
            _say(_wrapped(printable(sentence), out.width(), "  ", "    "))


def _wrapped(text: str, width: int, first: str, later: str) -> str:
    import click

    return click.wrap_text(text, width=width, initial_indent=first, subsequent_indent=later)


def _say(text: str) -> None:
    out.write_text([f"{text}\n"], None)
