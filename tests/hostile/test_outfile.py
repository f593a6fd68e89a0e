"""The one way to write a file: devices, FIFOs and descriptors are written through, regular files replaced whole."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from remaptrace.outfile import own_descriptor, write_file

TRACE = "steps:\n- mmap: {addr: 0, length: 4096, prot: rw, flags: [private, anonymous]}\n"


def _run(*args: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "remaptrace", *args], capture_output=True, check=False)


def _device(path: Path, minor: int) -> Path:
    """A node of our own beside the test, so that nothing here can touch /dev."""
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        os.close(os.open(path, os.O_WRONLY))
    except OSError:
        pytest.skip("making device nodes is not allowed here")
    return path


def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_file(tmp_path / "a", [b"x", b"y"])
    finally:
        os.umask(old)
    assert (tmp_path / "a").read_bytes() == b"xy"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_file_that_is_there_keeps_its_mode_and_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    real = tmp_path / "deep" / "real"
    real.write_text("old")
    real.chmod(0o600)
    (tmp_path / "link").symlink_to("deep/real")
    write_file(tmp_path / "link", [b"new"])
    assert (tmp_path / "link").is_symlink() and real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert os.listdir(tmp_path / "deep") == ["real"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")

    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_file(tmp_path / "a", chunks())
    assert (tmp_path / "a").read_text() == "old" and os.listdir(tmp_path) == ["a"]


def test_a_fifo_gets_every_byte_and_stays_a_fifo(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
    reader.start()
    write_file(fifo, [b"a" * 200_000, b"b"])
    reader.join()
    assert got == [b"a" * 200_000 + b"b"] and stat.S_ISFIFO(fifo.stat().st_mode)


@pytest.mark.parametrize(
    "args", [["convert", "--to", "jsonl"], ["convert", "--to", "columns"], ["run"], ["sweep"]]
)
def test_a_device_is_written_through_and_stays(tmp_path: Path, args: list[str]) -> None:
    source = tmp_path / "t.yaml"
    source.write_text(TRACE)
    ending = ".csv" if args == ["sweep"] else ""
    null = _device(tmp_path / f"null{ending}", 3)
    full = _device(tmp_path / f"full{ending}", 7)
    done = _run(*args, str(source), "-o", str(null))
    assert done.returncode == 0, done.stderr
    done = _run(*args, str(source), "-o", str(full))
    assert done.returncode == 3 and b"No space left" in done.stderr, (done.returncode, done.stderr)
    assert stat.S_ISCHR(null.stat().st_mode) and stat.S_ISCHR(full.stat().st_mode)


@pytest.mark.parametrize(
    "args", [["convert", "--to", "jsonl"], ["convert", "--to", "columns"], ["run"], ["sweep"]]
)
def test_a_missing_folder_and_a_folder_end_with_a_reason(tmp_path: Path, args: list[str]) -> None:
    source = tmp_path / "t.yaml"
    source.write_text(TRACE)
    ending = ".csv" if args == ["sweep"] else ".out"
    (tmp_path / f"folder{ending}").mkdir()
    for target in (f"missing/out{ending}", f"folder{ending}"):
        done = _run(*args, str(source), "-o", str(tmp_path / target))
        assert done.returncode in (2, 3), (done.returncode, done.stderr)
        assert b"internal error" not in done.stderr and target.encode() in done.stderr
    assert sorted(os.listdir(tmp_path)) == [f"folder{ending}", "t.yaml"]


def test_a_descriptor_is_known_by_its_path_and_gets_the_bytes(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    assert own_descriptor(f"/dev/fd/{writing}") == writing
    assert own_descriptor("/dev/stdout") == 1
    assert own_descriptor(str(tmp_path / "x")) is None
    write_file(f"/dev/fd/{writing}", [b"through"])
    os.close(writing)
    assert os.read(reading, 100) == b"through"
    os.close(reading)


@pytest.mark.parametrize(
    "command", ["convert {} --to jsonl -o >(cat >&3)", "convert {} --to jsonl -o /dev/fd/3"]
)
def test_the_shells_process_substitution_gets_the_whole_trace(tmp_path: Path, command: str) -> None:
    source = tmp_path / "t.yaml"
    source.write_text(TRACE)
    line = f"{sys.executable} -m remaptrace " + command.format(source)
    done = subprocess.run(["bash", "-c", f"{{ {line}; sleep 0.2; }} 3>&1"], capture_output=True, check=False)
    assert done.returncode == 0 and done.stdout.startswith(b'{"kind": "trace"'), done.stderr


def test_a_descriptor_of_a_file_is_appended_to_where_it_stands(tmp_path: Path) -> None:
    source = tmp_path / "t.yaml"
    source.write_text(TRACE)
    with open(tmp_path / "log", "ab") as log:
        log.write(b"before\n")
        log.flush()
        subprocess.run(
            [
                sys.executable,
                "-m",
                "remaptrace",
                "convert",
                str(source),
                "--to",
                "jsonl",
                "-o",
                "/dev/stdout",
            ],
            stdout=log,
            check=True,
        )
    assert (tmp_path / "log").read_bytes().startswith(b'before\n{"kind": "trace"')
