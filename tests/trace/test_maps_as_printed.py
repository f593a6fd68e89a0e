"""maps and smaps as the kernel prints them are read by one expression: equal to the reader of pasted lists."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.errors import InputError
from remaptrace.trace.dumps import proc
from remaptrace.trace.dumps.asprinted import as_printed
from remaptrace.trace.dumps.dump import Dump

DUMPS = Path(__file__).parent.parent / "data" / "dumps"
SMAPS = (DUMPS / "p.smaps").read_bytes()
MAPS = (DUMPS / "p.maps").read_bytes()
GATE = b"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"
OWN = Path("/proc/self/smaps").read_bytes()


def both(data: bytes) -> tuple[Dump | str, Dump | str]:
    """What the two readers make of it: a dump, or an error in words."""

    def read() -> Dump | str:
        try:
            return proc.read_proc(data, "x")
        except InputError as error:
            return str(error)

    fast = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proc, "as_printed", lambda _: None)
        return fast, read()


@pytest.mark.parametrize("data", [SMAPS, MAPS, OWN, MAPS + GATE, SMAPS.replace(b"\n", b"\r\n"), b"", b"\n"])
def test_both_readers_give_the_same_dump(data: bytes) -> None:
    fast, slow = both(data)
    assert fast == slow


def test_what_the_kernel_prints_is_read_fast() -> None:
    for data in (SMAPS, MAPS, OWN, MAPS + GATE):
        found = as_printed(data)
        assert found is not None
        assert bool(found.flags) == bool(found.resident) == (b"VmFlags" in data)


LINES = SMAPS.split(b"\n")[:120]
CHANGES = (
    *(
        b"",
        b"Rss:                  4 kB",
        b"VmFlags: rd wr",
        b"VmFlags: rd ?? x",
        b"...",
        b"> ",
        GATE.strip(),
    ),
    *(
        b"1000-2000 r--p 00000000 00:00 0",
        b"7fff00000000-7ffe00000000 r--p 00000000 00:00 0",
        b"Name: [anon:x]",
    ),
    b"55d0c0000000-55d0c0000800 r--p 00000000 00:00 0 [rollup]",
)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 119), st.sampled_from(("drop", "twice", "swap", *CHANGES))), max_size=4)
)
def test_a_changed_text_is_read_or_refused_alike(changes: list[tuple[int, object]]) -> None:
    lines = list(LINES)
    for wished, what in changes:
        at = min(wished, len(lines) - 1)
        if what == "drop":
            del lines[at]
        elif what == "twice":
            lines.insert(at, lines[at])
        elif what == "swap":
            lines[at], lines[at - 1] = lines[at - 1], lines[at]
        elif isinstance(what, bytes):
            lines.insert(at, what)
    fast, slow = both(b"\n".join(lines))
    assert fast == slow
