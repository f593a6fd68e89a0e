"""`remaptrace completion`: the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .group import group


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
      bash:  remaptrace completion bash > ~/.local/share/bash-completion/completions/remaptrace
      zsh:   remaptrace completion zsh > ~/.zfunc/_remaptrace
      fish:  remaptrace completion fish > ~/.config/fish/completions/remaptrace.fish
    """
    shell_class = get_completion_class(shell)
    assert shell_class is not None  # click has these three built in
    click.echo(shell_class(group, {}, "remaptrace", "_REMAPTRACE_COMPLETE").source())
