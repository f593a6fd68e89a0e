"""The machine of a source: what a user names, else what the source says of itself, else the default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from ..defaults import DEFAULT_ARCH
from ..errorcodes import RT_ARCH
from ..errors import InputError
from .machine import Machine
from .versions.releases import default_for, preset_for, preset_of_folder

_NAMES = "NAME (`remaptrace arches` lists them)"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Source(Protocol):
        """What a trace says of the machine that it comes from."""

        arch: str | None
        kernel: str | None  # the release that recorded it
        foreign: str  # why no machine here can be that which recorded it

        @property
        def machine(self) -> Mapping[str, Any]: ...  # its own `machine:`

        @property
        def sources(self) -> Iterable[str]: ...  # paths; a folder may be named after a kernel


def refuse_foreign(source: Source, arch: str | None) -> None:
    """InputError RT402 if nobody names an architecture for a source whose machine is none that is known here."""
    if arch is None and source.foreign:
        path = next(iter(source.sources), "")
        raise InputError(
            RT_ARCH, source.foreign, path, expected=f"--arch {_NAMES}: answers are then not compared"
        )


def own_machine(
    source: Source,
    arch: str | None = None,
    kernel: str | None = None,
    settings: Mapping[str, object] | None = None,
    host: str | None = None,
) -> Machine:
    """The machine for `source`, as far as the arguments leave it open; `settings` are rules, `ram` and `swap`.

    UsageError as `Machine.load`.
    """
    wanted = dict(source.machine)
    rules = wanted.pop("set", {})
    below = wanted.pop("host", None)
    arch = arch or source.arch or DEFAULT_ARCH
    if kernel is None:
        named = source.kernel or preset_of_folder(source.sources)
        kernel = preset_for(named) if named else default_for(arch)
    asked = {**rules, **wanted, **(settings or {})}
    return (
        Machine.load(arch, kernel, asked, host or below) if asked else _as_it_is(arch, kernel, host or below)
    )


@lru_cache(maxsize=64)
def _as_it_is(arch: str, kernel: str, host: str | None) -> Machine:
    """That machine, the same for all programs of one kernel: nothing of it is to be changed."""
    machine = Machine.load(arch, kernel, {}, host)
    for words in (machine.rules, machine.archwords):
        words.flags.writeable = False
    return machine
