"""Call stacks of strace -k and perf are kept, survive every format, and add up to the bill."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from remaptrace.cli.entry import run_command
from remaptrace.cli.group import group
from remaptrace.trace.detect import read_data
from remaptrace.trace.events import Trace
from remaptrace.trace.stored.columnfile import read_columns, write_columns
from remaptrace.trace.stored.jsonlread import read_jsonl
from remaptrace.trace.stored.jsonlwrite import write_jsonl

STRACE = b"""\
100 execve("./a", ["./a"], 0x7ff /* 1 vars */) = 0
100 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000010000
 > /usr/lib/libc.so.6(__mmap+0x17) [0x101a07]
 > /usr/lib/libc.so.6(pthread_create+0x5c) [0x8a1c5]
 > /demo/bin/a(main+0x31) [0x11ea]
100 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0 <unfinished ...>
 > /usr/lib/libc.so.6(__mmap+0x17) [0x101a07]
 > /demo/bin/a() [0x1200]
101 brk(NULL) = 0x555000000000
 > [0x7f11]
100 <... mmap resumed>) = 0x7f0000020000
100 munmap(0x7f0000900000, 4095) = -1 EINVAL (Invalid argument)
 > unexpected_backtracing_error [0x7f00]
"""
PERF = b"""\
a   100 [000]     1.000001:  syscalls:sys_enter_brk: brk: 0x00000000
\t   ffffffff81000000 entry_SYSCALL_64+0x10 ([kernel.kallsyms])
\t           20ca3 __brk+0xb (/usr/lib/libc.so.6)
\t            11ea main+0x31 (/demo/bin/a)
\t               0 [unknown] ([unknown])

a   100 [000]     1.000002:  syscalls:sys_exit_brk: 0x555000000000
\t           20ca3 __brk+0xb (/usr/lib/libc.so.6)
\t            11ea main+0x31 (/demo/bin/a)

"""


def stack(trace: Trace, event: int) -> list[str]:
    return [trace.frames[f] for f in trace.stacks[int(trace.columns["stack"][event])]]


def test_each_call_of_strace_k_has_its_stack_also_where_it_returned_later() -> None:
    trace = read_data(STRACE, "k.txt")
    assert not trace.skipped
    by_line = {int(line): event for event, line in enumerate(trace.columns["line"].tolist())}
    assert stack(trace, by_line[2]) == ["__mmap (libc.so.6)", "pthread_create (libc.so.6)", "main (a)"]
    assert stack(trace, by_line[11]) == ["__mmap (libc.so.6)", "a+0x1200"]
    assert stack(trace, by_line[9]) == ["0x7f11"]
    assert stack(trace, by_line[1]) == []


def test_chains_of_perf_are_kept_without_the_kernel() -> None:
    trace = read_data(PERF, "perf.txt")
    assert stack(trace, 0) == ["__brk (libc.so.6)", "main (a)"]


def test_stacks_survive_json_lines_and_column_files(tmp_path: Path) -> None:
    trace = read_data(STRACE, "k.txt")
    again = read_jsonl("".join(write_jsonl(trace)).encode(), name="k", path="k.jsonl")
    write_columns(trace, tmp_path / "k.rtcols")
    stored = read_columns((tmp_path / "k.rtcols").read_bytes(), path="k.rtcols")
    for other in (again, stored):
        assert (other.frames, other.stacks) == (trace.frames, trace.stacks)
        assert other.columns["stack"].tolist() == trace.columns["stack"].tolist()


def test_a_log_without_stacks_has_no_column() -> None:
    trace = read_data(b"\n".join(line for line in STRACE.split(b"\n") if not line.startswith(b" >")), "k.txt")
    assert "stack" not in trace.columns
    assert not trace.frames and not trace.stacks


def test_the_bill_by_caller_adds_up_to_the_bill(tmp_path: Path) -> None:
    log = tmp_path / "k.txt"
    log.write_bytes(STRACE)
    run = CliRunner().invoke(
        group, ["advise", str(log), "--by", "caller", "--format", "json", "--depth", "2"]
    )
    facts = json.loads(run.output)
    bill = json.loads(CliRunner().invoke(group, ["advise", str(log), "--format", "json"]).output)
    assert facts["total"] == bill["total"] == sum(c["areas"] for c in facts["callers"])
    for ending in ("folded", "speedscope.json", "pb.gz"):
        CliRunner().invoke(group, ["advise", str(log), "-o", str(tmp_path / f"x.{ending}")])
    folded = (tmp_path / "x.folded").read_text()
    assert "main (a);pthread_create (libc.so.6);__mmap (libc.so.6) 1\n" in folded
    assert sum(int(line.rpartition(" ")[2]) for line in folded.splitlines()) == bill["total"]
    profile = json.loads((tmp_path / "x.speedscope.json").read_text())["profiles"][0]
    assert profile["endValue"] == sum(profile["weights"]) == bill["total"]
    assert b"pthread_create (libc.so.6)" in gzip.decompress((tmp_path / "x.pb.gz").read_bytes())


def test_a_recording_without_stacks_is_told_how_to_get_them(tmp_path: Path) -> None:
    log = tmp_path / "k.txt"
    log.write_bytes(b"100 brk(NULL) = 0x555000000000\n")
    run = CliRunner().invoke(group, ["advise", str(log), "--by", "caller"])
    assert "record --stacks" in str(run.exception.__dict__)


def test_a_profile_opens_where_profiles_are_looked_at(tmp_path: Path) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("go is not here, whose pprof would read it")
    log, profile = tmp_path / "k.txt", tmp_path / "x.pb.gz"
    log.write_bytes(STRACE)
    CliRunner().invoke(group, ["advise", str(log), "-o", str(profile)])
    done = subprocess.run(
        [go, "tool", "pprof", "-traces", str(profile)],
        env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "no such tool" in done.stderr:
        pytest.skip("this go has no pprof")
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "Type: areas" in lines
    at = next(i for i, line in enumerate(lines) if line.endswith("__mmap (libc.so.6)"))
    assert lines[at].split()[0] == "1"
    assert lines[at + 1 : at + 3] == ["pthread_create (libc.so.6)", "main (a)"]


@pytest.mark.parametrize("ask", [["-o", "x.html"], ["-o", "x.SVG"], ["-o", "x.md"], ["--format", "markdown"]])
def test_the_bill_by_caller_is_not_written_under_the_name_of_another_form(
    ask: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("log").write_bytes(STRACE)
    assert run_command(["advise", "log", "--by", "caller", *ask]) == 2
    assert os.listdir(tmp_path) == ["log"]
