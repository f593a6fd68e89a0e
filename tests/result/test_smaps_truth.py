"""VmFlags of recorded smaps: areas that were there before have them, areas at the end are compared with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.api import check, replay
from remaptrace.result.agreement import CheckOutcome
from remaptrace.trace.convert import write_trace
from remaptrace.trace.recorded.read import read_set

STACK = ("7ffffffde000-7ffffffff000 rw-p", "[stack]", "rd wr mr mw me gd ac")


def _smaps(*areas: tuple[str, str, str]) -> str:
    lines = []
    for place, name, flags in areas:
        lines += [f"{place} 00000000 00:00 0 {name}", "Rss:                   4 kB", f"VmFlags: {flags} "]
    return "\n".join(lines) + "\n"


def _set(folder: Path, calls: str, start: str, end: str) -> Path:
    (folder / "maps").mkdir()
    (folder / "strace.txt").write_text(
        "".join(f"100 {line}\n" for line in (*calls.splitlines(), "exit_group(0) = ?"))
    )
    (folder / "maps" / "100.start.smaps").write_text(start)
    (folder / "maps" / "100.exit.smaps").write_text(end)
    return folder


def _checked(folder: Path) -> CheckOutcome:
    return check(replay(read_set(folder)))


def test_flags_of_areas_that_were_there_before_decide_what_joins(tmp_path: Path) -> None:
    before = (
        ("7f0000000000-7f0000001000 rw-p", "", "rd wr mr mw me ac sd"),
        ("7f0000001000-7f0000002000 rw-p", "", "rd wr mr mw me dc ac sd"),
        STACK,
    )
    after = (("7f0000000000-7f0000002000 rw-p", "", "rd wr mr mw me dc ac"), STACK)
    found = _checked(
        _set(tmp_path, "madvise(0x7f0000000000, 4096, MADV_DONTFORK) = 0", _smaps(*before), _smaps(*after))
    )
    assert found.agrees, found.disagreements
    assert found.tallies["map_flags"].total == 2


def test_a_flag_that_no_call_explains_is_a_difference(tmp_path: Path) -> None:
    area = "7f0000000000-7f0000001000 rw-p"
    before = _smaps((area, "", "rd wr mr mw me ac"), STACK)
    after = _smaps((area, "", "rd wr mr mw me ac hg"), STACK)
    found = _checked(_set(tmp_path, "getpid() = 100", before, after))
    assert not found.agrees
    assert [(d.what, d.expected, d.simulated) for d in found.disagreements] == [
        ("flags", "hg", "none of them")
    ]


@pytest.mark.parametrize(
    ("at_end", "agrees"), [("rd mr mw me ac", True), ("rd mr mw me", True), ("rd mr mw me hg", False)]
)
def test_whether_memory_was_written_before_it_was_made_read_only_is_not_told_by_calls(
    tmp_path: Path, at_end: str, agrees: bool
) -> None:
    calls = (
        "mmap(0x7f0000000000, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0)"
        " = 0x7f0000000000\n"
        "mprotect(0x7f0000000000, 4096, PROT_READ) = 0"
    )
    after = _smaps(("7f0000000000-7f0000001000 r--p", "", at_end), STACK)
    found = _checked(_set(tmp_path, calls, _smaps(STACK), after))
    assert found.agrees == agrees, found.disagreements
    assert found.tallies["map_flags"].total == 2


def test_locked_memory_that_was_there_before_counts(tmp_path: Path) -> None:
    area = "7f0000000000-7f0000001000 rw-p"
    before = _smaps((area, "", "rd wr mr mw me lo ac"), STACK)
    after = _smaps((area, "", "rd wr mr mw me ac"), STACK)
    found = _checked(_set(tmp_path, "munlock(0x7f0000000000, 4096) = 0", before, after))
    assert found.agrees, found.disagreements


def test_names_that_the_program_gave_are_compared(tmp_path: Path) -> None:
    call = 'prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0x7f0000000000, 4096, "heap") = 0'
    area = "7f0000000000-7f0000001000 rw-p"
    start = _smaps((area, "", "rd wr mr mw me ac"), STACK)
    for number, (name, agrees) in enumerate((("[anon:heap]", True), ("[anon:other]", False), ("", False))):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = _checked(_set(folder, call, start, _smaps((area, name, "rd wr mr mw me ac"), STACK)))
        assert found.agrees is agrees, found.disagreements


def test_maps_and_smaps_of_one_moment_are_one_file(tmp_path: Path) -> None:
    area = "7f0000000000-7f0000001000 rw-p"
    start = _smaps((area, "", "rd wr mr mw me ac"), STACK)
    folder = _set(tmp_path, "getpid() = 100", start, start)
    plain = "".join(line + "\n" for line in start.splitlines() if "-p " in line)
    (folder / "maps" / "100.exit.maps").write_text(plain)
    found = _checked(folder)
    assert found.agrees and found.tallies["map_files"].total == 1 and found.tallies["map_flags"].total == 2


def test_a_scenario_of_a_recording_sets_up_the_flags_of_areas_before_it(tmp_path: Path) -> None:
    start = _smaps(
        ("7f0000000000-7f0000001000 rw-p", "", "rd wr mr mw me ac"),
        ("7f0000001000-7f0000002000 rw-p", "", "rd wr mr mw me dc lo ac hg"),
        STACK,
    )
    trace = read_set(_set(tmp_path, "getpid() = 100", start, start))
    write_trace(trace, str(tmp_path / "out.yaml"))
    steps = (tmp_path / "out.yaml").read_text()
    assert "madvise: {addr: 0x7f0000001000, length: 4096, advice: dontfork}" in steps
    assert "madvise: {addr: 0x7f0000001000, length: 4096, advice: hugepage}" in steps
    assert "mlock2: {addr: 0x7f0000001000, length: 4096" in steps
    assert "addr: 0x7f0000000000, length: 4096, advice" not in steps


def test_the_page_of_vvar_is_no_resident_page(tmp_path: Path) -> None:
    """It has a frame number and no page (vmf_insert_pfn): Rss 0 in smaps of Linux 6.18 though the program read it."""
    (tmp_path / "maps").mkdir()
    (tmp_path / "ftrace.txt").write_text(
        "# tracer: nop\n a-100 [000] ..... 1.0: sys_close(fd: 3)\n a-100 [000] ..... 1.1: sys_close -> 0x0\n"
        " a-100 [000] d.... 1.2: page_fault_user: address=0x7ffff7ff9080 ip=0x7ffff7ffd100 error_code=0x4\n"
        " a-100 [000] d.... 1.3: page_fault_user: address=0x7ffff7ffd100 ip=0x7ffff7ffd100 error_code=0x14\n"
    )
    vvar, vdso = "7ffff7ff9000-7ffff7ffd000 r--p", "7ffff7ffd000-7ffff7fff000 r-xp"
    (tmp_path / "maps" / "100.start.maps").write_text(
        f"{vvar} 00000000 00:00 0 [vvar]\n{vdso} 00000000 00:00 0 [vdso]\n"
    )
    assert list(replay(read_set(tmp_path), counters=True).columns["rss"][-2:]) == [0, 1]
