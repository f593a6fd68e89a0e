"""A pipe is followed while it is open; the report at its end is that of the whole."""

from __future__ import annotations

import gzip
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from remaptrace.cli.answers.live import state_line
from remaptrace.engine.run.driver import replay
from remaptrace.machine.machine import Machine
from remaptrace.trace.detect import read_data

LOG = gzip.decompress((Path(__file__).parents[2] / "traces/efence-500/strace.txt.gz").read_bytes())
LINES = LOG.splitlines(keepends=True)
RUN = [sys.executable, "-m", "remaptrace", "run"]


def started(*more: str) -> subprocess.Popen[bytes]:
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # what jobs in the background start would ignore it
    return subprocess.Popen(
        [*RUN, "-", "--live", "--format", "plain", *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def timeless(report: bytes) -> list[str]:
    return [line.rpartition(" seconds ")[0] or line for line in report.decode().splitlines()]


def test_the_state_is_shown_while_the_pipe_is_open_and_the_report_at_its_end() -> None:
    child = started()
    assert child.stdin and child.stderr
    child.stdin.write(b"".join(LINES[:200]) + LINES[200][:20])
    child.stdin.flush()
    first = child.stderr.readline().decode()  # the pipe is still open
    child.stdin.write(LINES[200][20:] + b"".join(LINES[201:]))
    report, _ = child.communicate()
    whole = subprocess.run([*RUN, "-", "--format", "plain"], input=LOG, capture_output=True, check=False)
    assert "1 process alive of 1; most VMAs now: " in first and "at the peak" in first and "refused" in first
    assert (child.returncode, timeless(report)) == (whole.returncode, timeless(whole.stdout))


def test_ctrl_c_ends_the_reading_and_the_report_is_of_what_had_come() -> None:
    child = started()
    assert child.stdin and child.stderr
    child.stdin.write(b"".join(LINES[:200]))
    child.stdin.flush()
    child.stderr.readline()
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    report, said = child.communicate()
    part = subprocess.run(
        [*RUN, "-", "--format", "plain"], input=b"".join(LINES[:200]), capture_output=True, check=False
    )
    assert b"interrupted: the report is of what had come" in said
    assert timeless(report) == timeless(part.stdout)


def test_processes_that_ended_have_no_areas_now() -> None:
    log = b"5 mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000001000\n5 exit_group(0) = ?\n"
    line = state_line(replay(read_data(log + b"5 +++ exited with 0 +++\n", "log"), Machine.load()))
    assert line == "2 events; 0 processes alive of 1; VMAs at the peak: 1; 0 calls refused"


@pytest.mark.parametrize("traces", [["x.strace"], ["-", "-"]])
def test_only_standard_input_can_be_followed(traces: list[str]) -> None:
    done = subprocess.run([*RUN, *traces, "--live"], capture_output=True, check=False)
    assert done.returncode == 2 and b"RT501" in done.stderr


def test_a_pipe_that_brings_nothing_is_told_as_ever() -> None:
    done = subprocess.run([*RUN, "-", "--live"], input=b"", capture_output=True, check=False)
    assert done.returncode == 3 and b"RT201" in done.stderr


@pytest.mark.parametrize("more", [(), ("--live",)])
def test_a_closed_standard_input_is_told(more: tuple[str, ...]) -> None:
    command = 'exec "$0" "$@" <&-'
    done = subprocess.run(
        ["sh", "-c", command, *RUN, "-", *more], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3 and done.stderr.startswith("error RT200: standard input is closed\n")
