"""Who answers the programs of `verify` and `probe`: the options that name it, and what they mean."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ...errorcodes import RT_USAGE
from ...errors import UsageError

if TYPE_CHECKING:
    from ...native.transport import Transport

C = TypeVar("C", bound=Callable[..., Any])


def under_option(command: C) -> C:
    """--under: an emulator or a sandbox."""
    return click.option(
        "--under",
        metavar="COMMAND",
        help="Put an emulator or sandbox in front of the runner: 'qemu-x86_64', 'valgrind --tool=none'."
        " A word {} in it stands for the runner.",
    )(command)


def image_option(help: str, *, several: bool = False) -> Callable[[C], C]:
    """--in: a kernel image, as `image`; `several`: may be repeated, as `images`."""
    name = "images" if several else "image"
    return click.option(
        "--in", name, multiple=several, type=click.Path(dir_okay=False), metavar="IMAGE", help=help
    )


def export_option(help: str) -> Callable[[C], C]:
    """--export: programs to take along."""
    return click.option("--export", type=click.Path(file_okay=False), metavar="DIR", help=help)


def answers_option(help: str) -> Callable[[C], C]:
    """--answers: what such a folder brought back."""
    return click.option("--answers", type=click.Path(file_okay=False), metavar="DIR", help=help)


def transport_of(under: str | None, image: str | None = None, answers: str | None = None) -> Transport:
    """Who answers. Raises UsageError (RT501) for a command that cannot be read, InputError RT822 for no image.

    InputError RT806 for a folder without answers to its programs.
    """
    from ...native.transport import Started

    if answers is not None:
        from ...native.folder import Folder

        return Folder(answers)
    if image is not None:
        from ...native.image import Image

        return Image.at(image)
    if under is None:
        return Started()
    try:
        words = shlex.split(under)
    except ValueError as error:
        raise UsageError(RT_USAGE, f"--under: {error}", found=under) from None
    if not words:
        raise UsageError(RT_USAGE, "--under names no command", found=under)
    return Started(tuple(words))


def architecture_of(transport: Transport) -> str | None:
    """The architecture of an image that is one of its own: User-mode Linux; None: the running one."""
    from ...native.image import Image

    return "um-x86_64" if isinstance(transport, Image) and transport.kind == "uml" else None
