"""Command lines read by click: the command that one asks for is run, what click raises is put into our words."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, cast

import click

from ..errorcodes import RT_USAGE
from ..errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, UsageError
from .group import group


def dispatch(args: list[str]) -> int:
    """Run the command that `args` ask for; its exit status. Raises what the command and click raise."""
    if "_REMAPTRACE_COMPLETE" in os.environ:
        group.main(args, prog_name="remaptrace")  # click's shell completion; exits by itself
    with group.make_context("remaptrace", args) as context:
        # a command returns its exit status; None is fine
        return cast("int | None", cast(Any, group.invoke(context))) or EXIT_OK


def answer_to(error: Exception) -> int | UsageError | None:
    """What an exception of click stands for: an exit status, or an error to be told; None if it is not click's."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        return EXIT_INTERRUPTED
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())
        return EXIT_OK if error.ctx is not None and error.ctx.parent is None else EXIT_USAGE
    return _usage_error(error) if isinstance(error, click.ClickException) else None


def _usage_error(error: click.ClickException) -> UsageError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else " ".join(["remaptrace", *_named(sys.argv[1:2])])
    if isinstance(error, click.BadParameter) and (told := _bad_value(error)) is not None:
        return told
    text = error.format_message().rstrip(".")
    return UsageError(RT_USAGE, text[:1].lower() + text[1:], expected=f"see '{command} --help'")


_UNFIT = re.compile(r"(.*) is not (?:a valid |in the range |one of ).*", re.S)


def _bad_value(error: click.BadParameter) -> UsageError | None:
    """A value that its parameter cannot have: which one, what was found, what would do. None: click's words do."""
    match, param = _UNFIT.fullmatch(error.message), error.param
    wanted = _wanted(param.type) if param is not None else ""
    if match is None or param is None or not wanted:
        return None
    name = (
        " / ".join(param.opts)
        if isinstance(param, click.Option)
        else param.make_metavar(click.Context(group))
    )
    found = match[1].strip("'")
    return UsageError(RT_USAGE, f"{name} cannot be {match[1]}", found=found, expected=wanted)


def _wanted(kind: click.ParamType[Any]) -> str:
    """What values of a type are, in words; "" for types that have words of their own."""
    if isinstance(kind, click.Choice):
        return "one of: " + ", ".join(str(choice) for choice in kind.choices)
    number = {"integer": "a whole number", "float": "a number"}.get(kind.name.removesuffix(" range"), "")
    if number and isinstance(kind, click.IntRange | click.FloatRange):
        least = "" if kind.min is None else f" {'above' if kind.min_open else 'from'} {kind.min}"
        return f"{number}{least}" + ("" if kind.max is None else f" to {kind.max}")
    return number


def _named(words: list[str]) -> list[str]:
    """The command among the words of a command line that click could not read."""
    return [word for word in words if word in group.list_commands(click.Context(group))]
