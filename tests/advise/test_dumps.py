"""Maps without calls: every form gives the same areas, and the bill adds up to what stands there."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from remaptrace.advice.dumped import dump_bill, vma_rows
from remaptrace.advice.neighbours import Neighbours
from remaptrace.api import load
from remaptrace.cli.entry import run_command
from remaptrace.errors import InputError
from remaptrace.report.facts.dump import dump_facts
from remaptrace.report.rich.dump import dump_sheet
from remaptrace.trace.dumps.door import dump_of_path, form_of, read_dump
from remaptrace.trace.dumps.dump import Dump, trace_of
from remaptrace.trace.opening import read_input

DATA = Path(__file__).parent.parent / "data" / "dumps"
TRACES = Path(__file__).parent.parent.parent / "traces"
PEAKS = sorted(TRACES.glob("*/maps/*.peak.maps*"))


def dump(name: str) -> Dump:
    found = dump_of_path(str(DATA / name))
    assert found is not None
    return found


def places(d: Dump) -> list[tuple[int, int, str]]:
    return [(r.start, r.end, r.perms) for r in d.rows]


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("p.smaps", "smaps"),
        ("p.pmap", "pmap"),
        ("p.pmapx", "pmap"),
        ("p.pmapX", "pmap"),
        ("p.pmapXX", "pmap"),
        ("p.gdb", "list of gdb (info proc mappings)"),
    ],
)
def test_every_form_shows_the_areas_of_one_process(name: str, form: str) -> None:
    d = dump(name)
    assert d.form == form
    assert [p[:2] for p in places(d)] == [p[:2] for p in places(dump("p.maps"))]
    assert [p[2] for p in places(d)] == [p[2] for p in places(dump("p.maps"))]


def test_smaps_and_pmap_show_the_same_flags_and_resident_pages() -> None:
    smaps, pmap = dump("p.smaps"), dump("p.pmapXX")
    assert smaps.flags == pmap.flags
    assert len(smaps.flags) == len(smaps.rows)
    assert smaps.resident == pmap.resident
    assert dump_bill(smaps).untouched == dump_bill(pmap).untouched != (0, 0)


def test_a_core_file_of_the_kernel_has_the_areas_of_the_map() -> None:
    core = read_dump(gzip.decompress((DATA / "core.head.gz").read_bytes()), "core")
    maps = dump("k.maps")
    assert core.complete
    assert [(s, e, p[:3]) for s, e, p in places(core)] == [(s, e, p[:3]) for s, e, p in places(maps)]
    files = [r.name for r in maps.rows if r.name.startswith("/")]
    assert [r.name for r in core.rows if r.name] == files
    assert (core.fault, core.program) == (0x10, "k")


def test_a_core_file_that_ends_too_early_is_refused() -> None:
    whole = gzip.decompress((DATA / "core.head.gz").read_bytes())
    for size in (20, 63, 64, 500, 3000, 4000):
        with pytest.raises(InputError):
            read_dump(whole[:size], "core", "core")


def test_the_count_of_a_core_with_many_segments_stands_elsewhere() -> None:
    """PN_XNUM: with 65,535 program headers or more e_phnum is 0xffff and section 0 has the count."""
    whole = bytearray(gzip.decompress((DATA / "core.head.gz").read_bytes()))
    count = int.from_bytes(whole[56:58], "little")
    whole[56:58] = b"\xff\xff"
    at = len(whole)
    whole[40:48] = at.to_bytes(8, "little")
    whole += bytes(64)
    whole[at + 44 : at + 48] = count.to_bytes(4, "little")
    assert len(read_dump(bytes(whole), "core").rows) == 46


def test_a_java_report_counts_more_than_it_shows() -> None:
    d = dump("hs_err.txt")
    assert (len(d.rows), d.counted, d.complete, d.lines[0]) == (4, 65_530, False, 7)
    facts = dump_facts(dump_bill(d), 65_530, "the kernel's default")
    assert facts["limit"]["met"]
    assert any("65,530" in s and "shows 4" in s for s in facts["sentences"])
    assert any("itself counted 65,530 areas" in note for note in trace_of(d, "t").notes)


def test_a_tombstone_names_the_last_byte_and_the_fault() -> None:
    d = dump("tombstone.txt")
    assert [r.end - r.start for r in d.rows] == [0x1000, 0x1000, 0x1000, 0x1000, 0x100000]
    assert (d.counted, d.pid, d.program, d.complete) == (5, 4412, "com.example.app", True)
    fault = dump_facts(dump_bill(d), 65_530, "")["fault"]
    assert fault["inside"]["start"] == 0x7F20000000


def test_a_sanitizers_map_has_no_permissions_and_says_so() -> None:
    d = dump("asan.txt")
    assert not d.shows_perms
    facts = dump_facts(dump_bill(d), 65_530, "")
    assert facts["total"] == 3
    assert facts["apart"] is None
    assert facts["guards"] is None
    with pytest.raises(InputError, match="no permissions"):
        load(str(DATA / "asan.txt"))


def test_valgrinds_reservations_are_no_areas() -> None:
    d = dump("valgrind.txt")
    assert [r.perms for r in d.rows] == ["r--p", "r-xp", "r--p", "rw-p", "rw-p", "r--p", "r-xp", "rw-p"]


@pytest.mark.parametrize("path", PEAKS, ids=lambda p: f"{p.parent.parent.name}-{p.name}")
def test_the_bill_of_a_peak_map_adds_up_to_its_lines(path: Path) -> None:
    data = read_input(str(path))
    lines = [line for line in data.decode().splitlines() if line and "[vsyscall]" not in line]
    bill = dump_bill(read_dump(data, str(path)))
    assert bill.total == len(lines)
    for items in bill.views.values():
        assert sum(i.vmas for i in items) == len(lines)
    touching = sum(a.end == b.start for a, b in zip(bill.vmas, bill.vmas[1:], strict=False))
    assert bill.shape is not None
    assert sum(bill.shape.apart.values()) == touching


def test_enough_peak_maps_are_tried() -> None:
    assert len(PEAKS) >= 24


def test_an_impossible_map_is_refused_with_its_line() -> None:
    with pytest.raises(InputError) as caught:
        dump("twice.maps")
    assert caught.value.line == 2


def test_names_of_areas_keep_them_apart() -> None:
    text = b"7f0000000000-7f0000001000 rw-p 00000000 00:00 0 [anon:a]\n"
    text += b"7f0000001000-7f0000002000 rw-p 00000000 00:00 0 [anon:b]\n"
    lower, upper = vma_rows(read_dump(text, "m"))
    assert Neighbours().why_apart(lower, upper) == "name"


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str]:
    status = run_command(list(args))
    return status, capsys.readouterr().out


def test_run_and_maps_take_a_map_alone(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = run(capsys, "maps", str(DATA / "p.pmapX"), "--format", "plain")
    assert code == 0
    assert text.count("\n") >= 45
    trace = load(str(DATA / "p.smaps"))
    assert (trace.format, len(trace)) == ("maps", 46)


def test_two_maps_say_what_grew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = (DATA / "p.maps").read_text()
    new = old.replace(
        "7f66acb6a000-",
        "".join(f"7f6600{i:02x}0000-7f6600{i:02x}2000 rw-p 00000000 00:00 0 \n" for i in range(30))
        + "7f66acb6a000-",
        1,
    )
    for name, text in (("old.maps", old), ("new.maps", new)):
        (tmp_path / name).write_text(text)
    code, text = run(
        capsys, "advise", str(tmp_path / "old.maps"), str(tmp_path / "new.maps"), "--format", "plain"
    )
    assert code == 0
    assert "growth before 45 after 75 same_process true" in text
    assert "new name 'rw-p anonymous' vmas 30 bytes 8192" in text


def test_a_running_process_is_asked_twice(capsys: pytest.CaptureFixture[str]) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        code, text = run(
            capsys, "advise", "-p", str(child.pid), "--every", "50ms", "--times", "2", "--format", "plain"
        )
        child.kill()
    assert code == 0
    assert "growth before" in text


def test_this_process_has_the_areas_of_its_map(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = run(capsys, "advise", "-p", str(os.getpid()), "--format", "plain")
    assert code == 0
    assert "form smaps" in text


@pytest.mark.parametrize("text", [b"", b"hello\n", b"12: x\n", b'execve("/bin/ls", [], []) = 0\n'])
def test_what_is_no_dump_is_left_to_the_other_readers(text: bytes) -> None:
    assert form_of(text) is None


PMAP_D = """\
4412:   ./srv
Address           Kbytes Mode  Offset           Device    Mapping
000055d0c0000000       8 r-x-- 0000000000001000 0fe:00000 srv
00007f10a0000000     132 rw--- 0000000000000000 000:00000   [ anon ]
00007f10b0000000       4 ----- 0000000000000000 000:00000   [ anon ]
mapped: 144K    writeable/private: 132K    shared: 0K
"""
BUSYBOX = """\
4412: ./srv -a
55d0c0000000       8K r-xp  /bin/srv
7f10a0000000     132K rw-p    [ anon ]
7f10b0000000       4K ---p    [ anon ]
mapped: 144K
"""
BUSYBOX_X = """\
4412: ./srv -a
Address           Kbytes     PSS   Dirty    Swap  Mode  Mapping
55d0c0000000           8       4       0       0  r-xp  /bin/srv
7f10a0000000         132      16      16       0  rw-p    [ anon ]
7f10b0000000           4       0       0       0  ---p    [ anon ]
----------------  ------  ------  ------  ------
total                144      20      16       0
"""


@pytest.mark.parametrize("text", [PMAP_D, BUSYBOX, BUSYBOX_X], ids=["pmap -d", "busybox", "busybox -x"])
def test_other_forms_of_pmap_show_the_same_areas(text: str) -> None:
    dump = read_dump(text.encode(), "p")
    assert [(r.end - r.start, r.perms) for r in dump.rows] == [
        (8192, "r-xp"),
        (132 << 10, "rw-p"),
        (4096, "---p"),
    ]
    assert [r.name.rpartition("/")[2] for r in dump.rows] == ["srv", "", ""]
    assert dump.rows[0].offset == (4096 if text is PMAP_D else 0)
    assert dump.resident == ()  # PSS is not what is resident


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("55d0c0000000 default file=/bin/cat mapped=1 N0=1 kernelpagesize_kB=4\n", "without their ends"),
        ("total 0\nlr-------- 1 root root 64 Nov 1 10:00 55d0-55d1 -> /bin/cat\n".replace("55d", "55d000"),
         "mappings of files alone"),
    ],
)  # fmt: skip
def test_what_is_taken_for_a_map_and_is_none_says_what_to_take(text: str, problem: str) -> None:
    with pytest.raises(InputError, match="RT325") as caught:
        read_dump(text.encode(), "x")
    assert problem in caught.value.problem
    assert caught.value.expected == "/proc/PID/maps or smaps"


def core_of(machine: str) -> bytes:
    """A core file of one area and its file, as kernels of 32 or 64 bits write it."""
    wide = machine == "aarch64"
    word = "Q" if wide else "I"
    names = struct.pack(f"<5{word}", 1, 4096, 0x400000, 0x401000, 2) + b"/bin/a\0"
    note = struct.pack("<3I", 5, len(names), 0x46494C45) + b"CORE\0\0\0\0" + names
    note += b"\0" * (-len(note) % 4)
    head, row = (64, 56) if wide else (52, 32)
    at = head + 3 * row
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + b"\0" * 9
    tail = (head, row, 3, 0, 0, 0)
    if wide:
        out = ident + struct.pack("<HHIQQQI6H", 4, 183, 1, 0, 64, 0, 0, *tail)
        out += struct.pack("<IIQQQQQQ", 4, 0, at, 0, 0, len(note), 0, 4)
        for start, flags in ((0x400000, 5), (0xFFFF80000000, 6)):
            out += struct.pack("<IIQQQQQQ", 1, flags, at + len(note), start, 0, 0, 4096, 4096)
    else:
        out = ident + struct.pack("<HHIIIII6H", 4, 3, 1, 0, 52, 0, 0, *tail)
        out += struct.pack("<8I", 4, at, 0, 0, len(note), 0, 0, 4)
        for start, flags in ((0x400000, 5), (0xB7F00000, 6)):
            out += struct.pack("<8I", 1, at + len(note), start, 0, 0, 4096, flags, 4096)
    return out + note


@pytest.mark.parametrize("machine", ["i386", "aarch64"])
def test_core_files_of_other_machines_are_read(machine: str) -> None:
    dump = read_dump(core_of(machine), "core")
    assert [(r.perms, r.name, r.offset) for r in dump.rows] == [("r-xp", "/bin/a", 8192), ("rw-p", "", 0)]
    assert dump.complete and dump.form == "core file"


@pytest.mark.parametrize(
    ("complete", "counted", "least"), [(False, -1, True), (False, 60, False), (True, -1, False)]
)
def test_a_dump_that_may_leave_areas_out_has_at_least_those_shown(
    complete: bool, counted: int, least: bool
) -> None:
    facts = dump_facts(dump_bill(replace(dump("p.smaps"), complete=complete, counted=counted)), 65530, "told")
    text = " ".join(dump_sheet(facts).text().split())
    assert ("At least" in text, ": at most" in text, "At most" in text) == (least, least, least)
