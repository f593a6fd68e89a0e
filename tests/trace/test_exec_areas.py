"""What execve mapped, told from program headers, or assumed where they are not at hand."""

from __future__ import annotations

import gzip
import json
import struct
from dataclasses import asdict
from pathlib import Path

import pytest

from remaptrace import load, replay
from remaptrace.abi.kinds import EVF_OBSERVE
from remaptrace.api import check
from remaptrace.errors import InputError
from remaptrace.result.truth import _stack_as, compare_maps
from remaptrace.trace.recorded.elf import KEPT, of_file, read_headers
from remaptrace.trace.recorded.execareas import stack_area, stack_top
from remaptrace.trace.recorded.mapsfile import mmap_base, read_maps
from remaptrace.trace.recorded.reconstruct import maps_at_exec

FIELD = Path(__file__).parents[1] / "data" / "field"
LOAD, INTERP, RELRO = 1, 3, 0x6474E552
R, RW, RX = 4, 6, 5  # PF_*


def elf(path: Path, kind: int, segments: list[tuple[int, int, int, int, int]], interpreter: str = "") -> Path:
    """Write an ELF file of `segments` (type, flags, vaddr, bytes in the file, bytes in memory); offsets are vaddr."""
    rows = [struct.pack("<IIQQQQQQ", t, f, v & 0xFFFFF, v, v, fs, ms, 4096) for t, f, v, fs, ms in segments]
    text = b""
    if interpreter:
        text = interpreter.encode() + b"\0"
        at = 64 + 56 * (len(rows) + 1)
        rows.append(struct.pack("<IIQQQQQQ", INTERP, R, at, at, at, len(text), len(text), 1))
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", kind, 62, 1, 0, 64, 0, 0, 64, 56, len(rows), 0, 0, 0)
    path.write_bytes(head + b"".join(rows) + text + bytes(0x3000))
    return path


def program(folder: Path, kind: int = 3, base: int = 0, bss: int = 0x3000) -> Path:
    segments = [
        (LOAD, R, base, 0x800, 0x800),
        (LOAD, RX, base + 0x1000, 0x1000, 0x1000),
        (LOAD, RW, base + 0x2D00, 0x500, 0x500 + bss),
        (RELRO, R, base + 0x2D00, 0x300, 0x300),
    ]
    return elf(folder / "prog", kind, segments, str(interpreter(folder)))


def interpreter(folder: Path) -> Path:
    segments = [
        (LOAD, RX, 0, 0x2000, 0x2000),
        (LOAD, RW, 0x3000, 0x2000, 0x2000),
        (RELRO, R, 0x3000, 0x2000, 0x1000),
        (RELRO, R, 0x3000, 0x1000, 0x1000),
    ]
    return elf(folder / "ld.so", 3, segments)


LOG = """execve("{prog}", ["prog"], 0x7ffe00000000 /* 3 vars */) = 0
brk(NULL) = 0x555555600000
mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7ff0000
mprotect(0x555555556000, 4096, PROT_READ) = 0
mprotect(0x7ffff7ffd000, 4096, PROT_READ) = 0
exit_group(0) = ?
"""


def areas(folder: Path, text: str) -> tuple[list[str], list[str]]:
    """The areas at exit, [stack] left out, and the notes."""
    log = folder / "log.strace"
    log.write_text(text, encoding="utf-8")
    result = replay(load(str(log)))
    lines = [
        f"{v.start:x}-{v.end:x} {v.perms} {v.offset:x} {v.name or (v.file or '').rpartition('/')[2]}".rstrip()
        for v in result.snapshots[-1].vmas
        if v.name != "[stack]"
    ]
    return lines, result.trace.notes


EXACT = [
    "555555554000-555555555000 r--p 0 prog",
    "555555555000-555555556000 r-xp 1000 prog",
    "555555556000-555555557000 r--p 2000 prog",
    "555555557000-555555558000 rw-p 3000 prog",
    "555555558000-55555555b000 rw-p 0",
]


def test_program_headers_and_the_loader_s_mprotect_tell_every_area(tmp_path: Path) -> None:
    found, notes = areas(tmp_path, LOG.format(prog=program(tmp_path)))
    assert found[:5] == EXACT
    assert found[6:] == [
        "7ffff7ff2000-7ffff7ff6000 r--p 0 [vvar]",
        "7ffff7ff6000-7ffff7ff8000 r--p 0 [vvar_vclock]",
        "7ffff7ff8000-7ffff7ffa000 r-xp 0 [vdso]",
        "7ffff7ffa000-7ffff7ffc000 r-xp 0 ld.so",
        "7ffff7ffd000-7ffff7ffe000 r--p 3000 ld.so",
        "7ffff7ffe000-7ffff7fff000 rw-p 4000 ld.so",
    ]
    assert any("told from the program headers" in n and "on this machine" in n for n in notes)


