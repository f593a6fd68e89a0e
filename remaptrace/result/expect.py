"""Comparing a Result with what a scenario expects: every field of every `expect`, none skipped.

A step agrees when all its fields do. The last `vmas` list counts as a step of its own. A field that this
module does not know, or that the step cannot answer, disagrees and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from os.path import splitext

from ..abi.errnos import errno_name
from ..abi.kinds import K_EXECUTE, K_FORK, K_FORK_STEP, K_FORK_WAIT, K_MAKEFILE, K_READ
from ..abi.outcomes import NAMES
from ..abi.rows import RSF_DEAD, RSF_UNMODELLED
from ..abi.signals import SIGCODES
from ..trace.answers import told
from ..trace.events import Expectation, Trace
from ..trace.opening import last_name
from ..trace.scenario.answered import answered_kernel
from ..trace.scenario.expect import listed
from ..trace.scenario.startareas import PART, part_of
from ..trace.wording import event_text, result_text
from .agreement import FIRST, CheckOutcome, Disagreement, Tally
from .areafields import area_fields, area_words, as_wanted, same_field
from .result import PagesRow, Result, Snapshot, VmaRow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_U64 = 1 << 64
_NOTHING = "no answer"

Answer = tuple[bool | None, str, str]
"""Equal or not, expected and simulated in words; None: nothing told what the answer is made of."""
_EQUAL: Answer = (True, "", "")
"""Nobody asks for the words of what is equal."""


def check_expectations(result: Result, name: str = "", path: str = "", seconds: float = 0.0) -> CheckOutcome:
    """How far `result` agrees with the expectations of its scenario; the rest is shown as given."""
    trace = result.trace
    kernel, arch = result.machine.kernel.name, result.machine.arch.label
    agree = {"steps": 0, "end_areas": 0}
    total = dict(agree)
    found: list[Disagreement] = []
    untold = 0
    own = _own_faults(trace) if answered_kernel(trace.about) else {}
    few = len(trace) <= _FEW
    returned, flags = ((c.tolist() if few else c) for c in (result.columns["ret"], result.columns["flags"]))
    for event, step, line, usual, on in told(trace.expects):
        fields = Expectation(event, step, line, usual, on).fields_for(kernel, arch) if on else usual
        if not fields:
            continue
        if event >= 0 and not flags[event] & _NOT_COMPARED and _is_all(fields, int(returned[event])):
            total["steps"] += 1
            agree["steps"] += 1
            continue
        what = "steps" if event >= 0 else "end_areas"
        compared, differing = _compare(result, event, line, fields, own.get(event, 0))
        untold += len(fields) - compared
        if compared == 0:
            continue
        total[what] += 1
        agree[what] += not differing
        if len(found) < FIRST:
            found += differing
    notes = [f"{untold} answers hold what nothing told: not compared"] if untold else []
    return CheckOutcome(
        name=name or trace.name or splitext(last_name(_path(trace)))[0],
        path=path or _path(trace),
        kind="program",
        tallies={what: Tally(agree[what], n) for what, n in total.items() if n or what == "steps"},
        disagreements=tuple(found[:FIRST]),
        notes=(*trace.notes, *result.notes, *notes),
        seconds=seconds,
        arch=arch,
        kernel=kernel,
    )


_FEW = 1 << 16
"""Events whose results are looked at as lists, which are read faster one by one."""
_NOT_COMPARED = RSF_UNMODELLED | RSF_DEAD


def _is_all(fields: dict[str, Any], returned: int) -> bool:
    """Whether `fields` are what a call returned and nothing else, as those of most steps; False: to be compared."""
    if len(fields) != 1:
        return False
    if "error" in fields:
        return -4095 <= returned < 0 and errno_name(-returned) == fields["error"]
    return "result" in fields and bool(fields["result"] == returned)


def _path(trace: Trace) -> str:
    return trace.sources[0] if trace.sources else ""


def _own_faults(trace: Trace) -> dict[int, int]:
    """By event: how many faults of its own pages an answered program may have counted with an access.

    It counts by getrusage what it writes down itself, too. Behind a fork those pages are shared with the child: the
    first access may count one of them, and the first signal one for its handler's, as the first signal of all may.
    """
    out: dict[int, int] = {}
    kinds = trace.columns["kind"].tolist()
    signals = {e.event for e in trace.expects if str(e.fields.get("outcome", "")).startswith("SIG")}
    access, signal = False, True
    for event, kind in enumerate(kinds):
        if kind in (K_FORK, K_FORK_STEP, K_FORK_WAIT):
            access = signal = True
        elif K_READ <= kind <= K_EXECUTE:
            trapped = event in signals
            out[event] = int(access) + int(signal and trapped)
            access = False
            signal = signal and not trapped
    return out


def _compare(
    result: Result, event: int, line: int, fields: dict[str, Any], own: int = 0
) -> tuple[int, list[Disagreement]]:
    """How many fields of one step could be compared, and those that came out different."""
    trace = result.trace
    out: list[Disagreement] = []
    compared = 0
    flags = int(result.columns["flags"][event]) if event >= 0 else 0
    equal: bool | None
    for name, wanted in fields.items():
        if flags & RSF_UNMODELLED:
            equal, expected, simulated = False, str(wanted), "not modelled"
        elif flags & RSF_DEAD:
            equal, expected, simulated = False, str(wanted), "the process had ended"
        else:
            answer = _ANSWERS.get(name)
            if answer is None:
                equal, expected, simulated = False, str(wanted), f"no comparison for the field '{name}'"
            else:
                equal, expected, simulated = answer(result, event, wanted)
                if not equal and name in ("outcome", "code") and _ran_on(result, event, fields):
                    equal = None
                if not equal and own and name == "minor_faults" and 0 < wanted - int(simulated) <= own:
                    equal = None
        if equal is None:
            continue
        compared += 1
        if not equal:
            tid = int(trace.tasks["tid"][trace.columns["task"][event]]) if event >= 0 else 0
            call = event_text(trace, event) if event >= 0 else "areas after the last step"
            out.append(Disagreement(name, event, tid, _path(trace), line, call, expected, simulated))
    return compared, out


def _ran_on(result: Result, event: int, fields: dict[str, Any]) -> bool:
    """Whether an answered program fetched an instruction and then met a signal by executing it.

    Nothing tells the bytes and registers. Where the fetch works, memory is mapped, so SEGV_MAPERR is not the fetch's.
    """
    fetch = int(result.trace.columns["kind"][event]) == K_EXECUTE and bool(
        answered_kernel(result.trace.about)
    )
    worked = NAMES[int(result.columns["outcome"][event])] == "ok"
    return fetch and worked and fields.get("code") == "SEGV_MAPERR"


# ---- results of calls ------------------------------------------------------------------------


def _result(result: Result, event: int, wanted: int) -> Answer:
    got = int(result.columns["ret"][event])
    if (got - wanted) % _U64 == 0:
        return _EQUAL
    kind = int(result.trace.columns["kind"][event])
    return False, result_text(_signed(wanted), kind), result_text(got, kind)


def _signed(value: int) -> int:
    value %= _U64
    return value - _U64 if value >> 63 else value


def _error(result: Result, event: int, wanted: str) -> Answer:
    got = int(result.columns["ret"][event])
    if -4095 <= got < 0:
        return errno_name(-got) == wanted, wanted, errno_name(-got)
    return False, wanted, result_text(got, int(result.trace.columns["kind"][event]))


def _continues_in(result: Result, event: int, wanted: str) -> Answer:
    kind = int(result.trace.columns["kind"][event])
    made = int(result.columns["ret"][event]) >= 0
    got = "child" if kind in (K_FORK, K_FORK_STEP) and made else "parent"
    return got == wanted, wanted, got


# ---- accesses --------------------------------------------------------------------------------


def _outcome(result: Result, event: int, wanted: str) -> Answer:
    got = NAMES[int(result.columns["outcome"][event])]
    return got.split("/")[0].split(" ")[0] == wanted, wanted, got or _NOTHING


def _code(result: Result, event: int, wanted: str) -> Answer:
    word = NAMES[int(result.columns["outcome"][event])]
    got = word.partition("/")[2].split(" ")[0]
    equal = got in SIGCODES and got == wanted
    return equal, wanted, got or word or _NOTHING


def _column(name: str) -> Callable[[Result, int, int], Answer]:
    def compare(result: Result, event: int, wanted: int) -> Answer:
        got = int(result.columns[name][event])
        return _EQUAL if got == wanted else (False, str(wanted), str(got))

    return compare


def _value(result: Result, event: int, wanted: int) -> Answer:
    got = int(result.columns["value"][event])
    if got < 0 and NAMES[int(result.columns["outcome"][event])] == "ok":
        return None, str(wanted), "not told"  # bytes of the program that a call copied from
    return got == wanted, str(wanted), str(got) if got >= 0 else _NOTHING


def _eof(result: Result, event: int, wanted: bool) -> Answer:
    got = int(result.columns["ret"][event]) == 0 and int(result.columns["value"][event]) < 0
    return got == wanted, str(wanted).lower(), str(got).lower()


# ---- what a look at the state tells ----------------------------------------------------------


def _fact(name: str) -> Callable[[Result, int, Any], Answer]:
    def compare(result: Result, event: int, wanted: Any) -> Answer:
        shot = result.observed.get(event)
        got = shot.facts.get(name) if shot else None
        return got == wanted, str(wanted), _NOTHING if got is None else str(got)

    return compare


def _pages_of(result: Result, event: int) -> PagesRow | None:
    shot = result.observed.get(event)
    return shot.pages if shot else None


def _pages(result: Result, event: int, wanted: str) -> Answer:
    row = _pages_of(result, event)
    return row is not None and row.pages == wanted, wanted, row.pages if row else _NOTHING


def _access(result: Result, event: int, wanted: str) -> Answer:
    row = _pages_of(result, event)
    return row is not None and row.access == wanted, wanted, row.access if row else _NOTHING


def _file_pages(result: Result, event: int, wanted: list[int | None]) -> Answer:
    row = _pages_of(result, event)
    got = list(row.file_pages) if row else None
    return got == wanted, str(wanted), _NOTHING if got is None else str(got)


def _areas(result: Result, event: int, wanted: list[dict[str, Any]]) -> Answer:
    """Area by area. Initial areas are not listed; an unchanged initial [heap] may be, or not."""
    shot = _final(result) if event < 0 else result.observed.get(event)
    if shot is None:
        return False, f"{len(wanted)} areas", _NOTHING
    rows = list(shot.vmas) if "maps_hidden" not in shot.facts else []
    answered = answered_kernel(result.trace.about)
    if answered:
        rows = _of_part(rows, wanted, result.trace)
    else:
        rows = listed(rows, result.trace.initial)
    initial = result.trace.initial
    if initial and not answered and not any(area.get("file") == "[heap]" for area in wanted):
        rows = [row for row in rows if (row.start, row.end, row.name) not in initial]
    pages: dict[int, PagesRow] = shot.facts.get("area_pages", {})
    for i, area in enumerate(wanted):
        if i >= len(rows):
            return False, area_words(area), f"no area (there are {len(rows)})"
        row = rows[i]
        if as_wanted(row, area, result.trace.prelude):
            continue
        got = area_fields(row, pages.get(row.start), result.trace.prelude)
        got["path"] = _shown_path(got["path"], area.get("path"), result.trace)
        if any(not same_field(key, got.get(key, _NOTHING), value) for key, value in area.items()):
            return False, area_words(area), area_words({key: got.get(key, _NOTHING) for key in area})
    if len(rows) > len(wanted):
        extra = area_fields(rows[len(wanted)], None, result.trace.prelude)
        return False, f"no area (there are {len(wanted)})", area_words(extra)
    return _EQUAL


def _of_part(rows: list[VmaRow], wanted: list[dict[str, Any]], trace: Trace) -> list[VmaRow]:
    """The areas of the part of the address space that a list of an answered program is about.

    What such a program prints is one part at a time, and the file does not say which; an empty list is about what
    the steps made.
    """
    low, high = part_of(wanted)
    if high == 0:
        spans = [(a - PART, b + PART) for a, b, _ in trace.initial]
        return [r for r in rows if not any(a < r.end and r.start < b for a, b in spans)]
    return [r for r in rows if r.start < high and low < r.end]


def _shown_path(path: Any, wanted: Any, trace: Trace) -> Any:
    """The path of an object under the name that /proc/PID/maps gives it, where a scenario does not know that name.

    A scenario names a memfd by its id and shared memory by its step; the kernel shows the name that the program
    gave, /dev/zero, or the key. What kind of object it is has to agree.
    """
    if not isinstance(path, str) or not isinstance(wanted, str):
        return path
    if path.startswith("shm@") and (wanted == "/dev/zero (deleted)" or wanted.startswith("/SYSV")):
        return wanted
    if wanted.startswith("/memfd:") and path in _memfds(trace):
        return wanted
    return path


def _memfds(trace: Trace) -> set[str]:
    """The ids of the files on shmem or of huge pages that steps make."""
    columns = trace.columns
    made = (columns["kind"] == K_MAKEFILE) & (columns["a3"] != 1)
    return {trace.strings[i] for i in columns["a4"][made].tolist()}


def _final(result: Result) -> Snapshot | None:
    """The address space of the task that would go on, at the end: behind a fork step that is the child."""
    trace = result.trace
    ends = [s for s in result.snapshots if s.event < 0]
    last = int(trace.columns["task"][-1]) if len(trace) else 0
    if len(trace) and trace.columns["kind"][-1] == K_FORK_STEP:
        last = int(trace.columns["a0"][-1])
    mine = [s for s in ends if _same_space(trace, s.task, last)]
    return mine[0] if mine else None


def _same_space(trace: Trace, a: int, b: int) -> bool:
    """Whether two tasks are threads of one process (scenarios: each task is a process of its own)."""
    return a == b or bool(trace.tasks["pid"][a] == trace.tasks["pid"][b])


_ANSWERS: dict[str, Callable[[Result, int, Any], Answer]] = {
    "result": _result,
    "pkru": _result,
    "error": _error,
    "continues_in": _continues_in,
    "outcome": _outcome,
    "code": _code,
    "value": _value,
    "eof": _eof,
    "minor_faults": _column("minor"),
    "major_faults": _column("major"),
    "resident": _fact("resident"),
    "areas": _fact("areas"),
    "limit": _fact("limit"),
    "total": _fact("total"),
    "free": _fact("free"),
    "reserved": _fact("reserved"),
    "surplus": _fact("surplus"),
    "mmap_base": _fact("mmap_base"),
    "cached_hole_size": _fact("cached_hole_size"),
    "free_area_cache": _fact("free_area_cache"),
    "total_pages": _fact("total_pages"),
    "pages": _pages,
    "access": _access,
    "file_pages": _file_pages,
    "vmas": _areas,
}
