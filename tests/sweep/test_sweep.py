"""Sweeps: the product in order, tables that go on where they stopped, the same rows on threads and on a cluster."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from remaptrace.cli.group import group
from remaptrace.errors import InputError, ReplayError, UsageError
from remaptrace.sweep.crew import WorkerLost, in_order
from remaptrace.sweep.jobs import COLUMNS, Job, plan, run_job, without
from remaptrace.sweep.run import on_cores, on_dask
from remaptrace.sweep.tables import Table
from remaptrace.trace.detect import Item, discover
from remaptrace.trace.events import Trace

STEP = "- mmap: {{addr: {0:#x}, length: 4096, prot: {1}, flags: [private, fixed, anonymous], fd: -1, offset: 0}}\n"


def scenario(folder: Path, name: str, areas: int) -> None:
    steps = "".join(STEP.format(0x10000000 + i * 4096, "rw" if i % 2 else "r") for i in range(areas))
    (folder / f"{name}.yaml").write_text(
        f"name: {name}\nsteps:\n{steps}- write: {{addr: 0x10000000, value: 1}}\n"
    )


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    folder = tmp_path / "traces"
    folder.mkdir()
    for name, areas in (("one", 1), ("four", 4), ("nine", 9)):
        scenario(folder, name, areas)
    return folder


def jobs_of(folder: Path, *kernels: str) -> list[Job]:
    return plan(discover([str(folder)]), ["x86_64"], list(kernels) or ["linux-6.18", "linux-6.1"])


def facts(rows: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Rows without their times."""
    return [tuple(row[c] for c in COLUMNS if c != "seconds") for row in rows]


def test_every_combination_comes_once_and_in_order(traces: Path) -> None:
    jobs = jobs_of(traces)
    assert [(Path(j.trace).stem, j.kernel) for j in jobs[:2]] == [
        ("four", "linux-6.18"),
        ("four", "linux-6.1"),
    ]
    assert len({j.key for j in jobs}) == len(jobs) == 6


def test_a_row_says_what_the_replay_found(traces: Path) -> None:
    row = next(run_job(j) for j in jobs_of(traces) if j.trace.endswith("nine.yaml"))
    assert (row["events"], row["peak_vmas"], row["sigsegv"], row["error"]) == (10, 9, 1, "")


def test_a_trace_that_cannot_be_read_is_a_row_with_its_error(traces: Path) -> None:
    (traces / "bad.yaml").write_text("name: bad\nsteps:\n- mumap: {addr: 0}\n")
    rows = [run_job(j) for j in jobs_of(traces, "linux-6.18")]
    assert [bool(row["error"]) for row in rows] == [True, False, False, False]
    assert rows[0]["error"].startswith("RT102")


def test_cores_give_the_rows_of_one_after_the_other(traces: Path) -> None:
    jobs = jobs_of(traces)
    assert facts(on_cores(jobs, 3)) == facts([run_job(j) for j in jobs])


def test_an_interrupted_table_is_gone_on_with(traces: Path, tmp_path: Path) -> None:
    jobs, path = jobs_of(traces), tmp_path / "table.csv"
    with Table(path) as table:
        for job in jobs[:2]:
            table.add(run_job(job))
    with path.open("a") as file:
        file.write("half a row,x86")  # the machine stopped in the middle of a line
    with Table(path) as table:
        rest = without(jobs, table.done)
        assert rest == jobs[2:]
        for job in rest:
            table.add(run_job(job))
    rows = list(csv.DictReader(path.open()))
    assert [(r["trace"], r["kernel"]) for r in rows] == [(j.trace, j.kernel) for j in jobs]


def test_another_table_under_the_same_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("name,price\nbread,3\n")
    with pytest.raises(InputError, match="RT811"), Table(path):
        pass
    assert path.read_text() == "name,price\nbread,3\n"


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="RT810"):
        Table(tmp_path / "table.xls")


