"""Programs of every subject are scenarios that the simulation models whole; areas with names keep their object."""

from __future__ import annotations

import pytest

from remaptrace.abi.rows import RSF_UNMODELLED
from remaptrace.api import Machine, replay
from remaptrace.native.answers import _Reader, _row
from remaptrace.native.generate import generate
from remaptrace.native.profiles import ALL
from remaptrace.native.program import to_lines
from remaptrace.native.scenario_file import scenario_text
from remaptrace.trace.scenario.read import read_scenario
from remaptrace.trace.scenario.write import write_yaml

NEW = ("sysv", "names", "huge", "special", "uffd", "numa", "keys", "pkeys", "process", "together")


@pytest.mark.parametrize("profile", NEW)
def test_nothing_in_the_programs_of_a_subject_is_left_to_the_kernel_alone(profile: str) -> None:
    for seed in range(6):
        steps = generate(seed, profile)
        assert to_lines(steps).count("\n") > len(steps)
        trace = read_scenario(scenario_text("t", "t", steps, None, whole=False), name="t.yaml")
        result = replay(
            trace, Machine.load(overrides={"anon_vma_name": 1, "pkeys": 16 if profile == "pkeys" else 0})
        )
        assert not (result.columns["flags"] & RSF_UNMODELLED).any()


@pytest.mark.parametrize("profile", ALL)
def test_the_steps_of_a_program_are_written_as_they_were_read(profile: str) -> None:
    for seed in range(3):
        text = scenario_text("t", "t", generate(seed, profile), None, whole=False)
        trace = read_scenario("brk_start: 0x42c000\n" + text, name="t.yaml")
        again = read_scenario("".join(write_yaml(trace)), name="t.yaml")
        assert all((trace.columns[n] == again.columns[n]).all() for n in trace.columns if n != "line")


@pytest.mark.parametrize("profile", ALL)
def test_the_program_of_a_seed_is_the_same_again(profile: str) -> None:
    assert generate(7, profile) == generate(7, profile) != generate(8, profile)


def test_programs_of_several_subjects_take_none_that_is_missing() -> None:
    programs = str(
        [generate(seed, "together", 50, frozenset({"uffd", "names", "huge"})) for seed in range(20)]
    )
    assert "uffd" not in programs and "vma_name" not in programs and "nr_hugepages" not in programs
    assert "mbind" in programs and "shmat" in programs and "process_vm" in programs


def test_a_name_stands_in_place_of_the_object_that_is_named() -> None:
    steps = [{"memfd": {"id": "a", "pages": 3}}]
    reader = _Reader(steps, "", whole=False, areas=False)
    line = "10000000-10003000 rw-s 00001000 00:01 77                         {}"
    assert reader.area(_row(line.format("/memfd:f000 (deleted)")))["file"] == "a"
    named = reader.area(_row(line.format("[anon_shmem:x y]")))
    assert (named["file"], named["name"]) == ("a", "[anon_shmem:x y]")
    unseen = "30000000-30003000 rw-s 00000000 00:01 78                         [anon_shmem:x y]"
    assert "file" not in reader.area(_row(unseen)), "nothing shows which object that is"
    private = reader.area(_row("20000000-20003000 rw-p 00000000 00:00 0     [anon:heap]"))
    assert (private["file"], private["name"]) == (None, "[anon:heap]")


def test_a_memfd_of_huge_pages_is_written_as_one() -> None:
    text = "name: t\nsteps:\n- memfd: {id: h, pages: 1024, hugetlb: 2MiB}\n- diskfile: {id: d, pages: 3}\n"
    written = "".join(write_yaml(read_scenario(text, name="t.yaml")))
    assert "memfd: {fill: false, id: h, pages: 1024, hugetlb: 2097152}" in written
    assert "diskfile: {fill: false, id: d, pages: 3}" in written


def test_a_name_that_no_text_holds_is_written_by_its_escape() -> None:
    steps = [
        {"vma_name": {"addr": 0x10000000, "length": 4096, "name": name}} for name in ("\x7f", "it's", "a\tb")
    ]
    text = scenario_text("t", "t", steps, None, whole=False)
    assert [s.partition(":")[2] for s in read_scenario(text, name="t.yaml").strings if ":" in s] == [
        "\x7f",
        "it's",
        "a\tb",
    ]
