"""Making programs small where nobody can be asked again: answers that were brought back in a folder.

A step may go only if it cannot have had a part in what a later one found: it touched no page that this one, or one
that stays, touches or borders on, and is not about the whole process. What is left has the answers that were given
to it, and is believed only if the replay of it shows the disagreement still and no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...lateclasses import replace
from ..answers import Area, NativeRun
from ..program import PAGE, operation
from ..steps import Step
from ..verify import Asked, compare
from .classes import Look
from .kinds import Kind, first_of
from .shrink import keep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...machine.machine import Machine

Ranges = list[tuple[int, int]]  # bytes: first, behind the last
_FILES = frozenset({"memfd", "reopen", "dup", "ftruncate", "punch_hole", "pwrite", "pread", "seal", "close"})
_LOOKS = frozenset({"dump", "pages", "mincore"})


_ATOMIC = (
    "nothing mapped",
    "one area",
    "unaligned address",
    "beyond user space",
    "length 0",
    "unknown flags",
)


def without(asked: Asked, number: int, kind: Kind) -> Asked | None:
    """The program without a step that failed there and changed nothing, with all other answers; None: it may have.

    A call over several areas may have changed some of them before it failed.
    """
    run, program = asked.answered(), asked.program
    if "error" not in run.expects[number] or not kind.arguments.endswith(_ATOMIC):
        return None
    numbers = [n for n in range(len(program.steps)) if n != number]
    steps = keep(program.steps, numbers)
    if len(steps) < len(numbers) or not steps:
        return None
    mine = _renamed(run, numbers)
    return replace(asked, program=replace(program, steps=steps), run=mine)


def part(asked: Asked, numbers: list[int]) -> Asked | None:
    """The steps `numbers` with what was answered to them; None where one of them needs a step that is left out.

    Areas behind steps are kept where all steps up to the last one are; the state at the end is not known.
    """
    run, program = asked.answered(), asked.program
    steps = keep(program.steps, numbers)
    if len(steps) < len(numbers):
        return None
    whole = numbers == list(range(len(numbers)))
    mine = _renamed(run, numbers)
    expects = [_without_areas(e, whole=whole) for e in mine.expects]
    mine = replace(mine, expects=expects, vmas=None, behind=mine.behind if whole else {})
    return replace(asked, program=replace(program, steps=steps), run=mine)


def _renamed(run: NativeRun, numbers: list[int]) -> NativeRun:
    """The answers to the steps `numbers`, in which objects have the names of the steps as they count now."""
    names = {f"shm@{old}": f"shm@{new}" for new, old in enumerate(numbers)}
    lists: dict[int, list[Area]] = {}

    def areas(given: list[Area]) -> list[Area]:
        if id(given) not in lists:
            lists[id(given)] = [
                {**a, "file": names.get(a["file"], a["file"])} if "file" in a else a for a in given
            ]
        return lists[id(given)]

    expects = [run.expects[n] for n in numbers]
    return replace(
        run,
        expects=[{**e, "vmas": areas(e["vmas"])} if "vmas" in e else e for e in expects],
        vmas=None if run.vmas is None else areas(run.vmas),
        behind={new: areas(run.behind[old]) for new, old in enumerate(numbers) if old in run.behind},
    )


def _without_areas(expect: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    return expect if whole else {k: v for k, v in expect.items() if k != "vmas"}


def small(asked: Asked, number: int, kind: Kind, machine: Machine, wanted: Sequence[str]) -> Asked | None:
    """The steps up to `number` that had a part in what it showed, with their answers.

    All steps up to it where the replay of fewer does not show the same, or where areas are what differs.
    """
    needed = part(asked, concerned(asked, number))
    if needed is not None and kind.what != "areas":
        verdict = compare(needed, machine, [w for w in wanted if w not in ("flags", "areas")])
        first = first_of(needed, verdict)
        last = len(needed.program.steps) - 1
        if first is not None and first[0] == last and _same(first[1], kind):
            return needed
    return part(asked, list(range(number + 1)))


def _same(a: Kind, b: Kind) -> bool:
    """Whether two kinds are one but for what is mapped where the call goes, which parts of programs do not tell."""
    return (a.call, a.what, a.there, a.here) == (b.call, b.what, b.there, b.here)


def concerned(asked: Asked, number: int) -> list[int]:
    """The steps up to `number` that share pages with it, or with one of them, and those about the whole process."""
    run, steps = asked.answered(), asked.program.steps
    found = {number}
    files = _file_names(steps[number])
    ranges = _touched(steps[number], number, run) or []
    for n in range(number - 1, -1, -1):
        name = operation(steps[n])
        if name in _FILES:
            if _file_names(steps[n]) & files:
                found.add(n)
                files |= _file_names(steps[n])
            continue
        if name in _LOOKS:
            continue
        touched = _touched(steps[n], n, run)
        if touched is None or any(a < d and c < b for a, b in touched for c, d in ranges):
            found.add(n)
            files |= _file_names(steps[n])
            ranges += touched or []
    return sorted(found)


def _file_names(step: Step) -> set[str]:
    arguments = step[operation(step)]
    values = (arguments.get(key) for key in ("id", "fd", "new_fd")) if isinstance(arguments, dict) else ()
    return {v for v in values if isinstance(v, str)}


def _touched(step: Step, number: int, run: NativeRun) -> Ranges | None:
    """The pages that a step is about and those beside them; None: the whole process."""
    name = operation(step)
    arguments = step[name] if isinstance(step[name], dict) else {"addr": step[name]}
    if "addr" not in arguments:
        return None
    look = Look(run, number)
    lengths = [
        look.number(arguments[k]) for k in ("length", "size", "old_length", "new_length") if k in arguments
    ]
    length = max([PAGE, *lengths])
    starts = [look.number(arguments["addr"])]
    if "new_addr" in arguments:
        starts.append(look.number(arguments["new_addr"]))
    result = run.expects[number].get("result", 0)
    if name in ("mmap", "mremap", "shmat") and isinstance(result, int) and result:
        starts.append(result)
    return [(start - PAGE, start + length + PAGE) for start in starts]
