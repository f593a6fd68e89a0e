"""Finding traces: formats by content, directories, families, what is refused."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest
import zstandard

from remaptrace.errors import EXIT_INPUT, InputError, UsageError
from remaptrace.trace.detect import discover, load, read_data, recognise

TRACES = Path(__file__).parents[2] / "traces"
SCENARIO = b"# a note\nname: x\nsteps:\n- read: 0x1000\n"
STRACE = b"15328 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0b87c9a000\n"
FTRACE = b"# tracer: nop\n#\n"
PERF = b"sh 18450 [000]  2042.701025:    exceptions:page_fault_user: address=0x7ff3c65dab70 ip=0x7 error_code=0x14\n"
JSONL = b'{"kind": "munmap", "addr": 4096, "length": 4096}\n'


def refused(*paths: object, **options: object) -> InputError | UsageError:
    with pytest.raises((InputError, UsageError)) as error:
        load([str(p) for p in paths], **options)  # type: ignore[arg-type]
    return error.value


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (SCENARIO, "scenario"),
        (b"steps: []\n", "scenario"),
        (b"nmae: x\nsteps:\n- dump: {}\n", "scenario"),
        (b"error: x\nsteps are these\n", None),
        (b"\xef\xbb\xbfname: x\n", "scenario"),
        (STRACE, "strace"),
        (FTRACE, "ftrace"),
        (PERF, "perf"),
        (JSONL, "jsonl"),
        (b"\x7fELF\0\0\0", None),
        (b"lorem ipsum dolor\n", None),
        (b"{}\n", None),
    ],
)
def test_formats_are_recognised_by_content(data: bytes, format: str | None) -> None:
    assert recognise(data) == format


def test_each_recording_of_a_set_is_recognised() -> None:
    for name in ("strace", "ftrace", "perf"):
        (trace,) = load([str(TRACES / "ls" / f"{name}.txt.gz")])
        assert trace.format == name
        assert trace.maps, "the set's maps come along"


def test_a_set_is_read_from_its_directory() -> None:
    (item,) = discover([str(TRACES / "ls")])
    assert (item.kind, item.name) == ("set", "ls")
    assert item.load().truth is not None


def test_a_folder_yields_its_scenarios_and_sets_by_name(tmp_path: Path) -> None:
    shutil.copytree(TRACES / "ls", tmp_path / "m" / "ls")
    (tmp_path / "b.yaml").write_bytes(SCENARIO)
    (tmp_path / "a.yml.gz").write_bytes(gzip.compress(SCENARIO))
    (tmp_path / "z.strace").write_bytes(STRACE)
    (tmp_path / ".hidden.yaml").write_bytes(b"?")
    items = discover([str(tmp_path)])
    assert [(i.kind, i.name) for i in items] == [("file", "a.yml.gz"), ("file", "b.yaml"), ("set", "ls")]
    assert [t.name for t in load([str(tmp_path)])] == ["x", "x", "ls"]


def test_a_folder_of_loose_logs_yields_those_that_are_traces(tmp_path: Path) -> None:
    (tmp_path / "b.log").write_bytes(STRACE)
    (tmp_path / "c.zst").write_bytes(zstandard.compress(FTRACE + PERF))
    (tmp_path / "notes.txt").write_bytes(b"nothing of interest\n")
    (tmp_path / "empty").write_bytes(b"")
    assert [i.name for i in discover([str(tmp_path)])] == ["b.log", "c.zst"]
    (tmp_path / "d.log").write_bytes(b"")  # what should be one is read, and told to be none
    (tmp_path / "e.strace").write_bytes(b"mmap(\n")
    assert [i.name for i in discover([str(tmp_path)])] == ["b.log", "c.zst", "d.log", "e.strace"]


def test_files_of_one_run_with_a_thread_each_are_joined(tmp_path: Path) -> None:
    for tid in (9, 10, 100):
        (tmp_path / f"out.{tid}").write_bytes(b"munmap(0x1000, 4096) = 0\n")
    (tmp_path / "out.11").write_bytes(b"")
    items = discover([str(tmp_path)])
    assert [(i.kind, i.name) for i in items] == [("family", "out")]
    assert [Path(p).name for p in items[0].paths] == ["out.9", "out.10", "out.11", "out.100"]
    named = discover([str(tmp_path / "out.100"), str(tmp_path / "out.9")])
    assert [i.kind for i in named] == ["family"]
    assert [i.kind for i in discover([str(tmp_path / "out.9")])] == ["file"]


def test_map_files_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_bytes(b"munmap(0x1000, 4096) = 0\n")
    (tmp_path / "1.start.maps").write_bytes(b"00001000-00002000 rw-p 00000000 00:00 0 \n")
    (trace,) = load([str(tmp_path / "s.txt")], maps=[str(tmp_path / "1.start.maps")])
    assert [m.rows[0].start for m in trace.maps] == [0x1000]


def test_names_and_sources_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.txt.gz"
    path.write_bytes(gzip.compress(STRACE))
    (trace,) = load([str(path)])
    assert (trace.name, trace.sources) == ("run", [str(path)])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "RT201"),
        (b" \n\t\n", "RT201"),
        (b"\x00\x01\x02" * 50, "RT202"),
        (b"lorem ipsum\n", "RT202"),
        (b"PERFILE2\0\0", "RT202"),
        (gzip.compress(STRACE)[:-6], "RT203"),
        (gzip.compress(b""), "RT201"),
        (b"RTCOLS1\n" + b"\xff" * 60, "RT210"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    error = refused(path)
    assert (error.code, error.exit_status) == (code, EXIT_INPUT)
    assert error.path == str(path)


def test_a_perf_data_file_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "perf.data"
    path.write_bytes(b"PERFILE2" + bytes(100))
    assert "perf script" in refused(path).found


def test_a_directory_without_traces_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README").write_bytes(b"nothing\n")
    assert refused(tmp_path).code == "RT204"


def test_an_unknown_format_name_is_a_usage_error() -> None:
    assert isinstance(refused("x", format="xml"), UsageError)


def test_a_forced_reader_is_used() -> None:
    assert read_data(b"munmap(0x1000, 4096) = 0\n", "x", "strace").format == "strace"
    with pytest.raises(InputError):
        read_data(STRACE, "x", "scenario")


def test_no_name_is_no_folder() -> None:
    with pytest.raises(InputError, match="No such file"):
        load([""])
