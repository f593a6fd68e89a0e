"""Lists of areas as people pass them on: inside sessions, crash logs and pages, elided, behind prefixes."""

from __future__ import annotations

import pytest

from remaptrace.advice.dumped import dump_bill
from remaptrace.advice.patterns import GUARD_DATA, LIBRARIES, SHARED
from remaptrace.advice.toldfailure import told_failure
from remaptrace.errors import InputError
from remaptrace.report.facts.dump import dump_facts
from remaptrace.trace.dumps.door import form_inside, form_of, read_dump
from remaptrace.trace.formats import recognise

MAP = """\
00400000-00410000 r-xp 00000000 08:02 77                                 /opt/a b/srv
00610000-00612000 rw-p 00010000 08:02 77                                 /opt/a b/srv
7f10a0000000-7f10a0021000 rw-p 00000000 00:00 0
7f10a0021000-7f10a4000000 ---p 00000000 00:00 0
7ffc10000000-7ffc10021000 rw-p 00000000 00:00 0                          [stack]
"""
PLACES = [(int(line[:12].split("-")[0], 16), line.split()[1]) for line in MAP.splitlines()]


def numbered(text: str, front: str) -> str:
    return "".join(f"{front.format(n)}{line}\n" for n, line in enumerate(text.splitlines(), 1))


@pytest.mark.parametrize(
    "text",
    [
        f"*** Error in `./srv': double free or corruption ***\n======= Memory map: ========\n{MAP}Aborted\n",
        f"It fails with\n\n```\nsrv[0x9ee89e]\n======= Memory map: ========\n{MAP}```\n\nAny idea?\n",
        f"fatal error: runtime: cannot allocate memory\n\n/proc/self/maps:\n{MAP}\n",
        f"[root@host 412]# cat maps\n{MAP}[root@host 412]# \n",
        numbered(MAP, "{}:"),
        numbered(MAP, "/proc/4412/maps:"),
        numbered(MAP, "{:6}\t"),
        numbered(MAP, "Jan  2 03:04:05 host srv[4412]: "),
        numbered(MAP, "01-02 03:04:05.678  4412  4412 F DEBUG   :     "),
        numbered(MAP, "2024-01-02T03:04:05.000Z stderr F "),
        "> On Monday you wrote:\n" + numbered(MAP, "> "),
        MAP.replace(" ", "\u00a0"),
    ],
)  # fmt: skip
def test_a_map_inside_other_text_is_read(text: str) -> None:
    data = text.encode()
    assert recognise(data) == "maps"
    dump = read_dump(data, "x")
    assert [(row.start, row.perms) for row in dump.rows] == PLACES
    assert [row.name for row in dump.rows][::4] == ["/opt/a b/srv", "[stack]"]
    assert dump.complete


def test_lines_around_a_list_are_counted_and_keep_the_numbers_of_its_own() -> None:
    dump = read_dump(f"one\ntwo\n{MAP}three\n".encode(), "x")
    assert dump.lines == (3, 4, 5, 6, 7)
    assert dump.notes == ("3 lines around the list are no part of it",)


def test_an_excerpt_without_its_stack_may_leave_areas_out() -> None:
    part = "".join(MAP.splitlines(True)[:3])
    assert not read_dump(f"it says\n{part}and so on\n".encode(), "x").complete
    assert read_dump(part.encode(), "x").complete


@pytest.mark.parametrize(
    "dots", ["...", "#...", "[snip]", "[...]", "...[snip]...", ".", "  <snip>", "3000 more lines"]
)
def test_what_says_that_lines_were_left_out_makes_counts_least(dots: str) -> None:
    lines = MAP.splitlines()
    dump = read_dump("\n".join([*lines[:2], dots, *lines[2:]]).encode(), "x")
    assert (len(dump.rows), dump.complete) == (5, False)
    named = [line.split(None, 5) for line in lines]
    sanitizer = [f"\t0x{n[0].replace('-', '-0x')}\t{n[5] if len(n) > 5 else ''}" for n in named]
    text = [
        "==7==Process memory map follows:",
        *sanitizer[:2],
        dots,
        *sanitizer[2:],
        "==7==End of process memory map.",
    ]
    dump = read_dump("\n".join(text).encode(), "x")
    assert (len(dump.rows), dump.complete, dump.pid) == (5, False, 7)


