"""How far a Result agrees with the truth: what was recorded, or what a scenario expects.

Made by ``result.truth`` (recorded runs) and ``result.expect`` (scenarios), read by every report.
"""

from __future__ import annotations

from ..errors import RemapTraceError
from ..lateclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal


FIRST = 20
"""How many disagreements are kept in full; the tallies count all of them."""


@dataclass(frozen=True)
class Tally:
    """Of `total` comparisons of one kind, `agree` came out equal."""

    agree: int
    total: int

    @property
    def complete(self) -> bool:
        """True when nothing disagrees."""
        return self.agree == self.total


@dataclass(frozen=True)
class Disagreement:
    """One comparison that came out different, with its way back into the source."""

    what: str  # the field: "result", "outcome", "minor", "map_count", "maps", "vmas", ...
    event: int  # row of the trace, -1: the end
    tid: int
    path: str
    line: int
    call: str  # the step or call, one line, as `trace.wording.event_text` shows it
    expected: str
    simulated: str


@dataclass(frozen=True)
class Ground:
    """What the agreement of a recorded run rests on.

    The first four add up to the answers that agree, `faults_*` to the page faults that agree.

    `no_truth` names tallies that the recording has nothing for.
    """

    free: int  # could have come out otherwise
    placed: int  # an address that the recording gave
    assumed: int  # rests on areas or files that were assumed because of this very answer
    guessed: int  # a refusal that only agrees because nothing is known of that memory
    faults_free: int  # in areas that were there without them
    faults_kind: int  # read or write is not recorded: one that faults was taken
    faults_assumed: int  # rests on areas or lengths of files that were assumed because of this very fault
    no_truth: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckOutcome:
    """Agreement of one scenario or one recorded run.

    `tallies` maps what was compared to counts. Scenarios have "steps" (a step agrees when every
    expected field does) and "end_areas" (the list of areas behind the last step). Recorded runs have
    those of "answers" (recorded results), "map_counts", "counters" (total_vm and friends), "map_files",
    "faults" for which the recording has truth.
    """

    name: str
    path: str
    kind: Literal["program", "set"]
    tallies: dict[str, Tally]
    disagreements: tuple[Disagreement, ...] = ()  # the first ones, in order of events
    skipped: int = 0  # unreadable source lines
    notes: tuple[str, ...] = ()
    error: RemapTraceError | None = None  # it could not be read or replayed at all
    seconds: float = 0.0
    arch: str = ""
    kernel: str = ""
    ground: Ground | None = None  # of recorded runs

    @property
    def agrees(self) -> bool:
        """True when everything that could be compared was equal and something was compared."""
        return self.error is None and bool(self.tallies) and all(t.complete for t in self.tallies.values())
