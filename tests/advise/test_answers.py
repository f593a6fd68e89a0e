"""What advise answers: leaks and bounded programs told apart, start-up is no growth, failures with their causes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from remaptrace.cli.entry import run_command

EXEC = 'execve("/opt/prog/a", ["a"], 0x7ffc0 /* 2 vars */) = 0\nbrk(NULL) = 0x55d4c7e83000\n'
BASE = 0x7F0000000000


def advise(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str) -> dict[str, Any]:
    log = tmp_path / "log.strace"
    log.write_text(text)
    assert run_command(["advise", str(log), "--format", "json"]) == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


def mapped(number: int, size: int = 8192) -> str:
    """An mmap that lies apart from all others."""
    at = BASE + number * 0x100000
    return f"mmap(NULL, {size}, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {at:#x}\n"


def unmapped(number: int, size: int = 8192) -> str:
    return f"munmap({BASE + number * 0x100000:#x}, {size}) = 0\n"


def test_a_leak_is_called_a_leak(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    facts = advise(capsys, tmp_path, EXEC + "".join(map(mapped, range(400))))
    (leak,) = facts["leaks"]
    assert (leak["bytes"], leak["mappings"], leak["unmapped"]) == (8192, 400, 0)
    assert "400 mappings of 8 KiB were never unmapped" in facts["sentences"][0]
    assert facts["limit"]["calls_left"] is not None


STACK = """\
 > /usr/lib/libc.so.6(mmap64+0x1e) [0x11d2e0]
 > /opt/prog/a({name}+0x40) [0x1189]
 > /opt/prog/a(main+0x22) [0x1200]