def test_a_program_named_from_its_folder_is_looked_for_beside_the_log(tmp_path: Path) -> None:
    program(tmp_path)
    assert areas(tmp_path, LOG.format(prog="./prog"))[0][:5] == EXACT


def test_a_script_has_the_areas_of_its_interpreter(tmp_path: Path) -> None:
    (tmp_path / "script").write_text(f"#!{program(tmp_path)} -x\n", encoding="utf-8")
    assert [a.split()[0] for a in areas(tmp_path, LOG.format(prog=tmp_path / "script"))[0][:5]] == [
        a.split()[0] for a in EXACT
    ]


def test_another_build_is_not_used_and_said(tmp_path: Path) -> None:
    path = program(tmp_path, base=0)
    path.write_bytes(path.read_bytes().replace(struct.pack("<Q", 0x300), struct.pack("<Q", 0x2300)))
    found, notes = areas(tmp_path, LOG.format(prog=path))
    assert found[:5] != EXACT
    assert any(
        "(another build, or a log that lacks calls of its loader); it was not used" in n for n in notes
    )
    assert any("areas assumed" in n for n in notes)


def test_kept_headers_stand_in_for_the_files(tmp_path: Path) -> None:
    path = program(tmp_path)
    kept = {str(file): asdict(of_file(file) or pytest.fail()) for file in (path, tmp_path / "ld.so")}
    (tmp_path / KEPT).parent.mkdir()
    (tmp_path / KEPT).write_text(json.dumps(kept), encoding="utf-8")
    path.unlink()
    (tmp_path / "ld.so").unlink()
    found, notes = areas(tmp_path, LOG.format(prog=path))
    assert found[:5] == EXACT
    assert any(f"kept in {KEPT}" in n for n in notes)


@pytest.mark.parametrize("text", ["[]", "{", '{"/bin/x": {"loads": 3}}', "null", '{"/bin/x": []}'])
def test_kept_headers_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / KEPT).parent.mkdir()
    (tmp_path / KEPT).write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        areas(tmp_path, LOG.format(prog="/bin/x"))
    assert error.value.code == "RT326"


@pytest.mark.parametrize("cut", [0, 3, 16, 40, 63, 64, 100, 200])
def test_files_that_end_early_or_are_no_programs_have_no_headers(tmp_path: Path, cut: int) -> None:
    assert read_headers(program(tmp_path).read_bytes()[:cut], cut) is None
    assert of_file(tmp_path) is None and of_file(tmp_path / "missing") is None
    assert read_headers(b"\x7fELF" + b"\xff" * 200, 204) is None


STATIC = """execve("/nowhere/static", ["static"], 0x7ffe00000000 /* 3 vars */) = 0
brk(NULL) = 0x1be50000
mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7ff0000
exit_group(0) = ?
"""


def test_a_static_program_that_is_not_at_hand_has_assumed_areas_and_says_so(tmp_path: Path) -> None:
    found, notes = areas(tmp_path, STATIC)
    assert len(found) == 9  # four of its file, .bss, three of the kernel, its own mmap; and the stack
    assert "7ffff7ff2000-7ffff7ff6000 r--p 0 [vvar]" in found
    assert any("taken to be static" in n for n in notes)


def test_read_only_data_is_relro_only_where_a_recorded_call_made_it_so() -> None:
    maps = read_maps(
        b"00400000-0047f000 r-xp 00000000 fe:00 9 /bin/go\n0047f000-00512000 r--p 0007f000 fe:00 9 /bin/go\n"
        b"00512000-00518000 rw-p 00112000 fe:00 9 /bin/go\n00518000-0053a000 rw-p 00000000 00:00 0\n"
        b"7ffff7ffd000-7ffff7fff000 r-xp 00000000 00:00 0 [vdso]\n"
        b"7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]\n",
        "7.exit.maps",
    )
    rows = maps.rows
    at_exec = maps_at_exec(maps, "/bin/go", ())
    assert at_exec is not None and at_exec.rows[:4] == rows[:4]
    made = maps_at_exec(maps, "/bin/go", [(rows[1].start, rows[1].end)])
    assert made is not None and made.rows[1].start == rows[1].start and made.rows[1].end == rows[2].end


