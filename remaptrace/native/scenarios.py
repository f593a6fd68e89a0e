"""Scenarios and recordings as plain steps, for a kernel to be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import errorcodes as ec
from ..errors import UsageError
from ..lateclasses import dataclass, replace
from .program import KNOWN, operation, to_lines
from .steps import Program
from .wire import PROGRAM_STEPS

if TYPE_CHECKING:
    from ..trace.events import Trace


@dataclass(frozen=True)
class Asking:
    """A program, and what became of that in its source which is no step."""

    program: Program
    notes: tuple[str, ...] = ()


def read_steps(path: str) -> Program:
    """The program of the scenario or recording at `path`; see `read_programs`."""
    return read_programs(path)[0].program


def read_programs(path: str, pid: int | None = None) -> list[Asking]:
    """The steps of each scenario at `path`, and of the process `pid` (the busiest without) of each recording there.

    Loops and names come out as plain steps. Raises InputError as reading does, UsageError (RT804) for steps that
    only a simulation can do, RT503 for a process that is not there.
    """
    from ..trace.detect import discover

    return [_asking(item.load(), item.name, item.paths[0], pid) for item in discover([path])]


def _asking(trace: Trace, name: str, path: str, pid: int | None) -> Asking:
    if not trace.recorded:
        return _cut(_program(trace, trace.name or name, path), [])
    from ..trace.workload.build import workload

    made = workload(trace, pid)
    name = trace.name or name
    return _cut(_program(made.trace, name, path), made.notes)


def _cut(program: Program, notes: list[str]) -> Asking:
    """As many of the first steps as the runner does, with a note where there are more."""
    count = len(program.steps)
    if count > PROGRAM_STEPS:
        notes = [*notes, f"the first {PROGRAM_STEPS:,} of {count:,} steps"]
        program = replace(program, steps=program.steps[:PROGRAM_STEPS])
    return Asking(program, tuple(f"{program.name}: {note}" for note in notes))


_SIMULATED = {"sp", "child", "disk"}
"""Arguments that only a simulation takes."""


def _program(trace: Trace, name: str, path: str) -> Program:
    """The steps of a trace that steps can say. The areas there are before them are always those of the runner."""
    import yaml

    from ..trace.scenario.steps import STEPS
    from ..trace.scenario.write import write_yaml

    document = yaml.load("".join(write_yaml(trace)), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    steps = [{k: v for k, v in step.items() if k != "expect"} for step in document["steps"] or []]
    for number, step in enumerate(steps):
        operation_ = operation(step)
        if not isinstance(step[operation_], dict) and operation_ in STEPS and STEPS[operation_].scalar:
            step[operation_] = {STEPS[operation_].scalar: step[operation_]}
        arguments = step[operation_] if isinstance(step[operation_], dict) else {}
        simulated = sorted(k for k in _SIMULATED & arguments.keys() if arguments[k] not in (0, None, False))
        if operation_ not in KNOWN or len(step) != 1 or simulated:
            found = " ".join([operation_, *simulated, *(["pid"] if "pid" in step else [])])
            raise UsageError(
                ec.RT_NATIVE_STEP, f"step {number} cannot be run on this kernel", path=path, found=found
            )
        if operation_ == "diskfile":
            to_lines([step])  # refused where a kernel cannot be asked for it
        address = arguments.get("addr")
        if operation_ == "brk" and isinstance(address, int) and address and "brk_start" in document:
            step["brk"] = {"offset": address - document["brk_start"]}
        elif operation_ == "write" and arguments.get("value", -1) < 0:
            arguments["value"] = 0
    return Program(name, steps, True, path)
