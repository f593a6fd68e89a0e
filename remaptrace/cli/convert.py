"""`remaptrace convert`: a trace in another format, rewritten on the way if asked."""

from __future__ import annotations

import click

from ..errorcodes import RT_USAGE
from ..errors import UsageError
from . import output as out
from . import session
from .options import process_options
from .rewriting import rewrite_option, rewritten


@click.command("convert")
@click.argument("trace", metavar="TRACE")
@process_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(),
    metavar="FILE",
    help="Write to FILE; '-': standard output.",
)
@click.option(
    "--to",
    type=click.Choice(("yaml", "jsonl", "c", "syz", "columns")),
    help="Format. [default: by the ending of FILE]",
)
@click.option(
    "--from", "source_format", metavar="FORMAT", help="Format of TRACE. [default: recognised by content]"
)
@click.option(
    "--maps",
    "maps",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="/proc/PID/maps files, as in run.",
)
@click.option(
    "--kselftest",
    is_flag=True,
    help="C for the harness of the kernel's selftests (tools/testing/selftests/mm).",
)
@rewrite_option
def command(
    threads_of: int | None,
    trace: str,
    output: str,
    to: str | None,
    source_format: str | None,
    maps: tuple[str, ...],
    kselftest: bool,
    rewrites: tuple[str, ...],
) -> None:
    """Write a trace as a YAML scenario, JSON Lines, a C program, or a column file.

    \b
      .yaml    readable and editable; only traces whose every event has a step
      .c       a program that asks the running kernel and says in KTAP where it answers otherwise;
               only steps that a program can do
      .syz     a program of syzkaller, moved into its data area; accesses become comments
      .jsonl   every trace, one event a line; .gz and .zst compress
      .rtcols  every trace, opened again in milliseconds
    """
    found = [
        t
        for _, t in session.load_traces(
            [trace], threads_of=threads_of, maps=maps, source_format=source_format
        )
    ]
    if len(found) != 1:
        raise UsageError(RT_USAGE, f"'{trace}' holds {len(found)} traces", expected="one trace; name it")
    chosen = rewritten(found[0], rewrites)
    from ..trace.convert import TEXT_WRITERS, format_of, text_of, write_trace

    if kselftest and format_of(output, to or ("jsonl" if output == "-" else None)) != "c":
        raise UsageError(RT_USAGE, "--kselftest is about C", expected="-o FILE.c, or --to c")
    if output == "-":
        form = format_of(output, to or "jsonl")
        if form not in TEXT_WRITERS:
            raise UsageError(
                RT_USAGE, f"{form} are not text", expected="-o FILE, or --to " + "|".join(TEXT_WRITERS)
            )
        out.write_text(text_of(chosen, form, kselftest=kselftest), None)
    else:
        write_trace(chosen, output, to, kselftest=kselftest)
