"""`--at` takes the number of an event as reports print it."""

from __future__ import annotations

import click
import pytest

from remaptrace.cli.answers.moments import EventNumber, event_of
from remaptrace.errors import UsageError
from remaptrace.trace.strace.door import read_strace


def test_thousands_may_be_separated_as_printed() -> None:
    assert [EventNumber().convert(text, None, None) for text in ("6036", "6,036", "0")] == [6036, 6036, 0]


@pytest.mark.parametrize("text", ["6,03", "a", "", "1,2345", "²", "9" * 4400])
def test_anything_else_is_a_usage_error(text: str) -> None:
    with pytest.raises(click.BadParameter):
        EventNumber().convert(text, None, None)


LOG = (
    "mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000\n"
    "getpid() = 7\n"
    "mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000100000\n"
)


def moment(text: str) -> int:
    trace = read_strace(LOG.encode(), name="short.strace")
    trace.sources[:] = ["logs/short.strace"]
    return event_of(trace, EventNumber().convert(text, None, None))


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("event 1", 1),
        ("line 1", 0),
        ("short.strace:3", 1),
        ("logs/short.strace:3", 1),
        ("./short.strace:1", 0),
    ],
)
def test_a_moment_may_be_named_as_reports_print_its_place(text: str, event: int) -> None:
    assert moment(text) == event


def test_a_line_without_an_event_names_those_that_have_one() -> None:
    with pytest.raises(UsageError, match="line 2 made no event") as raised:
        moment("short.strace:2")
    assert raised.value.expected == "a line that did, such as 1 or 3" and raised.value.path == "short.strace"


def test_a_file_that_the_trace_does_not_come_from_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"no source 'other.strace'"):
        moment("other.strace:1")


def test_a_trace_without_events_is_not_said_to_have_some() -> None:
    with pytest.raises(UsageError, match="the trace has no event"):
        event_of(read_strace(b"", name="none"), 0)
