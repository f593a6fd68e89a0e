"""`remaptrace browse`: the areas of a process at any event, in a terminal."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import click

from ..errorcodes import RT_BROWSE, RT_MOMENT, RT_USAGE
from ..errors import UsageError
from . import session
from .options import choice_options, maps_option, placing_options, process_options


@click.command("browse")
@click.argument("trace", metavar="TRACE")
@process_options
@choice_options
@placing_options
@maps_option
def command(
    threads_of: int | None,
    trace: str,
    choice: session.Choice,
    placing: str | None,
    maps: tuple[str, ...],
) -> None:
    """Walk through the areas of TRACE event by event.

    Left and right go from change to change of areas, with Shift from event to event; g to a number, p to the peak,
    Tab to the next process. / filters, s sorts, Enter explains an area: birth, flags, and what keeps it apart from
    its neighbours. Needs the extra: pip install 'remaptrace[browse]'.
    """
    if find_spec("textual") is None:
        raise UsageError(
            RT_BROWSE,
            "browse needs textual, which is not installed",
            expected="the extra: pip install 'remaptrace[browse]'",
        )
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise UsageError(
            RT_USAGE,
            "browse needs a terminal for its keys and its picture",
            expected="a terminal; without one 'maps TRACE --at EVENT', or 'run TRACE -o page.html'",
        )
    found = [t for _, t in session.load_traces([trace], threads_of=threads_of, maps=maps)]
    if len(found) != 1:
        raise UsageError(RT_USAGE, f"'{trace}' holds {len(found)} traces", expected="one trace; name it")
    result, _ = session.replay_timed(found[0], choice.machine(found[0]), placing, changes=True)
    from ..browse.app import Browser
    from ..browse.moment import Moment

    try:
        moment = Moment(result)
    except LookupError as error:
        raise UsageError(RT_MOMENT, str(error)) from None
    Browser(moment).run()