def test_a_piece_of_the_program_that_it_mapped_later_is_no_segment() -> None:
    maps = read_maps(
        b"00400000-00b6f000 r--p 00000000 fe:00 9 /bin/node\n00b6f000-00c00000 r-xp 0076f000 fe:00 9 /bin/node\n"
        b"0563e000-0565d000 rw-p 0523d000 fe:00 9 /bin/node\n0565d000-05689000 rw-p 00000000 00:00 0\n"
        b"7f9d0fe40000-7f9d0ffd2000 r-xp 014c4000 fe:00 9 /bin/node\n"
        b"7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]\n",
        "7.exit.maps",
    )
    at_exec = maps_at_exec(maps, "/bin/node", ())
    assert at_exec is not None
    assert [row.start for row in at_exec.rows] == [0x400000, 0xB6F000, 0x563E000, 0x565D000, 0x7FFFFFFDE000]


def test_a_program_named_by_a_link_is_the_file_of_that_name() -> None:
    maps = read_maps(
        b"7ffb00000-7ffb75000 rw-p 00c77000 fe:00 8 /usr/lib/jvm/17/lib/server/classes.jsa\n"
        b"555e14f2e000-555e14f2f000 r--p 00000000 fe:00 9 /usr/lib/jvm/17/bin/java\n"
        b"555e14f2f000-555e14f30000 r-xp 00001000 fe:00 9 /usr/lib/jvm/17/bin/java\n"
        b"7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]\n",
        "7.exit.maps",
    )
    at_exec = maps_at_exec(maps, "/usr/bin/java", ())
    assert at_exec is not None
    assert [row.start for row in at_exec.rows] == [0x555E14F2E000, 0x555E14F2F000, 0x7FFFFFFDE000]


def test_placement_in_a_static_program_begins_at_the_vdso() -> None:
    maps = read_maps(
        b"00400000-0047f000 r-xp 00000000 fe:00 9 /bin/go\n"
        b"7ffff7ff9000-7ffff7ffd000 r--p 00000000 00:00 0 [vvar]\n"
        b"7ffff7ffd000-7ffff7fff000 r-xp 00000000 00:00 0 [vdso]\n"
        b"7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]\n",
        "x",
    )
    assert mmap_base(maps.rows) == 0x7FFFF7FFF000


@pytest.mark.parametrize("name", ["cow", "guard-static"])
def test_recorded_programs_end_with_the_areas_that_the_kernel_had(name: str) -> None:
    trace = load(str(FIELD / name / "strace.txt.gz"))
    result = replay(trace)
    for path in (FIELD / name / "truth").iterdir():
        truth = read_maps(gzip.decompress(path.read_bytes()), path.name)
        (shot,) = [s for s in result.snapshots if trace.tasks["pid"][s.task] == truth.tid]
        wrong = [pair for pair in compare_maps(_stack_as(truth, shot.vmas), shot.vmas) if pair[0] != pair[1]]
        assert [w for w in wrong if "[stack]" not in "".join(w)] == []
        assert len(shot.vmas) == len([r for r in truth.rows if r.name != "[vsyscall]"])
    assert json.loads((FIELD / name / KEPT).read_text())


@pytest.mark.parametrize(
    ("arch", "top"),
    [
        (None, 0x7FFFFFFFF000),
        ("ia32", 0xFFFFE000),
        ("i386", 0xC0000000),
        ("riscv64-sv39", 1 << 38),
        ("arm64-4k", 0x7FFFFFFFF000),
    ],
)
def test_the_assumed_stack_lies_within_user_space(arch: str | None, top: int) -> None:
    assert stack_area(lambda _: 0, stack_top(arch))[:2] == (top - 33 * 4096, top)


def test_exit_maps_are_compared_behind_an_exec_whose_areas_come_from_elsewhere(tmp_path: Path) -> None:
    """What is told of the program that the log begins with moves the events behind it, and the maps with them."""
    begin = LOG.format(prog=program(tmp_path)).replace("exit_group(0) = ?\n", "")
    log = begin + (
        'execve("/usr/bin/other", ["other"], 0x7ffe00000000 /* 3 vars */) = 0\n'
        "brk(NULL) = 0x1000000\n"
        "mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7effff000000\n"
        "exit_group(0) = ?\n+++ exited with 0 +++\n"
    )
    (tmp_path / "strace.txt").write_text("".join(f"7 {line}\n" for line in log.splitlines()))
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "7.exit.maps").write_text(
        "00400000-00401000 r-xp 00000000 08:01 131 /usr/bin/other\n"
        "7effff000000-7effff002000 r--p 00000000 00:00 0\n"
        "7f0000000000-7f0000001000 r-xp 00000000 08:01 132 /lib/ld.so\n"
        "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 [stack]\n"
    )
    trace = load(str(tmp_path))
    assert any("told from the program headers" in n for n in trace.notes)
    assert trace.columns["flags"][trace.maps[0].event] & EVF_OBSERVE
    tally = check(replay(trace)).tallies["map_lines"]
    assert (tally.agree, tally.total) == (4, 4)


