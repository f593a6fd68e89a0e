"""The check of a rewriting: probes are tried on the way of both replays, and answer as accesses of the trace do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remaptrace.abi import kinds as ev
from remaptrace.api import load, machine_of
from remaptrace.engine.run.driver import replay
from remaptrace.engine.run.engines import is_compiled
from remaptrace.engine.run.trials import Trials
from remaptrace.machine.machine import Machine
from remaptrace.result.result import Result
from remaptrace.rewrite import equivalence
from remaptrace.rewrite.equivalence import AREAS, Check, check
from remaptrace.rewrite.passes import rewrite
from remaptrace.rewrite.rows import Rows, rows_of
from remaptrace.trace.events import COLUMNS, Trace
from remaptrace.trace.scenario.read import read_scenario
from remaptrace.trace.strace.door import read_strace

TRACES = Path(__file__).parents[2] / "traces"
MODERN = Machine.load("x86_64", "linux-6.18")
B = 0x40000000
STACK = f"""
- mmap: {{addr: {B}, length: 16384, prot: rw, flags: [private, fixed, anonymous]}}
- mprotect: {{addr: {B}, length: 4096, prot: none}}
- write: {B} + 4096
- read: {B}
"""
CHILD = "- fork: {child: 2}\n"
LEAVES = "- exit: {code: 0}\n  pid: 2\n"
SHARED = f"""
- mmap: {{addr: {B}, length: 65536, prot: rw, flags: [private, fixed, anonymous]}}
- write: {B}
- memfd: {{id: a, pages: 8, fill: true}}
- mmap: {{addr: {B + 0x20000}, length: 8192, prot: rw, flags: [shared, fixed], fd: a, offset: 0}}
- fork: {{child: 2}}
- mprotect: {{addr: {B + 4096}, length: 4096, prot: none}}
  pid: 2
- exit: {{code: 0}}
  pid: 2
