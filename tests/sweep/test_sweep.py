"""Sweeps: the product in order, tables that go on where they stopped, the same rows on threads and on a cluster."""

from __future__ import annotations

import csv
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from remaptrace.cli.group import group
from remaptrace.errors import InputError, UsageError
from remaptrace.sweep.jobs import COLUMNS, Job, plan, run_job, without
from remaptrace.sweep.run import on_dask, on_threads
from remaptrace.sweep.tables import Table
from remaptrace.trace.detect import discover

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


def test_threads_give_the_rows_of_one_after_the_other(traces: Path) -> None:
    jobs = jobs_of(traces)
    assert facts(on_threads(jobs, 3)) == facts([run_job(j) for j in jobs])


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
