"""Files of this machine that are not those of the log are not used, and .bss where no file tells of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.cli.entry import run_command
from remaptrace.trace.recorded import execareas, loader
from tests.trace.test_exec_areas import EXACT, LOAD, LOG, RW, RX, R, areas, elf, interpreter, program

OPENED = """\
openat(AT_FDCWD, "{lib}", O_RDONLY|O_CLOEXEC) = 3
mmap(NULL, {bytes}, PROT_READ, MAP_PRIVATE|MAP_DENYWRITE, 3, 0) = 0x7ffff7c00000
close(3) = 0
"""


def with_library(folder: Path, name: str, length: int) -> tuple[list[str], list[str]]:
    lib = elf(folder / name, 3, [(LOAD, R, 0, 0x1000, 0x1000), (LOAD, RW, 0x2000, 0x800, 0x1234)])
    head, tail = LOG.format(prog=program(folder)).split("mprotect(", 1)
    return areas(folder, head + OPENED.format(lib=lib, bytes=length) + "mprotect(" + tail)


@pytest.fixture(autouse=True)
def _libraries_lie_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "_LIBRARIES", ("/",))


def test_a_libc_of_another_length_says_that_the_machine_is_another(tmp_path: Path) -> None:
    found, notes = with_library(tmp_path, "libc.so.6", 0x5234)
    assert found[:5] != EXACT
    assert any("the log maps 24,576 bytes of" in n and "which needs 16,384 here" in n for n in notes)
    assert any("the files of this machine were not used" in n for n in notes)
    assert any("areas assumed" in n and "no file of this machine fits" in n for n in notes)


def test_a_libc_of_the_same_length_is_no_contradiction(tmp_path: Path) -> None:
    assert with_library(tmp_path, "libc.so.6", 0x3234)[0][:5] == EXACT


def test_another_library_that_differs_is_said_and_the_program_used(tmp_path: Path) -> None:
    found, notes = with_library(tmp_path, "libcrypto.so.3", 0x5234)
    assert found[:5] == EXACT
    assert any("libcrypto.so.3 of this machine is of another build than the log's" in n for n in notes)


def test_pages_above_the_first_mapping_that_no_vdso_takes_are_a_contradiction(tmp_path: Path) -> None:
    text = LOG.format(prog=program(tmp_path)).replace("0x7ffff7ff0000", "0x7ffff7fef000")
    found, notes = areas(tmp_path, text)
    assert found[:5] != EXACT
    assert any("9 pages lie between it and what was mapped next, which no vdso takes" in n for n in notes)


def test_a_program_without_relro_is_not_called_another_build(tmp_path: Path) -> None:
    segments = [
        (LOAD, R, 0, 0x800, 0x800),
        (LOAD, RX, 0x1000, 0x1000, 0x1000),
        (LOAD, RW, 0x2000, 0x800, 0x800),
    ]
    path = elf(tmp_path / "plain", 3, segments, str(interpreter(tmp_path)))
    text = LOG.format(prog=path)
    shown = "".join(line for line in text.splitlines(True) if "mprotect(0x5555" not in line)
    found, notes = areas(tmp_path, shown)
    assert any("whose place is assumed" in n for n in notes)
    assert not any("another build" in n for n in notes)
    assert sum("plain" in line for line in found) == 3
    notes = areas(tmp_path, text)[1]  # its program had RELRO
    assert any("another build" in n for n in notes)


@pytest.mark.parametrize(("pages", "more"), [(1, 0), (2, 0), (3, 1), (40, 1)])
def test_a_program_that_is_not_at_hand_has_bss_if_its_relro_is_large(
    tmp_path: Path, pages: int, more: int
) -> None:
    text = LOG.format(prog="/nowhere/prog").replace(
        "mprotect(0x555555556000, 4096,", f"mprotect(0x555555556000, {pages << 12},"
    )
    found, notes = areas(tmp_path, text)
    mine = [line for line in found if line.startswith("5555555")]
    assert len(mine) == 5 + more  # headers, code, read-only data, RELRO, data
    said = "one of .bss is told from its size" if more else "one of .bss may be missing"
    assert any(said.replace("one of .bss is told", "it has one of .bss is told") in n for n in notes)


def test_only_libraries_of_the_system_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert loader.is_library("/lib/x86_64-linux-gnu/libc.so.6")
    for path in ("/home/a/libc.so.6", "/lib/../home/libc.so", "/lib/firmware/blob", "/proc/self/exe"):
        assert not loader.is_library(path)


def test_headers_of_what_a_log_executes_are_kept_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path)
    log = tmp_path / "run.strace"
    log.write_text(LOG.format(prog="./prog"), encoding="utf-8")
    assert run_command(["convert", str(log), "--to", "elf", "-o", str(tmp_path)]) == 0
    assert "program headers of 2 files" in capsys.readouterr().err
    (tmp_path / "prog").unlink()
    (tmp_path / "ld.so").unlink()
    assert areas(tmp_path, LOG.format(prog="./prog"))[0][:5] == EXACT
    assert run_command(["convert", str(log), "--to", "elf", "-o", str(tmp_path / "none")]) == 3
    assert "no program that the trace executes is on this machine" in capsys.readouterr().err


def test_a_libc_of_another_size_is_another_though_as_much_is_mapped(tmp_path: Path) -> None:
    lib = elf(tmp_path / "libc.so.6", 3, [(LOAD, R, 0, 0x1000, 0x1000), (LOAD, RW, 0x2000, 0x800, 0x1234)])
    size = lib.stat().st_size if isinstance(lib, Path) else Path(lib).stat().st_size
    head, tail = LOG.format(prog=program(tmp_path)).split("mprotect(", 1)
    for told, used in ((size, True), (size + 8, False)):
        stat = f'newfstatat(3, "", {{st_mode=S_IFREG|0755, st_size={told}, ...}}, AT_EMPTY_PATH) = 0\n'
        opened = OPENED.format(lib=lib, bytes=0x3234).replace("mmap(", stat + "mmap(", 1)
        found, notes = areas(tmp_path, head + opened + "mprotect(" + tail)
        assert (found[:5] == EXACT) is used
        assert any(f"libc.so.6 of the log has {told:,} bytes" in n for n in notes) is not used


@pytest.mark.parametrize("between", [0, 1, 3, 7, 9])
def test_the_usual_interpreter_of_a_program_not_at_hand_is_not_used_where_no_vdso_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, between: int
) -> None:
    """What the log maps next to it is there: nothing assumed may take its place."""
    monkeypatch.setattr(execareas, "_USUAL", (str(interpreter(tmp_path)),))
    first = 0x7FFFF7FFA000 - between * 4096 - 8192
    found, notes = areas(tmp_path, LOG.format(prog="/nowhere/prog").replace("0x7ffff7ff0000", f"{first:#x}"))
    assert f"{first:x}-{first + 8192:x} rw-p 0" in found
    used = [line for line in found if line.endswith("ld.so")]
    assert bool(used) == (between == 0)
    assert sum("[v" in line for line in found) == 3
    assert not any("could not be taken" in n for n in notes)


def test_the_usual_interpreter_is_not_used_where_the_log_s_libc_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execareas, "_USUAL", (str(interpreter(tmp_path)),))
    lib = elf(tmp_path / "libc.so.6", 3, [(LOAD, R, 0, 0x1000, 0x1000), (LOAD, RW, 0x2000, 0x800, 0x1234)])
    head, tail = LOG.format(prog="/nowhere/prog").split("mprotect(", 1)
    for length, used in ((0x3234, True), (0x5234, False)):
        text = head + OPENED.format(lib=lib, bytes=length) + "mprotect(" + tail
        assert any(line.endswith("ld.so") for line in areas(tmp_path, text)[0]) == used