def test_a_line_between_areas_that_is_none_is_refused() -> None:
    lines = MAP.splitlines()
    with pytest.raises(InputError) as caught:
        read_dump("\n".join(["before", *lines[:2], "7f10a00000", *lines[2:]]).encode(), "x")
    assert (caught.value.code, caught.value.line) == ("RT325", 4)
    torn = read_dump((MAP + "7ffc20000000-7ffc2").encode(), "x")
    assert (len(torn.rows), torn.complete, torn.notes) == (
        5,
        False,
        ("line 6 is an area cut short: it is not counted",),
    )


def test_two_maps_in_one_text_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        read_dump(f"first\n{MAP}second\n{MAP}".encode(), "x")
    assert caught.value.line == 8
    assert caught.value.problem.endswith("from line 2 and line 8")


def test_old_smaps_of_android_name_areas_in_a_line_of_their_own() -> None:
    area = "7f10a0000000-7f10a0021000 rw-p 00000000 00:00 0"
    text = f"{area}\nName:           [anon:libc_malloc]\nSize: 132 kB\nRss: 4 kB\n"
    dump = read_dump(text.encode(), "x")
    assert (dump.rows[0].name, dump.resident) == ("[anon:libc_malloc]", (4096,))
    assert read_dump((text + "ksm_state:          0\n").encode(), "x").rows == dump.rows


GDB = """\
(gdb) info proc mappings
process 4412
Mapped address spaces:

          Start Addr           End Addr       Size     Offset  Perms  objfile
            0x400000           0x410000    0x10000        0x0  r-xp   /opt/a b/srv
            0x610000           0x612000     0x2000    0x10000  rw-p   /opt/a b/srv   <---
      0x7f10a0000000     0x7f10a0021000    0x21000        0x0  rw-p
      0x7f10a0021000     0x7f10a4000000  0x3fdf000        0x0  ---p
      0x7ffc10000000     0x7ffc10021000    0x21000        0x0  rw-p   [stack]
(gdb) quit
"""
GDB_14 = """\
Mapped address spaces:

Start Addr         End Addr           Size               Offset             Perms File
0x0000000000400000 0x0000000000410000 0x10000            0x0                r-xp  /opt/a b/srv
0x0000000000610000 0x0000000000612000 0x2000             0x10000            rw-p  /opt/a b/srv
0x00007f10a0000000 0x00007f10a0021000 0x21000            0x0                rw-p
0x00007f10a0021000 0x00007f10a4000000 0x3fdf000          0x0                ---p
0x00007ffc10000000 0x00007ffc10021000 0x21000            0x0                rw-p  [stack]
0xffffffffff600000 0xffffffffff601000 0x1000             0x0                --xp  [vsyscall]
"""
PWNDBG = """\
pwndbg> vmmap
LEGEND: STACK | HEAP | CODE | DATA | WX | RODATA
             Start                End Perm     Size  Offset File (set vmmap-prefer-relpaths on)
          0x400000           0x410000 r-xp    10000       0 /opt/a b/srv
\u25ba         0x610000           0x612000 rw-p     2000   10000 /opt/a b/srv +0x10
    0x7f10a0000000     0x7f10a0021000 rw-p    21000       0 [anon_7f10a0000]
    0x7f10a0021000     0x7f10a4000000 ---p  3fdf000       0 [anon_7f10a0021]
    0x7ffc10000000     0x7ffc10021000 rw-p    21000       0 [stack]
pwndbg>
"""
GEF = """\
[ Legend:  Code | Heap | Stack ]
Start              End                Offset             Perm Path
0x0000000000400000 0x0000000000410000 0x0000000000000000 r-x /opt/a b/srv
0x0000000000610000 0x0000000000612000 0x0000000000010000 rw- /opt/a b/srv
0x00007f10a0000000 0x00007f10a0021000 0x0000000000000000 rw-
0x00007f10a0021000 0x00007f10a4000000 0x0000000000000000 ---
0x00007ffc10000000 0x00007ffc10021000 0x0000000000000000 rw- [stack]
"""
PEDA = """\
gdb-peda$ vmmap
Start              End                Perm\tName
0x00400000         0x00410000         r-xp\t/opt/a b/srv
0x00610000         0x00612000         rw-p\t/opt/a b/srv
0x00007f10a0000000 0x00007f10a0021000 rw-p\tmapped
0x00007f10a0021000 0x00007f10a4000000 ---p\tmapped
0x00007ffc10000000 0x00007ffc10021000 rw-p\t[stack]
"""
CRASH = """\
PID: 4412     TASK: ffff888100a40000  CPU: 0   COMMAND: "srv"
       MM               PGD          RSS    TOTAL_VM
ffff88810030fe20  ffff888104789000    88k     1728k
      VMA           START       END     FLAGS FILE
ffff8881c0d1f540     400000     410000 8000875 /opt/a b/srv
ffff8881c0d1f400     610000     612000 8100873 /opt/a b/srv
ffff8881c0d1f880 7f10a0000000 7f10a0021000 8100073
ffff8881c0d1f881 7f10a0021000 7f10a4000000 8000070
ffff8881c0d1f8c0 7ffc10000000 7ffc10021000 100173
"""


