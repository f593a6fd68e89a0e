"""Forms found in reports of people: each with what is right, or with what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.advice.dumped import dump_bill
from remaptrace.api import check, load, replay
from remaptrace.errors import InputError
from remaptrace.machine.machine import Machine
from remaptrace.report.facts.run import run_facts
from remaptrace.report.phrases import process_words
from remaptrace.result.result import Result
from remaptrace.trace.detect import read_data
from remaptrace.trace.dumps.door import form_inside, read_dump
from remaptrace.trace.events import Trace
from remaptrace.trace.formats import recognise

ANON = "PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0"
HUGE = "PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS|MAP_HUGETLB, -1, 0"


def read(text: str | bytes) -> Trace:
    return read_data(text.encode() if isinstance(text, str) else text, "log")


def agreed(trace: Trace, kernel: str = "linux-6.18") -> Result:
    result = replay(trace, Machine.load(trace.arch or "x86_64", kernel))
    assert check(result).agrees
    return result


def said(result: Result, words: str) -> bool:
    return any(words in note for note in result.notes)


# ---- answers that contradict each other -------------------------------------------------------


def test_a_mapping_over_a_live_one_is_named_with_its_line() -> None:
    result = agreed(
        read(f"mmap(NULL, 8192, {ANON}) = 0x7f1100002000\nmmap(NULL, 4096, {ANON}) = 0x7f1100003000\n")
    )
    assert said(result, "a mapping was placed where the log still has one (line 2)")
    both = read(f"mmap(NULL, 8192, {ANON}) = 0x7f1100002000\nmunmap(0x7f1100003000, 4096) = 0\n"
                f"mmap(NULL, 4096, {ANON}) = 0x7f1100003000\n")  # fmt: skip
    assert not said(agreed(both), "still has one")


def test_windows_that_a_late_log_remaps_are_assumed_shared() -> None:
    calls = (
        "mprotect(0x7f1100002000, 4096, PROT_READ|PROT_WRITE) = 0\n"
        "remap_file_pages(0x7f1100002000, 4096, 0, 7, 0) = 0\n"
        "remap_file_pages(0x7f1100004000, 8192, 0, 1, MAP_NONBLOCK) = 0\n"
        "msync(0x7f1100002000, 4096, MS_SYNC) = 0\n"
        "munmap(0x7f1100002000, 16384) = 0\n"
    )
    for kernel in ("linux-6.18", "linux-2.6.21"):
        assert agreed(read(calls), kernel).columns["map_count"][-1] == 0


def test_private_memory_that_the_log_made_is_no_window() -> None:
    trace = read(
        f"mmap(NULL, 8192, {ANON}) = 0x7f1100002000\nremap_file_pages(0x7f1100002000, 4096, 0, 1, 0) = 0\n"
    )
    assert not check(replay(trace)).agrees


def test_a_munmap_that_ends_inside_of_a_huge_page_proves_smaller_ones() -> None:
    size = 5 << 20
    calls = f"mmap(NULL, {size}, {HUGE}) = 0x7f1100000000\nmunmap(0x7f1100000000, {size}) = 0\n"
    result = agreed(read(calls))
    assert said(result, "inside of a huge page of 2,048 KiB and succeeded (line 2)")
    assert result.columns["map_count"][-1] == 0
    refused = agreed(read(calls.replace("= 0\n", "= -1 EINVAL (Invalid argument)\n")))
    assert not said(refused, "huge page of")
    whole = agreed(read(calls.replace(str(size), str(6 << 20))))
    assert not said(whole, "huge page of")


LIBRARY = (
    'openat(AT_FDCWD, "/lib/libx.so.6", O_RDONLY|O_CLOEXEC) = 3\n'
    "mmap(NULL, 94208, PROT_READ, MAP_PRIVATE|MAP_DENYWRITE, 3, 0) = 0x7f110a000000\n"
    "mmap(0x7f110a010000, 8192, PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_DENYWRITE, 3, 0x10000) = 0x7f110a010000\n"
    "mmap(0x7f110a012000, 8192, PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_DENYWRITE, 3, 0x12000) = 0x7f110a012000\n"
    "close(3) = 0\n"
)


def test_a_library_whose_parts_do_not_lie_together_is_named(tmp_path: Path) -> None:
    def notes(text: str) -> list[str]:
        (tmp_path / "log.strace").write_text(text)
        return [note for note in load(str(tmp_path / "log.strace")).notes if "as no loader does" in note]

    assert not notes(f"mmap(NULL, 8192, {ANON}) = 0x7f1100002000\n")  # columns of few bits
    assert not notes("mmap(NULL, 8192, PROT_READ, MAP_SHARED, 3, 0) = 0x7f1100002000\n")
    moved = LIBRARY.replace("3, 0) = 0x7f110a000000", "3, 0) = 0x7f110c000000")
    assert "line 3 maps a part of a library outside of where line 2" in notes(moved)[0]
    assert not notes(LIBRARY + LIBRARY.replace("0x7f110a", "0x7f110b"))
    assert not notes(LIBRARY.replace("close(3) = 0\n", "") + LIBRARY.replace("0x7f110a", "0x7f110b"))
    assert not notes(
        moved.replace("NULL, 94208", "0x7f110c000000, 94208").replace("DENYWRITE, 3, 0)", "FIXED, 3, 0)")
    )


# ---- whose lines they are ---------------------------------------------------------------------


def test_the_only_process_that_strace_attached_to_is_that_of_lines_without_ids() -> None:
    trace = read("strace: Process 6137 attached\nmunmap(0x7f1100002000, 4096) = 0\n")
    assert trace.tasks["pid"].tolist() == [6137]


def test_a_process_without_an_id_is_no_number() -> None:
    facts = run_facts(replay(read(f"mmap(NULL, 8192, {ANON}) = 0x7f1100002000\n")))
    assert [process_words(p["pid"], p["name"]) for p in facts["processes"]] == ["the process"]
    assert (process_words(0, "sh"), process_words(7, "sh"), process_words(7, "")) == ("sh", "7 sh", "7")


@pytest.mark.parametrize("name", ["cacheflush", "SYS_983042", "syscall_983042"])
def test_calls_that_only_arm_has_are_known_harmless(name: str) -> None:
    trace = read(
        "brk(0) = 0x21000\nmmap2(NULL, 4096, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0xb6f2c000\n"
        f"{name}(0xb6f2c000, 0xb6f2d000, 0, 0, 0) = 0\nset_tls(0xb6f70f0c, 0xb6f70f00, 0, 0, 0) = 0\n"
    )
    assert trace.arch == "arm"
    assert not trace.unmodelled and sum(trace.ignored.values()) == 2


# ---- what mails and pages did -----------------------------------------------------------------


def test_no_break_blanks_of_koi8_are_blanks() -> None:
    text = (
        b'uname({sys=3D"Linux", ...}) =3D 0\n'
        b"brk(0) =9A =9A =9A =9A =9A =9A=\n =3D 0x81ab000\n"
        b"brk(0x81ac000) =9A =9A =9A =3D 0x81a=\nc000\n"
    )
    trace = read(text)
    assert not trace.skipped
    assert trace.columns["ret"].tolist() == [0x81AB000, 0x81AC000]


def test_a_quoted_log_of_a_function_tracer_says_what_it_is() -> None:
    text = ">  produces:\n>\n>  2)   0.764 us    |  leave_mode();\n>  2)   0.581 us    |  trylock();\n"
    with pytest.raises(InputError, match="not recognised") as caught:
        read(text)
    assert "function_graph" in caught.value.found


def test_a_mark_of_quotation_is_not_of_a_tasks_name() -> None:
    fault = "page_fault_user: address=0x55bc6c5557d0 ip=0x7ff74f7aa84c error_code=0x7"
    line = f">sh-930   [003] d...  6288.896762: {fault}\n"
    trace = read(line + line.replace("896762", "896799").replace("57d0", "67d0"))
    assert trace.strings[int(trace.tasks["name"][0])] == "sh"


def test_a_log_of_entries_alone_says_what_is_missing() -> None:
    fields = "addr: 0x0, len: 0x8000, prot: 0x0, flags: 0x22, fd: -1, off: 0x0"
    line = f"app   531 [003] 30.536620: syscalls:sys_enter_mmap: {fields}\n"
    assert any("entries alone" in note for note in read(line).notes)
    cut = read(line.replace(", flags: 0x22, fd: -1, off: 0x0", "") + line)
    assert [s.expected for s in cut.skipped] == ["all fields of its event"]


# ---- maps inside of other texts ---------------------------------------------------------------

ABORT = """\
*** Error in `./prog': double free or corruption (fasttop): 0x00000000014a5010 ***
======= Backtrace: =========
/lib64/libc.so.6(+0x7d1fd)[0x7f25e1b2c1fd]
./prog[0x4005c8]
======= Memory map: ========
00400000-00401000 r-xp 00000000 fd:01 33555                              /home/u/prog
00600000-00601000 rw-p 00000000 fd:01 33555                              /home/u/prog
014a5000-014c6000 rw-p 00000000 00:00 0                                  [heap]
7ffd0b2c8000-7ffd0b2e9000 rw-p 00000000 00:00 0                          [stack]
ffffffffff600000-ffffffffff601000 r-xp 00000000 00:00 0                  [vsyscall]
Aborted (core dumped)
"""


def test_the_map_of_an_aborted_program_is_read_out_of_its_message() -> None:
    assert form_inside(ABORT.encode()) == "maps"
    dump = read_dump(ABORT.encode(), "abort.txt")
    assert [row.start for row in dump.rows] == [0x400000, 0x600000, 0x14A5000, 0x7FFD0B2C8000]
    assert dump.lines[0] == 6 and dump.complete
    assert dump_bill(dump) is not None
    assert len(read(ABORT)) > 0


def test_a_map_that_was_cut_is_not_taken_for_whole() -> None:
    cut = ABORT[: ABORT.index("ffffffffff600000") + 30]
    assert not read_dump(cut.encode(), "abort.txt").complete


def test_two_maps_in_a_text_are_not_one() -> None:
    with pytest.raises(InputError, match="2 lists of areas, from line 6 and line 17"):
        read_dump((ABORT + ABORT).encode(), "two.txt")


def test_a_log_that_holds_a_map_stays_a_log() -> None:
    log = f"mmap(NULL, 8192, {ANON}) = 0x7f1100002000\n" * 2
    assert recognise((log + ABORT).encode()) == "strace"
    assert recognise((ABORT + log).encode()) == "strace"
