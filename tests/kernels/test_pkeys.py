"""Protection keys: machines without them, what a recording shows, PTE words."""

from __future__ import annotations

from pathlib import Path

from remaptrace.api import Machine, load, replay
from remaptrace.trace.scenario.read import read_scenario

WITHOUT = """
name: without
steps:
- pkey_alloc: {flags: 1}
- pkey_alloc: {rights: 4}
- pkey_alloc: {}
- pkey_alloc: {}
- pkey_free: {pkey: 0}
- fork: {}
- pkey_alloc: {}
- mmap: {addr: 0x10000000, length: 4096, prot: x, flags: [private, anonymous, fixed], fd: -1, offset: 0}
- pkey_mprotect: {addr: 0x10000000, length: 4096, prot: rw, pkey: 0}
- pkey_mprotect: {addr: 0x10000000, length: 4096, prot: rw, pkey: -1}
- write: {addr: 0x10000000, value: 1}
"""


def test_without_keys_the_first_good_alloc_is_einval_and_every_later_one_enospc() -> None:
    """Asked of 6.18.44 without protection keys."""
    result = replay(read_scenario(WITHOUT, name="t.yaml"), Machine.load())
    assert result.columns["ret"][:5].tolist() == [-22, -22, -22, -28, -22]
    assert result.columns["ret"][6] == -28  # fork copies the map of keys
    assert result.columns["ret"][8:10].tolist() == [-22, 0]


WITH = """
name: with
steps:
- mmap: {addr: 0x10000000, length: 8192, prot: rw, flags: [private, anonymous, fixed], fd: -1, offset: 0}
- pkey_alloc: {}
- pkey_mprotect: {addr: 0x10000000, length: 4096, prot: rw, pkey: 1}
- write: {addr: 0x10000000, value: 1}
- write: {addr: 0x10001000, value: 1}
- pages: {addr: 0x10000000, count: 2}
- pkey_mprotect: {addr: 0x10000000, length: 4096, prot: rw, pkey: 0}
- pages: {addr: 0x10000000, count: 2}
"""


def test_the_key_stands_in_bits_59_to_62_of_the_pte() -> None:
    trace = read_scenario(WITH, name="t.yaml")
    result = replay(trace, Machine.load(kernel="linux-7.2", overrides={"pkeys": 16}))
    words = [row.pages.pte for row in result.observed.values() if row.pages is not None]
    assert [[word >> 59 & 15 for word in row] for row in words] == [[1, 0], [0, 0]]


def test_a_recorded_key_shows_that_the_machine_had_keys(tmp_path: Path) -> None:
    path = tmp_path / "log.strace"
    path.write_text(
        "7 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000\n"
        "7 pkey_alloc(0, 0) = 1\n"
        "7 pkey_mprotect(0x7f0000000000, 4096, PROT_READ|PROT_WRITE, 1) = 0\n"
    )
    result = replay(load(str(path)), Machine.load())
    assert any("pkeys=16" in note for note in result.notes)
    rows = [row for row in result.vmas() if 0x7F0000000000 <= row.start < 0x7F0000002000]
    assert len(rows) == 2