@pytest.mark.parametrize(
    ("text", "form", "has_offsets"),
    [
        (GDB, "list of gdb (info proc mappings)", True),
        (GDB_14, "list of gdb (info proc mappings)", True),
        (PWNDBG, "list of pwndbg (vmmap)", True),
        (GEF, "list of gef (vmmap)", True),
        (PEDA, "list of peda (vmmap)", False),
        (CRASH, "list of crash (vm)", False),
    ],
)
def test_tables_of_debuggers_show_the_areas(text: str, form: str, has_offsets: bool) -> None:
    dump = read_dump(text.encode(), "x")
    assert form_of(text.encode()) == "debugger"
    assert (dump.form, dump.complete) == (form, True)
    assert [(row.start, row.perms) for row in dump.rows] == PLACES
    assert [row.name for row in dump.rows[:3]] == ["/opt/a b/srv", "/opt/a b/srv", ""]
    assert dump.rows[1].offset == (0x10000 if has_offsets else 0)
    assert ("offsets" in dump.missing) != has_offsets
    assert dump_bill(dump).total == 5


def test_the_flags_that_crash_prints_are_the_kernels_own() -> None:
    dump = read_dump(CRASH.encode(), "x")
    assert (dump.pid, dump.program, len(dump.flags)) == (4412, "srv", 5)
    assert "accounting" not in dump.missing


def test_gdb_on_a_core_file_lists_files_alone() -> None:
    text = "\n".join(line for line in GDB.splitlines() if "rw-p" not in line and "---p" not in line)
    assert not read_dump(text.encode(), "x").complete


def test_free_ranges_of_lldb_are_no_areas() -> None:
    text = (
        "(lldb) memory region --all\n[0x0000000000000000-0x0000000000400000) ---\n"
        "[0x0000000000400000-0x0000000000410000) r-x /opt/srv PT_LOAD[0]\n"
        "Dirty pages: 0x400000.\n"
        "[0x0000000000410000-0x00007ffc10000000) ---\n[0x00007ffc10000000-0x00007ffc10021000) rw- [stack]\n"
        "[0x00007ffc10021000-0xffffffffffffffff) ---\n"
    )
    dump = read_dump(text.encode(), "x")
    assert [(row.perms, row.name) for row in dump.rows] == [("r-xp", "/opt/srv"), ("rw-p", "[stack]")]
    assert not dump.complete
    assert "areas without access, which look like free ranges" in dump.missing


