"""Scenarios: every step becomes the event it says, every expectation is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from remaptrace.abi import kinds as ev
from remaptrace.abi.calls import ARGUMENTS, KIND_NAMES
from remaptrace.abi.calls import Arg as Field
from remaptrace.trace.events import Expectation, Trace
from remaptrace.trace.scenario.read import build, read_canonical, read_scenario
from remaptrace.trace.scenario.steps import STEPS
from remaptrace.trace.scenario.yamldoc import load

from .traces_alike import assert_alike

CONFORMANCE = Path(__file__).parents[2] / "traces" / "conformance"
PROGRAMS = sorted(CONFORMANCE.glob("*/*.yaml"))


def steps(text: str, head: str = "") -> Trace:
    return read_scenario(f"{head}\nsteps:\n{text}", path="x.yaml")


def row(trace: Trace, event: int) -> list[int]:
    return trace.rows(event, event + 1)[0].tolist()


def test_steps_are_the_events_of_their_names_but_for_some() -> None:
    named = {name: KIND_NAMES[step.kind] for name, step in STEPS.items()}
    assert {name: event for name, event in named.items() if name != event} == {
        "vma_name": "prctl_vma_name",
        "home_node": "set_mempolicy_home_node",
        **dict.fromkeys(("process_vm_readv", "process_vm_writev"), "process_vm"),
        **dict.fromkeys(("memfd", "memfd_create", "diskfile"), "makefile"),
        "punch_hole": "fallocate",
        "fork": "fork_step",
        **dict.fromkeys(("vfork", "thread"), "fork"),
    }


def test_every_step_names_its_arguments_in_the_order_of_the_event() -> None:
    same = {"id": "fd", "size": "length", "child": "child", "old_length": "old_length"}
    for step in STEPS.values():
        if step.special or not step.args:
            continue
        named = ARGUMENTS[step.kind]
        for position, arg in enumerate(step.args):
            if isinstance(arg, Field) and arg.name not in ("size", "seals"):
                assert named[position] == same.get(arg.name, arg.name), step.name


def test_there_are_conformance_programs() -> None:
    assert len(PROGRAMS) == 130


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_both_readers_make_the_same_trace_of_a_conformance_program(path: Path) -> None:
    text = path.read_text()
    quick = read_canonical(text, "", str(path))
    assert quick is not None, "the program is in canonical form"
    assert_alike(quick, build(load(text, str(path))))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_step_has_one_event_and_its_line(path: Path) -> None:
    text = path.read_text()
    trace = read_scenario(text, path=str(path))
    document = load(text)
    lines = text.splitlines()
    entries = document.root["steps"]
    assert len(trace) == trace.prelude + len(entries)
    for i, entry in enumerate(entries):
        line = int(trace.columns["line"][trace.prelude + i])
        assert lines[line - 1].startswith(f"- {next(iter(entry))}:")
    expected = [e["expect"] for e in entries if "expect" in e]
    assert [e.fields for e in trace.expects if e.event >= 0] == expected
    assert trace.expects[-1].fields["vmas"] == document.root["vmas"]


def test_mmap_becomes_numbers_and_its_result_is_kept() -> None:
    trace = steps(
        "- memfd: {id: a, pages: 4}\n"
        "- mmap: {addr: 0x10000, length: 8192, prot: rx, flags: [shared, fixed, 0x8000], fd: a, offset: 4096}\n"
        "  expect: {result: 0x10000}\n"
    )
    assert row(trace, 1) == [ev.K_MMAP, 0, 0x10000, 8192, 5, 0x8011, 3, 4096, 0x10000, ev.EVF_HAS_RET]
    assert trace.expects[0] == Expectation(1, 1, 4, {"result": 0x10000})


def test_an_error_of_a_mapping_is_its_recorded_result() -> None:
    trace = steps(
        "- mmap: {addr: 0, length: 0, prot: none, flags: [private, anonymous]}\n  expect: {error: EINVAL}\n"
    )
    assert row(trace, 0)[8:] == [-22, ev.EVF_HAS_RET]
    assert row(trace, 0)[6] == -1, "fd -1 when not given"


def test_a_length_beyond_63_bits_is_a_signed_word() -> None:
    trace = steps("- munmap: {addr: 0x1000, length: 0xffffffffffffffff}\n")
    assert row(trace, 0)[2:4] == [0x1000, -1]


def test_references_are_relocations_to_the_event_of_the_step() -> None:
    trace = steps(
        "- mmap: {addr: 0, length: 8192, prot: rw, flags: [private, anonymous]}\n"
        "- munmap: {addr: '@0+0x1000', length: 4096}\n"
        "- mremap: {addr: '@0-0x2000', old_length: 4096, new_length: 4096, flags: [maymove], new_addr: '@0'}\n",
        head="initial:\n- {start: 0x1000, end: 0x2000, name: '[heap]'}",
    )
    assert trace.prelude == 2
    assert trace.relocations is not None
    assert trace.relocations.tolist() == [(3, 0, 2, 0x1000), (4, 0, 2, -0x2000), (4, 4, 2, 0)]


def test_a_step_can_be_named_and_referred_to() -> None:
    trace = steps(
        "- mmap: {addr: 0, length: 8192, prot: rw, flags: [private, anonymous]}\n  as: heap\n"
        "- read: '@heap+8'\n"
    )
    assert trace.relocations is not None
    assert trace.relocations.tolist() == [(1, 0, 0, 8)]


def test_the_program_goes_on_in_a_forked_child() -> None:
    trace = steps("- read: 0x1000\n- fork: {}\n- read: 0x2000\n- fork_wait: {}\n- read: 0x3000\n")
    assert trace.columns["kind"].tolist() == [80, ev.K_FORK_STEP, 80, ev.K_FORK_WAIT, 80]
    assert trace.columns["task"].tolist() == [0, 0, 1, 1, 1]
    assert trace.tasks["parent"].tolist() == [-1, 0]


def test_named_children_live_beside_their_parent() -> None:
    trace = steps(
        "- fork: {child: 7}\n- read: 0x1000\n  pid: 7\n- read: 0x2000\n- exit: {code: 3}\n  pid: 7\n"
    )
    assert trace.columns["kind"].tolist() == [ev.K_FORK, 80, 80, ev.K_EXIT]
    assert trace.columns["task"].tolist() == [0, 1, 0, 1]
    assert row(trace, 3)[2:4] == [3, 1]


def test_threads_share_the_process_of_their_maker() -> None:
    trace = steps("- thread: {child: 9}\n- vfork: {child: 10}\n")
    assert trace.tasks[["tid", "pid"]].tolist() == [(1, 1), (9, 1), (10, 10)]
    assert [row(trace, i)[3] for i in range(2)] == [0x10500, 0x4100]


def test_the_closed_descriptor_is_never_one_of_a_file() -> None:
    made = "".join(f"- memfd: {{id: f{i}, pages: 1}}\n" for i in range(900))
    trace = steps(made + "- ftruncate: {fd: bad, size: 0}\n")
    fds = trace.columns["a0"]
    assert int(fds[-1]) not in set(fds[:-1].tolist())


def test_chgprot_is_a_flag_that_the_engine_resolves() -> None:
    trace = steps(
        "- remap_file_pages: {addr: 0x1000, size: 4096, prot: r, pgoff: 3, flags: [chgprot, nonblock]}\n"
    )
    assert row(trace, 0)[6] == 1 << 40 | 0x10000


def test_pressure_and_settings_have_events_of_their_own() -> None:
    trace = steps(
        "- diskfile: {id: d, pages: 2, fill: true}\n"
        "- reclaim: {}\n- reclaim: {addr: 0x1000, length: 8192}\n- reclaim: {fd: d}\n"
        "- writeback: {fd: d}\n- snapshot: before\n- sysctl: {name: vm.max_map_count, areas_plus: 3}\n"
        "- setrlimit: {resource: memlock, soft: unlimited}\n- brk: {addr: 0x5000}\n"
        "- punch_hole: {fd: d, offset: 0, length: 4096}\n"
    )
    kinds = [
        ev.K_MAKEFILE,
        124,
        124,
        124,
        125,
        ev.K_SNAPSHOT,
        ev.K_SYSCTL,
        ev.K_SETRLIMIT,
        ev.K_BRK,
        ev.K_FALLOCATE,
    ]
    assert trace.columns["kind"].tolist() == kinds
    assert row(trace, 0)[2:7] == [3, 2, 1, 1, trace.strings.index("d")]
    assert [row(trace, i)[2:5] for i in (1, 2, 3)] == [[0, 0, -1], [0x1000, 8192, -1], [0, 0, 3]]
    assert trace.strings[row(trace, 5)[2]] == "before"
    assert row(trace, 6)[3:5] == [3, 1]
    assert row(trace, 7)[2:4] == [8, -1]
    assert row(trace, 9)[2:6] == [3, 3, 0, 4096]


def test_initial_areas_come_before_the_first_step() -> None:
    trace = read_scenario((CONFORMANCE / "linux-6.18" / "layout-01.yaml").read_bytes())
    assert trace.prelude == 12
    start_brk, brk, base, stack, legacy = row(trace, 0)[2:7]
    assert (start_brk, brk, base, legacy) == (0x105D000, 0x107F000, 0, 0)
    assert 0x7FFFFFFDE000 <= stack < 0x7FFFFFFFF000
    assert set(trace.columns["flags"][:12].tolist()) == {ev.EVF_MADE}
    vdso = row(trace, 10)
    assert vdso[2:5] == [0x7FFFF7FFD000, 0x7FFFF7FFF000, 5]
    assert trace.strings[vdso[7]] == "[vdso]"


def test_machine_vars_and_files_are_read() -> None:
    trace = read_scenario(
        "machine: {arch: i386, kernel: linux-2.6.21, ram: 64MiB, swap: 1GiB, set: {max_map_count: 99}}\n"
        "vars: {base: 0x40000000, size: 2 * page}\n"
        "files:\n- {id: a, pages: 3, fill: true}\n- {id: d, pages: 1, disk: true}\n"
        "steps:\n- munmap: {addr: base + page, length: size}\n"
    )
    assert (trace.arch, trace.kernel) == ("i386", "linux-2.6.21")
    assert trace.machine == {"ram": 64 << 20, "swap": 1 << 30, "max_map_count": 99}
    assert trace.prelude == 2
    assert row(trace, 2)[2:4] == [0x40001000, 8192]


def test_expectations_may_differ_by_machine() -> None:
    trace = steps(
        "- mseal: {addr: 0x1000, length: 4096}\n"
        "  expect: {result: 0, on: {'linux-2.6.*': {error: ENOSYS}, 'i386/*': {error: ENOMEM}}}\n"
    )
    expectation = trace.expects[0]
    assert expectation.fields_for("linux-6.18", "x86_64") == {"result": 0}
    assert expectation.fields_for("linux-2.6.21", "x86_64") == {"error": "ENOSYS"}
    assert expectation.fields_for("linux-6.18", "i386") == {"error": "ENOMEM"}


def test_an_access_may_touch_a_range_of_pages() -> None:
    trace = steps("- write: {addr: 0x1000, value: 7, pages: 16}\n- read: {addr: 0x2000, sp: 0x1fe0}\n")
    assert row(trace, 0)[2:6] == [0x1000, 7, 16, 0]
    assert row(trace, 1)[2:6] == [0x2000, -1, 0, 0x1FE0]


def test_columns_are_what_the_replay_reads() -> None:
    trace = steps("- read: 0x1000\n")
    assert trace.rows(0, 1).dtype == np.int64
    assert trace.columns["line"].tolist() == [3]
