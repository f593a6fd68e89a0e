"""What reclaim leaves behind, and what the next access costs (linux-2.6.21 6.2 and 6.4)."""

from __future__ import annotations

import pytest

from remaptrace.api import Machine, check, replay
from remaptrace.trace.scenario.read import read_scenario

FILES = """
files:
- {id: t, pages: 8, fill: true}
- {id: d, pages: 8, fill: true, disk: true}
steps:
- mmap: {addr: 0x50000000, length: 8192, prot: rw, flags: [private, anonymous, fixed]}
- mmap: {addr: 0x50010000, length: 16384, prot: rw, flags: [shared, fixed], fd: t}
- mmap: {addr: 0x50020000, length: 8192, prot: rw, flags: [shared, fixed], fd: d}
- mmap: {addr: 0x50030000, length: 8192, prot: rw, flags: [private, fixed], fd: d, offset: 16384}
"""


def _holds(steps, kernel="linux-2.6.21", **rules):
    result = replay(read_scenario(FILES + steps), Machine.load("i386", kernel, rules), engine="interpreted")
    outcome = check(result)
    assert outcome.agrees, [str(d) for d in outcome.disagreements]


@pytest.mark.parametrize("kernel", ["linux-2.6.20", "linux-2.6.21", "linux-2.6.21-fault"])
def test_each_kind_of_page_leaves_what_the_table_says(kernel):
    _holds(
        """
- write: {addr: 0x50000000, value: 11}
- read: 0x50001000
- write: {addr: 0x50010000, value: 12}
- write: {addr: 0x50020000, value: 13}
- write: {addr: 0x50030000, value: 14}
- read: 0x50031000
- reclaim: {}
- pages: {addr: 0x50000000, count: 2}
  expect: {pages: sz}
- pages: {addr: 0x50010000, count: 1}
  expect: {pages: .}
- pages: {addr: 0x50020000, count: 1}
  expect: {pages: .}
- pages: {addr: 0x50030000, count: 2}
  expect: {pages: s.}
- read: 0x50000000
  expect: {outcome: ok, value: 11, minor_faults: 0, major_faults: 1}
- read: 0x50010000
  expect: {outcome: ok, value: 12, minor_faults: 0, major_faults: 1}
- read: 0x50020000
  expect: {outcome: ok, value: 13, minor_faults: 0, major_faults: 1}
- read: 0x50030000
  expect: {outcome: ok, value: 14, minor_faults: 0, major_faults: 1}
- read: 0x50031000
  expect: {outcome: ok, value: 38, minor_faults: 0, major_faults: 1}
- pread: {fd: d, offset: 0}
  expect: {result: 0, value: 13}
""",
        kernel,
        swap="16M",
    )


def test_a_private_page_read_back_is_read_only_until_the_next_write():
    _holds(
        """
- write: {addr: 0x50000000, value: 11}
- reclaim: {addr: 0x50000000, length: 4096}
- read: 0x50000000
  expect: {outcome: ok, major_faults: 1}
- write: {addr: 0x50000000, value: 12}
  expect: {outcome: ok, minor_faults: 1, major_faults: 0}
- reclaim: {addr: 0x50000000, length: 4096}
- write: {addr: 0x50000000, value: 13}
  expect: {outcome: ok, minor_faults: 0, major_faults: 1}
- write: {addr: 0x50000000, value: 14}
  expect: {outcome: ok, minor_faults: 0, major_faults: 0}
""",
        swap="16M",
    )


def test_locked_pages_stay():
    _holds(
        """
- mlock: {addr: 0x50000000, length: 8192}
- mlock: {addr: 0x50010000, length: 4096}
- write: {addr: 0x50000000, value: 11}
- reclaim: {}
- pages: {addr: 0x50000000, count: 2}
  expect: {pages: aa}
- pages: {addr: 0x50010000, count: 1}
  expect: {pages: F}
""",
        swap="16M",
    )


def test_without_swap_private_pages_stay_and_shmem_pages_are_only_unmapped():
    _holds("""
- write: {addr: 0x50000000, value: 11}
- write: {addr: 0x50010000, value: 12}
- remap_file_pages: {addr: 0x50011000, size: 4096, prot: none, pgoff: 6}
- reclaim: {}
- pages: {addr: 0x50000000, count: 1}
  expect: {pages: a}
- pages: {addr: 0x50010000, count: 2}
  expect: {pages: .n, file_pages: [null, 6]}
- read: 0x50010000
  expect: {outcome: ok, value: 12, minor_faults: 1, major_faults: 0}
- read: 0x50011000
  expect: {outcome: ok, value: 7, minor_faults: 0, major_faults: 1}
""")


def test_a_forked_page_is_swapped_once_and_each_side_gets_its_own_copy():
    _holds(
        """
- write: {addr: 0x50000000, value: 11}
- fork: {child: 2}
- reclaim: {}
- write: {addr: 0x50000000, value: 12}
  expect: {outcome: ok}
- read: 0x50000000
  pid: 2
  expect: {outcome: ok, value: 11}
- read: 0x50000000
  expect: {outcome: ok, value: 12}
""",
        swap="16M",
    )


def test_writeback_makes_the_next_write_of_a_linear_page_fault_again():
    _holds("""
- write: {addr: 0x50020000, value: 13}
  expect: {outcome: ok, minor_faults: 1}
- write: {addr: 0x50020000, value: 14}
  expect: {outcome: ok, minor_faults: 0}
- writeback: d
- write: {addr: 0x50020000, value: 15}
  expect: {outcome: ok, minor_faults: 1}
- write: {addr: 0x50010000, value: 15}
  expect: {outcome: ok, minor_faults: 1}
- writeback: {}
- write: {addr: 0x50010000, value: 16}
  expect: {outcome: ok, minor_faults: 0}
""")


def test_writeback_does_not_find_non_linear_pages_of_the_base_kernel():
    _holds("""
- remap_file_pages: {addr: 0x50020000, size: 4096, prot: none, pgoff: 5}
- write: {addr: 0x50020000, value: 13}
  expect: {outcome: ok, minor_faults: 1}
- writeback: {}
- write: {addr: 0x50020000, value: 14}
  expect: {outcome: ok, minor_faults: 0}
""")
