"""The verdict of `run` and `check` says what it rests on."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_commands import LS, Run, remaptrace  # noqa: F401  (the fixture)

FIRST = "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f73baf9c000\n"
REFUSED = "mprotect(0x7f73baf9c000, 4096, PROT_NONE) = -1 EIO (Input/output error)\n"


def _log(folder: Path, text: str) -> str:
    path = folder / "short.strace"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_log_of_addresses_that_the_kernel_chose_shows_nothing(remaptrace: Run, tmp_path: Path) -> None:  # noqa: F811
    shown = remaptrace("run", _log(tmp_path, FIRST))
    assert "All as recorded" not in shown.out
    assert "Agrees, but shows nothing: 1 answer." in shown.out
    assert "No answer could have come out otherwise" in shown.out
    assert "VMA counts, maps and faults: no truth in this recording" in shown.out
    assert "Which memory was written is not recorded" in shown.out
    assert "Which memory was written" not in remaptrace("run", LS).out


def test_answers_that_agree_are_told_apart_by_how_they_came_to_agree(
    remaptrace: Run,  # noqa: F811
) -> None:
    facts = json.loads(remaptrace("run", LS, "--format", "json").out)
    ground = facts["agreement"]["ground"]
    assert sum(ground["answers"].values()) == facts["agreement"]["compared"]["answers"]["agree"]
    assert ground["answers"]["free"] > 0 and ground["answers"]["placed"] > 0
    assert ground["no_truth"] == []
    assert facts["not_recorded"] == []


def test_what_strace_cannot_see_is_not_recorded_instead_of_0(remaptrace: Run, tmp_path: Path) -> None:  # noqa: F811
    log = _log(tmp_path, FIRST)
    shown = remaptrace("run", log).out
    assert "resident 0" not in shown and "page tables" not in shown and "minor" not in shown
    facts = json.loads(remaptrace("run", log, "--format", "json").out)
    assert facts["not_recorded"] == ["faults", "residence", "page_tables"]
    assert facts["accesses"]["minor"] is None and facts["accesses"]["in_calls"] is None
    assert facts["memory"]["rss_pages"] is None and facts["memory"]["page_tables"] is None
    assert facts["peak"]["pages_by_protection"] is None and facts["peak"]["facts"]["resident"] is None
    diff = remaptrace("diff", log, "--kernel", "linux-6.18", "--kernel", "linux-6.1")
    assert diff.out.count("not recorded") == 6
    column = json.loads(
        remaptrace("diff", log, "--kernel", "linux-6.18", "--kernel", "linux-6.1", "--format", "json").out
    )["machines"][0]
    assert column["minor"] is None and column["memory"]["page_tables"] is None


def test_naming_the_machine_of_a_log_that_names_none_compares(remaptrace: Run, tmp_path: Path) -> None:  # noqa: F811
    log = _log(tmp_path, FIRST + REFUSED)
    for option in (("--kernel", "linux-6.1"), ("--set", "ram=8G"), ("--arch", "arm64-4k")):
        shown = remaptrace("run", log, *option)
        assert shown.status == 1 and "Not as recorded: 1 of 2 answers" in shown.out, option


def test_another_machine_than_the_recording_names_is_said_in_one_line(remaptrace: Run) -> None:  # noqa: F811
    kernel = remaptrace("run", LS, "--kernel", "linux-6.1")
    assert "Not compared with the recording: the recording is of linux-6.18, x86_64" in kernel.out
    limit = remaptrace("run", LS, "--set", "max_map_count=100")
    assert "Not compared with the recording: max_map_count=100 was asked for" in limit.out


def test_check_takes_the_maps_that_a_log_starts_from(remaptrace: Run, tmp_path: Path) -> None:  # noqa: F811
    log = _log(tmp_path, "mprotect(0x7f73baf9c000, 4096, PROT_READ) = 0\n" + REFUSED.replace("EIO", "ENOMEM"))
    maps = tmp_path / "own.maps"
    maps.write_text("7f73baf9c000-7f73baf9e000 rw-p 00000000 00:00 0 \n", encoding="utf-8")
    shown = remaptrace("check", log, "--maps", str(maps), "--format", "json")
    outcome = json.loads(shown.out)["outcomes"][0]
    assert outcome["ground"]["answers"] == {"free": 1, "placed": 0, "assumed": 0, "guessed": 0}


def test_a_tenth_of_the_peak_assumed_is_a_warning_at_the_top(remaptrace: Run, tmp_path: Path) -> None:  # noqa: F811
    log = _log(tmp_path, FIRST + "mprotect(0x7f0000000000, 4096, PROT_READ) = 0\n")
    lines = remaptrace("run", log).out.splitlines()
    assert "1 of 2 areas at the peak (50 %) is assumed" in "\n".join(lines[:8])


def test_faults_that_made_their_own_areas_show_nothing(remaptrace: Run, tmp_path: Path) -> None:  # noqa: F811
    """perf trace of page faults alone: where something is mapped is known from the faults themselves."""
    log = tmp_path / "faults.txt"
    head = "     0.{:03d} ( 0.000 ms): prog/7 minfault [main+0x28a] => //anon@0x{:x} (d.)\n"
    log.write_text("".join(head.format(i, (0x7F5499ECB + i) << 12) for i in range(5)), encoding="utf-8")
    shown = remaptrace("run", str(log)).out
    assert "Agrees, but shows nothing: 5 faults." in shown
    assert "No fault could have come out otherwise: 5 rest on what they made us assume." in shown
    ground = json.loads(remaptrace("run", str(log), "--format", "json").out)["agreement"]["ground"]
    assert ground["faults"] == {"free": 0, "kind": 0, "assumed": 5}


def test_faults_of_unknown_kind_are_compared_by_their_place(remaptrace: Run, tmp_path: Path) -> None:  # noqa: F811
    log = tmp_path / "faults.txt"
    asked = "len: 16384, prot: READ|WRITE, flags: PRIVATE|ANONYMOUS"
    call = f"     0.000 ( 0.001 ms): prog/7 mmap({asked}) = 0x7f5499ecb000\n"
    fault = "     0.{:03d} ( 0.000 ms): prog/7 minfault [main+0x28a] => //anon@0x{:x} (d.)\n"
    lines = [call, *(fault.format(i + 1, (0x7F5499ECB + i) << 12) for i in range(4))]
    log.write_text("".join(lines), encoding="utf-8")
    shown = " ".join(remaptrace("run", str(log)).out.split())
    assert "4 of 4 faults could have come out otherwise, all by their place alone" in shown
    ground = json.loads(remaptrace("run", str(log), "--format", "json").out)["agreement"]["ground"]
    assert ground["faults"] == {"free": 0, "kind": 4, "assumed": 0}


def test_a_log_that_does_not_show_all_areas_says_so_in_front(remaptrace: Run, tmp_path: Path) -> None:  # noqa: F811
    late = "munmap(0x7f73baf9c000, 4096) = 0\n"
    first = remaptrace("run", _log(tmp_path, late)).out.split("\n\n")[0]
    assert "VMA counts are at least these" in first
