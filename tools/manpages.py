"""Man pages and completion scripts, made from the help: ``python -m tools.manpages FOLDER``.

Writes man/man1/remaptrace.1, a page for each command (remaptrace-run.1), and completions for bash, zsh and fish, below
FOLDER, which is laid out as share/ of an installation. `make wheel` packs them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from remaptrace import __version__
from remaptrace.cli.group import COMMANDS, group

COMPLETIONS = {
    "bash": "bash-completion/completions/remaptrace",
    "zsh": "zsh/site-functions/_remaptrace",
    "fish": "fish/vendor_completions.d/remaptrace.fish",
}
"""Shells, and where below share/ they look for a completion."""


def escaped(text: str) -> str:
    """`text` as roff shows it: backslashes, hyphens of options, and lines that would be requests."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", r"\\&", text, flags=re.M)


def paragraphs(text: str) -> list[str]:
    """Help as roff: blocks behind ``\\b`` stay as they are laid out."""
    out: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        kept = block.startswith("\b")
        lines = [line.rstrip() for line in block.strip("\b\n").splitlines()]
        if kept:
            out += [".PP", ".nf", *map(escaped, lines), ".fi"]
        else:
            out += [".PP", escaped(" ".join(line.strip() for line in lines))]
    return out


def options(command: click.Command, context: click.Context) -> list[str]:
    """The options, each with its help and default, as --help writes them."""
    out: list[str] = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            out += [".TP", f"\\fB{escaped(record[0])}\\fR", escaped(" ".join(record[1].split()))]
    return out


def page(name: str, command: click.Command, context: click.Context, about: str) -> str:
    """The man page of one command, or of the whole."""
    title = name.upper().replace(" ", "-")
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [
        f'.TH "{escaped(title)}" "1" "" "remaptrace {__version__}" "User Commands"',
        ".SH NAME",
        f"{escaped(name.replace(' ', '-'))} \\- {escaped(about)}",
        ".SH SYNOPSIS",
        f"\\fB{escaped(name)}\\fR {escaped(usage)}",
        ".SH DESCRIPTION",
        *paragraphs(command.help or about),
    ]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for word, text in COMMANDS.items():
            lines += [".TP", f"\\fB{escaped(word)}\\fR", escaped(f"{text} See remaptrace-{word}(1).")]
    told = options(command, context)
    if told:
        lines += [".SH OPTIONS", *told]
    lines += [".SH EXIT STATUS"]
    for status, meaning in (
        (0, "fine"),
        (1, "findings: a failed expectation, a divergence, a difference"),
        (2, "usage"),
        (3, "unreadable input"),
        (70, "internal error"),
    ):
        lines += [".TP", f"\\fB{status}\\fR", meaning]
    others = (
        [f"remaptrace-{word}" for word in COMMANDS] if isinstance(command, click.Group) else ["remaptrace"]
    )
    lines += [".SH SEE ALSO", ", ".join(f"\\fB{escaped(word)}\\fR(1)" for word in others)]
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Every man page by the name of its file."""
    whole = click.Context(group, info_name="remaptrace")
    about = "replay what a program did with its memory on other Linux kernels, and compare"
    found = {"remaptrace.1": page("remaptrace", group, whole, about)}
    for word, text in COMMANDS.items():
        command = group.get_command(whole, word)
        assert command is not None
        context = click.Context(command, info_name=word, parent=whole)
        first = text[0].lower() + text[1:].rstrip(".")
        found[f"remaptrace-{word}.1"] = page(f"remaptrace {word}", command, context, first)
    return found


def completions() -> dict[str, str]:
    """The completion scripts by their place below share/."""
    found = {}
    for shell, place in COMPLETIONS.items():
        made = get_completion_class(shell)
        assert made is not None  # click has these three built in
        found[place] = made(group, {}, "remaptrace", "_REMAPTRACE_COMPLETE").source()
    return found


def main() -> int:
    """Write everything below the folder that is named."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m tools.manpages FOLDER\n")
        return 2
    folder = Path(sys.argv[1])
    files = {f"man/man1/{name}": text for name, text in pages().items()} | completions()
    for place, text in files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(files)} files below {folder}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
