"""Files that once ended a run with a traceback, without bound or in silence: each has its answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.engine.run.driver import replay
from remaptrace.errors import InputError
from remaptrace.machine.machine import Machine
from remaptrace.machine.system.configfiles import read_config
from remaptrace.trace.detect import load

DATA = Path(__file__).parents[1] / "data" / "hostile"


@pytest.mark.parametrize(
    ("name", "code", "line"),
    [
        ("yaml-empty-repeat.yaml", "RT108", 2),
        ("yaml-fd-big.yaml", "RT105", 2),
        ("yaml-pages-neg.yaml", "RT105", 2),
    ],
)
def test_scenarios_out_of_bounds_are_refused_at_their_line(name: str, code: str, line: int) -> None:
    with pytest.raises(InputError) as error:
        load([str(DATA / name)])
    assert (error.value.code, error.value.line) == (code, line)


def test_a_number_of_64_bits_in_an_expression_of_a_loop_is_a_number() -> None:
    (trace,) = load([str(DATA / "yaml-min-u64.yaml")])
    assert trace.columns["a0"].tolist() == [0, 4096, 8192, 12288]


def test_page_letters_are_made_for_the_area_that_asks() -> None:
    (trace,) = load([str(DATA / "pages-of-a-huge-area-are-bounded.yaml")])
    result = replay(trace, Machine.load(), engine="interpreted")
    (shot,) = result.snapshots
    assert {start: row.pages for start, row in shot.facts["area_pages"].items()} == {0x100000000000: "."}


def test_a_damaged_gzip_of_a_configuration_is_refused() -> None:
    with pytest.raises(InputError) as error:
        read_config(str(DATA / "config-damaged.gz"))
    assert error.value.code == "RT408"


def test_a_line_of_counters_that_no_kernel_has_is_counted_as_skipped() -> None:
    (trace,) = load([str(DATA / "set-mapcount")])
    assert [skip.code for skip in trace.skipped] == ["RT327"]
