"""The `remaptrace` group: a table of commands whose modules are imported only when they are called."""

from __future__ import annotations

import importlib

import click

COMMANDS: dict[str, str] = {
    "record": "Record a program or a process, and replay it.",
    "run": "Replay traces and report what the kernel does with them.",
    "check": "Replay scenarios and recorded sets, and compare with their truth.",
    "diff": "Replay one trace on two or more machines and show what differs.",
    "advise": "Show where the VMAs go and what would save them.",
    "maps": "Show /proc/PID/maps of a simulated process at any moment.",
    "browse": "Walk through the areas of a process, event by event.",
    "convert": "Write a trace as a scenario, JSON Lines, C or a column file.",
    "sweep": "Replay many traces on many machines into a table.",
    "verify": "Run programs on the running kernel and compare with the replay.",
    "probe": "Find the value of every rule that fits what a kernel answers.",
    "conformance": "List or export the programs that hold answers of real kernels.",
    "kernels": "List the kernels, show one with its rules, compare two.",
    "arches": "List the architectures.",
    "schema": "Print the JSON Schema of what --format json writes.",
    "explain": "Explain an error code, an outcome, a rule or a term.",
    "warm": "Compile the engine ahead of the first large trace.",
    "completion": "Print the completion script for a shell.",
}
"""Command name: its line in the help. Module ``remaptrace.cli.NAME`` holds ``command``; some stand in a room of it."""

_ROOMS = {
    **dict.fromkeys(("verify", "probe", "conformance"), "lab."),
    **dict.fromkeys(("kernels", "arches", "schema", "explain"), "reference."),
}


class LazyGroup(click.Group):
    """A group that answers --help from its table and imports a command's module to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table: the main job first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"remaptrace.cli.{_ROOMS.get(cmd_name, '')}{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command to run; an unknown name is answered with the nearest known ones."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib  # only for those who mistype

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            raise click.UsageError(f"there is no command '{args[0]}'{hint}", ctx)
        return super().resolve_command(ctx, args)


_EPILOG = (
    "Exit status: 0 fine; 1 findings (failed expectation, divergence, difference); 2 usage; "
    "3 unreadable input; 70 internal error. Data goes to standard output, progress and warnings to "
    "standard error; '-' is standard input; NO_COLOR is honoured."
)


def _show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from remaptrace import __version__

        click.echo(f"remaptrace {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--limit-memory",
    metavar="SIZE",
    expose_value=False,
    help="End with a word before more memory is taken (4G, 'none'); anywhere in the line. "
    "[default: 3/4 of the machine's]",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version.",
)
def group() -> None:
    """Replay what a program did with its memory on other Linux kernels, and compare.

    A trace is a strace, ftrace or perf recording, a scenario in YAML, or a recorded set (a
    directory). A machine is an architecture with a kernel: see 'remaptrace kernels' and
    'remaptrace arches'.

    \b
      remaptrace run traces/uml-touch2000
      remaptrace diff traces/uml-touch2000 --kernel linux-6.18 --kernel linux-2.6.21
      remaptrace check traces
    """