"""


def test_a_leak_names_who_called_where_stacks_were_recorded(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    calls = "".join(mapped(n) + STACK.format(name="cache_add" if n % 4 else "log_line") for n in range(400))
    facts = advise(capsys, tmp_path, EXEC + calls)
    (leak,) = facts["leaks"]
    assert [c["mappings"] for c in leak["callers"]] == [300, 100]
    assert any("cache_add" in frame for frame in leak["callers"][0]["frames"])
    assert leak["by_quarter"] == [99, 100, 100, 101]  # brk is a call, too
    assert "300 of them were asked for by" in facts["sentences"][0]
    unknown = advise(capsys, tmp_path, EXEC + "".join(map(mapped, range(400))))
    assert unknown["leaks"][0]["callers"] is None
    assert "Who called was not recorded" in unknown["sentences"][0]


def test_a_leak_of_many_sizes_is_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    facts = advise(capsys, tmp_path, EXEC + "".join(mapped(n, 4096 * (1 + n % 97)) for n in range(600)))
    (leak,) = facts["leaks"]
    assert (leak["mappings"], leak["bytes"], leak["largest_bytes"]) == (600, 4096, 97 * 4096)
    assert "600 mappings of 4 KiB to 388 KiB were never unmapped" in facts["sentences"][0]


def test_a_slow_leak_among_mappings_that_are_given_back_is_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    calls = "".join(mapped(n) + ("" if n % 10 == 0 else unmapped(n)) for n in range(2000))
    (leak,) = advise(capsys, tmp_path, EXEC + calls)["leaks"]
    assert (leak["mappings"], leak["unmapped"]) == (200, 1800)
    assert leak["by_quarter"] == [50, 50, 50, 50]


def test_memory_that_is_decommitted_does_not_leak(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    calls = mapped(0, 64 << 20) + "".join(
        f"mmap({at:#x}, 8192, PROT_NONE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0) = {at:#x}\n"
        for at in range(BASE, BASE + 400 * 0x10000, 0x10000)
    )
    facts = advise(capsys, tmp_path, EXEC + calls)
    assert facts["leaks"] == []
    assert facts["bill"]["pattern"][1]["vmas"] == 400


def test_mappings_that_others_replace_do_not_leak(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ring = "".join(map(mapped, range(200)))
    ring += "".join(unmapped(n) + mapped(n + 200) for n in range(600))
    assert advise(capsys, tmp_path, EXEC + ring)["leaks"] == []


def test_what_was_unmapped_behind_the_peak_was_unmapped(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = EXEC + "".join(map(mapped, range(1000))) + "".join(map(unmapped, range(60)))
    (leak,) = advise(capsys, tmp_path, text)["leaks"]
    assert (leak["mappings"], leak["unmapped"]) == (940, 60)


def test_the_end_of_a_process_is_no_failure(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    facts = advise(capsys, tmp_path, EXEC + "".join(map(mapped, range(400))) + "exit_group(0) = ?\n")
    assert facts["limit"]["ended_at"]["line"] == 403
    text = " ".join(facts["sentences"])
    assert "until the process ended at line 403" in text and "only moves the failure" not in text
    assert "The process ended 65,1" in text


def test_a_program_with_a_bound_does_not_leak(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    work = "".join(mapped(1000) + unmapped(1000) for _ in range(400))
    facts = advise(capsys, tmp_path, EXEC + "".join(map(mapped, range(300))) + work)
    assert facts["leaks"] == []
    assert facts["limit"]["calls_left"] is None


def test_what_is_given_back_does_not_leak(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    calls = "".join(map(mapped, range(300))) + "".join(map(unmapped, range(300)))
    facts = advise(capsys, tmp_path, EXEC + calls)
    assert facts["leaks"] == []
    assert facts["limit"]["calls_left"] is None


def test_loading_libraries_is_no_growth(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = EXEC
    for number in range(120):
        text += f'openat(AT_FDCWD, "/lib/l{number}.so", O_RDONLY|O_CLOEXEC) = 3\n'
        text += (
            f"mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3, 0) = {BASE + number * 0x100000:#x}\nclose(3) = 0\n"
        )
    facts = advise(capsys, tmp_path, text)
    assert facts["limit"]["calls_left"] is None
    assert facts["leaks"] == []


def test_a_split_refused_at_a_limit_that_the_log_does_not_show(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = f"mmap(NULL, 69632, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {BASE:#x}\n"
    text += f"mprotect({BASE:#x}, 4096, PROT_NONE) = -1 ENOMEM (Cannot allocate memory)\n"
    failure = advise(capsys, tmp_path, text)["failure"]
    assert failure["at"]["line"] == 2
    assert failure["sure"]
    assert "vm.max_map_count was met" in failure["causes"][0]


def test_a_refusal_far_from_the_limit_names_the_other_limits(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = EXEC + "".join(mapped(n, 4 << 20) for n in range(1))
    text += (
        "mmap(NULL, 4194304, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = -1 ENOMEM (Cannot)\n"
    )
    failure = advise(capsys, tmp_path, text)["failure"]
    assert not failure["sure"]
    assert failure["causes"][0].startswith("RLIMIT_AS (ulimit -v): ")
    assert failure["causes"][0].endswith(" and 4.0 MiB more asked for")


def test_most_is_more_than_half(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from remaptrace.report.facts.dump import share_words

    assert share_words(92, 295) == "The largest share of"
    assert share_words(60, 100) == "Most of"
    assert share_words(13, 24) == "Most of"
    assert share_words(50, 100) == "Half of"
    assert share_words(1000, 2022) == "Nearly half of"


def test_no_hypothetical_kernel_is_advised(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    facts = advise(capsys, tmp_path, EXEC + "".join(map(mapped, range(100))))
    names = [r["name"] for r in facts["remedies"]]
    assert "limit" in names
    assert all(names.index("limit") < names.index(n) for n in names if n.startswith("rfp"))
    assert not any("no kernel of today" in s for s in facts["sentences"])


def test_raising_the_limit_is_a_cure_and_no_saving(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It stands where it belongs, behind what saves and before what only history has, without a share of 0 %."""
    log = tmp_path / "log.strace"
    guarded = (mapped(n) + f"mprotect({BASE + n * 0x100000:#x}, 4096, PROT_NONE) = 0\n" for n in range(60))
    later = f"madvise({BASE + 0x1000:#x}, 4096, MADV_DONTNEED) = 0\n" * 600
    log.write_text(EXEC + "".join(guarded) + later)
    assert run_command(["advise", str(log)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "raise vm.max_map_count" not in text
    first, last = text.index("guard regions"), text.index("per-PTE protections (hypothetical)")
    assert (
        first < text.index("raising vm.max_map_count (65,530): no saving; the cure if the program is") < last
    )


def test_that_nothing_saves_is_not_said_beside_a_row_that_saves(capsys: pytest.CaptureFixture[str]) -> None:
    """User-mode Linux: the patches of 2007 leave 28 of 169, so that "nothing that was tried" was untrue."""
    assert run_command(["advise", "traces/uml-small", "--format", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    row = next(r for r in facts["remedies"] if r["name"] == "rfp")
    told = next(s for s in facts["sentences"] if "saves a twentieth" in s)
    assert f"{row['before']} mappings become {row['after']}" in told and "today's kernels" in told


def of_file(number: int, prot: str = "PROT_READ", flags: str = "MAP_PRIVATE", at: int = 0) -> str:
    place = BASE + number * 0x100000
    return f"mmap({hex(at) if at else 'NULL'}, 4096, {prot}, {flags}, 3</srv/x.db>, 0) = {at or place:#x}\n"


def test_mappings_of_a_file_that_stay_are_a_leak_and_those_of_libraries_are_none(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    opened = 'openat(AT_FDCWD, "/srv/x.db", O_RDONLY) = 3</srv/x.db>\n'
    facts = advise(capsys, tmp_path, EXEC + opened + "".join(map(of_file, range(300))))
    (leak,) = facts["leaks"]
    assert (leak["of"], leak["mappings"], leak["unmapped"]) == ("/srv/x.db", 300, 0)
    assert "300 mappings of 4 KiB of /srv/x.db were never unmapped" in facts["sentences"][0]
    given = "".join(
        of_file(n) + (f"munmap({BASE + n * 0x100000:#x}, 4096) = 0\n" if n > 9 else "") for n in range(300)
    )
    assert not advise(capsys, tmp_path, EXEC + opened + given)["leaks"]
    library = of_file(999, "PROT_READ|PROT_EXEC")
    assert not advise(capsys, tmp_path, EXEC + opened + library + "".join(map(of_file, range(300))))["leaks"]
    chosen = "".join(of_file(n, "PROT_READ", "MAP_SHARED|MAP_FIXED", BASE + n * 0x100000) for n in range(300))
    assert not advise(capsys, tmp_path, EXEC + opened + chosen)["leaks"]


def test_a_process_whose_threads_all_exit_has_ended(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Kernel events tell of each task's exit, not of the group's: "they still come" was said of ended programs."""
    assert run_command(["advise", "traces/java-100threads", "--format", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["limit"]["ended_at"] is not None
    assert not any("still come" in sentence for sentence in facts["sentences"])
    facts = advise(capsys, tmp_path, EXEC + "".join(map(mapped, range(400))))
    assert facts["limit"]["ended_at"] is None
