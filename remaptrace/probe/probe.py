"""The whole of a probe: ask, choose, weigh, search for what is open, and ask again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..lateclasses import dataclass, field
from ..machine.kernel import parse_rule
from ..machine.rules import RULES
from ..native.folder import Folder
from ..native.profiles import PROFILES
from ..native.steps import Program
from ..native.transport import Transport
from ..native.verify import Asked, ask
from ..native.wire import Where
from .case import Case, Flip, alternatives, with_value
from .choose import Change, choose
from .corpus import programs
from .evidence import Verdict, weigh
from .readable import values_read
from .search import Search

if TYPE_CHECKING:
    from ..machine.machine import Machine

Progress = Callable[[str, int, int], None]


@dataclass
class Probe:
    """What came of it. `unexplained`: case and first disagreement of programs that no value explains."""

    where: Where
    base: str
    start: Machine
    machine: Machine
    read: dict[str, tuple[str, str]]
    cases: list[Case]
    changes: list[Change] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    unanswered: list[tuple[str, str]] = field(default_factory=list)  # program, how it ended
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def unexplained(self) -> list[tuple[str, str]]:
        """Programs that disagree whatever the values."""
        failing = ((c, c.reach(self.machine)) for c in self.cases if not c.agrees(self.machine))
        return [(case.name, reach.said) for case, reach in failing]

    @property
    def decided(self) -> list[str]:
        """Yes/no and choice rules all of whose other values are contradicted."""
        return [name for name, verdict in self.verdicts.items() if verdict.decided]


def probe(
    transport: Transport,
    base: str | None,
    *,
    arch: str,
    rounds: int = 3,
    search: int = 4,
    progress: Progress | None = None,
    falsify: Callable[[list[Asked]], list[Asked]] | None = None,
) -> Probe:
    """Find the values that fit what `transport` answers, beginning from the preset `base` (None: of its release).

    `rounds` random programs of each subject are asked, and `search` of each are looked through for rules that are
    still open; a folder of answers has its own programs. `falsify` (tests) changes answers. Raises as asking does.
    """
    from ..machine.machine import Machine
    from ..machine.versions.releases import preset_for
    from ..native.place import release_of

    tell = progress or (lambda *_: None)
    where = transport.ask([]).where
    name = base or preset_for(release_of(where))
    skipped: dict[str, str]
    if isinstance(transport, Folder):  # it was asked elsewhere, and cannot be asked again
        wanted, skipped, search = transport.programs, {}, 0
    else:
        wanted, skipped = programs(transport, rounds)
    tell("ask", 0, len(wanted))
    where, asked = ask(wanted, transport, areas=True)
    if falsify is not None:
        asked = falsify(asked)
    cases, unanswered = _cases(asked)
    read = values_read(where)
    machine = Machine.load(arch, name)
    for rule, (value, _) in read.items():
        machine = with_value(machine, (rule, parse_rule(RULES[rule], value)))
    found = Probe(where, name, machine, machine, read, cases, [], {}, unanswered, skipped)
    long = [case for case in cases if case.decides]
    found.cases = [case for case in cases if not case.decides]
    found.machine, found.changes = choose(found.cases, machine, lambda a, b: tell("choose", a, b))
    found.verdicts = weigh(found.cases, found.machine, progress=lambda a, b: tell("weigh", a, b))
    if search:
        _search(found, transport, search, tell)
    for done, case in enumerate(long):
        tell("weigh", done, len(long))
        _weigh_long(found, case)
    return found


def _weigh_long(found: Probe, case: Case) -> None:
    """Add a case that takes long to replay: only the values of its own rule are tried."""
    name = case.decides
    before = found.machine.kernel.values[name]
    for flip in [(name, before), *alternatives(found.machine, name)]:
        if case.agrees(with_value(found.machine, flip)):
            if flip[1] != before and found.verdicts[name].decided:
                break  # shorter ones contradict it: nothing explains this one
            if flip[1] != before:
                found.changes.append(Change(name, before, flip[1], case.name))
                found.machine = with_value(found.machine, flip)
            if not found.verdicts[name].decided:
                found.verdicts[name] = weigh([case], found.machine, [name])[name]
            break
    found.cases.append(case)


def _cases(asked: list[Asked]) -> tuple[list[Case], list[tuple[str, str]]]:
    cases, unanswered = [], []
    for one in asked:
        if one.run is None:
            why = one.failure.found or one.failure.problem if one.failure else "no answer"
            unanswered.append((one.program.name, str(why)))
        else:
            cases.append(Case.of(one))
    return cases, unanswered


def _search(found: Probe, transport: Transport, rounds: int, tell: Progress) -> None:
    """Look for programs that tell open values apart, ask them, and weigh again."""
    open_: list[Flip] = [
        (name, value)
        for name, verdict in found.verdicts.items()
        for value in verdict.open
        if name not in found.read
    ]
    like = next((c.run for c in found.cases if c.run is not None), None)
    profiles = [name for name in PROFILES if name not in found.skipped]
    looking = Search(found.machine, profiles, like)
    new = looking.search(open_, rounds, progress=lambda a, b: tell("search", a, b))
    programs_: list[Program] = list({repr(p.steps): p for p in new.values()}.values())
    if not programs_:
        return
    _, asked = ask(programs_, transport, areas=True)
    cases, unanswered = _cases(asked)
    found.cases += cases
    found.unanswered += unanswered
    found.machine, changes = choose(found.cases, found.machine)
    found.changes += changes
    rules = None if changes else [name for name, _ in new]
    found.verdicts.update(weigh(found.cases, found.machine, rules))
