"""Recorded answers are evidence: what they prove is believed, and a guess from a path does not beat them."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace import check, load, replay

LOGS = Path(__file__).parents[1] / "data" / "logs"


@pytest.mark.parametrize("name", ["08-noexec-tmpfs", "09-proc-self-exe", "12-fd-proved-by-errno"])
def test_what_a_recorded_answer_of_mmap_proves_of_its_descriptor_is_believed(name: str) -> None:
    result = replay(load(str(LOGS / f"{name}.strace")), engine="interpreted")
    assert check(result).disagreements == ()


def test_a_refusal_of_a_descriptor_that_is_not_open_proves_none(tmp_path: Path) -> None:
    log = tmp_path / "closed.strace"
    log.write_text("mmap(NULL, 4096, PROT_READ, MAP_SHARED, 5, 0) = -1 EBADF (Bad file descriptor)\n")
    assert check(replay(load(str(log)), engine="interpreted")).agrees
