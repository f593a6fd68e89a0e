"""32-bit processes on x86-64 kernels: the end of user space, placement, no alignment to huge pages.

Answers of 6.18 without randomisation; the areas of [vdso] and [vvar] are left out.
"""

from __future__ import annotations

from pathlib import Path

from remaptrace.api import Machine, load, replay
from remaptrace.trace.scenario.read import read_scenario

TEXT = """
name: ia32
steps:
- mmap: {addr: 0, length: 4096, prot: rw, flags: [private, anonymous], fd: -1, offset: 0}
- mmap: {addr: 0, length: 4MiB, prot: rw, flags: [private, anonymous], fd: -1, offset: 0}
- mmap: {addr: 0, length: 4096, prot: rw, flags: [private, anonymous, 0x40], fd: -1, offset: 0}
- mmap: {addr: 0xfffff000, length: 4096, prot: rw, flags: [private, anonymous, fixed], fd: -1, offset: 0}
- mmap: {addr: 0xffffd000, length: 4096, prot: rw, flags: [private, anonymous, fixed], fd: -1, offset: 0}
- mmap: {addr: 0, length: 0xf8000000, prot: none, flags: [private, anonymous], fd: -1, offset: 0}
- write: {addr: 0xf7ffd000, value: 3}
- pages: {addr: 0xf7ffd000, count: 1}
"""


def test_a_32_bit_process_is_placed_below_4_gib_and_never_aligned_to_huge_pages() -> None:
    result = replay(read_scenario(TEXT, name="t.yaml"), Machine.load("ia32", "linux-6.18"))
    assert result.columns["ret"][:6].tolist() == [0xF7FFD000, 0xF7BFD000, 0xF7BFC000, -12, 0xFFFFD000, -12]


def test_its_pte_words_are_those_of_x86_64() -> None:
    words = []
    for arch in ("ia32", "x86_64"):
        text = TEXT.replace("addr: 0,", "addr: 0xf7ffd000,", 1)
        result = replay(read_scenario(text, name="t.yaml"), Machine.load(arch, "linux-6.18"))
        words += [row.pages.pte[0] & ~(0xFFFFFFFFFF << 12) for row in result.observed.values() if row.pages]
    assert words[0] == words[1] != 0


def test_a_log_of_a_32_bit_program_takes_that_machine(tmp_path: Path) -> None:
    path = tmp_path / "log.strace"
    path.write_text(
        'execve("./c32", ["./c32"], 0x7ffd0 /* 20 vars */) = 0\n'
        "[ Process PID=7 runs in 32 bit mode. ]\n"
        "mmap2(NULL, 4194304, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0xf7bf4000\n"
        "mmap2(0xfffff000, 4096, PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = -1 ENOMEM (x)\n"
    )
    trace = load(str(path))
    assert trace.arch == "ia32"
    result = replay(trace)
    assert result.machine.arch.label == "ia32"
    assert result.columns["ret"][-1] == -12
