"""Which programs there are, and what each holds."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import errorcodes as ec
from ..errors import InputError, UsageError
from ..lateclasses import dataclass
from ..trace.events import Trace

_PROGRAMS = Path(__file__).with_name("programs")


@dataclass(frozen=True)
class Conformance:
    """One program with the answers of `kernel`, as its folder is called."""

    kernel: str
    name: str
    path: Path

    @cached_property
    def text(self) -> str:
        """The scenario."""
        return self.path.read_text(encoding="utf-8")

    def trace(self) -> Trace:
        """The program as a trace with expectations."""
        from ..trace.scenario.read import read_scenario

        return read_scenario(self.text, name=self.name, path=str(self.path))

    def document(self) -> dict[str, Any]:
        """The scenario as plain data: name, about, arch, steps with their `expect`, vmas."""
        import yaml

        loaded = yaml.load(self.text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        assert isinstance(loaded, dict)
        return loaded


def corpus(kernels: str = "*") -> list[Conformance]:
    """The programs whose kernel fits the pattern `kernels`, by kernel and name.

    InputError RT820 if this installation has no programs, UsageError RT821 if none fits.
    """
    found = list(_programs())
    if not found:
        raise InputError(ec.RT_NO_CORPUS, "the conformance programs are not part of this installation")
    fitting = [program for program in found if fnmatchcase(program.kernel, kernels)]
    if not fitting:
        known = ", ".join(sorted({program.kernel for program in found}))
        raise UsageError(
            ec.RT_NO_PROGRAM,
            "no conformance program has answers of such a kernel",
            found=kernels,
            expected=known,
        )
    return fitting


def _programs() -> Iterator[Conformance]:
    if not _PROGRAMS.is_dir():
        return
    for folder in sorted(_PROGRAMS.iterdir()):
        for path in sorted(folder.glob("*.yaml")):
            yield Conformance(folder.name, path.stem, path)
