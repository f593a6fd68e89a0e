"""The documents of our formats: every example runs, every name is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from remaptrace.engine.run.driver import replay
from remaptrace.machine.machine import Machine
from remaptrace.result.expect import check_expectations
from remaptrace.trace.detect import recognise
from remaptrace.trace.opening import read_input
from remaptrace.trace.scenario.look import KEYS
from remaptrace.trace.scenario.read import read_scenario
from remaptrace.trace.scenario.steps import STEPS, Step
from remaptrace.trace.stored.jsonlread import read_jsonl

DOCS = Path(__file__).parents[2] / "docs"
SCENARIOS = (DOCS / "scenario-format.md").read_text()
JSONL = (DOCS / "jsonl-format.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_there_are_examples() -> None:
    assert len(blocks(SCENARIOS, "yaml")) == 4


@pytest.mark.parametrize("text", blocks(SCENARIOS, "yaml"))
def test_every_example_of_a_scenario_is_read(text: str) -> None:
    trace = read_scenario(text)
    assert len(trace) >= 2
    assert len(trace.expects) >= 1


@pytest.mark.parametrize("text", blocks(SCENARIOS, "yaml"))
@pytest.mark.parametrize("kernel", [None, "linux-6.1"])
def test_every_example_answers_as_it_says(text: str, kernel: str | None) -> None:
    trace = read_scenario(text.replace("32768", "128"))
    if trace.kernel and kernel:
        pytest.skip("the example names its own kernel")
    machine = Machine.load(trace.arch or "x86_64", kernel or trace.kernel or "linux-6.18", trace.machine)
    found = check_expectations(replay(trace, machine, engine="interpreted"))
    assert found.tallies["steps"].total > 0
    assert not found.disagreements


@pytest.mark.parametrize("step", STEPS.values(), ids=lambda s: s.name)
def test_every_step_is_documented_with_its_fields(step: Step) -> None:
    rows = [line for line in SCENARIOS.splitlines() if line.startswith(f"| `{step.name}` |")]
    assert rows
    for name in step.fields():
        assert f"`{name}`" in rows[0]


def test_every_key_of_the_top_level_is_documented() -> None:
    for key in KEYS:
        assert re.search(rf"^\|.*`{key}`.*\|", SCENARIOS, re.MULTILINE), key


def test_every_answer_is_documented() -> None:
    for step in STEPS.values():
        for answer in step.answers:
            assert re.search(rf"^\| `[^|]*\b{answer}`|^\| .*`{answer}`", SCENARIOS, re.MULTILINE), answer


def test_the_example_of_json_lines_is_read() -> None:
    (text,) = blocks(JSONL, "json")
    trace = read_jsonl(text.encode())
    assert trace.columns["kind"].tolist() == [1, 81, 2]


def test_the_table_of_formats_has_a_real_example_of_each() -> None:
    text = (DOCS / "formats.md").read_text()
    table = text[text.index("| what | recognised by |") :].split("\n\n")[0].splitlines()[2:]
    known = {"gVisor": "gvisor", "qemu": "qemu", "valgrind": "valgrind", "ltrace": "ltrace"}
    for row in table:
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        paths = re.findall(r"`([^`]+)`", cells[4])
        found = [path for name in paths for path in DOCS.parent.glob(name)]
        assert found or cells[0].startswith("JSON Lines"), row
        for begin, name in known.items():
            if cells[0].startswith(begin):
                assert recognise(read_input(str(found[0]))) == name
