"""Kernel images as the other side: what they are told from, what goes in, what comes out, or why nothing does."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from remaptrace.errors import InputError
from remaptrace.native.answers import read_answers
from remaptrace.native.cpio import archive, character_device, file, folder
from remaptrace.native.image import Image
from remaptrace.native.imagefile import complaint, kind_of, release_of
from remaptrace.native.program import to_lines
from remaptrace.native.steps import Step

from .kernels import image, uml
from .needs import needs_compiler

BASE = 0x1000_0000_0000
AREA: Step = {
    "mmap": {"addr": BASE, "length": 8192, "prot": "rw", "flags": ["private", "fixed", "anonymous"], "fd": -1,
             "offset": 0}
}  # fmt: skip
STEPS: list[Step] = [AREA, {"write": {"addr": BASE, "value": 9}}, {"read": BASE}, {"read": BASE + 0x4000}]


@pytest.mark.skipif(shutil.which("cpio") is None, reason="no cpio here")
def test_an_archive_is_what_cpio_reads(tmp_path: Path) -> None:
    data = archive(
        [
            folder("dev"),
            character_device("dev/console", 5, 1),
            file("a/b", b"12345"),
            file("run", b"x", executable=True),
        ]
    )
    assert len(data) % 512 == 0
    listed = subprocess.run(
        ["cpio", "-itv", "--quiet"], input=data, capture_output=True, check=True
    ).stdout.decode()
    rows = [line.split() for line in listed.splitlines()]
    assert [(row[0], row[-1]) for row in rows] == [
        ("drwxr-xr-x", "dev"),
        ("crw-------", "dev/console"),
        ("-rw-r--r--", "a/b"),
        ("-rwxr-xr-x", "run"),
    ]
    assert rows[1][4:6] == ["5,", "1"]
    (tmp_path / "a").mkdir()
    subprocess.run(["cpio", "-i", "--quiet", "a/b", "run"], input=data, cwd=tmp_path, check=True)
    assert (tmp_path / "a" / "b").read_bytes() == b"12345"
    assert (tmp_path / "run").stat().st_mode & stat.S_IXUSR


def bzimage(release: bytes) -> bytes:
    head = bytearray(0x1000)
    head[0x202:0x206] = b"HdrS"
    head[0x20E:0x210] = (0x600).to_bytes(2, "little")
    head[0x800 : 0x800 + len(release)] = release
    return bytes(head)


def test_images_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "image"
    for data, kind in ((bzimage(b"6.1.2 (me@here) #1"), "bzimage"), (b"\x7fELF" + b"User Mode Linux", "uml")):
        path.write_bytes(data)
        assert kind_of(str(path)) == kind
    path.write_bytes(bzimage(b"6.1.2-x (me@here) #1\0"))
    assert release_of(str(path)) == "6.1.2-x"
    path.write_bytes(bytes(64))
    assert release_of(str(path)) == ""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x7fELF" + bytes(100), "vmlinux"),
        (bytes(56) + b"ARM\x64" + bytes(100), "arm64"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"", "no kernel image"),
        (b"text\n", "no kernel image"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        kind_of(str(path))
    assert caught.value.code == "RT822"
    assert words in str(caught.value.found)


@pytest.mark.parametrize(
    ("console", "problem", "expected"),
    [
        (b"[1] VFS: Unable to mount root fs on unknown-block(0,0)\r\n", "initramfs", "CONFIG_BLK_DEV_INITRD"),
        (b"Failed to execute /runner (error -8)\r\n", "64-bit", "CONFIG_BINFMT_ELF"),
        (b"\nrunner: no second serial line\n", "second serial line", "SERIAL_8250_NR_UARTS"),
        (b"\nrunner: proc\n", "/proc", "CONFIG_PROC_FS"),
        (b"[1] Kernel panic - not syncing: Attempted to kill init!\r\n", "panicked", ""),
        (b"", "wrote nothing", "CONFIG_SERIAL_8250_CONSOLE"),
        (b"Booting...\r\n", "first process", ""),
    ],
)
def test_why_an_image_said_nothing_is_read_from_its_console(
    console: bytes, problem: str, expected: str
) -> None:
    error = complaint("bzImage", console, "")
    assert error.code == "RT823"
    assert problem in error.problem
    assert expected in str(error.expected)


@needs_compiler
def test_a_file_that_only_looks_like_an_image_is_said_to_write_nothing(tmp_path: Path) -> None:
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("no qemu-system-x86_64 here")
    path = tmp_path / "bzImage"
    path.write_bytes(bzimage(b"6.1.2 x") + bytes(1 << 16))
    picture = Image.at(str(path))
    picture.boot_seconds["tcg"] = 3.0
    with pytest.raises(InputError) as caught:
        picture.ask([to_lines(STEPS)])
    assert caught.value.code == "RT823"


@needs_compiler
@pytest.mark.parametrize("version", ["6.1", "6.12"])
def test_an_image_answers_programs_in_one_boot(version: str) -> None:
    path = image(version)
    booted = Image.at(str(path), seconds=3.0)
    reply = booted.ask([to_lines(STEPS), "exit 0x0\n", to_lines(STEPS)], areas=True)
    assert reply.where.facts["release"] == release_of(str(path))
    assert reply.where.facts["release"].startswith(f"{version}.")
    assert len(booted.boots) == 1
    for answer in (reply.answers[0], reply.answers[2]):
        assert read_answers(STEPS, answer, whole=False).expects[1:] == [
            {"outcome": "ok", "minor_faults": 1},
            {"outcome": "ok", "value": 9, "minor_faults": 0},
            {"outcome": "SIGSEGV", "code": "SEGV_MAPERR", "minor_faults": 0},
        ]


@needs_compiler
def test_a_user_mode_linux_answers() -> None:
    at = 0x1000_0000  # its memory ends below the window of programs
    low: list[Step] = [
        {"mmap": {**AREA["mmap"], "addr": at}}, {"write": {"addr": at, "value": 9}}, {"read": at}, {"read": at + 0x4000}
    ]  # fmt: skip
    reply = Image.at(str(uml())).ask([to_lines(low)])
    assert reply.where.facts["pid"] == "1"
    run = read_answers(low, reply.answers[0], whole=False)
    assert [e.get("outcome") for e in run.expects] == [None, "ok", "ok", "SIGSEGV"]
