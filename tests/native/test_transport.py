"""Programs go out many at once and come back one by one, each with its own end, from where they were sent."""

from __future__ import annotations

import platform
import shutil

import pytest

from remaptrace.errors import InputError
from remaptrace.native.answers import read_answers
from remaptrace.native.launch import runner
from remaptrace.native.program import to_lines
from remaptrace.native.steps import Step
from remaptrace.native.transport import Started
from remaptrace.native.wire import Answer, framed, unframed

from .needs import needs_compiler

pytestmark = needs_compiler
ANON = {"prot": "rw", "flags": ["private", "fixed", "anonymous"], "fd": -1, "offset": 0}
AREA: Step = {"mmap": {"addr": 0x100000000000, "length": 16384, **ANON}}
OWN_CODE: Step = {"munmap": {"addr": 0x400000, "length": 0x100000}}
LONG: Step = {"pages": {"addr": 0x100000000000, "count": 1 << 30}}


def test_a_program_that_hangs_or_dies_costs_one_program() -> None:
    programs: list[list[Step]] = [[AREA], [LONG], [OWN_CODE], [AREA, {"fork": {}}, AREA]]
    reply = Started(seconds=0.5).ask([to_lines(p) for p in programs])
    assert [a.ended for a in reply.answers] == ["ok", "late", "signal 11", "ok"]
    with pytest.raises(InputError, match="RT803"):
        read_answers(programs[1], reply.answers[1], whole=True)
    with pytest.raises(InputError, match="RT805"):
        read_answers(programs[2], reply.answers[2], whole=True)


def test_the_runner_says_where_it_runs() -> None:
    where = Started().ask([]).where
    assert where.kernel == f"Linux {platform.release()} {platform.machine()}"
    assert where.executable == str(runner()) == where.facts["exe"]
    assert int(where.facts["personality"]) & 0x40000


def test_each_program_finds_the_same_areas_and_a_heap_of_its_own() -> None:
    grow: list[Step] = [{"brk": {"offset": 8192}}, {"dump": {}}]
    first, second = Started().ask([to_lines(grow)] * 2).answers
    a, b = (read_answers(grow, x, whole=True) for x in (first, second))
    assert a == b
    heap = next(v for v in a.initial if v["name"] == "[heap]")
    assert heap["end"] == a.brk_start
    assert a.vmas[0]["file"] == "[heap]" and a.vmas[0]["end"] == a.brk_start + 8192


def test_no_command_and_a_silent_one_are_told() -> None:
    with pytest.raises(InputError, match="RT806"):
        Started(("no-such-command-here",)).ask([])
    with pytest.raises(InputError, match="RT806") as caught:
        Started(("sh", "-c", "echo no runner today >&2", "sh")).ask([])
    assert "no runner today" in caught.value.found


def test_what_runs_the_runner_is_named() -> None:
    reply = Started(("sh", "-c", 'exec "$0" "$@"')).ask([to_lines([AREA])])
    assert reply.where.executable == str(runner()) and reply.answers[0].ended == "ok"
    if shutil.which("qemu-x86_64"):
        reply = Started(("qemu-x86_64",)).ask([to_lines([AREA])])
        assert "qemu" in reply.where.executable


def test_answers_that_break_off_are_missing_and_noise_of_a_console_is_passed_over() -> None:
    said = "Booting||runner 2|where release 6.1|ready|program 0|begin 0|done||ended ok|finished|"
    whole = said.replace("|", "\r\n").encode()
    reply = unframed(whole)
    assert reply is not None and reply.finished and reply.where.facts == {"release": "6.1"}
    assert [a.ended for a in reply.answers] == ["ok"]
    broken = unframed(whole[:-30])
    assert broken is not None and not broken.finished and [a.ended for a in broken.answers] == ["missing"]
    assert unframed(b"panic") is None


def test_the_list_of_areas_is_said_behind_steps_that_changed_it() -> None:
    steps: list[Step] = [AREA, {"read": 0x100000000000}, {"munmap": {"addr": 0x100000001000, "length": 4096}}]
    text = Started().ask([to_lines(steps)], areas=True).answers[0].text
    assert text.count("\n~ ") == 2
    assert framed(["a\n"], seconds=2, areas=True) == b"program 2 2000 1\na\n"


@pytest.mark.parametrize(
    "text",
    [
        "begin 0\nend\n= 0 E 524\n!smaps\nend\ndone\n",
        "begin 0\nend\n= x R 0\ndone\n",
        "begin 0\nhere-there rw-p\nend\ndone\n",
        "begin\nend\ndone\n",
        "begin 0\nend\n= 0 A 4 0 0 0 0\n!smaps\nend\ndone\n",
        "begin 0\nend\n~ a b\nend\ndone\n",
        "begin 0\nend\n= 0 A 11\ndone\n",
        "",
    ],
)
def test_answers_that_make_no_sense_are_an_error_with_its_reason(text: str) -> None:
    steps: list[Step] = [{"read": 0x100000000000}]
    with pytest.raises(InputError, match="RT805"):
        read_answers(steps, Answer(text), whole=True, areas=True)
