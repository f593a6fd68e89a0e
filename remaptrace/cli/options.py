"""Options that several commands share, with completion of names."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ..defaults import DEFAULT_ARCH, DEFAULT_KERNEL
from ..errorcodes import RT_USAGE
from ..errors import UsageError
from ..report.formats import TEXTS, form_for

REWRITES = ("rfp", "rfp-guards", "guards", "merge-order", "dontneed", "no-nohugepage", "no-names")
"""The names of `rewrite.passes.PASSES` that --rewrite takes, in the order of its help."""

C = TypeVar("C", bound=Callable[..., Any])


class PresetName(click.types.StringParamType):
    """The name of a preset; completes from the preset folder."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.name = room.removesuffix("s")

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Names of the folder that begin with what was typed."""
        from ..machine import presets

        return [CompletionItem(n) for n in presets.names(self.room) if n.startswith(incomplete)]


def only_one(_: click.Context, param: click.Parameter, values: tuple[str, ...]) -> str | None:
    """The one value of an option; UsageError where it is given twice, of which click would take the last."""
    if len(set(values)) > 1:
        text = f"{param.opts[-1]} is given {len(values)} times"
        raise UsageError(RT_USAGE, text, expected="one machine; 'diff' compares several")
    return values[0] if values else None


def seconds_of(_: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """A time such as 5, 5s, 500ms or 2m, in seconds; UsageError RT501 for anything else."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|m|h)?", value)
    seconds = float(found[1]) * {"ms": 0.001, "m": 60, "h": 3600}.get(found[2], 1) if found else 0
    if seconds <= 0:
        option = param.opts[0]
        raise UsageError(
            RT_USAGE,
            f"{option} {value} is not a time",
            found=value,
            expected="a time above 0 such as 5, 5s, 500ms or 2m",
        )
    return seconds


def machine_options(several: bool = False, asked: bool = False) -> Callable[[C], C]:
    """--arch, --kernel, --set and --host; with `several`, --arch and --kernel may be repeated.

    `asked`: a kernel answers, whose release and architecture are the defaults.
    """
    kernel = "the release that answers" if asked else f"the source's own, else {DEFAULT_KERNEL}"
    arch = "that of what answers" if asked else f"the source's own, else {DEFAULT_ARCH}"

    def decorate(command: C) -> C:
        for option in (
            click.option(
                "--set",
                "settings",
                multiple=True,
                metavar="KEY=VALUE",
                help="Change a rule, 'ram' or 'swap'; may be repeated.",
            ),
            click.option(
                "--host",
                type=PresetName("kernels"),
                multiple=True,
                callback=only_one,
                metavar="KERNEL",
                help="Kernel of the host below a User-mode Linux architecture.",
            ),
            click.option(
                "--kernel",
                type=PresetName("kernels"),
                multiple=True,
                callback=None if several else only_one,
                metavar="KERNEL",
                help="Kernel preset, or a YAML file with 'base:' and overrides"
                + (" (may be repeated)." if several else ".")
                + f" [default: {kernel}]",
            ),
            click.option(
                "--arch",
                type=PresetName("arches"),
                multiple=True,
                callback=None if several else only_one,
                metavar="ARCH",
                help="Architecture" + (" (may be repeated)." if several else ".") + f" [default: {arch}]",
            ),
        ):
            command = option(command)
        return command

    return decorate


def file_options(several: bool = False) -> Callable[[C], C]:
    """--config, --sysctl and --cmdline: a machine as a system's own files describe it."""

    def decorate(command: C) -> C:
        more = ", one machine each; may be repeated." if several else "."
        command = click.option(
            "--sysctl",
            multiple=True,
            type=click.Path(),
            metavar="FILE",
            help="Output of 'sysctl -a': limits as it says"
            + (more if several else "; of several files a later one goes over an earlier one."),
        )(command)
        command = click.option(
            "--cmdline",
            multiple=True,
            callback=None if several else only_one,
            metavar="FILE|TEXT",
            help="Boot parameters (/proc/cmdline): huge pages, stack_guard_gap, mem, sysctl.*" + more,
        )(command)
        return click.option(
            "--config",
            multiple=True,
            callback=None if several else only_one,
            type=click.Path(),
            metavar="FILE",
            help=f"A kernel .config (plain or gzip): architecture, kernel and rules as it says{more}",
        )(command)

    return decorate


