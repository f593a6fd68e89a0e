"""One row a call: what readers, steps, recorders and documents say of system calls is the table's."""

from __future__ import annotations

from pathlib import Path

from remaptrace.abi import kinds as ev
from remaptrace.abi.calls import AS_NUMBERS, CALLS, EVENTS, OWN_WAY
from remaptrace.engine.run.driver import replay
from remaptrace.machine.machine import Machine
from remaptrace.record.calls import COUNTED, RECORDED, SERIAL
from remaptrace.report.facts.run import run_facts
from remaptrace.result.truth import check_recorded
from remaptrace.trace.detect import read_data
from remaptrace.trace.foreign.syzkaller import PLANS as SYZKALLER
from remaptrace.trace.recorded.mapcount import _CALL_OF_KIND
from remaptrace.trace.scenario.steps import ACCESS, CALL, STEPS, Step
from remaptrace.trace.strace import calls as strace_calls
from remaptrace.trace.strace.filecalls import _PLAIN_FILES
from remaptrace.trace.strace.handlers import HANDLERS
from remaptrace.trace.strace.plaincalls import PLAIN
from remaptrace.trace.syscalls import TABLES
from remaptrace.trace.tracepoints.perfwords import PARAMETERS
from remaptrace.trace.tracepoints.plan import BEHIND_POINTERS, PLANS, REFINED, UNMAPPABLE_MAKERS

DOCS = Path(__file__).parents[2] / "docs"
_MAKERS = {
    *(name.decode() for name in _PLAIN_FILES),
    *UNMAPPABLE_MAKERS,
    *("pipe", "pipe2", "socketpair", "accept", "mq_open", "perf_event_open", "io_uring_setup"),
}
"""Calls that make a descriptor of their own kind and no more: they have no row."""
_NOT_MODELLED = {name.decode() for name in strace_calls.UNMODELLED} | {"modify_ldt"}


def test_every_call_that_a_reader_names_stands_in_the_table() -> None:
    named = {
        *(name.decode() for name in (*PLAIN, *HANDLERS)),
        *(name.partition("(")[0] for name in PLANS),
        *(name for name, *_ in REFINED),
        *BEHIND_POINTERS,
        *PARAMETERS,
        *SYZKALLER,
        *_CALL_OF_KIND.values(),
        *SERIAL,
        *COUNTED,
        *RECORDED,
    }
    unknown = named - set(CALLS) - _MAKERS - _NOT_MODELLED - {"mmap_pgoff", "old_mmap"}
    assert not unknown


def test_every_call_of_the_table_has_a_number_on_some_architecture() -> None:
    numbered = {name for table in TABLES.values() for name in table.values()} | {"prlimit"}
    assert set(CALLS) <= numbered


def test_every_kind_of_event_has_its_row_once() -> None:
    kinds = {value for name, value in vars(ev).items() if name.startswith("K_")}
    assert set(EVENTS) == kinds
    assert len({row.name for row in EVENTS.values()}) == len(EVENTS)


def test_a_call_shown_as_numbers_has_a_parameter_for_each_argument() -> None:
    for call in CALLS.values():
        if call.read == AS_NUMBERS:
            assert len(call.parameters) >= len(EVENTS[call.kind].args) >= call.least, call.name


def test_words_belong_to_arguments_that_have_them() -> None:
    for row in EVENTS.values():
        assert len(row.args) <= 6
        for arg in row.args:
            assert (arg.words is not None) == (arg.form in ("flags", "mode", "name")), (row.name, arg.name)


def _fields(step: Step) -> str:
    shown = (f"`{f.name}`" + ("?" if f.default is not None else "") for f in step.fields().values())
    return ", ".join(shown) or "none"


def _answers(step: Step) -> str:
    answers = list(step.answers)
    for word, group in (("call", CALL), ("access", ACCESS)):
        if all(one in answers for one in group):
            answers = [one for one in answers if one not in group] + [word]
    return ", ".join(answers) or "none"


def test_the_document_of_scenarios_says_of_each_step_what_the_table_says() -> None:
    lines = (DOCS / "scenario-format.md").read_text(encoding="utf-8").splitlines()
    wanted = [f"| `{s.name}` | {_fields(s)} | {_answers(s)} | {s.doc} |" for s in STEPS.values()]
    assert [line for line in wanted if line not in lines] == []


def test_the_document_of_formats_lists_the_table() -> None:
    """The lines that this asks for are those to write under Calls."""
    lines = (DOCS / "formats.md").read_text(encoding="utf-8").splitlines()
    wanted = []
    for call in sorted(CALLS.values()):
        row = EVENTS.get(call.kind)
        event = f"`{row.name}`" if row is not None else "by its command"
        args = ", ".join(f"`{arg.name}`" for arg in row.args) if row is not None else ""
        how = "" if call.read != OWN_WAY else "own way"
        wanted.append(f"| `{call.name}` | {' '.join(call.parameters)} | {event} | {args} | {how} |")
    listed = [line for line in lines if line.count("|") == 6 and line in wanted]
    assert listed == wanted, "\n".join(wanted)


def test_a_call_of_the_table_is_counted_in_reports_and_compared_with_the_recording() -> None:
    """By its number alone: a new call needs no line for that."""
    log = b"""\
7 mmap(0x10000000, 16384, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x10000000
7 mseal(0x10000000, 4096, 0) = 0
7 io_setup(16, [0x7f0000000000]) = 0
7 userfaultfd(O_CLOEXEC) = 3
7 ioctl(3, UFFDIO_API, {api=0xaa, features=0 => features=0, ioctls=1<<_UFFDIO_REGISTER}) = 0
"""
    result = replay(read_data(log, "x"), Machine.load())
    assert {call["name"] for call in run_facts(result)["calls"]} == {
        *("mmap", "mseal", "io_setup", "userfaultfd", "uffdio_api")
    }
    tally = check_recorded(result).tallies["answers"]
    assert (tally.agree, tally.total) == (3, 3)  # the answers about the ring and of the descriptor are taken
