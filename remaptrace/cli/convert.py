"""`remaptrace convert`: a trace in another format, rewritten on the way if asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errorcodes import RT_MISSING, RT_OUTPUT, RT_USAGE
from ..errors import InputError, UsageError
from . import output as out
from . import session
from .answers.rewriting import rewritten
from .options import process_options, rewrite_option

if TYPE_CHECKING:
    from ..trace.events import Trace


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
    type=click.Choice(("yaml", "jsonl", "c", "syz", "columns", "parquet", "elf")),
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
@click.option(
    "--host-log",
    type=click.Path(),
    metavar="FILE",
    help="TRACE is of a User-mode Linux guest (strace -ttt): put the accesses in that this log of its host shows.",
)
@click.option(
    "--kernel",
    metavar="KERNEL",
    help="With --host-log: the guest's kernel. [default: what TRACE says, linux-6.1]",
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
    host_log: str | None,
    kernel: str | None,
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
      .parquet every trace as a table, a row an event; not read again (extra parquet)
      --to elf a folder: elf/headers.json, the program headers of what the log executes, which a replay
               of a log beside it needs where the programs are not (JSON Lines and column files hold the areas)
    """
    found = [
        t
        for _, t in session.load_traces(
            [trace], threads_of=threads_of, maps=maps, source_format=source_format
        )
    ]
    if len(found) != 1:
        raise UsageError(RT_USAGE, f"'{trace}' holds {len(found)} traces", expected="one trace; name it")
    if to == "elf":
        _keep_headers(found[0], output)
        return
    if host_log is not None:
        found = [_with_accesses(found[0], host_log, kernel or found[0].kernel or "linux-6.1")]
    elif kernel is not None:
        raise UsageError(RT_USAGE, "--kernel is about a guest", expected="--host-log FILE")
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
        lines, left_out = text_of(chosen, form, kselftest=kselftest)
        out.write_text(lines, None)
    else:
        left_out = write_trace(chosen, output, to, kselftest=kselftest)
    if left_out:
        click.echo(f"remaptrace: written: {left_out}", err=True)


def _with_accesses(guest: Trace, host_log: str, kernel: str) -> Trace:
    """`guest`, of User-mode Linux with that kernel, and the accesses that the log of its host shows."""
    from ..lateclasses import replace
    from ..machine import Machine
    from ..machine.archwords import A_TASK_SIZE
    from ..trace.detect import load
    from ..uml.merge import merge_sides, paired

    host = load([host_log])[0]
    task_size = Machine.load("um-x86_64", kernel).arch.words[A_TASK_SIZE]
    merged = merge_sides(guest, host, paired(guest, host, task_size), task_size)
    click.echo(
        f"{merged.by_program} accesses of programs and {merged.by_kernel} of the guest's kernel from {host_log}",
        err=True,
    )
    return replace(merged.trace, arch="um-x86_64", kernel=kernel)


def _keep_headers(trace: Trace, folder: str) -> None:
    """elf/headers.json in `folder`: of every program that `trace` executes and this machine has."""
    from ..abi.kinds import K_EXEC
    from ..trace.recorded.elf import KEPT, keep_headers

    execs = (trace.columns["kind"] == K_EXEC) & (trace.columns["ret"] >= 0)
    paths = sorted({trace.strings[int(number)] for number in trace.columns["a0"][execs]})
    beside = Path(trace.sources[0]).parent if trace.sources else None
    try:
        kept = keep_headers(Path(folder), paths, beside)
    except OSError as error:
        raise InputError(RT_OUTPUT, f"cannot write: {error.strerror}", folder) from None
    if not kept:
        raise InputError(
            RT_MISSING,
            "no program that the trace executes is on this machine",
            trace.name,
            expected=", ".join(paths),
        )
    click.echo(f"{Path(folder) / KEPT}: program headers of {kept} files", err=True)
