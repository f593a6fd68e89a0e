"""The list of what is left out names every call that a reader or the engine refuses to simulate."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import remaptrace
from remaptrace.machine.notmodelled import NOT_MODELLED
from remaptrace.trace.strace.calls import UNMODELLED as OF_STRACE
from remaptrace.trace.tracepoints.plan import UNMODELLED as OF_TRACEPOINTS

ROWS = [call for call, _ in NOT_MODELLED]
ENGINE = Path(remaptrace.__file__).parent / "engine"
GIVES_UP = re.compile(r"\|= RSF_UNMODELLED|return NOT_MINE|NOT_MINE (?:if|else)|else NOT_MINE")
PLACES = {
    "calls/prctl.py": "prctl(PR_SET_MM)",
    "faults/collapse.py": "madvise(MADV_COLLAPSE) of disk files",
    "faults/nonlinear.py": "remap_file_pages of 2007 on architectures with defects in their PTEs",
    "faults/special.py": "mmap of more than 1 GiB of a ring",
    "fds/filesizes.py": "fallocate",
    "ranges/advice.py": "madvise(MADV_GUARD_INSTALL) over pages that userfaultfd protects",
    "uffd/uffd.py": "recvmsg(SCM_RIGHTS)",
}
"""Where the engine gives up, and the row that says so; `run/` only passes on what a room does not know."""


@pytest.mark.parametrize(
    "name", sorted({name.decode() for name in OF_STRACE} | {name for name in OF_TRACEPOINTS})
)
def test_a_call_that_a_reader_only_counts_has_a_row(name: str) -> None:
    base, _, command = name.partition("(")
    found = [call for call in ROWS if re.search(rf"\b{re.escape(base)}\b", call)]
    assert found, name
    if command:
        word = command.rstrip(")").split("_")[0]
        assert any(word in call for call in found), name


def test_every_place_where_the_engine_gives_up_has_a_row() -> None:
    places = {
        str(path.relative_to(ENGINE))
        for path in ENGINE.rglob("*.py")
        if GIVES_UP.search(path.read_text()) and path.parent.name != "run"
    }
    assert places == set(PLACES)
    assert set(PLACES.values()) <= set(ROWS)


def test_the_page_of_machines_has_the_same_rows() -> None:
    page = (Path(__file__).parents[2] / "docs" / "machines.md").read_text()
    table = page.partition("| call | left out |\n| --- | --- |\n")[2].partition("\n\n")[0]
    assert table.splitlines() == [f"| {call} | {what} |" for call, what in NOT_MODELLED]


def test_every_row_says_what_happens_instead() -> None:
    assert len(set(ROWS)) == len(ROWS)
    assert all(call and what for call, what in NOT_MODELLED)