def choice_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Every option that describes one machine, handed to the command as `choice: session.Choice`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> Any:
        from .session import chosen

        names = ("arch", "kernel", "settings", "host", "config", "sysctl", "cmdline")
        machine = {name: given.pop(name) for name in names}
        return command(choice=chosen(**machine), **given)

    return machine_options()(file_options()(wrapped))


def maps_option(command: C) -> C:
    """--maps FILE, may be repeated."""
    option: Callable[[C], C] = click.option(
        "--maps",
        multiple=True,
        type=click.Path(),
        metavar="FILE",
        help="A /proc/PID/maps file, or a folder of them, that the trace starts from.",
    )
    return option(command)


def output_option(command: C) -> C:
    """-o FILE."""
    option: Callable[[C], C] = click.option(
        "-o",
        "--output",
        type=click.Path(),
        metavar="FILE",
        help="Write to FILE; .svg keeps the picture that the terminal shows.",
    )
    return option(command)


def page_option(command: C) -> C:
    """-o FILE and --picture, for commands that have a page of their own."""
    for option in (
        click.option(
            "--picture", is_flag=True, help="With -o FILE.html: the picture of the terminal, not the page."
        ),
        click.option(
            "-o",
            "--output",
            type=click.Path(),
            metavar="FILE",
            help="Write to FILE; .html: a page with charts, pictures and tables; .svg: what the terminal shows;"
            " .md, .json and other texts as --format; run and check: .prom, .sarif, run: .perfetto.json, .parquet.",
        ),
    ):
        command = option(command)
    return command


def format_option(*formats: str) -> Callable[[C], C]:
    """--format, the first one being the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Form of the output.",
    )


def report_option(command: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--format of a command with a report: of a terminal, or one of the registry's texts; else by the ending of -o."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, form: str, output: str | None, **given: Any) -> Any:
            return function(*args, form=form_for(command, form, output), output=output, **given)

        return format_option("rich", *TEXTS[command])(wrapped)

    return decorate


def process_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--one-process and --threads-of, handed to the command as `threads_of: int | None` (0: the first one)."""

    @functools.wraps(command)
    def wrapped(*, one_process: bool, threads_of: int | None, **given: Any) -> Any:
        if one_process and threads_of is not None:
            raise UsageError(
                RT_USAGE, "--one-process and --threads-of exclude each other", expected="one of them"
            )
        return command(threads_of=0 if one_process else threads_of, **given)

    for decorate in (
        click.option(
            "--threads-of",
            type=click.IntRange(1, (1 << 31) - 1),
            metavar="PID",
            help="strace: threads whose birth the log does not show belong to process PID.",
        ),
        click.option(
            "--one-process",
            is_flag=True,
            help="strace: threads whose birth the log does not show belong to one process.",
        ),
    ):
        wrapped = decorate(wrapped)
    return wrapped


def rewrite_option(command: C) -> C:
    """--rewrite NAME, which may be repeated."""
    option: Callable[[C], C] = click.option(
        "--rewrite",
        "rewrites",
        multiple=True,
        type=click.Choice(REWRITES),
        help="Rewrite the trace first: page-wise file mappings into remap_file_pages (rfp), guard pages into "
        "per-PTE protections (rfp-guards) or guard regions (guards), protection changes of neighbours into "
        "one call (merge-order), holes in private memory into MADV_DONTNEED (dontneed); leave out MADV_NOHUGEPAGE "
        "(no-nohugepage) or names of memory (no-names). May be repeated.",
    )
    return option(command)


def placing_options(command: C) -> C:
    """--follow and --predict."""
    for name, text in (
        ("predict", "Let the machine choose free addresses itself (default for scenarios)."),
        ("follow", "Place mappings where the recording says (default for recordings)."),
    ):
        command = click.option(f"--{name}", "placing", flag_value=name, help=text)(command)
    return command
