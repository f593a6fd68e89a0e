"""Lists of areas: as the kernel prints them, as people paste them, and those that no kernel has."""

from __future__ import annotations

import pytest

from remaptrace.errors import InputError
from remaptrace.trace.recorded.areas import looks_like_areas, read_areas

CLEAN = (
    "00400000-00401000 r-xp 00000000 08:01 131                                /usr/bin/a b (deleted)\n"
    "00600000-00601000 rw-p 00000000 08:01 131                                /usr/bin/a b (deleted)\n"
    "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]\n"
)
SMAPS = "Size:                  4 kB\nKernelPageSize:        4 kB\nTHPeligible:    0\nVmFlags: rd ex mr mw me dw sd \n"


def read(text: str) -> list[tuple[int, int, str]]:
    return [(row.start, row.end, row.name) for row in read_areas(text.encode(), "m").rows]


WANTED = read(CLEAN)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace("\n", "\r\n"),
        lambda t: "".join(f"    {line}\n" for line in t.splitlines()),
        lambda t: "".join(f"> {line}\n" for line in t.splitlines()),
        lambda t: "".join(f"+\t{line}\n" for line in t.splitlines()),
        lambda t: "$ cat /proc/77/maps\n```text\n" + t + "```\n",
        lambda t: t.replace("\n", "\n" + SMAPS),
        lambda t: t.replace("                 ", "\t"),
        lambda t: "\ufeff" + t,
        lambda t: t.replace("\n0060", "\n[... 300 lines ...]\n\n0060"),
        lambda t: t.replace("\n0060", "\n...\n0060"),
        lambda t: t + "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]\n",
    ],
    ids=["cr", "indented", "quoted", "diff", "fenced", "smaps", "tabs", "bom", "elision", "dots", "gate"],
)
def test_what_surrounds_the_lines_of_a_map_is_read_over(change: object) -> None:
    assert callable(change)
    text = change(CLEAN)
    assert read(text)[:3] == WANTED
    assert looks_like_areas(text.encode())


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("00400000-00401000 r-xp 00000000 08:01 131", "the same area as in line 1"),
        ("00400000-00402000 r-xp 00000000 08:01 131", "overlaps that of line 1"),
        ("00300000-00301000 r-xp 00000000 08:01 131", "lies below that of line 1"),
        ("00501200-00502000 r-xp 00000000 08:01 131", "not page aligned"),
        ("00502000-00502000 r-xp 00000000 08:01 131", "ends where it begins"),
        ("ffff800000000000-ffff800000001000 rw-p 00000000 00:00 0", "kernel address"),
        ("00502000-0050", "not a line of"),
        ("00502000-00503000 rw-p", "not a line of"),
        ("error: something else", "not a line of"),
    ],
)
def test_areas_that_no_kernel_has_are_refused_with_their_line(second: str, words: str) -> None:
    first = CLEAN.splitlines()[0]
    with pytest.raises(InputError) as error:
        read(f"{first}\n{second}\n")
    assert (error.value.code, error.value.line) == ("RT325", 2)
    assert words in str(error.value)


def test_gate_areas_are_known_by_name_and_by_place() -> None:
    areas = read_areas(
        b"08048000-08049000 r-xp 00000000 03:01 1 /bin/old\nffffe000-fffff000 ---p 00000000 00:00 0\n",
        "m",
    )
    assert areas.gates == (2,)


def test_whose_the_list_is_and_what_it_leaves_out_is_kept() -> None:
    areas = read_areas(("$ cat /proc/77/maps\n" + CLEAN + "... and 12 more\n").encode(), "m")
    assert (areas.pid, areas.elisions) == (77, (5,))
