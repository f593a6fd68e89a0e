"""Which kernel preset stands for the release that a recording names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache

from ...defaults import DEFAULT_KERNEL
from ...patterns import pattern
from .. import presets
from .derive import stands_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

_NEWEST_26 = "linux-2.6.21"

_RELEASE = pattern(r"(?:linux-|Linux )?(\d+)\.(\d+)(?:\.(\d+))?")


def preset_for(release: str) -> str:
    """The preset of that name, else the name under which the release is derived (from 4.0 on).

    Else the newest preset that is not newer, else the oldest.

    What is no release at all comes back as it is, for the error message of `load_kernel`.

    >>> preset_for("6.18.44-generic"), preset_for("6.5.0-14-generic"), preset_for("2.6.21.7")
    ('linux-6.18', 'linux-6.5', 'linux-2.6.21')
    """
    if release in presets.names("kernels"):
        return release
    exact = stands_for(release)
    if exact is not None:
        return exact
    match = _RELEASE.match(release)
    if not match:
        return release
    wanted = _version(match)
    known = sorted(
        (_version(m), name)
        for name in presets.names("kernels")
        if (m := _RELEASE.fullmatch(name)) is not None
    )
    older = [name for version, name in known if version <= wanted]
    return older[-1] if older else known[0][1]


def preset_of_folder(paths: Iterable[str]) -> str | None:
    """The preset after which the folder of a file is named: answers of kernels are kept that way.

    >>> preset_of_folder(["conformance/linux-2.6.20-i386/hand-01.yaml"])
    'linux-2.6.20'
    """
    for path in paths:
        folder = os.path.basename(os.path.dirname(path))
        fits = [name for name in presets.names("kernels") if f"{folder}-".startswith(f"{name}-")]
        if fits:
            return max(fits, key=len)
    return None


@cache
def default_for(arch: str) -> str:
    """The newest kernel that an architecture (name or alias) is described for.

    >>> default_for("x86_64"), default_for("um-i386")
    ('linux-6.18', 'linux-2.6.21')
    """
    from ..arch import eras_of

    eras = eras_of(arch)
    return _NEWEST_26 if "2.6" in eras and "modern" not in eras else DEFAULT_KERNEL


def _version(match: re.Match[str]) -> tuple[int, ...]:
    """Numbers that decide; the third one counts in 2.6 only."""
    major, minor, patch = (int(n or 0) for n in match.groups())
    return (major, minor, patch) if (major, minor) == (2, 6) else (major, minor)
