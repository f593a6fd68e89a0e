"""Special mappings in recordings: how many areas they are, and which calls make their descriptors."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.api import Machine, load, replay
from remaptrace.result.result import Result
from remaptrace.trace.scenario.read import read_scenario

RINGS = 20
TOP = 0x7F0000000000


def _rings() -> str:
    lines = []
    at = TOP
    for i in range(RINGS):
        fd = 3 + i
        lines.append(f"7 io_uring_setup(8, {{flags=0, sq_thread_cpu=0, sq_thread_idle=0}}) = {fd}")
        for offset in ("0", "0x8000000", "0x10000000"):
            at -= 4096
            lines.append(
                f"7 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_POPULATE, {fd}, {offset}) = {at:#x}"
            )
    return "\n".join(lines) + "\n"


def _replayed(tmp_path: Path, text: str, kernel: str = "linux-6.18") -> Result:
    path = tmp_path / "log.strace"
    path.write_text(text)
    return replay(load(str(path)), Machine.load(kernel=kernel))


def test_rings_of_io_uring_never_join(tmp_path: Path) -> None:
    result = _replayed(tmp_path, _rings())
    rows = [row for row in result.vmas() if row.file == "anon_inode:[io_uring]"]
    assert len(rows) == 3 * RINGS
    assert {row.vmflags for row in rows} == {"rd wr sh mr mw ms de mm"}
    assert not (result.columns["ret"] < 0).any()


@pytest.mark.parametrize(
    ("call", "flags", "name", "vmflags"),
    [
        (
            "perf_event_open({type=1}, 0, -1, -1, 0)",
            "MAP_SHARED",
            "anon_inode:[perf_event]",
            "pf io dc de dd",
        ),
        ("bpf(BPF_MAP_CREATE, {map_type=2}, 72)", "MAP_SHARED", "anon_inode:bpf-map", "de dd mm"),
        ("socket(AF_PACKET, SOCK_RAW, 3)", "MAP_SHARED", "socket:", "mm"),
        ("memfd_secret(0)", "MAP_SHARED", "/secretmem", "lo dd"),
        ("ioctl(9, KVM_CREATE_VCPU, 0)", "MAP_SHARED", "anon_inode:kvm-vcpu:", ""),
    ],
)
def test_a_descriptor_is_recognised_by_the_call_that_makes_it(
    tmp_path: Path, call: str, flags: str, name: str, vmflags: str
) -> None:
    text = f"7 {call} = 5\n7 mmap(NULL, 4096, PROT_READ|PROT_WRITE, {flags}, 5, 0) = {TOP:#x}\n"
    rows = [row for row in _replayed(tmp_path, text).vmas() if row.start == TOP]
    assert [row.file for row in rows] == [name]
    assert rows[0].vmflags == f"rd wr sh mr mw ms {vmflags}".strip()


def test_the_ring_of_aio_lies_where_the_kernel_stored_it(tmp_path: Path) -> None:
    text = f"7 io_setup(16, [{TOP:#x}]) = 0\n"
    rows = [row for row in _replayed(tmp_path, text).vmas() if row.start == TOP]
    assert [row.vmflags for row in rows] == ["rd wr sh mr mw ms de"]
    result = _replayed(tmp_path, text + f"7 io_destroy({TOP:#x}) = 0\n")
    assert not [row for row in result.vmas() if row.start == TOP]
    rows = [row for row in _replayed(tmp_path, text, "linux-7.2").vmas() if row.start == TOP]
    assert [row.vmflags for row in rows] == ["rd wr sh mr mw ms dc de"]


PERF = """
name: perf
steps:
- special_file: {id: p, kind: perf_event}
- mmap: {addr: 0x100000000000, length: 12288, prot: rw, flags: [shared, fixed], fd: p, offset: 0}
- read: 0x100000001000
  expect: {outcome: ok, minor_faults: 0}
- write: {addr: 0x100000000000, value: 0}
  expect: {outcome: ok, minor_faults: 1}
- write: {addr: 0x100000000000, value: 1}
  expect: {outcome: ok, minor_faults: 0}
- write: {addr: 0x100000001000, value: 1}
  expect: {outcome: SIGBUS, code: BUS_ADRERR}
"""


def test_only_the_first_page_of_a_perf_ring_may_be_written() -> None:
    """Asked of 6.18.44."""
    from remaptrace.api import check

    outcome = check(replay(read_scenario(PERF, name="t.yaml"), Machine.load()))
    assert outcome.agrees, outcome.disagreements[0]


ZERO = """
name: zero
steps:
- special_file: {id: z, kind: zero}
- mmap: {addr: 0x100000010000, length: 8192, prot: rw, flags: [private, fixed], fd: z, offset: 0}
- mmap: {addr: 0x100000012000, length: 8192, prot: r, flags: [private, fixed], fd: z, offset: 8192}
- mremap: {addr: 0x100000010000, old_length: 16384, new_length: 16384, flags: [maymove, fixed],
    new_addr: 0x100000040000}
  expect: {error: EFAULT}
- mremap: {addr: 0x100000010000, old_length: 8192, new_length: 8192, flags: [maymove, fixed],
    new_addr: 0x100000020000}
- snapshot: end
"""


def test_private_dev_zero_moves_alone_and_takes_the_page_offset_of_its_new_address() -> None:
    """Asked of 6.18.44."""
    result = replay(read_scenario(ZERO, name="t.yaml"), Machine.load())
    moved = [row for row in result.vmas() if row.start == 0x100000020000]
    assert result.columns["ret"][3] == -14
    assert moved[0].offset == 0x100000020000


def test_only_the_first_page_of_a_ring_is_written_where_pages_come_by_faults() -> None:
    """As Linux 6.1.192 answered: a write is told to the ring first, and refused behind its first page."""
    trace = read_scenario("""
name: ring
machine: {kernel: linux-6.1}
steps:
- special_file: {id: p, kind: perf_event, pages: 0}
- mmap: {addr: 0x100000012000, length: 36864, prot: rw, flags: [shared, fixed], fd: p}
- read: 0x100000012000
- write: {addr: 0x100000012000, value: 9}
- write: {addr: 0x100000013000, value: 9}
- read: 0x100000014000
- write: {addr: 0x100000014000, value: 9}
""")
    result = replay(trace, Machine.load(kernel="linux-6.1"))
    first = trace.prelude + 2
    assert result.columns["minor"][first:].tolist() == [1, 1, 0, 1, 0]
    assert [outcome != result.columns["outcome"][first] for outcome in result.columns["outcome"][first:]] == [
        False, False, True, False, True,
    ]  # fmt: skip
