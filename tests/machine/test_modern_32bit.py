"""i386 and arm under modern kernels: words of their own, nothing aligned to huge pages, an end below 4 GiB."""

from __future__ import annotations

import pytest

from remaptrace.api import Machine, check, replay
from remaptrace.machine.arch import Arch
from remaptrace.trace.scenario.read import read_scenario

STEPS = """\
name: t
steps:
- mmap: {addr: 0, length: 4194304, prot: rw, flags: [private, anonymous]}
- write: {addr: "@0", value: 5}
- mprotect: {addr: "@0", length: 4096, prot: none}
- read: {addr: "@0"}
  expect: {outcome: SIGSEGV, code: SEGV_ACCERR}
- mprotect: {addr: "@0", length: 4096, prot: rx}
- read: {addr: "@0"}
  expect: {outcome: ok, value: 5, minor_faults: 0}
- write: {addr: "@0", value: 1}
  expect: {outcome: SIGSEGV, code: SEGV_ACCERR}
- mprotect: {addr: "@0", length: 4096, prot: rw}
- fork_wait: {}
- write: {addr: "@0", value: 6}
  expect: {outcome: ok, minor_faults: 1}
- madvise: {addr: "@0+8192", length: 4096, advice: guard_install}
- read: {addr: "@0+8192"}
  expect: {outcome: SIGSEGV}
- reclaim: {addr: "@0", length: 4096}
- read: {addr: "@0"}
  expect: {outcome: ok, value: 6}
- mmap: {addr: 0xfffff000, length: 4096, prot: rw, flags: [private, anonymous, fixed]}
  expect: {error: ENOMEM}
"""
PLACES = {"i386": 0xB7C00000, "i386-pae": 0xB7C00000, "arm": 0xB6C00000}


def _machine(arch: str) -> Machine:
    return Machine.load(arch=arch, kernel="linux-6.18", overrides={"swap_pages": 1 << 18})


@pytest.mark.parametrize("arch", PLACES)
def test_memory_works_and_ends_below_4_gib(arch: str) -> None:
    result = replay(read_scenario(STEPS), _machine(arch))
    outcome = check(result)
    assert outcome.agrees, outcome.disagreements[0]
    assert int(result.columns["ret"][0]) == PLACES[arch]


@pytest.mark.parametrize(
    ("name", "private", "shared"),
    [
        ("i386-6.10", (0x120, 0x25, 0x25), (0x120, 0x27, 0x27)),
        ("i386-pae-6.10", (0x120, 0x8000000000000025, 0x25), (0x120, 0x8000000000000027, 0x27)),
        ("arm-6.10", (0xE9F, 0x79F, 0x59F), (0xE9F, 0x71F, 0x51F)),
    ],
)
def test_words_of_no_access_of_writable_and_of_executable_memory(
    name: str, private: tuple[int, ...], shared: tuple[int, ...]
) -> None:
    arch: Arch = _machine(name.removesuffix("-6.10")).arch
    assert arch.name == name
    rows = arch.data["protection"]
    assert (rows["private"][0], rows["private"][3], rows["private"][7]) == private
    assert (rows["shared"][0], rows["shared"][3], rows["shared"][7]) == shared


def test_the_name_means_the_words_of_the_kernel_at_hand() -> None:
    assert Machine.load(arch="i386", kernel="linux-2.6.20").arch.name == "i386"
    assert Machine.load(arch="i386", kernel="linux-6.1").arch.name == "i386-6.10"