def test_pmap_inside_a_session_and_with_each_area_twice() -> None:
    text = (
        "$ pmap -x 4412\n4412:   srv: worker\nAddress           Kbytes     RSS   Dirty Mode  Mapping\n"
        "0000000000400000      64      60       0 r-x-- srv\n0000000000400000       0       0       0 r-x-- srv\n"
        "00007f10a0000000     132      16      16 rw---   [ anon ]\n"
        "00007f10a0000000     132       0       0 rw---   [ anon ]\n"
        "----------------  ------  ------  ------\ntotal kB             196      76      16\n"
    )
    dump = read_dump(text.encode(), "x")
    assert [(row.start, row.end - row.start) for row in dump.rows] == [
        (0x400000, 65536),
        (0x7F10A0000000, 132 << 10),
    ]
    assert dump.resident == (60 << 10, 16 << 10)
    assert "with the area above once more" in dump.notes[0]
    text = (
        "We are seeing\nAddress           Kbytes     RSS   Dirty Mode  Mapping\n...\n"
        "00007f10a0000000      84      84      84 rw---   [ anon ]\n"
        "00007f10a0015000       8       0       0 -----   [ anon ]\n...\n"
    )
    assert recognise(text.encode()) == "maps"
    dump = read_dump(text.encode(), "x")
    assert (len(dump.rows), dump.complete) == (2, False)
    with pytest.raises(InputError, match="second process"):
        read_dump(
            b"1:   a\n0000000000400000     40K r-x-- a\n total 40K\n2:   b\n0000000000400000     40K r-x-- b\n",
            "x",
        )


TOMBSTONE = """\
*** *** *** *** *** *** *** *** *** *** *** *** *** *** *** ***
pid: 100, tid: 100, name: foo  >>> /system/bin/foo <<<
signal 11 (SIGSEGV), code 1 (SEGV_MAPERR), fault addr 0x8

memory map (4 entries):
--->Fault address falls at 00000000'00000008 before any mapped regions
    00000055'ca7a0000-00000055'ca7a0fff r--         0      1000  (load bias 0x1000)
    00000055'ca7b0000-00000055'ca7b0fff rw-         0      1000  /dev/mali0
    00000055'ca7b1000-00000055'ca7b1fff ---         0      1000  [anon:thread signal stack guard page]
    00000055'ca7b2000-00000055'ca7b2fff rw-         0      1000  [anon:.bss]

open files:
"""


def test_a_tombstone_tells_devices_guards_and_bss_by_what_it_shows() -> None:
    dump = read_dump(TOMBSTONE.encode(), "x")
    assert (dump.fault, dump.complete, dump.rows[0].name) == (8, True, "")
    assert dump_bill(dump).patterns[1:] == (SHARED, GUARD_DATA, LIBRARIES)


def test_what_an_old_tombstone_shows_beside_the_fault_is_no_map() -> None:
    text = "*** *** ***\nfault addr deadbaad\nmemory map around fault addr deadbaad:\n be9ac000-be9cd000 [stack]\n"
    with pytest.raises(InputError, match="beside the fault alone"):
        read_dump(text.encode(), "x")
    head, _, tail = TOMBSTONE.partition("memory map")
    with pytest.raises(InputError, match="no area in the memory map"):
        read_dump((head + "memory map (0 entries):\n\nopen files:\n").encode(), "x")
    assert read_dump((TOMBSTONE + head + "memory map" + tail).encode(), "x").notes


@pytest.mark.parametrize(
    ("line", "system"),
    [
        ("0x00ee0000 - 0x00f0f000 \tC:\\Java\\javaw.exe", "Windows"),
        ("0x00007fff8aa6a000 \t/usr/lib/libz.dylib", "macOS"),
    ],
)
def test_java_reports_of_other_systems_say_so(line: str, system: str) -> None:
    with pytest.raises(InputError, match=system):
        read_dump(
            f"# A fatal error has been detected by the Java\nDynamic libraries:\n{line}\n".encode(), "x"
        )


JAVA = """\
# There is insufficient memory for the Java Runtime Environment to continue.
# Native memory allocation (mmap) failed to map 12288 bytes for committing reserved memory.
#  Out of Memory Error (os_linux.cpp:2886), pid=1234, tid=1999
Dynamic libraries:
{map}
{counted}

rlimit (soft/hard): STACK 8192k/infinity , CORE 0k/infinity , AS {size}/infinity , DATA infinity/infinity
CommitLimit:    {commit} kB
Committed_AS:     532688 kB
/proc/sys/vm/max_map_count (maximum number of memory map areas a process may have): {limit}
"""