def test_a_first_mapping_of_any_length_and_a_log_that_ends_in_the_loader(tmp_path: Path) -> None:
    """The vdso lies above the first mapping, which ends where its page does; who opens ld.so.cache is not static."""
    first = "mmap(NULL, 97813, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f5080502000\n"
    log = 'execve("./gone", ["gone"], 0x7ffe00000000 /* 3 vars */) = 0\nbrk(NULL) = 0x8bf000\n' + first
    assert any("7f508051a000" in area for area in areas(tmp_path, log)[0])
    loader = 'openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3\n'
    assert not any("static" in note for note in areas(tmp_path, log.replace("mmap", loader + "mmap"))[1])


@pytest.mark.parametrize(("flags", "perms"), [(RW, "rw-p"), (RW | 1, "rwxp")])
def test_the_program_says_whether_its_stack_may_be_executed(tmp_path: Path, flags: int, perms: str) -> None:
    segments = [
        (LOAD, R, 0, 0x800, 0x800),
        (LOAD, RX, 0x1000, 0x1000, 0x1000),
        (LOAD, RW, 0x2D00, 0x500, 0x3500),
        (RELRO, R, 0x2D00, 0x300, 0x300),
        (0x6474E551, flags, 0, 0, 0),
    ]
    made = elf(tmp_path / "prog", 3, segments, str(interpreter(tmp_path)))
    log = tmp_path / "log.strace"
    log.write_text(LOG.format(prog=made), encoding="utf-8")
    stack = [v.perms for v in replay(load(str(log))).snapshots[-1].vmas if v.name == "[stack]"]
    assert stack == [perms]


def kept(folder: Path, *names: str) -> Path:
    """A set with `program` kept under other names, and without the program."""
    entry = asdict(of_file(program(folder)) or pytest.fail("no headers"))
    own = asdict(of_file(interpreter(folder)) or pytest.fail("no headers"))
    (folder / "elf").mkdir()
    found = {**dict.fromkeys(names, entry), str(folder / "ld.so"): own}
    (folder / KEPT).write_text(json.dumps(found))
    (folder / "prog").unlink()
    return folder


@pytest.mark.parametrize(
    ("executed", "names", "found"),
    [
        ("./prog", ["/home/build/prog"], True),
        ("bin/prog", ["/srv/bin/prog", "/usr/lib/prog"], True),  # the longer tail tells it
        ("/usr/bin/prog", ["/opt/prog-3.11"], True),  # a link: what is mapped has another name
        ("./other", ["/home/build/prog"], False),
    ],
)
def test_kept_headers_are_found_by_links_and_from_working_directories(
    tmp_path: Path, executed: str, names: list[str], found: bool
) -> None:
    lines, notes = areas(kept(tmp_path, *names), LOG.format(prog=executed))
    assert (
        [line.rpartition(" ")[0] for line in lines[:4]] == [e.rpartition(" ")[0] for e in EXACT[:4]]
    ) == found
    assert any(KEPT in note for note in notes) == found


@pytest.mark.parametrize("path", ["/proc/self/exe", "/proc/thread-self/exe"])
def test_what_executes_itself_runs_the_program_that_it_was(path: str, tmp_path: Path) -> None:
    """As busybox sh and runc do; on this machine the path is that of the interpreter which runs this test."""
    once = LOG.format(prog=program(tmp_path))
    forked = once.replace("exit_group(0) = ?\n", "")
    again = once.replace(str(tmp_path / "prog"), path).replace("\n", "\n8 ").removesuffix("8 ")
    text = forked.replace("\n", "\n7 ").removesuffix("7 ")
    born = '7 fork() = 8\n7 execve("/nowhere", ["a"], 0x1) = 0\n7 exit_group(0) = ?\n'
    lines, _ = areas(tmp_path, f"7 {text}{born}8 {again}")
    alone, _ = areas(tmp_path, once)
    assert lines == alone
