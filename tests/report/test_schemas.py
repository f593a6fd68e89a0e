"""What every command writes as JSON is what its schema says, key for key."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

import remaptrace
from remaptrace.abi.kinds import ACCESSES
from remaptrace.advice.callers import of_unit
from remaptrace.cli.entry import run_command
from remaptrace.native.launch import compiler
from remaptrace.report.html.columns import unpacked
from remaptrace.report.schema import DOCUMENTS, schema_of

from ..trace.test_stacks import STRACE as STACKS

TRACES = Path(__file__).parents[2] / "traces"
CONFORMANCE = TRACES / "conformance" / "linux-6.12"


Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The output of a command that ended well, or with findings."""
    monkeypatch.setenv("REMAPTRACE_ENGINE", "interpreted")

    def command(*args: object) -> str:
        status = run_command([str(a) for a in args])
        shown = capsys.readouterr()
        assert status in (0, 1), shown.err
        return shown.out

    return command


def valid(document: object) -> str:
    """The name of the schema that `document` names, which allows no key that it does not list."""
    assert isinstance(document, dict)
    name = str(document["schema"]).split("/")[1]
    Draft202012Validator(schema_of(name, strict=True)).validate(document)
    return name


def test_every_schema_is_one(run: Run) -> None:
    for name in DOCUMENTS:
        Draft202012Validator.check_schema(schema_of(name))
        assert json.loads(run("schema", name)) == schema_of(name)


def test_documents_may_get_new_keys(run: Run) -> None:
    document = {**json.loads(run("run", TRACES / "ls", "--format", "json")), "later": 1}
    Draft202012Validator(schema_of("run")).validate(document)


PROGRAM = sorted(CONFORMANCE.glob("*.yaml"))[0]
DIFFERING = TRACES / "remapwin-256"
COMMANDS = {
    "run": ("run", TRACES / "ls"),
    "run of a scenario": ("run", PROGRAM),
    "run of calls alone": ("run", TRACES / "ls" / "strace.txt.gz"),
    "runs": ("run", TRACES / "ls", PROGRAM),
    "check": ("check", CONFORMANCE, TRACES / "ls"),
    "check that finds": ("check", TRACES / "ls", "--max", "peak_vmas=3"),
    "diff": ("diff", DIFFERING, "--kernel", "linux-6.18", "--kernel", "linux-2.6.21"),
    "advise": ("advise", TRACES / "efence-500"),
    "advise with lookups": ("advise", TRACES / "ls", "--lookup"),
    "maps": ("maps", TRACES / "ls"),
    "kernels": ("kernels",),
    "one kernel": ("kernels", "--show", "linux-6.12"),
    "what is not modelled": ("kernels", "--not-modelled"),
    "kernels-compare": ("kernels", "--compare", "linux-6.12", "linux-6.18"),
    "arches": ("arches",),
    "conformance": ("conformance", "--kernel", "linux-7.2"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_document_is_as_its_schema_says(run: Run, name: str) -> None:
    document = json.loads(run(*COMMANDS[name], "--format", "json"))
    known = valid(document)
    assert known in DOCUMENTS


def test_each_line_of_json_lines_is_as_its_schema_says(run: Run) -> None:
    lines = run("run", TRACES / "ls", "--format", "jsonl").splitlines()
    assert {valid(json.loads(line)) for line in lines} == {"run", "event"}
    scenario = run("run", PROGRAM, "--format", "jsonl").splitlines()
    assert {valid(json.loads(line)) for line in scenario} == {"run", "event"}


@pytest.mark.parametrize("name", ["run", "run of calls alone", "check", "diff", "advise"])
def test_the_data_of_a_page_is_as_its_schema_says(run: Run, name: str, tmp_path: Path) -> None:
    run(*COMMANDS[name], "-o", tmp_path / "page.html")
    (packed,) = re.findall(r'id="data">([^<]*)</script>', (tmp_path / "page.html").read_text())
    assert valid(unpacked(gzip.decompress(base64.b64decode(packed)))) == "page"


@pytest.mark.parametrize("unit", ["areas", "made", "kept", "refused"])
def test_every_bill_by_caller_is_as_its_schema_says(run: Run, unit: str, tmp_path: Path) -> None:
    log = tmp_path / "stacks.txt"
    log.write_bytes(STACKS)
    document = json.loads(run("advise", log, "--by", "caller", "--unit", unit, "--format", "json"))
    assert valid(document) == "callers"
    assert document["total"] == sum(caller[unit] for caller in document["callers"])


def test_faults_by_caller_add_up_and_unrecorded_ones_are_no_bill(tmp_path: Path) -> None:
    result = remaptrace.replay(remaptrace.load(TRACES / "ls"))
    weights = [stack.weight for stack in of_unit(result, "faults")]
    accesses = np.isin(result.trace.columns["kind"], ACCESSES)
    taken = result.columns["minor"] + result.columns["major"]
    assert sum(weights) == int(taken[accesses].sum()) > 0
    log = tmp_path / "stacks.txt"
    log.write_bytes(STACKS)
    assert run_command(["advise", str(log), "--by", "caller", "--unit", "faults"]) == 2


@pytest.mark.skipif(compiler() is None, reason="no C compiler on this machine")
@pytest.mark.parametrize("more", [(), ("--set", "guard_regions=none")])
def test_what_verify_finds_is_as_its_schema_says(run: Run, more: tuple[str, ...]) -> None:
    asked = ("verify", "--random", "20", "--profile", "guard")
    assert valid(json.loads(run(*asked, *more, "--format", "json"))) == "verify"


def _maps(path: Path, areas: int) -> Path:
    lines = [
        f"{(0x10000 + i * 2) << 12:08x}-{(0x10001 + i * 2) << 12:08x} rw-p 00000000 00:00 0 \n"
        for i in range(areas)
    ]
    path.write_text("".join(lines), encoding="ascii")
    return path


def test_advice_on_maps_is_as_its_schema_says(run: Run, tmp_path: Path) -> None:
    old, new = _maps(tmp_path / "old.maps", 4), _maps(tmp_path / "new.maps", 9)
    assert valid(json.loads(run("advise", old, "--format", "json"))) == "advise-map"
    assert valid(json.loads(run("advise", old, new, "--format", "json"))) == "advise-growth"


def test_two_recordings_compared_are_as_their_schema_says(run: Run) -> None:
    document = json.loads(run("diff", TRACES / "ls", TRACES / "efence-500", "--format", "json"))
    assert valid(document) == "diff-recordings"


def test_a_pte_is_as_its_schema_says(run: Run) -> None:
    shown = json.loads(run("maps", TRACES / "ls", "--format", "json"))
    addr = shown["vmas"][0]["start"]
    assert valid(json.loads(run("maps", TRACES / "ls", "--pte", hex(addr), "--format", "json"))) == "pte"


def test_a_baseline_is_as_its_schema_says(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    run("check", TRACES / "ls", "--write-baseline", path)
    assert valid(json.loads(path.read_text(encoding="utf-8"))) == "baseline"


def test_what_python_gives_is_what_the_command_writes(run: Run) -> None:
    result = remaptrace.replay(remaptrace.load(TRACES / "efence-500"))
    given = json.loads(json.dumps(remaptrace.document(remaptrace.advise(result))))
    assert valid(given) == "advise"
    written = json.loads(run("advise", TRACES / "efence-500", "--format", "json"))
    told = ("total", "bill", "apart", "remedies", "sentences", "limit")
    assert {key: given[key] for key in told} == {key: written[key] for key in told}