- write: {B}
- write: {B + 0x20000}
- read: {B + 0x21000}
"""
"""Accesses of the child before it ends would leave pages shared and files read that the parent then finds."""


def program(steps: str) -> Trace:
    return read_scenario(f"steps:\n{steps}")


def rows_for(trace: Trace, engine: str = "auto") -> Rows:
    return rows_of(trace, None if trace.recorded else replay(trace, MODERN).columns["ret"], engine, AREAS)


def ways() -> list[str]:
    return ["interpreted", "compiled"] if is_compiled() else ["interpreted"]


def inserted(trace: Trace, probes: Trials) -> Trace:
    """The trace with the probes as accesses of its own."""
    columns: dict[str, Any] = {
        name: np.insert(trace.columns[name].astype(np.int64), probes.events, probes.rows[:, i])
        for i, name in enumerate(COLUMNS)
    }
    columns["origin"] = np.zeros(len(columns["kind"]), dtype=np.int64)
    return replace(trace, columns=columns, truth=None, taken=None)


def outcomes_inserted(trace: Trace, probes: Trials, machine: Any) -> list[bool]:
    result = replay(inserted(trace, probes), machine, follow=True, ends=False)
    kinds, flags = result.trace.columns["kind"], result.trace.columns["flags"]
    made = (kinds >= ev.K_READ) & (kinds <= ev.K_EXECUTE) & (flags & ev.EVF_MADE != 0)
    return list(result.columns["outcome"][made] == 1)


def test_probes_touch_every_area_before_its_process_ends() -> None:
    trace = program(STACK + CHILD + LEAVES)
    rows = rows_for(trace)
    events, words = rows.walk.probes()
    ends = int(np.flatnonzero(trace.columns["kind"] == ev.K_EXIT)[0])
    assert events.tolist() == [ends] * 9 + [len(trace)] * 9
    assert words[:, 1].tolist() == [1] * 9 + [0] * 9
    probes = Trials(events, words)
    replay(trace, MODERN, trials=probes)
    assert probes.outcomes.tolist() == [3, 3, 3, 1, 1, 3, 1, 1, 3] * 2


LOG = b"""\
1 execve("/bin/a", ["a"], 0x7ffc6fad0b80 /* 1 var */) = 0
1 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000
1 clone(child_stack=NULL, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM) = 2
1 clone(child_stack=NULL, flags=SIGCHLD) = 3
3 munmap(0x7f0000001000, 4096) = 0
3 exit_group(0) = ?
3 +++ exited with 0 +++
1 exit(0) = ?
1 +++ exited with 0 +++
2 mprotect(0x7f0000000000, 4096, PROT_NONE) = 0
2 exit_group(0) = ?
2 +++ exited with 0 +++
"""


def test_what_ends_in_a_log_is_probed_by_its_last_thread_while_that_lives() -> None:
    trace = read_strace(LOG, name="log")
    rows = rows_of(trace, None, areas=AREAS)
    probes = Trials(*rows.walk.probes())
    ends = np.flatnonzero(trace.columns["kind"] == ev.K_EXIT).tolist()
    assert sorted(set(probes.events.tolist())) == [ends[0], ends[2]]
    replay(trace, MODERN, trials=probes)
    ours = probes.rows[:, 2] >> 13 == 0x7F0000000000 >> 13
    tids = trace.tasks["tid"][probes.rows[ours, 1]].tolist()
    assert tids == [3] * 3 + [2] * 6
    assert probes.outcomes[ours].tolist() == [1, 1, 3, 3, 3, 3, 1, 1, 3]


@pytest.mark.parametrize("copies", [0, 8])
@pytest.mark.parametrize("name", ["guards", "merge-order", "dontneed", "no-names"])
def test_what_is_tried_ends_as_accesses_that_are_made(
    name: str, copies: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equivalence, "_COPIES", copies)
    for trace in (
        program(STACK + CHILD + LEAVES),
        program(SHARED),
        load(str(TRACES / "ls")),
        load(str(TRACES / "bash-script")),
        load(str(TRACES / "fuzz-2")),
    ):
        rows = rows_for(trace)
        done = rewrite(trace, [name], rows=rows)
        found = Check(rows, done, MODERN)
        assert found.alone == (len({e for e in rows.walk.probes()[0].tolist() if e < len(trace)}) > copies)
        after = replay(done.trace, MODERN, follow=True, trials=found.trials)
        answer = found.compared(after)
        assert answer.probes == len(found.trials.rows) > 0
        assert (found.trials.outcomes == 1).any()
        own = found._own
        assert (own.rows == found.trials.rows).all()
        assert list(own.outcomes == 1) == outcomes_inserted(rows.told, own, MODERN)
        assert list(found.trials.outcomes == 1) == outcomes_inserted(done.trace, found.trials, MODERN)


def test_a_probe_that_ends_differently_is_named_by_its_place_among_all_accesses() -> None:
    trace = program(STACK)
    rows = rows_for(trace)
    done = rewrite(trace, ["guards"], rows=rows)
    found = Check(rows, done, MODERN)
    after = replay(done.trace, MODERN, trials=found.trials)
    refused = int(np.flatnonzero(found.trials.outcomes == 1)[0])
    found.trials.outcomes[refused] = 3
    answer = found.compared(after)
    assert (answer.different, answer.accesses, answer.probes) == (1, 2 + 9, 9)
    first = answer.differing[0]
    assert (first.event, first.rewritten) == (len(trace) + refused, len(done.trace) + refused)
    assert (first.access, first.before, first.after) == ("read", "ok", "SIGSEGV/SEGV_ACCERR")
    assert first.addr == int(found.trials.rows[refused, 2])


def seen(result: Result) -> dict[str, Any]:
    columns = {name: column.tolist() for name, column in result.columns.items()}
    shots = [(s.event, s.task, list(s.vmas), s.facts) for s in result.snapshots]
    highest = max(columns["map_count"], default=-1)
    at = max((i for i, count in enumerate(columns["map_count"]) if count == highest), default=0)
    looks = None if result.looks is None else (result.looks(at), result.looks(len(result.trace) - 1))
    return {
        "columns": columns,
        "shots": shots,
        "totals": result.totals,
        "notes": result.notes,
        "looks": looks,
    }


@pytest.mark.parametrize("engine", ways())
def test_trials_leave_nothing_behind(engine: str) -> None:
    traces = [program(SHARED), *(load(str(TRACES / name)) for name in ("ls", "fuzz-2", "redis-bgsave"))]
    for trace in traces:
        machine = machine_of(trace)
        _, words = rows_for(trace).walk.probes()
        places = np.array([len(trace) // 2, 3 * len(trace) // 4, len(trace)])
        probes = Trials(np.repeat(places, len(words)), np.tile(words, (3, 1)))
        tried = replay(trace, machine, engine=engine, peak="last", changes=True, trials=probes)
        plain = replay(trace, machine, engine=engine, peak="last", changes=True)
        assert seen(tried) == seen(plain)
        assert tried.changes is not None and plain.changes is not None
        for event in range(0, len(trace), 1 + len(trace) // 40):
            task = int(trace.columns["task"][event])
            assert tried.changes.areas_at(event, task) == plain.changes.areas_at(event, task)


def test_accesses_that_stay_are_seen_by_the_next() -> None:
    trace = program(STACK)
    row = np.array([[ev.K_READ, 0, B + 4096, -1, 0, 0, 0, 0, 0, ev.EVF_MADE]], dtype=np.int64)
    for lasting, expected in ((False, 0), (True, 1)):
        probes = Trials(np.array([2]), row, lasting=lasting)
        minor = replay(trace, MODERN, trials=probes).columns["minor"]
        assert probes.outcomes.tolist() == [1]
        read = replay(program(STACK.replace("- write", f"- read: {B + 4096}\n- write")), MODERN).columns[
            "minor"
        ]
        plain = replay(trace, MODERN).columns["minor"]
        assert minor.tolist() == (read[[0, 1, 3, 4]] if expected else plain).tolist()


def test_a_whole_check_is_one_call() -> None:
    trace = program(STACK)
    results = replay(trace, MODERN).columns["ret"]
    done = rewrite(trace, ["guards"], results)
    found = check(trace, done, MODERN, MODERN, results)
    assert (found.equal, found.accesses, found.probes) == (True, 11, 9)
    assert found.sentence() == "Equivalent: 11 accesses (9 of them probes) are allowed and refused as before."
