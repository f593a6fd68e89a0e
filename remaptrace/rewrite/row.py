"""One event that a pass reads, and what a table of them says."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..abi import kinds as ev
from ..abi.errnos import ENOMEM
from ..engine.whatif.words import PAGE

_NO_EFFECT = ev.EVF_INJECTED | ev.EVF_UNFINISHED


class Row(NamedTuple):
    """One event as the engine reads it."""

    kind: int
    task: int
    a0: int
    a1: int
    a2: int
    a3: int
    a4: int
    a5: int
    ret: int
    flags: int

    @property
    def failed(self) -> bool:
        """True if the recording says that the call was refused, or had no effect."""
        return bool(self.flags & _NO_EFFECT) or (bool(self.flags & ev.EVF_HAS_RET) and -4096 < self.ret < 0)

    @property
    def met_a_hole(self) -> bool:
        """True for an mprotect that was refused because of one: it has changed what lies before it."""
        return self.kind == ev.K_MPROTECT and self.ret == -ENOMEM and not self.flags & _NO_EFFECT


def failed_rows(flags: npt.NDArray[Any], ret: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """`Row.failed` of every row, by these columns."""
    refused = (flags & ev.EVF_HAS_RET != 0) & (ret < 0) & (ret > -4096)
    return np.asarray((flags & _NO_EFFECT != 0) | refused)


def page_up(value: int) -> int:
    """`value` bytes rounded up to whole pages."""
    return (value + PAGE - 1) & -PAGE
