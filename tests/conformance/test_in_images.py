"""The C programs pass on the kernels whose answers they hold: those of 6.1 and 6.12 in an emulator, of 6.18 here."""

from __future__ import annotations

import platform
import re
import subprocess
from pathlib import Path

import pytest

from remaptrace.conformance.corpus import corpus
from remaptrace.conformance.export import describe
from remaptrace.native.cpio import archive, character_device, file, folder
from remaptrace.native.launch import compiler

from ..native.kernels import image

pytestmark = pytest.mark.skipif(compiler() is None, reason="no C compiler on this machine")
_INIT = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	char path[300];
	struct dirent *entry;
	int out = open("/dev/ttyS1", O_WRONLY | O_NOCTTY), status;

	mount("proc", "/proc", "proc", 0, 0);
	mount("sysfs", "/sys", "sysfs", 0, 0);
	mount("tmpfs", "/tmp", "tmpfs", 0, 0);
	DIR *folder = opendir("/c");
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/c/%s", entry->d_name);
		if (fork() == 0) {
			dup2(out, 1);
			dup2(out, 2);
			personality(ADDR_NO_RANDOMIZE);
			execl(path, path, (char *)0);
			_exit(127);
		}
		wait(&status);
		dprintf(out, "\n== %s %d\n", entry->d_name, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	}
	dprintf(out, "\n== end 0\n");
	tcdrain(out);
	reboot(RB_AUTOBOOT);
	return 0;
}
"""


def built(kernel: str, place: Path) -> dict[str, Path]:
    """The portable programs of `kernel`, each compiled alone and static."""
    out = {}
    for program in corpus(kernel):
        row, code = describe(program)
        if row["portable"]:
            out[program.name] = compiled(code, place / program.name)
    return out


def compiled(code: str, place: Path) -> Path:
    place.with_suffix(".c").write_text(code)
    words = ["-O1", "-static", "-no-pie", "-fno-stack-protector", "-w", "-o", str(place), f"{place}.c"]
    subprocess.run([compiler() or "cc", *words], check=True)
    return place


@pytest.mark.parametrize("version", ["6.1", "6.12"])
def test_in_the_image_of_their_kernel(version: str, tmp_path: Path) -> None:
    bzimage = image(version)
    programs = built(f"linux-{version}", tmp_path)
    init = compiled(_INIT, tmp_path / "init")
    initramfs, answers = tmp_path / "initramfs", tmp_path / "answers"
    nodes = [("console", 5, 1), ("ttyS1", 4, 65), ("null", 1, 3), ("zero", 1, 5)]
    initramfs.write_bytes(
        archive(
            [
                *(folder(name) for name in ("c", "dev", "proc", "sys", "tmp")),
                *(character_device(f"dev/{name}", major, minor) for name, major, minor in nodes),
                file("init", init.read_bytes(), executable=True),
                *(file(f"c/{name}", path.read_bytes(), executable=True) for name, path in programs.items()),
            ]
        )
    )
    line = "console=ttyS0 rdinit=/init norandmaps transparent_hugepage=madvise no_timer_check panic=-1"
    words = [
        "qemu-system-x86_64", "-accel", "tcg", "-machine", "pc", "-m", "1024", "-nodefaults", "-no-user-config",
        "-display", "none", "-no-reboot", "-kernel", str(bzimage), "-initrd", str(initramfs), "-append", line,
        "-serial", f"file:{tmp_path / 'console'}", "-serial", f"file:{answers}",
    ]  # fmt: skip
    subprocess.run(words, check=True, timeout=900, stdin=subprocess.DEVNULL)
    text = answers.read_text(errors="replace").replace("\r", "")
    status = dict(re.findall(r"^== (\S+) (-?\d+)$", text, re.MULTILINE))
    assert status.pop("end") == "0"
    assert len(status) == len(programs) >= 20
    assert {name for name, code in status.items() if code != "0"} == set(), text


@pytest.mark.skipif(not platform.release().startswith("6.18."), reason="another kernel runs here")
def test_here(tmp_path: Path) -> None:
    programs = built("linux-6.18", tmp_path)
    done = {name: subprocess.run([str(p)], capture_output=True, check=False) for name, p in programs.items()}
    assert {name: run.stdout for name, run in done.items() if run.returncode != 0} == {}
    assert len(done) >= 40