def test_parquet_has_the_rows_of_the_other_tables(traces: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    path = tmp_path / "table.parquet"
    rows = [run_job(j) for j in jobs_of(traces)]
    with Table(path) as table:
        for row in rows:
            table.add(row)
    assert facts(parquet.read_table(path).to_pylist()) == facts(rows)
    assert not Path(f"{path}.part").exists()


def test_the_command_streams_json_lines(traces: Path) -> None:
    result = CliRunner().invoke(group, ["sweep", str(traces), "--kernel", "linux-6.1", "--format", "jsonl"])
    assert result.exit_code == 0
    assert [json.loads(line)["peak_vmas"] for line in result.stdout.splitlines()] == [4, 9, 1]


def test_a_cluster_gives_the_same_rows_though_a_worker_dies(traces: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra `distributed` is not installed")
    for i in range(12):
        scenario(traces, f"more{i:02}", i + 1)
    jobs = jobs_of(traces)
    quiet = {"silence_logs": 50, "dashboard_address": None}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **quiet) as cluster:
        rows = on_dask(jobs, cluster.scheduler_address)
        first = next(rows)
        with distributed.Client(cluster) as client:
            pids = client.run(os.getpid)
        os.kill(next(iter(pids.values())), signal.SIGKILL)
        assert facts([first, *rows]) == facts([run_job(j) for j in jobs])


def test_no_scheduler_is_an_error_with_its_address() -> None:
    pytest.importorskip("distributed", reason="the extra `distributed` is not installed")
    with pytest.raises(InputError, match="RT814"):
        list(on_dask([], "tcp://127.0.0.1:9", timeout="1s"))


MEND = "- mmap: {addr: 0x10000000, length: 4096, prot: rw, flags: [private, fixed, anonymous], fd: -1, offset: 0}\n"


def swept(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(group, ["sweep", *args], standalone_mode=False)
    return int(result.return_value), result.stderr


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("machine", [(), ("--arch", "x86_64", "--kernel", "linux-6.1")])
def test_a_row_with_an_error_is_run_again_and_fails_until_it_is_mended(
    traces: Path, tmp_path: Path, ending: str, machine: tuple[str, ...]
) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    bad, table = traces / "five.yaml", tmp_path / f"t.{ending}"
    bad.write_text("name: bad\nsteps:\n- mumap: {addr: 0}\n")
    args = (str(traces), "-o", str(table), *machine)
    assert swept(*args)[0] == 1
    first = rows_of(table)
    assert [bool(row["error"]) for row in first] == [True, False, False, False]
    assert swept(*args)[0] == 1  # still broken, and still one row of it
    assert [bool(row["error"]) for row in rows_of(table)] == [True, False, False, False]
    bad.write_text(f"name: mended\nsteps:\n{MEND}")
    status, said = swept(*args)
    assert (status, said) == (0, "3 of 4 rows were there already\n")
    mended = rows_of(table)
    assert [row["error"] for row in mended] == [""] * 4 and int(mended[0]["events"]) == 1
    assert mended[1:] == first[1:]


def rows_of(table: Path) -> list[dict[str, Any]]:
    if table.suffix == ".parquet":
        import pyarrow.parquet

        found: list[dict[str, Any]] = pyarrow.parquet.read_table(table).to_pylist()
        return found
    if table.suffix == ".csv":
        return list(csv.DictReader(table.open()))
    return [json.loads(line) for line in table.read_text().splitlines()]


def test_a_broken_row_of_another_sweep_in_the_table_is_still_a_finding(traces: Path, tmp_path: Path) -> None:
    table, bad = tmp_path / "t.csv", tmp_path / "bad.yaml"
    bad.write_text("name: bad\nsteps:\n- mumap: {addr: 0}\n")
    assert swept(str(bad), "-o", str(table))[0] == 1
    assert swept(str(traces), "-o", str(table))[0] == 1


def test_where_no_machine_is_named_the_source_tells_it(tmp_path: Path) -> None:
    old = tmp_path / "old.yaml"
    old.write_text(f"name: old\nmachine: {{arch: i386, kernel: linux-2.6.20}}\nsteps:\n{MEND}")
    job = plan(discover([str(old)]), [], [])[0]
    row = run_job(job)
    assert (row["arch"], row["kernel"]) == ("i386", "linux-2.6.20")
    assert not list(on_cores([job], 1, {(row["trace"], "i386", "linux-2.6.20")}))


def test_a_trace_is_read_once_for_all_its_cells(
    traces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = tmp_path / "read"
    load = Item.load

    def noted(item: Item) -> Trace:
        with read.open("a") as file:  # whichever process reads
            file.write(f"{item.name}\n")
        return load(item)

    monkeypatch.setattr(Item, "load", noted)
    for workers in (1, 2, 4):
        read.write_text("")
        assert len(list(on_cores(jobs_of(traces), workers))) == 6
        assert sorted(read.read_text().split()) == ["four.yaml", "nine.yaml", "one.yaml"]


def test_processes_give_the_rows_of_one_after_the_other(traces: Path) -> None:
    for number in range(9):
        scenario(traces, f"more{number}", number + 1)
    jobs = jobs_of(traces)
    assert facts(on_cores(jobs, 2)) == facts([run_job(j) for j in jobs])


class Odd(Exception):
    """An error that cannot be put together of its words."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__("odd")


def rows_or_error(number: int) -> Iterator[int]:
    yield number
    if number == 5:
        raise Odd(1, 2)
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    yield -number


def test_rows_of_a_crew_come_in_order_up_to_an_error() -> None:
    assert list(in_order([3, 1, 4], rows_or_error, 2)) == [3, -3, 1, -1, 4, -4]
    away, own = in_order([0, 1], lambda _: [os.getpid()], 2, bool)
    assert own == os.getpid() != away
    with pytest.raises(ProcessLookupError):
        os.kill(away, 0)
    came = []
    with pytest.raises((RuntimeError, Odd), match="odd"):  # distributed, where loaded, teaches pickle of more
        for row in in_order([1, 5, 2], rows_or_error, 2):
            came.append(row)
    assert came == [1, -1, 5]


def test_a_process_of_a_crew_that_is_killed_is_told_of_with_the_piece_that_it_was_at() -> None:
    came = []
    with pytest.raises(WorkerLost) as lost:
        for row in in_order([2, 7], rows_or_error, 1):
            came.append(row)
    assert came[:2] == [2, -2] and lost.value.number == 1

    def late_or_killed(number: int) -> Iterator[int]:
        if number == 0:
            signal.pause()
        return rows_or_error(number)

    with pytest.raises(WorkerLost) as lost:
        list(in_order([0, 1, 2, 7], late_or_killed, 2))
    assert lost.value.number == 3


def test_rows_of_very_many_small_pieces_come_in_order_and_a_late_one_holds_none_back() -> None:
    def squares(number: int) -> Iterator[int]:
        if number % 500 == 3:
            time.sleep(0.02)
        yield number * number
        yield -number

    wanted = [one for number in range(2000) for one in (number * number, -number)]
    for workers in (1, 2, 5):
        assert list(in_order(range(2000), squares, workers)) == wanted
    assert not list(in_order([], squares, 2))


def test_a_sweep_that_loses_a_process_says_so(traces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load, own = Item.load, os.getpid()

    def only_here(item: Item) -> Trace:
        if os.getpid() != own:
            os.kill(os.getpid(), signal.SIGKILL)
        return load(item)

    monkeypatch.setattr(Item, "load", only_here)
    with pytest.raises(ReplayError, match="ended from outside"):
        list(on_cores(jobs_of(traces), 3))


def test_a_worker_elsewhere_finds_the_file_and_the_row_keeps_its_name(
    traces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(traces)
    jobs = plan(discover(["nine.yaml"]), [], [])
    away = [job.for_elsewhere() for job in jobs]
    here = run_job(jobs[0])
    monkeypatch.chdir(tmp_path)
    assert facts([run_job(away[0])]) == facts([here]) and here["trace"] == "nine.yaml"


def test_what_nobody_counted_is_an_empty_cell_in_every_table(traces: Path, tmp_path: Path) -> None:
    (traces / "bad.yaml").write_text("name: bad\nsteps:\n- mumap: {addr: 0}\n")
    (tmp_path / "calls.log").write_text("brk(NULL) = 0x1000\nbrk(0x3000) = 0x3000\n")  # without page faults
    found = discover([str(traces), str(tmp_path / "calls.log")])
    for ending in ("csv", "jsonl", "parquet"):
        path = tmp_path / f"table.{ending}"
        if ending == "parquet":
            pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
        with Table(path) as table:
            for row in on_cores(plan(found, ["x86_64"], ["linux-6.18", "linux-6.1"]), 2):
                table.add(row)
        if ending == "parquet":
            parquet = pytest.importorskip("pyarrow.parquet").read_table(path)
            assert {str(parquet.schema.field(c).type) for c in COLUMNS[3:-2]} == {"int64"}
            rows = parquet.to_pylist()
        elif ending == "csv":
            rows = [{k: v or None for k, v in r.items()} for r in csv.DictReader(path.open())]
        else:
            rows = [json.loads(line) for line in path.read_text().splitlines()]
        by_name = {Path(row["trace"]).stem: row for row in rows}
        assert {c for c in COLUMNS[3:-2] if by_name["bad"][c] is not None} == set()
        assert {c for c in COLUMNS[3:-2] if by_name["calls"][c] is None} == {
            *("minor_faults", "major_faults", "sigsegv", "sigbus", "other_outcomes", "page_tables"),
        }
        assert None not in [by_name["nine"][c] for c in COLUMNS if c != "error"]
        assert all(row["seconds"] is not None for row in rows)


def _at_work(group: int) -> list[str]:
    """Processes of a group that are more than what is left of one that nobody has asked about."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, of = path.read_text().rpartition(")")[2].split()[:3]
            if int(of) == group and state not in "ZX":
                found.append(path.parent.name)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_sweep_of_two_processes_that_is_ended_leaves_whole_rows_in_order_and_nobody_at_work(
    tmp_path: Path, number: signal.Signals
) -> None:
    for name in range(60):
        scenario(tmp_path, f"s{name:03}", 300)
    command = [sys.executable, "-m", "remaptrace", "sweep", str(tmp_path), "-j", "2", "-o"]
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # what jobs in the background start would ignore it
    cut, whole = tmp_path / "cut.csv", tmp_path / "whole.csv"
    child = subprocess.Popen([*command, str(cut)], stderr=subprocess.DEVNULL, start_new_session=True)
    while not cut.exists() or cut.read_bytes().count(b"\n") < 4:
        time.sleep(0.01)
    child.send_signal(number)
    assert child.wait() in (128 + number, -number)
    while _at_work(child.pid):  # whoever is killed with its parent may take a moment
        time.sleep(0.01)
    kept = cut.read_text().splitlines()
    assert all(line.count(",") == len(COLUMNS) - 1 for line in kept)
    for path in (cut, whole):
        assert subprocess.run([*command, str(path)], stderr=subprocess.DEVNULL, check=False).returncode == 0
    wanted = facts(list(csv.DictReader(whole.open())))
    assert facts(list(csv.DictReader(cut.open()))) == wanted
    assert facts(list(csv.DictReader(kept))) == wanted[: len(kept) - 1]
