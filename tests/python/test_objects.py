"""What objects say of themselves is one line; areas can be asked for at any event."""

from __future__ import annotations

import pytest

import remaptrace


@pytest.fixture(scope="module")
def result() -> remaptrace.Result:
    return remaptrace.replay(remaptrace.load("traces/ls"))


def test_reprs_are_one_line(result: remaptrace.Result) -> None:
    other = remaptrace.replay(result.trace, remaptrace.Machine.load(kernel="linux-2.6.21"))
    diff = remaptrace.compare(result, other)
    for thing in (result.trace, result, diff, result.machine):
        assert "\n" not in repr(thing)
        assert len(repr(thing)) <= 200
        assert thing._repr_html_().startswith("<table>")
    assert "ls" in repr(result.trace)
    assert "218" in repr(result.trace)
    assert "linux-6.18" in repr(result)
    assert "peak VMAs 48" in repr(result)


def test_a_name_is_escaped_where_it_is_shown_as_html(result: remaptrace.Result) -> None:
    trace = remaptrace.load("traces/ls")
    trace.name = "<script>"
    assert "<script>" not in trace._repr_html_()


def test_areas_behind_an_event_number_what_the_column_says(result: remaptrace.Result) -> None:
    for event in (0, 50, 100, 150):
        assert len(result.vmas(at=event)) == int(result.columns["map_count"][event])


def test_areas_at_the_end_are_those_of_the_process(result: remaptrace.Result) -> None:
    (pid,) = set(result.trace.tasks["pid"].tolist())
    assert result.vmas() == result.vmas(pid=pid)
    assert len(result.vmas()) == 48


@pytest.mark.parametrize("question", [{"at": 10_000}, {"at": -1}, {"pid": 1}])
def test_areas_that_are_not_there_are_an_error(result: remaptrace.Result, question: dict[str, int]) -> None:
    with pytest.raises(LookupError):
        result.vmas(**question)


def test_events_have_names(result: remaptrace.Result) -> None:
    first = next(e for e in result.trace.events() if e.kind == "mmap")
    assert set(first.args) == {"addr", "length", "prot", "flags", "fd", "offset"}
    assert first.result is not None
    assert first.line > 0
    began = next(e for e in result.trace.events() if e.kind == "execve")
    assert str(began.args["path"]).endswith("/ls")
    refused = [e for e in result.trace.events() if e.error]
    assert all(e.result is not None and e.result < 0 for e in refused)
