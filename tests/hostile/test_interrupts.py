"""Signals, full disks and little memory end a run soon, with the status that is documented and nothing left working."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TRACES = Path(__file__).parents[2] / "traces"
TRACE = "steps:\n- mmap: {addr: 0, length: 4096, prot: rw, flags: [private, anonymous]}\n"
RUN = [sys.executable, "-m", "remaptrace"]


def _children_of(group: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if os.getpgid(int(entry)) == group:
                    state = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[0]
                    if state != "Z":
                        found.append(int(entry))
            except (OSError, ProcessLookupError):
                continue
    return found


@pytest.mark.parametrize("to_group", [True, False])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0.7, 4.0])
def test_warm_ends_at_once_and_leaves_no_compiler(
    tmp_path: Path, number: signal.Signals, to_group: bool, after: float
) -> None:
    env = {**os.environ, "REMAPTRACE_CACHE": str(tmp_path / "cache"), "REMAPTRACE_SHIPPED": "0"}
    running = subprocess.Popen([*RUN, "warm"], env=env, stderr=subprocess.DEVNULL, start_new_session=True)
    time.sleep(after)
    (os.killpg if to_group else os.kill)(running.pid, number)
    status = running.wait()
    time.sleep(0.3)
    left = _children_of(running.pid)
    assert left == [], left
    assert status in (128 + number, -number)
    kept = [p.name for p in (tmp_path / "cache").rglob("*")]
    assert [name for name in kept if name.startswith(".remaptrace-")] == []
    assert "run.loop.replay.code" not in kept  # which takes the longest: it was not waited for


def test_a_killed_warm_takes_its_compilers_with_it(tmp_path: Path) -> None:
    env = {**os.environ, "REMAPTRACE_CACHE": str(tmp_path / "cache"), "REMAPTRACE_SHIPPED": "0"}
    running = subprocess.Popen([*RUN, "warm"], env=env, stderr=subprocess.DEVNULL, start_new_session=True)
    time.sleep(5)
    running.kill()
    running.wait()
    time.sleep(0.5)
    assert _children_of(running.pid) == []


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["--version"],
        ["explain", "RT200"],
        ["completion", "bash"],
        ["kernels"],
        ["run", "{}"],
        ["sweep", "{}"],
    ],
    ids=lambda a: a[0],
)
def test_a_full_standard_output_is_told_with_status_3(tmp_path: Path, args: list[str]) -> None:
    source = tmp_path / "t.yaml"
    source.write_text(TRACE)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*RUN, *(a.format(source) for a in args)], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 3 and b"No space left" in done.stderr, (done.returncode, done.stderr)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_an_encoding_without_our_characters_gets_escapes(tmp_path: Path, encoding: str, form: str) -> None:
    source = tmp_path / "tr\u00e4ce\u202e.yaml"
    source.write_text(TRACE)
    done = subprocess.run(
        [*RUN, "run", str(source), *(["--format", "json"] if form == "json" else [])],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode(encoding)
    if form == "json":
        import json

        json.loads(text)


def test_bars_are_of_ascii_where_the_encoding_has_no_blocks() -> None:
    log = Path(__file__).parents[1] / "data" / "logs" / "08-noexec-tmpfs.strace"
    done = subprocess.run(
        [*RUN, "run", str(log)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        check=False,
    )
    text = done.stdout.decode("latin-1")
    assert any(line.endswith(" ##") for line in text.splitlines())
    assert "\\u" not in text


@pytest.mark.parametrize("kilobytes", [400_000, 8_000_000])
def test_a_limited_address_space_is_enough_or_told(tmp_path: Path, kilobytes: int) -> None:
    source = tmp_path / "t.yaml"
    source.write_text(TRACE)
    line = f"ulimit -v {kilobytes}; exec {sys.executable} -m remaptrace diff {source} --kernel linux-6.18"
    line += " --kernel linux-6.1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=False)
    assert done.returncode in (0, 1, 3), (done.returncode, done.stderr)
    assert b"internal error" not in done.stderr


def test_more_memory_than_the_limit_ends_with_its_code(tmp_path: Path) -> None:
    source = tmp_path / "t.yaml"
    source.write_text("steps:\n- repeat: {count: 16000000, steps: [{dump: {}}]}\n")
    done = subprocess.run(
        [*RUN, "--limit-memory", "300M", "run", str(source)], capture_output=True, check=False
    )
    assert done.returncode == 3 and b"RT606" in done.stderr


def test_a_limit_that_a_command_is_above_when_it_begins_ends_even_a_short_one(tmp_path: Path) -> None:
    source = tmp_path / "t.yaml"
    source.write_text("steps: [{dump: {}}]\n")
    done = subprocess.run(
        [*RUN, "--limit-memory", "1k", "run", str(source)], capture_output=True, check=False
    )
    assert done.returncode == 3 and b"RT606" in done.stderr


def test_a_limit_that_is_no_size_is_usage() -> None:
    done = subprocess.run([*RUN, "run", "--limit-memory", "much"], capture_output=True, check=False)
    assert done.returncode == 2 and b"RT501" in done.stderr


def test_a_killed_sweep_takes_its_processes_with_it(tmp_path: Path) -> None:
    where = str(Path(__file__).parents[2] / "traces" / "conformance")
    running = subprocess.Popen(
        [*RUN, "sweep", where, "-o", str(tmp_path / "x.csv"), "-j", "2"],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while len(_children_of(running.pid)) < 2 and time.monotonic() < end and running.poll() is None:
        time.sleep(0.05)
    running.kill()
    running.wait()
    time.sleep(0.5)
    assert _children_of(running.pid) == []
