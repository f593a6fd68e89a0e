"""Writing traces: scenarios that read back as the same events, and files that are whole or absent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remaptrace.errors import InputError, UsageError
from remaptrace.trace.convert import format_of, write_trace
from remaptrace.trace.detect import load
from remaptrace.trace.events import Trace
from remaptrace.trace.opening import read_input
from remaptrace.trace.scenario.read import build, read_canonical, read_scenario
from remaptrace.trace.scenario.write import text, write_yaml
from remaptrace.trace.scenario.yamldoc import load as load_yaml
from remaptrace.trace.stored.jsonlread import read_jsonl
from remaptrace.trace.stored.jsonlwrite import write_jsonl

from .test_scenario import PROGRAMS
from .test_yaml_readers import documents
from .traces_alike import assert_alike

TRACES = Path(__file__).parents[2] / "traces"


def assert_same_program(a: Trace, b: Trace) -> None:
    """Equal but for source lines, and for the step numbers that loops share."""
    plain = [(e.event, e.fields, e.on) for e in a.expects]
    assert plain == [(e.event, e.fields, e.on) for e in b.expects]
    columns = {**b.columns, "line": a.columns["line"]}
    assert_alike(
        replace(a, expects=()), replace(b, columns=columns, sources=a.sources, expects=()), strings=False
    )


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_conformance_program_reads_back_the_same(path: Path) -> None:
    trace = read_scenario(path.read_bytes(), path=str(path))
    written = "".join(write_yaml(trace))
    again = read_canonical(written, "", str(path))
    assert again is not None, "what is written is in canonical form"
    assert_same_program(trace, again)


@given(documents())
def test_any_scenario_reads_back_the_same(source: str) -> None:
    try:
        trace = read_scenario(source, name="n", path="p.yaml")
    except InputError:
        return
    written = "".join(write_yaml(trace))
    assert_same_program(trace, build(load_yaml(written, "p.yaml"), "n"))


def test_everything_a_scenario_can_say_reads_back_the_same() -> None:
    trace = read_scenario(
        "name: 'it''s: all'\nabout: \"two\\nlines\"\narch: i386\nlayout: bottom-up\nbrk_start: 0x5000\n"
        "machine: {kernel: linux-2.6.21, ram: 64MiB, host: linux-6.18, set: {max_map_count: 9}}\n"
        "initial:\n- {start: 0x1000, end: 0x2000, name: x, perms: r--s, file: lib, offset: 4096}\n"
        "- {start: 0x4000, end: 0x5000, name: '[heap]'}\n"
        "files:\n- {id: a, pages: 3, fill: true}\n- {id: d, pages: 1, disk: true}\n"
        "steps:\n"
        "- mmap: {addr: 0, length: 4096, prot: 0x1000003, flags: [private, anonymous, 0x8000000], fd: -1}\n"
        "  expect: {result: 5, on: {'linux-6*': {error: EINVAL}}}\n"
        "- dup: {fd: a, new_fd: b}\n- reopen: {fd: d, new_fd: e, mode: rw}\n- close: e\n"
        "- ftruncate: {fd: bad, size: 0}\n- brk: {offset: 8192}\n- brk: {addr: '@0+8'}\n"
        "- fork: {child: 7}\n- read: {addr: '@0', value: 3, pages: 2, sp: 0x100}\n  pid: 7\n"
        "- fork: {}\n- exec: 0x1000\n- write: {addr: 1, value: 2}\n  pid: 1\n- thread: {child: 70}\n"
        "- vfork: {child: 71}\n- exit: {code: 3}\n  pid: 71\n"
        "- fork_wait: {}\n- punch_hole: {fd: a, offset: 0, length: 1}\n"
        "- fallocate: {fd: a, mode: [zero_range], offset: 0, length: 1}\n- snapshot: 'a b'\n- reclaim: {}\n"
        "- reclaim: {fd: d}\n- writeback: {}\n- mm: {}\n- sysctl: {name: vm.max_map_count, areas_plus: 2}\n"
        "- setrlimit: {resource: stack, soft: unlimited}\n- seal: {fd: a, seals: [write, grow]}\n"
        "- mlockall: {flags: [current, onfault]}\n"
        "- remap_file_pages: {addr: 1, size: 1, prot: none, pgoff: 1, flags: [chgprot]}\n"
        "- madvise: {addr: 1, length: 0xffffffffffffffff, advice: 77}\n- munlockall: {}\n"
        "- pwrite: {fd: a, offset: 1, value: 300}\n"
        "- repeat: {count: 2, steps: [{memfd: {id: f, pages: i}, expect: {result: i}}, read: i]}\n"
        "vmas:\n  default: []\n  linux-6.1: [{start: 0, end: 4096, perms: r--p, file: null, file_pages: [null, 3]}]\n"
    )
    written = "".join(write_yaml(trace))
    assert_same_program(trace, read_scenario(written))


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=8))
def test_any_word_reads_back(word: str) -> None:
    assert load_yaml(f"a: {text(word)}\n").root == {"a": word}
    assert load_yaml(f"{{a: [{text(word)}]}}\n").root == {"a": [word]}


def test_a_recording_of_calls_and_faults_becomes_a_scenario_with_expectations() -> None:
    trace = read_jsonl(
        b'{"kind": "mmap", "addr": 0, "length": 8192, "prot": 3, "flags": 34, "fd": -1, "ret": 1048576}\n'
        b'{"kind": "page_fault", "addr": 1048576, "error_code": 6, "ip": 0}\n'
        b'{"kind": "munmap", "addr": 1, "length": 1, "ret": -22}\n'
    )
    assert "".join(write_yaml(trace)).splitlines()[2:] == [
        "- mmap: {addr: 0x0, length: 8192, prot: rw, flags: [private, anonymous], fd: -1, offset: 0}",
        "  expect: {result: 0x100000}",
        "- write: 0x100000",
        "- munmap: {addr: 0x1, length: 1}",
        "  expect: {error: EINVAL}",
    ]


def test_the_writer_refuses_a_trace_with_other_events_with_the_first_of_them() -> None:
    (trace,) = load([str(TRACES / "ls")])
    with pytest.raises(InputError) as error:
        list(write_yaml(trace))
    assert (error.value.code, error.value.line) == ("RT221", 16)
    assert "execve" in error.value.problem


def test_a_recording_becomes_what_its_busiest_process_did(tmp_path: Path) -> None:
    write_trace(load([str(TRACES / "ls")])[0], str(tmp_path / "x.yaml"))
    (back,) = load([str(tmp_path / "x.yaml")])
    assert back.about.startswith("process 12703 of a recording; files that memfds stand for: 19")
    assert "calls on descriptors: 56" in back.about
    assert sum(1 for e in back.expects) == 36


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".rtcols"])
def test_a_recorded_set_reads_back_from_every_general_format(tmp_path: Path, ending: str) -> None:
    (trace,) = load([str(TRACES / "fuzz-2")])
    path = tmp_path / f"x{ending}"
    write_trace(trace, str(path))
    (again,) = load([str(path)])
    if ending == ".rtcols":
        assert_alike(trace, again)
    assert list(write_jsonl(again)) == list(write_jsonl(trace))


def test_a_log_without_maps_keeps_what_was_assumed_once(tmp_path: Path) -> None:
    log = tmp_path / "ls.txt"
    log.write_bytes(read_input(str(TRACES / "ls" / "strace.txt.gz")))
    (trace,) = load([str(log)])
    assert any("areas assumed" in note or "program headers" in note for note in trace.notes)
    for ending in (".jsonl", ".rtcols"):
        write_trace(trace, str(tmp_path / f"x{ending}"))
        (again,) = load([str(tmp_path / f"x{ending}")])
        assert list(write_jsonl(again)) == list(write_jsonl(trace))


def test_formats_follow_the_ending() -> None:
    assert [format_of(p) for p in ("a.yml", "b.jsonl.gz", "c.RTCOLS", "d.ndjson")] == [
        "yaml",
        "jsonl",
        "columns",
        "jsonl",
    ]
    assert format_of("x.txt", "yaml") == "yaml"
    for path, to in (("x.txt", None), ("x", "xml")):
        with pytest.raises(UsageError):
            format_of(path, to)


def test_areas_behind_a_step_keep_its_other_answers(tmp_path: Path) -> None:
    source = tmp_path / "a.yaml"
    source.write_text(
        "steps:\n- mmap: {addr: 0x10000000, length: 4096, prot: rw, flags: [private, fixed, anonymous]}\n"
        "  expect: {result: 0x10000000, vmas: [{start: 0x10000000, end: 0x10001000}]}\n"
    )
    wanted = [{"result": 0x10000000, "vmas": [{"start": 0x10000000, "end": 0x10001000}]}]
    for name in ("b.yaml", "b.jsonl", "b.rtcols"):
        write_trace(load([str(source)])[0], str(tmp_path / name))
        assert [e.fields for e in load([str(tmp_path / name)])[0].expects] == wanted, name
