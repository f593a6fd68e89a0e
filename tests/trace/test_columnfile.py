"""Column files: every trace comes back equal, narrow, mapped; damage is refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remaptrace.abi.kinds import K_DUMP
from remaptrace.errors import InputError
from remaptrace.trace.cache import cached, content_key
from remaptrace.trace.detect import Item, discover, load
from remaptrace.trace.events import (
    RELOCATION_DTYPE,
    TRUTH_DTYPE,
    Expectation,
    MapsFile,
    MapsRow,
    Skipped,
    Trace,
)
from remaptrace.trace.stored.columnfile import MAGIC, open_columns, read_columns, write_columns
from remaptrace.trace.stored.jsonlread import read_jsonl
from remaptrace.trace.stored.jsonlwrite import write_jsonl

from .trace_strategy import traces
from .traces_alike import assert_alike

TRACES = Path(__file__).parents[2] / "traces"
SOURCES = [
    "conformance/linux-6.18/layout-01.yaml",
    "conformance/linux-2.6.20-i386/limit-01.yaml",
    "ls",
    "fuzz-2",
]


def round_trip(trace: Trace, tmp: Path) -> Trace:
    path = tmp / "t.rtcols"
    write_columns(trace, path)
    return open_columns(path)[0]


@pytest.mark.parametrize("source", SOURCES)
def test_real_traces_come_back_equal(source: str, tmp_path: Path) -> None:
    (trace,) = load([str(TRACES / source)])
    assert_alike(trace, round_trip(trace, tmp_path))


@given(traces())
def test_any_trace_comes_back_equal(tmp_path_factory: pytest.TempPathFactory, trace: Trace) -> None:
    assert_alike(trace, round_trip(trace, tmp_path_factory.mktemp("c")))


def test_integer_columns_are_used_where_they_lie(tmp_path: Path) -> None:
    trace = read_jsonl(b"".join(b'{"kind": "read", "addr": %d}\n' % (n * 70_001) for n in range(5000)))
    column = round_trip(trace, tmp_path).columns["a0"]
    assert column.dtype == np.uint32
    assert column.__array_interface__["data"][0] % 64 == 0
    assert isinstance(column, np.memmap)


def test_recorded_programs_take_at_most_52_bytes_an_event(tmp_path: Path) -> None:
    path = tmp_path / "t.rtcols"
    for name in ("uml-touch2000", "java-100threads", "efence-500"):
        (trace,) = load([str(TRACES / name)])
        write_columns(trace, path)
        assert path.stat().st_size / len(trace) <= 52, name


def test_constant_and_coded_columns_are_not_stored_in_full(tmp_path: Path) -> None:
    wide = np.array([1 << 40, -(1 << 41)] * 50_000)
    columns = {"kind": np.full(100_000, K_DUMP)} | dict.fromkeys(
        ("task", "a1", "a2", "a3", "a4", "a5", "ret", "flags"), np.zeros(100_000, dtype=np.int64)
    )
    (one,) = load([str(TRACES / "ls" / "strace.txt.gz")])
    trace = Trace({**columns, "a0": wide}, one.tasks[:1], one.strings)
    again = round_trip(trace, tmp_path)
    assert (tmp_path / "t.rtcols").stat().st_size < 110_000
    assert again.columns["a0"].tolist() == wide.tolist()
    assert again.rows(99_998, 100_000)[:, 2].tolist() == [1 << 40, -(1 << 41)]
    assert again.columns.get("a1").sum() == 0
    assert "time" not in again.columns


def test_a_column_file_that_is_named_is_mapped(tmp_path: Path) -> None:
    trace = read_jsonl(b"".join(b'{"kind": "read", "addr": %d}\n' % (n * 70_001) for n in range(5000)))
    write_columns(trace, tmp_path / "t.rtcols")
    (again,) = load([str(tmp_path / "t.rtcols")])
    assert isinstance(again.columns["a0"], np.memmap)


@pytest.mark.parametrize("cut", [9, 15, 40, 400, -1, -64])
def test_a_file_cut_short_is_damaged(tmp_path: Path, cut: int) -> None:
    (trace,) = load([str(TRACES / "ls")])
    path = tmp_path / "t.rtcols"
    write_columns(trace, path)
    path.write_bytes(path.read_bytes()[:cut] if cut > 0 else path.read_bytes()[: cut * 40])
    with pytest.raises(InputError) as error:
        open_columns(path)
    assert error.value.code == "RT210"


@given(st.binary(max_size=300))
def test_noise_behind_the_magic_is_damage(noise: bytes) -> None:
    with pytest.raises(InputError) as error:
        read_columns(MAGIC + noise)
    assert error.value.code == "RT210"


@given(st.data())
def test_a_changed_header_never_ends_in_anything_else(data: st.DataObject) -> None:
    (trace,) = load([str(TRACES / "conformance/linux-6.18/rfp-01.yaml")])
    raw = bytearray(_BYTES or _store(trace))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, 1500))] = data.draw(st.integers(0, 255))
    try:
        read_columns(bytes(raw))
    except InputError as error:
        assert error.code == "RT210"


_BYTES = b""


def _store(trace: Trace) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t"
        write_columns(trace, path)
        return path.read_bytes()


def test_nothing_half_written_is_left_behind(tmp_path: Path) -> None:
    (trace,) = load([str(TRACES / "ls")])
    folder = tmp_path / "f"
    folder.mkdir()
    with pytest.raises(InputError) as error:
        write_columns(trace, folder / "no" / "x.rtcols")
    assert error.value.code == "RT220"
    trace.notes.append(object())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        write_columns(trace, folder / "x.rtcols")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("source", SOURCES)
def test_real_traces_come_back_equal_from_json_lines(source: str) -> None:
    (trace,) = load([str(TRACES / source)])
    lines = list(write_jsonl(trace))
    assert list(write_jsonl(read_jsonl("".join(lines).encode()))) == lines


@given(traces())
def test_any_trace_comes_back_equal_from_json_lines(trace: Trace) -> None:
    text = "".join(write_jsonl(trace))
    assert text.endswith("\n") and text.count("\n") == len(trace) + 1
    assert "".join(write_jsonl(read_jsonl(text.encode()))) == text


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("x", ""),
        ("[]", ""),
        ('{"addr": 1}', ""),
        ('{"kind": "mmapp"}', "mmapp"),
        ('{"kind": "munmap", "adr": 1}', "adr"),
        ('{"kind": "munmap", "addr": "1"}', '"1"'),
        ('{"kind": "munmap", "addr": 18446744073709551616}', "18446744073709551616"),
        ('{"kind": "munmap", "addr": 1.5}', "1.5"),
        ('{"kind": "open", "path": 7}', "7"),
        ('{"kind": "munmap", "marks": ["x"]}', "x"),
        ('{"kind": "munmap", "task": 3, "refs": [1]}', ""),
        ('{"kind": "trace", "version": 1}', "trace"),
        ('{"kind": 9999}', "9999"),
        ('{"kind": "munmap", "truth": 3}', ""),
        ('{"kind": "munmap", "expect": 3}', ""),
        ("[" * 100_000, ""),
    ],
)
def test_a_bad_line_is_shown_where_it_is(line: str, found: str) -> None:
    with pytest.raises(InputError) as error:
        read_jsonl(f'{{"kind": "dump"}}\n\n{line}\n'.encode(), path="x.jsonl")
    assert (error.value.code, error.value.line, error.value.found) == ("RT211", 3, found)


@given(
    st.lists(st.sampled_from([*'{}[]":,', '"kind"', "trace", "1", "null", "\n"]), max_size=12).map("".join)
)
def test_no_text_ends_in_anything_but_an_error_or_a_trace(text: str) -> None:
    try:
        read_jsonl(text.encode())
    except InputError as error:
        assert error.code == "RT211"


def item_for(path: Path) -> Item:
    return discover([str(path)])[0]


def test_the_cache_is_made_and_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMAPTRACE_CACHE", str(tmp_path / "cache"))
    source = TRACES / "ls" / "strace.txt.gz"
    reads: list[int] = []

    def read() -> Trace:
        reads.append(1)
        return load([str(source)])[0]

    first = cached(item_for(source), read)
    second = cached(item_for(source), read)
    assert len(reads) == 1
    assert_alike(first, second)


def test_another_content_is_another_entry_whatever_its_date(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"steps:\n- read: 0x1000\n")
    stamp = path.stat()
    before = content_key(item_for(path))
    path.write_bytes(b"steps:\n- read: 0x2000\n")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    after = content_key(item_for(path))
    assert before != after
    path.write_bytes(b"steps:\n- read: 0x1000\n")
    assert content_key(item_for(path)) == before
    assert content_key(Item("file", (str(path),), "scenario")) != before


def test_a_damaged_entry_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMAPTRACE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "x.yaml"
    path.write_bytes(b"steps:\n- read: 0x1000\n")
    item_for(path).load(cache=True)
    (entry,) = (tmp_path / "cache").rglob("*.rtcols")
    entry.write_bytes(entry.read_bytes()[:100])
    assert len(item_for(path).load(cache=True)) == 1
    assert len(open_columns(entry)[0]) == 1


def test_a_cache_that_cannot_be_written_costs_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_bytes(b"a file")
    monkeypatch.setenv("REMAPTRACE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "x.yaml"
    path.write_bytes(b"steps:\n- read: 0x1000\n")
    trace = item_for(path).load(cache=True)
    assert len(trace) == 1
    assert "could not be kept" in trace.notes[-1]


def test_tables_of_every_kind_come_back(tmp_path: Path) -> None:
    (trace,) = load([str(TRACES / "conformance/linux-6.18/rfp-01.yaml")])
    trace.truth = np.array([(3, 1, 2, 3, 4, 5)], dtype=TRUTH_DTYPE)
    trace.relocations = np.array([(4, 0, 3, -4096)], dtype=RELOCATION_DTYPE)
    trace.skipped = [Skipped(0, 3, 1, "RT301", "x", "y")]
    trace.maps = [MapsFile("m", 7, "exec1", (MapsRow(0, 4096, "r-xp", 0, "00:00", 3, "/bin/x"),))]
    trace.expects = [Expectation(2, 2, 9, {"result": 0}, {"linux-*": {"error": "EINVAL"}})]
    trace.machine, trace.notes, trace.unmodelled = {"ram": 4096}, ["a note"], {"futex": 3}
    assert_alike(trace, round_trip(trace, tmp_path))
    assert_alike(
        trace, read_jsonl("".join(write_jsonl(trace)).encode(), path=trace.sources[0]), strings=False
    )