def java(size: str = "infinity", commit: int = 12340000, limit: int = 65530, counted: str = "") -> bytes:
    return JAVA.format(map=MAP, size=size, commit=commit, limit=limit, counted=counted).encode()


def test_a_java_report_has_its_limit_behind_the_name() -> None:
    dump = read_dump(java(limit=4000), "x")
    assert dump.limit == 4000
    assert dump.limits == {"AS": -1, "DATA": -1, "CommitLimit": 12340000 << 10, "Committed_AS": 532688 << 10}


@pytest.mark.parametrize(
    ("data", "sure", "first", "not_this"),
    [
        (java(counted="Total number of mappings: 65530"), True, "vm.max_map_count: 65,530 areas of 65,530", ""),
        (java(limit=6), True, "vm.max_map_count: 5 areas of 6", ""),
        (java(size="65600k"), False, "RLIMIT_AS (64.1 MiB)", "vm.max_map_count"),
        (java(commit=532690), False, "the commit limit", "RLIMIT_AS (none was set)"),
        (java(), False, "the commit limit (vm.overcommit_memory), if it is 0", "vm.max_map_count (5 areas of 65,530)"),
    ],
)  # fmt: skip
def test_a_refusal_that_a_report_tells_of_is_judged_by_its_own_numbers(
    data: bytes, sure: bool, first: str, not_this: str
) -> None:
    dump = read_dump(data, "x")
    told = told_failure(dump, dump.limit)
    assert told is not None
    assert (told.line, told.bytes, told.sure) == (2, 12288, sure)
    assert told.causes[0].startswith(first)
    assert any(words.startswith(not_this) for words in told.ruled_out) or not not_this
    sentences = dump_facts(dump_bill(dump), dump.limit, "the file's own")["sentences"]
    assert sentences[0].startswith("Line 2: mmap of the JVM for 12 KiB was refused")


def test_the_bound_of_a_sanitizer_is_no_refusal_of_the_kernel() -> None:
    text = (
        "==7==AddressSanitizer: hard rss limit exhausted (1500Mb vs 1519Mb)\n==7==Process memory map follows:\n"
        "\t0x000000400000-0x000000401000\t/a\n==7==End of process memory map.\n"
    )
    told = told_failure(read_dump(text.encode(), "x"), 65530)
    assert told is not None
    assert told.sure
    assert told.causes[0].startswith("the sanitizer's own hard_rss_limit_mb=1500")
    text = text.replace(
        "AddressSanitizer: hard rss limit exhausted (1500Mb vs 1519Mb)",
        "ERROR: AddressSanitizer failed to allocate 0x400002000 (17179877376) bytes of LargeMmapAllocator (errno: 12)",
    )
    told = told_failure(read_dump(text.encode(), "x"), 65530)
    assert told is not None
    assert (told.sure, told.errno, told.bytes) == (False, "ENOMEM", 17179877376)
    assert told.ruled_out == ("vm.max_map_count (1 areas of 65,530)",)


@pytest.mark.parametrize(
    "text",
    [
        "hello\nworld\n",
        "65531 /proc/1234/maps\n",
        "x\nmmap(NULL, 4096) = 0x7f0000000000\n",
        "a 10-20 b\n1234-5678\n",
    ],
)
def test_text_without_a_list_is_none(text: str) -> None:
    assert form_inside(text.encode()) is None


def test_what_stands_in_front_of_areas_is_found_in_one_pass() -> None:
    """Each byte of a long line was begun at, with all that may stand in front: a line of 2 MB took a minute."""
    from remaptrace.trace.dumps.pasted import unwrapped

    areas = b"".join(
        b"n1: 7f%02x00000000-7f%02x00001000 r-xp 00000000 fe:00 12 /a\n" % (i, i) for i in range(9)
    )
    assert unwrapped(areas)[0].startswith(b" 7f0000000000-7f0000001000 r-xp")
    long = b"x|PROT_READ" * 200_000
    assert unwrapped(long) == (long, ())
