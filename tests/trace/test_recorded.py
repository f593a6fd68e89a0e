"""Recorded sets: maps behind execs, kernel counters with their events, the same in every text."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from remaptrace.abi import kinds as ev
from remaptrace.cli.group import group
from remaptrace.errors import InputError
from remaptrace.trace.events import Trace
from remaptrace.trace.recorded.initial import add_maps
from remaptrace.trace.recorded.mapcount import CountRow, read_mapcount, tie
from remaptrace.trace.recorded.mapsfile import mmap_base, read_maps
from remaptrace.trace.recorded.read import find_set, read_bytes, read_set

SETS = Path(__file__).parents[2] / "traces"


def counters(name: str) -> int:
    found = find_set(SETS / name)
    assert found is not None
    assert found.mapcount is not None
    return len(read_mapcount(read_bytes(found.mapcount))[0])


@pytest.mark.parametrize("name", ["ls", "zoo", "git-log", "redis-bgsave", "fuzz-2", "gcc-compile"])
@pytest.mark.parametrize("text", ["ftrace", "perf", "strace"])
def test_every_counter_has_its_event(name: str, text: str) -> None:
    found = find_set(SETS / name)
    assert found is not None
    if text not in found.texts:
        pytest.skip("the set has no such text")
    t = read_set(SETS / name, text)
    assert t.truth is not None
    missing = [note for note in t.notes if " no event: " in note]
    assert all("changed nothing" in note or "shares memory" in note for note in missing)
    assert len(t.truth) + sum(int(note.split()[0].replace(",", "")) for note in missing) == counters(name)
    assert text == "strace" or missing == []
    assert (t.columns["flags"][t.truth["event"]] & ev.EVF_EXPECT_TRUTH).all()


@pytest.mark.parametrize("name", ["ls", "git-log", "fuzz-2", "redis-bgsave", "gcc-compile", "threads500"])
def test_ftrace_and_perf_of_one_run_are_the_same_events_of_each_task(name: str) -> None:
    one, other = (by_task(read_set(SETS / name, text)) for text in ("ftrace", "perf"))
    assert one.keys() == other.keys()
    for tid, rows in one.items():
        assert rows == other[tid], tid


def by_task(t: Trace) -> dict[int, list[tuple[object, ...]]]:
    """The events of each thread id, with names instead of numbers of strings and tasks."""
    out: dict[int, list[tuple[object, ...]]] = {}
    for row in t.rows(0, len(t)).tolist():
        kind, task, *words = row
        if kind in (ev.K_EXEC, ev.K_MARK):
            words[0] = t.strings[words[0]]
        elif kind == ev.K_FORK:
            words[0] = int(t.tasks["tid"][words[0]])
        elif kind == ev.K_INIT_VMA:
            words[4:6] = t.strings[words[4]], t.strings[words[5]]
        out.setdefault(int(t.tasks["tid"][task]), []).append((kind, *words))
    return out


def test_initial_areas_stand_behind_the_exec_that_they_are_of() -> None:
    t = read_set(SETS / "zoo", "ftrace")
    kinds = t.columns["kind"].tolist()
    execs = [i for i, k in enumerate(kinds) if k == ev.K_EXEC and t.columns["a1"][i] == 1]
    assert len(execs) == 2
    for i in execs:
        rows = [kinds[j] for j in range(i + 1, i + 15)]
        assert rows == [ev.K_INIT_MM] + [ev.K_INIT_VMA] * 13
    assert t.columns["a0"][execs[0] + 1] == 0x561C0DD82000  # the heap begins where brk(0) answered
    assert t.columns["a2"][execs[0] + 1] == 0x7F20A41C4000  # the interpreter ends where placement began
    assert t.truth is not None
    assert execs[0] + 14 in t.truth["event"]  # counters of the exec: behind its last area


def test_exit_maps_know_their_event() -> None:
    t = read_set(SETS / "zoo", "ftrace")
    exits = {m.tid: m for m in t.maps if m.moment == "exit"}
    for tid, maps in exits.items():
        assert t.columns["kind"][maps.event] == ev.K_MARK
        assert t.tasks["pid"][t.columns["task"][maps.event]] == tid
        assert t.columns["flags"][maps.event] & ev.EVF_OBSERVE


def test_a_log_that_begins_at_the_second_exec_has_the_second_maps() -> None:
    t = read_set(SETS / "uml-small", "perf")
    assert any("exec1" in note and "not in the trace" in note for note in t.notes)
    first = int((t.columns["kind"] == ev.K_EXEC).argmax())
    assert t.columns["a1"][first] == 1
    assert t.columns["a0"][first + 2] == 0x60000000
    assert t.truth is not None
    assert all("the log begins later" in note for note in t.notes if " no event: " in note)


def test_counters_without_an_event_are_named_with_a_reason() -> None:
    t = read_set(SETS / "ls", "ftrace")
    rows = [
        CountRow(1, 0, 1, 1, "exit_mmap", 0, (1, 1, 1, 1, 0)),
        CountRow(2, 0, 12703, 12703, "exit_mmap", 0x1234, (1, 1, 1, 1, 0)),
    ]
    table, _, untied = tie(t, rows)
    assert len(table) == 0
    assert sorted(u.reason for u in untied) == ["no event of this thread", "no such return of this thread"]


def test_readings_that_tell_a_moment_only_keep_the_place_of_their_call(tmp_path: Path) -> None:
    """Of three calls with the same answer the counters of the third are not taken for those of the first."""
    (tmp_path / "strace.txt").write_text(
        '7 execve("/bin/a", ["a"], 0x7ff /* 1 var */) = 0\n'
        + "".join(f"7 munmap(0x7f000000{n}000, 4096) = 0\n" for n in (1, 2, 3))
    )
    row = "1000{n} 7 7 exit_munmap 0 {words}\n"
    (tmp_path / "mapcount.txt").write_text(
        "10000 7 7 exit_execve 0 - - - - -\n"
        + row.format(n=1, words="- - - - -")
        + row.format(n=2, words="- - - - -")
        + row.format(n=3, words="9 90 10 33 0")
    )
    t = read_set(tmp_path)
    assert not t.skipped and t.truth is not None
    assert t.truth["map_count"].tolist() == [9]
    assert int(t.columns["line"][t.truth["event"][0]]) == 4
    assert int(((t.columns["flags"] & ev.EVF_EXPECT_TRUTH) != 0).sum()) == 1


def test_damaged_counters_are_skipped_with_their_place(tmp_path: Path) -> None:
    shutil.copytree(SETS / "ls", tmp_path / "ls")
    with (tmp_path / "ls" / "mapcount.txt").open("a") as file:
        file.write("3646869362878 28484 28484 exit_mmap\n")
    t = read_set(tmp_path / "ls")
    assert [s.code for s in t.skipped] == ["RT327"]
    assert t.sources[t.skipped[0].source].endswith("mapcount.txt")


def test_a_folder_without_texts_is_no_set(tmp_path: Path) -> None:
    assert find_set(tmp_path) is None
    with pytest.raises(InputError) as error:
        read_set(tmp_path)
    assert error.value.code == "RT326"


def test_the_text_can_be_chosen_and_must_exist() -> None:
    assert read_set(SETS / "ls").format == "ftrace"
    assert read_set(SETS / "ls", "strace").format.startswith("strace")
    with pytest.raises(InputError):
        read_set(SETS / "uml-touch2000", "perf")


def test_start_maps_build_the_address_space_of_an_attached_task(tmp_path: Path) -> None:
    from remaptrace.trace.tracepoints.ftrace import read_ftrace

    log = b"            prog-7       [000] .....     1.000001: sys_brk(brk: 0)\n"
    log += b"            prog-7       [000] .....     1.000002: sys_brk -> 0x5000\n"
    maps = tmp_path / "7.start.maps"
    maps.write_text(
        "00004000-00005000 rw-p 00000000 00:00 0\n00400000-00401000 r-xp 00000000 fe:00 12      /bin/prog\n"
    )
    t = read_ftrace(log, name="t")
    add_maps(t, [read_maps(maps.read_bytes(), str(maps))], named=True)
    assert t.columns["kind"].tolist() == [ev.K_INIT_MM, *[ev.K_INIT_VMA] * 3, ev.K_BRK]
    assert t.columns["a0"].tolist() == [
        0x5000,
        0x4000,
        0x400000,
        -0xA00000,
        0,
    ]  # [vsyscall]: more may be there
    assert t.columns["a2"].tolist()[1:3] == [3, 5]


def test_two_deleted_files_of_one_name_stay_two_files() -> None:
    maps = read_maps(
        b"1000-2000 rw-s 00000000 00:01 11   /memfd:a (deleted)\n"
        b"3000-4000 rw-s 00000000 00:01 12   /memfd:a (deleted)\n",
        "5.start.maps",
    )
    from remaptrace.trace.recorded.mapsfile import initial_rows

    strings: dict[str, int] = {}
    rows = initial_rows(maps, 0, lambda text: strings.setdefault(text, len(strings) + 1), 0)
    assert rows[1][2][4] != rows[2][2][4]


def test_a_line_that_is_no_maps_line_is_named() -> None:
    with pytest.raises(InputError) as error:
        read_maps(b"1000-2000 rw-p 00000000 00:00 0\nnonsense\n", "x.maps")
    assert (error.value.code, error.value.line) == ("RT325", 2)


def test_the_top_of_placement_is_unknown_for_a_static_program() -> None:
    maps = read_maps(
        b"00400000-00401000 r-xp 00000000 fe:00 12 /bin/static\n7ffd0000-7ffd1000 rw-p 00000000 00:00 0 [stack]\n",
        "x",
    )
    assert mmap_base(maps.rows) == 0


SHARED = """\
7 1700000001.000000 execve("/bin/a", ["a"], 0x7ff /* 1 var */) = 0
7 1700000001.100000 mmap(NULL, 65536, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000
7 1700000001.200000 clone(child_stack=NULL, flags=SIGCHLD) = 8
8 1700000001.500000 munmap(0x7f0000000000, 65536) = 0
"""
"""The child has no page of the shared mapping; a read of one maps all that are cached, a write only its own."""


def test_a_fault_of_unknown_kind_maps_no_page_whose_own_fault_was_recorded(tmp_path: Path) -> None:
    (tmp_path / "strace.txt").write_text(SHARED)
    faults = [(1_700_000_001_150_000_000 + n, 7, 0x7F0000000000 + n * 4096, "w") for n in range(8)]
    faults += [(1_700_000_001_300_000_000 + n, 8, 0x7F0000000000 + n * 4096, "?") for n in range(8)]
    (tmp_path / "faults.txt").write_text(
        "".join(f"{when} {pid} {pid} {addr:x} 401000 {kind}\n" for when, pid, addr, kind in faults)
    )
    done = CliRunner().invoke(group, ["check", str(tmp_path), "--format", "json"])
    outcome = json.loads(done.stdout)["outcomes"][0]
    assert outcome["agrees"], outcome["differences"]
    assert outcome["compared"]["faults"] == {"agree": 16, "total": 16}


def test_threads_that_only_fault_are_of_the_process_that_their_faults_name(tmp_path: Path) -> None:
    (tmp_path / "strace.txt").write_text(
        "9 1700000001.000000 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000\n"
    )
    (tmp_path / "summary.json").write_text('{"root_pid": 7, "threads": {"7": 7, "9": 7}}')
    (tmp_path / "faults.txt").write_text("1700000001100000000 7 11 7f0000000000 401000 w\n")
    t = read_set(tmp_path)
    assert not [note for note in t.notes if "birth" in note or "left out" in note]
    assert set(t.tasks["pid"].tolist()) == {7}
    assert {9, 11} <= set(t.tasks["tid"].tolist())


def test_the_stack_is_named_where_the_kernel_says_that_it_begins(tmp_path: Path) -> None:
    """A stack whose upper part became executable: what lies above the initial stack pointer has no name."""
    (tmp_path / "maps").mkdir()
    (tmp_path / "strace.txt").write_text(
        '7 execve("/bin/a", ["a"], 0x7ff /* 1 var */) = 0\n'
        "7 mprotect(0x7ffc0001f000, 4096, PROT_READ|PROT_WRITE|PROT_EXEC) = 0\n"
        "7 exit_group(0) = ?\n"
    )
    stack = "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0"
    (tmp_path / "maps" / "7.exec1.maps").write_text(f"{stack:<73}[stack]\n")
    (tmp_path / "maps" / "7.exec1.stat").write_text(
        f"7 (a) b) R {' '.join(['0'] * 24)} {0x7FFC0001F800} {' '.join(['0'] * 18)} {0x555000} 0 0 0 0 0\n"
    )
    rows = [
        "7ffc00000000-7ffc0001f000 rw-p",
        "7ffc0001f000-7ffc00020000 rwxp",
        "7ffc00020000-7ffc00021000 rw-p",
    ]
    lines = [f"{row} 00000000 00:00 0" for row in rows]
    lines[1] = f"{lines[1]:<73}[stack]"
    (tmp_path / "maps" / "7.exit.maps").write_text("".join(line + "\n" for line in lines))
    done = CliRunner().invoke(group, ["check", str(tmp_path), "--format", "json"])
    outcome = json.loads(done.stdout)["outcomes"][0]
    assert outcome["compared"]["map_lines"] == {"agree": 3, "total": 3}, outcome["differences"]


def test_a_set_replays_on_the_kernel_that_its_configuration_describes(tmp_path: Path) -> None:
    (tmp_path / "strace.txt").write_text("7 brk(NULL) = 0x555555560000\n")
    (tmp_path / "summary.json").write_text('{"kernel": "6.18 x86_64"}')
    config = ["# Linux/x86 6.18.44 Kernel Configuration", "CONFIG_X86_64=y", "CONFIG_MEM_SOFT_DIRTY=y"]
    config += ["# CONFIG_USERFAULTFD is not set", "CONFIG_LSM_MMAP_MIN_ADDR=32768"]
    (tmp_path / "config.gz").write_bytes(gzip.compress("\n".join([*config, ""]).encode()))
    assert read_set(tmp_path).machine == {"mem_soft_dirty": 1, "userfaultfd": 0}
    facts = {
        "system": {
            "sysctl": {"vm.mmap_min_addr": "4096", "kernel.shmmax": "18446744073692774399"},
            "thp": {"enabled": "always", "shmem_enabled": "never"},
            "rlimits": {"as": [8 << 30, "unlimited"], "data": ["unlimited", "unlimited"]},
        }
    }
    (tmp_path / "record.json").write_text(json.dumps(facts))
    more = {"thp_enabled": 2, "rlimit_as": 8 << 30, "mmap_min_addr": 32768}
    assert read_set(tmp_path).machine == {"mem_soft_dirty": 1, "userfaultfd": 0, **more}
    (tmp_path / "record.json").write_text(json.dumps({**facts, "options": {"pid": 7}}))  # not its parent
    assert "rlimit_as" not in read_set(tmp_path).machine
    (tmp_path / "config.gz").write_bytes(b"\x1f\x8b\x08")
    with pytest.raises(InputError, match="RT408"):
        read_set(tmp_path)


def test_memfds_that_come_from_elsewhere_are_not_one_file_because_of_their_label(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    label = "</memfd:shared>(deleted)"
    (tmp_path / "strace.txt").write_text(
        '7 execve("/bin/a", ["a"], 0x7ff /* 1 var */) = 0\n'
        + "".join(
            f"7 mmap(NULL, 4096, PROT_READ, MAP_SHARED, {fd}{label}, 0) = 0x7f000000{fd}000\n"
            for fd in (4, 5, 6)
        )
        + "7 exit_group(0) = ?\n"
    )
    (tmp_path / "maps" / "7.exec1.maps").write_text(
        f"{'7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0':<73}[stack]\n"
    )
    areas = [
        (4, 31, "rd mr me ms sd"),
        (5, 32, "rd mr me ms sd"),
        (6, 31, "rd sh mr mw me ms sd"),
    ]  # 4 and 6 are one
    (tmp_path / "maps" / "7.exit.smaps").write_text(
        "".join(
            f"{f'7f000000{fd}000-7f000000{fd + 1}000 r--s 00000000 00:01 {inode}':<73}/memfd:shared (deleted)\n"
            f"Size: 4 kB\nVmFlags: {flags}\n"
            for fd, inode, flags in areas
        )
        + f"{'7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0':<73}[stack]\nSize: 132 kB\n"
    )
    done = CliRunner().invoke(group, ["check", str(tmp_path), "--format", "json"])
    outcome = json.loads(done.stdout)["outcomes"][0]
    assert outcome["compared"]["map_lines"] == {"agree": 4, "total": 4}, outcome["differences"]
    assert outcome["compared"]["map_flags"] == {"agree": 3, "total": 3}, outcome["differences"]


def test_exit_maps_of_a_process_whose_end_is_not_in_the_log_are_said_not_to_be_compared(
    tmp_path: Path,
) -> None:
    (tmp_path / "strace.txt").write_text(
        '7 execve("/usr/bin/prog", ["prog"], 0x7ffe0a00 /* 9 vars */) = 0\n7 brk(NULL) = 0x1000000\n'
        "7 mprotect(0x400000, 4096, PROT_READ) = 0\n"
    )
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "7.exit.maps").write_text(
        "00400000-00401000 r-xp 00000000 08:01 131 /usr/bin/prog\n"
        "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 [stack]\n"
    )
    notes = read_set(tmp_path).notes
    assert any(
        n.endswith("the log does not show the end of process 7; nothing is compared with it") for n in notes
    )


def test_what_was_mapped_between_the_start_map_and_the_log_is_said(tmp_path: Path) -> None:
    """The first mapping went below a hole that would have held it: it was none."""
    start = (
        "7f0000010000-7f0000012000 rw-p 00000000 00:00 0\n"
        "7f0000013000-7f0000020000 r-xp 00000000 08:01 132 /lib/libc.so\n"
        "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 [stack]\n"
    )
    call = "7 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {:#x}\n"
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "7.start.maps").write_text(start)

    def notes(first: int, second: int) -> list[str]:
        (tmp_path / "strace.txt").write_text(call.format(first) + call.format(second))
        return [n for n in read_set(tmp_path).notes if "something was mapped there" in n]

    assert not notes(0x7F000000E000, 0x7F000000C000)
    (note,) = notes(0x7F0000008000, 0x7F0000006000)
    assert "mapping of line 1 went below 7f000000a000-7f0000010000" in note
