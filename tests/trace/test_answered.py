"""Programs that a kernel answered, read as they were written down: with gaps."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.api import check, replay
from remaptrace.errors import InputError
from remaptrace.result.agreement import CheckOutcome
from remaptrace.trace.scenario.read import read_scenario

GIVEN = sorted((Path(__file__).parents[1] / "data" / "linux-more" / "given").glob("*.yaml"))
HEAD = "name: t\nabout: 'answers of Linux 6.18.44 (x86_64)'\nsteps:\n"
BASE = 0x100000000000


def _checked(steps: str, head: str = HEAD) -> CheckOutcome:
    return check(replay(read_scenario(head + steps)))


@pytest.mark.parametrize("program", GIVEN, ids=lambda path: path.stem)
def test_a_program_agrees_as_it_was_written_down(program: Path) -> None:
    trace = read_scenario(program.read_text(), path=str(program))
    outcome = check(replay(trace))
    assert outcome.agrees, outcome.disagreements[0]
    assert outcome.tallies["steps"].total >= 40


@pytest.mark.parametrize("program", GIVEN, ids=lambda path: path.stem)
def test_a_wrong_answer_is_still_found(program: Path) -> None:
    """The last mapping of the file is said to have failed."""
    text = program.read_text()
    at = text.rindex("{result: 0x1000")
    end = text.index("}", at)
    changed = text[:at] + "{error: EOVERFLOW" + text[end:]
    assert not check(replay(read_scenario(changed))).agrees


UNKNOWN = f"""\
- mmap: {{addr: {BASE:#x}, length: 4096, prot: r, flags: [private, fixed], fd: fd4, offset: 0}}
  expect: {{result: {BASE:#x}}}
- dump: {{}}
  expect:
    vmas:
    - {{start: {BASE:#x}, end: {BASE + 4096:#x}, perms: r--p, path: /srv/prog, vmflags: rd mr mw me}}
"""


def test_a_descriptor_without_a_step_is_the_file_that_a_list_shows() -> None:
    outcome = _checked(UNKNOWN)
    assert outcome.agrees, outcome.disagreements
    assert "no step makes fd4: taken for /srv/prog" in outcome.notes


def test_elsewhere_an_unknown_descriptor_is_an_error() -> None:
    with pytest.raises(InputError, match="unknown file 'fd4'"):
        read_scenario("name: t\nsteps:\n" + UNKNOWN)


REGISTERED = f"""\
- userfaultfd: {{id: u, flags: 0}}
- uffdio_api: {{fd: u, features: [sigbus]}}
- mmap: {{addr: {BASE:#x}, length: 8192, prot: rw, flags: [private, fixed, anonymous], fd: -1, offset: 0}}
- write: {{addr: {BASE:#x}, value: 1}}
- uffdio_register: {{fd: u, addr: {BASE:#x}, length: 8192, mode: [wp]}}
- uffdio_writeprotect: {{fd: u}}
  expect: {{result: 0}}
"""


def test_a_write_protection_without_a_range_is_where_a_later_write_is_trapped() -> None:
    trapped = (
        REGISTERED
        + f"- write: {{addr: {BASE:#x}, value: 2}}\n  expect: {{outcome: SIGBUS, code: BUS_ADRERR}}\n"
    )
    outcome = _checked(trapped)
    assert outcome.agrees, outcome.disagreements
    passed = (
        REGISTERED + f"- write: {{addr: {BASE:#x}, value: 2}}\n  expect: {{outcome: ok, minor_faults: 0}}\n"
    )
    assert _checked(passed).agrees
    assert any("not compared" in note for note in _checked(passed).notes)


def test_an_argument_that_is_missing_is_an_error_in_other_scenarios() -> None:
    with pytest.raises(InputError, match="needs addr"):
        read_scenario("name: t\nsteps:\n" + REGISTERED)


def test_bytes_that_nothing_told_are_not_compared() -> None:
    steps = REGISTERED.replace("mode: [wp]", "mode: [missing]").replace(
        "- uffdio_writeprotect: {fd: u}\n  expect: {result: 0}\n", ""
    )
    steps += (
        f"- uffdio_copy: {{fd: u, dst: {BASE + 4096:#x}, src: 0x40000, length: 4096, mode: [0]}}\n"
        "  expect: {result: 0}\n"
        f"- read: {BASE + 4096:#x}\n  expect: {{outcome: ok, value: 32}}\n"
    )
    outcome = _checked(steps)
    assert outcome.agrees, outcome.disagreements
    assert "1 answers hold what nothing told: not compared" in outcome.notes


def test_a_list_is_about_one_part_of_the_address_space() -> None:
    steps = f"""\
- mmap: {{addr: {BASE:#x}, length: 4096, prot: rw, flags: [private, fixed, anonymous], fd: -1, offset: 0}}
- mmap: {{addr: 0x7ffff7000000, length: 4096, prot: rw, flags: [private, fixed, anonymous], fd: -1, offset: 0}}
- dump: {{}}
  expect:
    vmas:
    - {{start: {BASE:#x}, end: {BASE + 4096:#x}, perms: rw-p}}
"""
    assert _checked(steps).agrees
    assert not _checked(steps.replace("0x7ffff7000000", hex(BASE + 0x10000))).agrees
    assert not _checked(steps, "name: t\nsteps:\n").agrees


def test_the_areas_of_the_program_are_those_that_a_list_shows() -> None:
    steps = """\
- prctl: {option: set_memory_merge, args: [1, 0, 0, 0]}
  expect: {result: 0}
- dump: {}
  expect:
    vmas:
    - {start: 0x400000, end: 0x401000, perms: r-xp, path: /srv/prog, vmflags: rd ex mr mw me mg}
    - {start: 0x401000, end: 0x402000, perms: rw-p, vmflags: rd wr mr mw me ac mg}
"""
    outcome = _checked(steps)
    assert outcome.agrees, outcome.disagreements
    assert not _checked(steps.replace("rd ex mr mw me mg", "rd ex mr mw me")).agrees


def test_segments_have_the_numbers_of_the_recorded_system() -> None:
    steps = f"""\
- shmget: {{key: 0, size: 4096, flags: 0o1600}}
  expect: {{result: 33432}}
- shmat: {{shmid: 33432, addr: {BASE:#x}, flags: []}}
  expect: {{result: {BASE:#x}}}
"""
    assert _checked(steps).agrees


def test_behind_a_fork_an_access_may_count_a_fault_of_the_program_itself() -> None:
    steps = f"""\
- mmap: {{addr: {BASE:#x}, length: 8192, prot: rw, flags: [private, fixed, anonymous], fd: -1, offset: 0}}
- fork_wait: {{}}
- write: {{addr: {BASE:#x}, value: 1}}
  expect: {{outcome: ok, minor_faults: 2}}
- write: {{addr: {BASE + 4096:#x}, value: 1}}
  expect: {{outcome: ok, minor_faults: 1}}
"""
    assert _checked(steps).agrees
    assert not _checked(steps.replace("minor_faults: 1}", "minor_faults: 2}")).agrees
    assert not _checked(steps, "name: t\nsteps:\n").agrees


def test_words_are_values_of_the_huge_page_settings() -> None:
    request = (
        "- mmap: {addr: 0, length: 4198400, prot: rw, flags: [shared, anonymous], fd: -1, offset: 0}\n"
        "  expect: {result: %s}\n"
    )
    head = "name: t\nmmap_base: 0x7ffff7fff000\nsteps:\n- sysctl: {name: thp_shmem_enabled, value: %s}\n"
    assert _checked(request % "0x7ffff7bfe000", head % "never").agrees
    assert _checked(request % "0x7ffff7a00000", head % "always").agrees
    with pytest.raises(InputError, match="value must be a number"):
        read_scenario(head % "sometimes")
    with pytest.raises(InputError, match="'madvise' is no value of thp_shmem_enabled"):
        read_scenario(head % "madvise")


@pytest.mark.parametrize(
    ("step", "rule", "value"),
    [
        ("pkey_alloc: {flags: 0, rights: 0}\n  expect: {result: 1}", "pkeys", 16),
        (
            f"vma_name: {{addr: {BASE:#x}, length: 4096, name: x}}\n  expect: {{result: 0}}",
            "anon_vma_name",
            True,
        ),
        (
            f"mbind: {{addr: {BASE:#x}, length: 4096, mode: [bind], nodes: 2}}\n  expect: {{result: 0}}",
            "nodes",
            2,
        ),
        (f"home_node: {{addr: {BASE:#x}, length: 4096, node: 3}}\n  expect: {{result: 0}}", "nodes", 4),
        (
            "memfd_create: {id: g, flags: [hugetlb, 30<<mfd_huge_shift]}\n  expect: {error: ENODEV}",
            "gigantic_pages",
            False,
        ),
        ("special_file: {id: s, kind: secretmem}\n  expect: {error: ENOSYS}", "secretmem", False),
        (f"read: {BASE:#x}\n  expect: {{outcome: SIGBUS, code: BUS_MCEERR_AR}}", "memory_failure", True),
    ],
)
def test_answers_show_what_the_machine_has(step: str, rule: str, value: object) -> None:
    assert read_scenario(f"{HEAD}- {step}\n").machine[rule] == value
    named = HEAD.replace("steps:", f"machine: {{set: {{{rule}: 0}}}}\nsteps:")
    assert read_scenario(f"{named}- {step}\n").machine[rule] == 0
    assert rule not in read_scenario(f"name: t\nsteps:\n- {step}\n").machine


def test_of_two_write_protections_without_a_range_the_one_that_lifts_is_told_by_a_page_that_passes() -> None:
    """Both pages were protected by the first call, one of them was freed by the second."""
    steps = (
        REGISTERED
        + f"""\
- write: {{addr: {BASE:#x}, value: 2}}
  expect: {{outcome: SIGBUS, code: BUS_ADRERR}}
- uffdio_writeprotect: {{fd: u}}
  expect: {{result: 0}}
- write: {{addr: {BASE:#x}, value: 3}}
  expect: {{outcome: ok}}
- write: {{addr: {BASE + 4096:#x}, value: 3}}
  expect: {{outcome: SIGBUS, code: BUS_ADRERR}}
"""
    )
    steps = steps.replace(
        "- uffdio_register", f"- write: {{addr: {BASE + 4096:#x}, value: 1}}\n- uffdio_register", 1
    )
    outcome = _checked(steps)
    assert outcome.agrees, outcome.disagreements
    assert sum("without a range" in note for note in outcome.notes) == 2


def test_a_move_outside_of_all_registrations_belongs_to_any_userfaultfd() -> None:
    steps = f"""\
- userfaultfd: {{id: u3, flags: 0}}
- uffdio_api: {{fd: u3, features: [sigbus]}}
- mmap: {{addr: {BASE:#x}, length: 8192, prot: rw, flags: [private, fixed, anonymous], fd: -1, offset: 0}}
- uffdio_poison: {{fd: uffd, addr: {BASE:#x}, length: 4096}}
  expect: {{error: ENOENT}}
"""
    assert _checked(steps).agrees


def test_the_top_of_free_memory_is_where_the_first_search_ended() -> None:
    steps = """\
- mmap: {addr: 0, length: 8192, prot: rw, flags: [private, anonymous], fd: -1, offset: 0}
  expect: {result: 0x7ffff7ff4000}
- mmap: {addr: 0, length: 2097152, prot: rw, flags: [shared, anonymous], fd: -1, offset: 0}
  expect: {result: 0x7ffff7df4000}
"""
    outcome = _checked(steps)
    assert outcome.agrees, outcome.disagreements
    aligned = "- mmap: {addr: 0, length: 2097152, prot: rw, flags: [private, anonymous], fd: -1, offset: 0}\n"
    grown = "- mremap: {addr: 0x7ffff7c00000, old_length: 2097152, new_length: 6291456, flags: [maymove]}\n"
    assert _checked(aligned + grown + "  expect: {result: 0x7ffff7600000}\n").agrees  # [vvar] is in its way


def test_an_unknown_descriptor_is_for_reading_where_nothing_writes() -> None:
    steps = f"""\
- mmap: {{addr: {BASE:#x}, length: 4096, prot: r, flags: [shared, fixed], fd: fd4, offset: 0}}
  expect: {{result: {BASE:#x}}}
- dump: {{}}
  expect:
    vmas:
    - {{start: {BASE:#x}, end: {BASE + 4096:#x}, perms: r--s, path: /srv/prog, vmflags: rd mr me ms}}
"""
    assert _checked(steps).agrees


def test_an_unknown_descriptor_whose_pages_userfaultfd_watches_is_on_shmem() -> None:
    steps = f"""\
- userfaultfd: {{id: u3, flags: 0}}
- uffdio_api: {{fd: u3, features: [sigbus]}}
- mmap: {{addr: {BASE:#x}, length: 4096, prot: r, flags: [private, fixed], fd: fd4, offset: 0}}
  expect: {{result: {BASE:#x}}}
- uffdio_register: {{fd: u3, addr: {BASE:#x}, length: 4096, mode: [missing]}}
  expect: {{result: 0}}
"""
    assert _checked(steps).agrees
    assert not _checked(steps.replace("missing]", "wp]")).agrees


def test_breaks_whose_option_is_lost_are_told_by_their_addresses() -> None:
    steps = f"""\
- prctl: {{option: set_mm, args: [0, {BASE}, 0, 0]}}
  expect: {{error: EINVAL}}
- prctl: {{option: set_mm, args: [0, {BASE}, 0, 0]}}
  expect: {{result: 0}}
- mmap: {{addr: {BASE - 4096:#x}, length: 8192, prot: rw, flags: [private, fixed, anonymous], fd: -1, offset: 0}}
  expect: {{result: {BASE - 4096:#x}}}
- dump: {{}}
  expect:
    vmas:
    - {{start: {BASE - 4096:#x}, end: {BASE + 4096:#x}, perms: rw-p, path: '[heap]', vmflags: rd wr mr mw me ac}}
- prctl: {{option: set_mm, args: [0, 0x547000, 0, 0]}}
  expect: {{result: 0}}
- prctl: {{option: set_mm, args: [0, 0x547000, 0, 0]}}
  expect: {{result: 0}}
"""
    outcome = _checked(steps)
    assert outcome.agrees, outcome.disagreements
    assert any("the break is at 0x547000" in note for note in outcome.notes)


def test_words_stand_as_tracers_write_them() -> None:
    steps = f"""\
- mmap: {{addr: {BASE:#x}, length: 8192, prot: PROT_READ|PROT_WRITE, flags: [MAP_PRIVATE, fixed, anonymous, file]}}
  expect: {{result: {BASE:#x}}}
- personality: per_linux|read_implies_exec
- mbind: {{addr: {BASE:#x}, length: 4096, mode: MPOL_BIND|MPOL_F_STATIC_NODES, nodes: [0, 64], maxnode: 128}}
  expect: {{result: 0}}
- mbind: {{addr: {BASE:#x}, length: 4096, mode: [bind], nodes: 0x8, maxnode: 64}}
  expect: {{error: EFAULT}}
- userfaultfd: {{id: u, flags: 0x2 /* UFFD_??? */}}
  expect: {{error: EINVAL}}
- mprotect: {{addr: {BASE:#x}, length: 4096, prot: [read, growsdown]}}
  expect: {{error: EINVAL}}
"""
    outcome = _checked(steps)
    assert outcome.agrees, outcome.disagreements
    with pytest.raises(InputError, match="unknown flag 'MAP_PRIVAT'"):
        read_scenario(HEAD + steps.replace("MAP_PRIVATE", "MAP_PRIVAT"))
