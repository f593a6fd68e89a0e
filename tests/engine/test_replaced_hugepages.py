"""What a shared mapping of huge pages holds is there again when the call that replaced it has returned (6.1.192)."""

from __future__ import annotations

from remaptrace.engine.run.driver import replay
from remaptrace.machine.machine import Machine
from remaptrace.result.expect import check_expectations
from remaptrace.trace.scenario.read import read_scenario

AREA = "{addr: 0x110000000000, length: 4194304, prot: rw, flags: [shared, fixed, anonymous, hugetlb], fd: -1}"
ASKED = f"""\
name: replaced
steps:
- sysctl: {{name: vm.nr_hugepages, value: 2}}
- mmap: {AREA}
  expect: {{result: 0x110000000000}}
- mmap: {AREA}
  expect: {{error: ENOMEM}}
- hugepages: {{}}
  expect: {{total: 2, free: 2, reserved: 0}}
"""


def test_the_pages_of_what_is_replaced_are_not_there_for_the_new_mapping() -> None:
    trace = read_scenario(ASKED)
    asked = Machine.load("x86_64", "linux-6.1")
    assert check_expectations(replay(trace, asked), "replaced").agrees
    early = Machine.load("x86_64", "linux-6.1", {"files_put_late": "no"})
    assert not check_expectations(replay(trace, early), "replaced").agrees
