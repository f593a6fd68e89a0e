"""The commands end to end on small traces: data on stdout, warnings on stderr, documented statuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from remaptrace.cli.entry import run_command

ROOT = Path(__file__).parent.parent.parent
LS = str(ROOT / "traces" / "ls")
WINDOW = str(ROOT / "traces" / "remapwin-256")
PROGRAM = str(ROOT / "traces" / "conformance" / "linux-6.18" / "merge-01.yaml")

SCENARIO = """\
name: guard
steps:
- mmap: {addr: 0x10000000, length: 65536, prot: rw, flags: [private, anonymous, fixed], fd: -1, offset: 0}
- mprotect: {addr: 0x10004000, length: 4096, prot: none}
- write: {addr: 0x10004000, value: 7}
  expect: {outcome: SIGSEGV, code: SEGV_ACCERR}
"""


class Shown:
    """Status, standard output and standard error of one command."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


Run = Callable[..., Shown]


@pytest.fixture
def remaptrace(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process."""
    monkeypatch.setenv("REMAPTRACE_ENGINE", "interpreted")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("REMAPTRACE_DEBUG", raising=False)

    def run(*args: str) -> Shown:
        status = run_command(args)
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        assert "internal error" not in shown.err
        return Shown(status, shown.out, shown.err)

    return run


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    path = tmp_path / "guard.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return str(path)


def test_run_reports_and_agrees(remaptrace: Run) -> None:
    shown = remaptrace("run", LS)
    assert shown.status == 0
    assert shown.out.startswith("ls on linux-6.18, x86_64")
    assert "All as recorded: 39 answers" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80


def test_run_does_not_compare_with_the_recording_on_another_kernel(remaptrace: Run) -> None:
    shown = remaptrace("run", LS, "--kernel", "linux-6.1")
    assert shown.status == 0
    assert "As recorded" not in shown.out and "as recorded" not in shown.out
    assert "linux-6.1, x86_64" in shown.out


def test_a_failed_expectation_is_status_1_with_file_and_line(remaptrace: Run, scenario: str) -> None:
    assert remaptrace("run", scenario).status == 0
    Path(scenario).write_text(SCENARIO.replace("ACCERR", "MAPERR"), encoding="utf-8")
    shown = remaptrace("run", scenario)
    assert shown.status == 1
    assert f"{scenario}:5" in shown.out
    assert remaptrace("check", scenario).status == 1


def test_json_of_run_is_one_document(remaptrace: Run) -> None:
    facts = json.loads(remaptrace("run", LS, "--format", "json").out)
    assert facts["schema"] == "remaptrace/run/1"
    assert facts["processes"][0]["peak"] == 48
    both = json.loads(remaptrace("run", LS, PROGRAM, "--format", "json").out)
    assert [r["trace"]["name"] for r in both["runs"]] == ["ls", "merge-01"]


def test_jsonl_of_run_has_a_line_an_event(remaptrace: Run, scenario: str) -> None:
    lines = remaptrace("run", scenario, "--format", "jsonl").out.splitlines()
    kinds = [json.loads(line).get("kind") for line in lines]
    assert kinds == [None, "mmap", "mprotect", "write"]


@pytest.mark.parametrize("name", ["picture.svg", "page.html", "text.txt"])
def test_output_files_are_whole(remaptrace: Run, scenario: str, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    shown = remaptrace("run", scenario, "-o", str(path))
    assert (shown.status, shown.out) == (0, "")
    assert "guard" in path.read_text(encoding="utf-8")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".remaptrace")] == []


def test_an_output_that_cannot_be_written_leaves_nothing(
    remaptrace: Run, scenario: str, tmp_path: Path
) -> None:
    shown = remaptrace("run", scenario, "-o", str(tmp_path / "no" / "such" / "x.svg"))
    assert shown.status == 3
    assert shown.err.startswith("error RT502: cannot write: No such file or directory")


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk_is_an_error_with_a_code(remaptrace: Run, scenario: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    shown = remaptrace("run", scenario, "-o", "/dev/full")
    assert shown.status == 3
    assert "RT502" in shown.err


def test_check_ends_with_the_summary(remaptrace: Run, scenario: str) -> None:
    shown = remaptrace("check", PROGRAM, scenario, "--format", "plain")
    assert shown.status == 0
    assert shown.out.splitlines()[-1] == "programs 2/2, steps 42/42"


def test_check_goes_on_behind_an_unreadable_scenario(remaptrace: Run, scenario: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("steps:\n- mumap: {addr: 1}\n", encoding="utf-8")
    shown = remaptrace("check", str(tmp_path), "--format", "plain")
    assert shown.status == 3
    assert shown.out.splitlines()[-1] == "programs 1/2, steps 1/1"
    assert "error code RT102" in shown.out


def test_check_writes_junit(remaptrace: Run, scenario: str, tmp_path: Path) -> None:
    path = tmp_path / "out.xml"
    remaptrace("check", PROGRAM, scenario, "--format", "junit", "-o", str(path))
    root = ElementTree.parse(path).getroot()
    assert (root.attrib["tests"], root.attrib["failures"]) == ("2", "0")


def test_diff_finds_the_first_difference_and_its_rule(remaptrace: Run) -> None:
    shown = remaptrace(
        "diff", WINDOW, "--kernel", "linux-6.18", "--kernel", "linux-2.6.21", "--format", "json"
    )
    assert shown.status == 1
    facts = json.loads(shown.out)
    first = facts["pairs"][0]["first_difference"]
    assert first["text"].startswith("remap_file_pages(")
    assert "remap_file_pages" in [r["rule"] for r in first["reason"]]


def test_diff_of_a_machine_with_itself_is_status_0(remaptrace: Run, scenario: str) -> None:
    shown = remaptrace("diff", scenario, "--kernel", "linux-6.18", "--set", "2:max_map_count=65530")
    assert shown.status == 0
    assert "Nothing differs" in shown.out


def test_diff_by_a_limit_names_the_limit(remaptrace: Run, scenario: str) -> None:
    shown = remaptrace("diff", scenario, "--set", "2:max_map_count=1")
    assert shown.status == 1
    assert "because max_map_count: 65530 | 1" in shown.out
    assert "mprotect" in shown.out and "ENOMEM" in shown.out


@pytest.mark.parametrize("form", ["rich", "plain", "markdown", "json"])
def test_every_form_of_diff_and_advise(remaptrace: Run, scenario: str, form: str) -> None:
    assert remaptrace("diff", scenario, "--set", "2:max_map_count=1", "--format", form).out
    assert remaptrace("advise", scenario, "--format", form).out


def test_the_bill_adds_up(remaptrace: Run) -> None:
    facts = json.loads(remaptrace("advise", WINDOW, "--format", "json").out)
    for view, items in facts["bill"].items():
        assert sum(i["vmas"] for i in items) == facts["total"] == 280, view
    assert len(facts["sentences"]) == 3


def test_maps_is_what_the_recorder_saw_at_exit(remaptrace: Run) -> None:
    shown = remaptrace("maps", LS)
    (recorded,) = (Path(LS) / "maps").glob("*.exit.maps")
    want = [line for line in recorded.read_text().splitlines() if "[vsyscall]" not in line]
    assert [line.split()[:3] for line in shown.out.splitlines()] == [line.split()[:3] for line in want]
    assert shown.err.startswith("# before pid ")


def test_a_pte_is_shown_bit_by_bit(remaptrace: Run, scenario: str) -> None:
    with Path(scenario).open("a") as file:
        file.write("- write: {addr: 0x10001000, value: 1}\n")
    shown = remaptrace("maps", scenario, "--pte", "0x10001000")
    assert "present" in shown.out and "RW" in shown.out
    smaps = remaptrace("maps", scenario, "--smaps").out
    assert "VmFlags: rd wr mr mw me ac" in smaps
    assert "Rss:                   4 kB" in smaps


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["run", "--kernel", "linux-6.81", LS], "RT401"),
        (["run", "--arch", "x68_64", LS], "RT402"),
        (["run", "--set", "max_map_cuont=3", LS], "RT403"),
        (["run", "--set", "max_map_count=lots", LS], "RT404"),
        (["run", "--set", "max_map_count", LS], "RT501"),
        (["run"], "RT501"),
        (["diff", LS, "--kernel", "linux-6.18"], "RT501"),
        (["maps", LS, "--at", "999999"], "RT503"),
        (["maps", LS, "--pid", "1"], "RT503"),
        (["maps", LS, "--pte", "here"], "RT501"),
        (["explain", "nonsense"], "RT501"),
        (["kernels", "--show", "linux-0.1"], "RT401"),
    ],
)
def test_usage_errors_are_status_2_with_a_code(remaptrace: Run, args: list[str], code: str) -> None:
    shown = remaptrace(*args)
    assert shown.status == 2
    assert shown.out == ""
    assert shown.err.startswith(f"error {code}: ")


@pytest.mark.parametrize(
    "content",
    [b"", b"   \n", b"\x00\xff\xfe" * 1000, b"no trace at all\n", b"x" * 10_000_000, b"\x1f\x8b\x08\x00junk"],
)
def test_unreadable_inputs_are_status_3_with_a_place(remaptrace: Run, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "input"
    path.write_bytes(content)
    shown = remaptrace("run", str(path))
    assert shown.status == 3
    assert str(path) in shown.err
    assert len(shown.err) < 2000


def test_a_missing_file_and_an_empty_folder_are_status_3(remaptrace: Run, tmp_path: Path) -> None:
    assert remaptrace("run", str(tmp_path / "none")).status == 3
    assert remaptrace("check", str(tmp_path)).status == 3


def test_a_bad_line_of_a_recording_is_skipped_counted_and_status_1(remaptrace: Run, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(
        "mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000\n"
        "mmap(NULL, 4096, PROT_REA\n"
        "munmap(0x7f0000000000, 4096) = 0\n",
        encoding="utf-8",
    )
    shown = remaptrace("run", str(path))
    assert shown.status == 1
    assert "1 line skipped" in shown.out


def test_diff_takes_a_sysctl_file_for_each_machine(remaptrace: Run, tmp_path: Path) -> None:
    files = []
    for name, value in (("a", 65530), ("b", 300)):
        files.append(tmp_path / name)
        files[-1].write_text(f"vm.max_map_count = {value}\n")
    two = remaptrace("diff", PROGRAM, "--sysctl", str(files[0]), "--sysctl", str(files[1]))
    assert two.status in (0, 1) and "max_map_count" in two.out
    three = remaptrace("diff", PROGRAM, "--kernel", "6.8.1", "--kernel", "6.12", "--kernel", "6.13",
                       "--sysctl", str(files[0]), "--sysctl", str(files[1]))  # fmt: skip
    assert three.status == 2 and "one each" in three.err
    assert remaptrace("diff", PROGRAM, "--sysctl", str(files[0])).status == 2
