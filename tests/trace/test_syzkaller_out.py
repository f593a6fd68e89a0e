"""Programs of syzkaller, written: what is read back are the same calls, moved into the data area."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.abi import kinds as ev
from remaptrace.errors import InputError
from remaptrace.trace.foreign.syzkaller import DATA, looks_like_syzkaller, read_syzkaller
from remaptrace.trace.foreign.syzwrite import write_syzkaller
from remaptrace.trace.scenario.read import read_scenario

CONFORMANCE = Path(__file__).parents[2] / "traces" / "conformance" / "linux-6.18"
BASE = 0x1000_0000_0000


def syz(text: str) -> str:
    return "".join(write_syzkaller(read_scenario(text)))


@pytest.mark.parametrize("name", ["merge-01", "guard-02", "uml-01", "rfp-01", "errors-01", "mixed-03"])
def test_the_calls_of_a_program_come_back(name: str) -> None:
    trace = read_scenario((CONFORMANCE / f"{name}.yaml").read_text())
    text = "".join(write_syzkaller(trace))
    assert looks_like_syzkaller(text.encode())
    back = read_syzkaller(text.encode(), name=name, path="x.syz")
    assert not back.skipped

    def calls(rows: list[list[int]], base: int) -> list[tuple[int, ...]]:
        kinds = (ev.K_MMAP, ev.K_MUNMAP, ev.K_MPROTECT, ev.K_MADVISE, ev.K_REMAP_FILE_PAGES, ev.K_MLOCK)
        out = []
        for kind, _, at, *rest in (row[:7] for row in rows):
            if kind in kinds:
                if not 0 < at < 0x7000_0000_0000:
                    continue  # a comment
                moved = at - base if base <= at < base + (1 << 24) else at
                out.append((kind, moved, *rest[: 3 if kind == ev.K_MMAP else 2]))
        return out

    first = back.prelude + 1  # the data area is unmapped
    assert calls(back.rows(first, len(back)).tolist(), DATA) == calls(
        trace.rows(0, len(trace)).tolist(), BASE
    )


def test_files_seals_and_segments_are_resources() -> None:
    assert syz("""
name: files
steps:
- memfd: {id: a, pages: 2, fill: true}
- dup: {fd: a, new_fd: b}
- seal: {fd: b, seals: [write]}
- mmap: {addr: 0x10000000, length: 8192, prot: r, flags: [shared, fixed], fd: b, offset: 4096}
- read: 0x10000000
- shmget: {size: 4096}
- shmat: {shmid: 0, addr: 0x10400000, flags: [rdonly]}
- pwrite: {fd: a, offset: 5, value: 7}
""").splitlines() == [
        "# files, written by remaptrace; 2 steps as comments",
        "munmap(&(0x7f0000000000/0xe00000)=nil, 0xe00000)",
        "r0 = memfd_create(&(0x7f0000ffe000)='a\\x00', 0x2)",
        "ftruncate(r0, 0x2000)",
        "# the file is filled",
        "r1 = dup(r0)",
        "fcntl$addseals(r1, 0x409, 0x8)",
        "mmap(&(0x7f0000000000/0x2000)=nil, 0x2000, 0x1, 0x11, r1, 0x1000)",
        "# read 0x10000000",
        "r2 = shmget(0x0, 0x1000, 0x380)",
        "shmat(r2, &(0x7f0000200000)=nil, 0x1000)",
        'pwrite64(r0, &(0x7f0000fff000)="07", 0x1, 0x5)',
    ]


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ("- mmap: {length: 4096, prot: r, flags: [private, anonymous]}\n- munmap: {addr: '@0', length: 4096}",
         "an address that the kernel chose"),
        ("- sysctl: {name: vm.max_map_count, value: 9}", "has no call in programs of syzkaller"),
        ("- fork: {child: 7}", "lives on beside its parent"),
        ("- munmap: {addr: 0x10000000, length: 0xf00000}", "take 16 MiB"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_refused(steps: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        syz(f"name: x\nsteps:\n{steps}\n")
    assert caught.value.code == "RT221"
    assert reason in str(caught.value)
