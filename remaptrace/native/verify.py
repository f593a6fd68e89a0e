"""A kernel as judge: programs are answered there, replayed here, and compared step by step.

Programs are answered by a `transport`, the answers become the expectations of a scenario, and the replay of
that scenario is compared with them by the same code that `remaptrace check` uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .. import errorcodes as ec
from ..errors import InputError
from ..lateclasses import dataclass, replace
from .answers import NativeRun, read_answers
from .generate import generate
from .program import to_lines
from .scenario_file import scenario_text
from .steps import Program, Step
from .transport import Started, Transport
from .wire import PROGRAM_BYTES, Answer, Where

if TYPE_CHECKING:
    from ..machine.machine import Machine
    from ..result.agreement import CheckOutcome
    from ..trace.events import Trace

COMPARED = ("results", "outcomes", "values", "faults", "areas", "flags", "pages")
"""What `--compare` can name. Areas: of dumps, behind every step, at the end; flags: VmFlags; pages: page letters."""
_FIELDS = {
    **dict.fromkeys(("result", "error", "continues_in"), "results"),
    **dict.fromkeys(("outcome", "code"), "outcomes"),
    **dict.fromkeys(("value", "eof"), "values"),
    **dict.fromkeys(("minor_faults", "major_faults"), "faults"),
    **dict.fromkeys(("resident", "pages"), "pages"),
    "vmas": "areas",
}


@dataclass(frozen=True)
class Asked:
    """One program and what the other side answered, or why it did not."""

    program: Program
    run: NativeRun | None
    failure: InputError | None = None
    reached: int = 0  # steps answered, where the program did not run to its end
    began: bool = True

    def answered(self) -> NativeRun:
        """The answers. Raises InputError where there are none."""
        if self.run is None:
            raise self.failure or InputError(ec.RT_NATIVE_END, "the program was not answered")
        return self.run

    def text(self, about: str = "as the running kernel answers", *, areas: bool = False) -> str:
        """The scenario of the program with the answers; with `areas` those behind every step that changed them."""
        p = self.program
        return scenario_text(p.name, about, p.steps, self.run, whole=p.whole, areas=areas)


@dataclass(frozen=True)
class Verdict:
    """One program on both sides. `text` is the scenario with the kernel's answers."""

    asked: Asked
    outcome: CheckOutcome
    text: str
    steps_by_event: dict[int, int]

    @property
    def name(self) -> str:
        """The name of the program."""
        return self.asked.program.name

    def step_of(self, event: int) -> int:
        """The number of the step of an event; -1 for the end."""
        return self.steps_by_event.get(event, -1)

    @property
    def steps(self) -> int:
        """How many steps it has."""
        return len(self.asked.program.steps)


def ask(
    programs: Sequence[Program], transport: Transport, *, areas: bool = False
) -> tuple[Where, list[Asked]]:
    """Where the programs were answered, and what to each of them, all in one start.

    Raises InputError (RT806) where nothing can be asked, UsageError (RT804) for steps that only a simulation does.
    """
    texts = [to_lines(p.steps) for p in programs]
    long = {n for n, text in enumerate(texts) if len(text) > PROGRAM_BYTES}
    reply = transport.ask([text for n, text in enumerate(texts) if n not in long], areas=areas)
    answers = iter(reply.answers)
    asked = []
    for n, program in enumerate(programs):
        answer = Answer("", "too long for the runner") if n in long else next(answers, Answer("", "missing"))
        try:
            run = read_answers(program.steps, answer, whole=program.whole, areas=areas)
            asked.append(Asked(program, run))
        except InputError as error:
            text = f"\n{answer.text}"
            asked.append(Asked(program, None, error, text.count("\n= "), "\nbegin" in text))
    return reply.where, asked


def ask_kernel(steps: Sequence[Step], *, whole: bool, transport: Transport | None = None) -> NativeRun:
    """What the running kernel answers to `steps`; `whole`: see `answers.read_answers`. Raises as those do."""
    _, (asked,) = ask([Program("", list(steps), whole)], transport or Started())
    return asked.answered()


def narrowed(run: NativeRun, compare: Sequence[str]) -> NativeRun:
    """The answers without what is not compared: see `COMPARED`."""
    wanted = set(compare)
    if wanted == set(COMPARED):
        return run
    expects = [{k: v for k, v in e.items() if _FIELDS.get(k, "results") in wanted} for e in run.expects]
    vmas = run.vmas if "areas" in wanted else None
    if "flags" not in wanted and vmas is not None:
        at_end = run.behind.get(len(run.expects) - 1, vmas)  # maps, not smaps, which not every emulator has
        vmas = [{k: v for k, v in area.items() if k != "vmflags"} for area in at_end]
    return replace(run, expects=expects, vmas=vmas, behind=run.behind if "areas" in wanted else {})


def compare(
    asked: Asked, machine: Machine, compare: Sequence[str] = COMPARED, *, written: bool = False
) -> Verdict:
    """Replay a program that was answered on `machine`, and compare what both answer.

    The areas behind the steps are compared where they were asked for; with `written` the text has them too.
    """
    from ..engine.run.driver import replay
    from ..result.expect import check_expectations
    from ..trace.scenario.read import read_scenario

    run = narrowed(asked.answered(), compare)
    asked = replace(asked, run=run)
    text, name = asked.text(areas=written), asked.program.name
    trace = read_scenario(text, name=name)
    if run.behind and not written:
        trace = with_areas(trace, run.behind)
    by_event = {e.event: e.step for e in trace.expects if e.event >= 0}
    return Verdict(asked, check_expectations(replay(trace, machine), name), text, by_event)


def with_areas(trace: Trace, behind: dict[int, list[dict[str, Any]]]) -> Trace:
    """`trace`, a scenario of ours, with the areas behind its steps among what is expected."""
    from ..abi.kinds import EVF_OBSERVE

    flags = trace.columns["flags"].copy()
    expects = []
    for given in trace.expects:
        areas = behind.get(given.step) if given.event >= 0 and "vmas" not in given.fields else None
        if areas is None:
            expects.append(given)
            continue
        flags[given.event] |= EVF_OBSERVE
        expects.append(replace(given, fields={**given.fields, "vmas": areas}))
    return replace(trace, expects=tuple(expects), columns={**trace.columns, "flags": flags})


def verify_steps(
    steps: Sequence[Step], machine: Machine, name: str, *, whole: bool, transport: Transport | None = None
) -> Verdict:
    """Do `steps` on the other side (the running kernel) and on `machine`, and compare all that both answer."""
    _, (asked,) = ask([Program(name, list(steps), whole)], transport or Started(), areas=True)
    return compare(asked, machine)


def random_programs(
    operations: int,
    seed: int,
    profiles: Sequence[str],
    length: int = 50,
    without: frozenset[str] = frozenset(),
) -> Iterator[Program]:
    """Programs of `length` steps and some before them, profile by profile in turn, until `operations` are made.

    `without`: see `generate.generate`.
    """
    made, number = 0, seed
    while made < operations:
        for profile in profiles:
            steps = generate(number, profile, min(length, operations - made), without)
            yield Program(f"{profile}-{number}", steps, whole=True)
            made += len(steps)
            if made >= operations:
                return
        number += 1
