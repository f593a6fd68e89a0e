"""Recorded answers are evidence: what they prove is believed, and a guess from a path does not beat them."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace import check, load, replay
from remaptrace.report.facts.refusals import refusal_notes

LOGS = Path(__file__).parents[1] / "data" / "logs"


@pytest.mark.parametrize("name", ["08-noexec-tmpfs", "09-proc-self-exe", "12-fd-proved-by-errno"])
def test_what_a_recorded_answer_of_mmap_proves_of_its_descriptor_is_believed(name: str) -> None:
    result = replay(load(str(LOGS / f"{name}.strace")), engine="interpreted")
    assert check(result).disagreements == ()


def test_a_refusal_of_a_descriptor_that_is_not_open_proves_none(tmp_path: Path) -> None:
    log = tmp_path / "closed.strace"
    log.write_text("mmap(NULL, 4096, PROT_READ, MAP_SHARED, 5, 0) = -1 EBADF (Bad file descriptor)\n")
    assert check(replay(load(str(log)), engine="interpreted")).agrees


def test_a_registration_that_the_recording_shows_refused_splits_no_area(tmp_path: Path) -> None:
    log = tmp_path / "uffd.strace"
    log.write_text(
        "userfaultfd(O_CLOEXEC) = 3\n"
        "ioctl(3, UFFDIO_API, {api=0xaa, features=0 => features=UFFD_FEATURE_EVENT_FORK,"
        " ioctls=1<<_UFFDIO_REGISTER|1<<_UFFDIO_UNREGISTER|1<<_UFFDIO_API}) = 0\n"
        "mmap(NULL, 65536, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000100000\n"
        "ioctl(3, UFFDIO_REGISTER, {range={start=0x7f0000101000, len=0x1000},"
        " mode=UFFDIO_REGISTER_MODE_MISSING}) = -1 ENOMEM (Cannot allocate memory)\n"
    )
    result = replay(load(str(log)), engine="interpreted")
    assert result.columns["ret"].tolist()[-1] == -12
    assert int(result.columns["map_count"][-1]) == 1
    assert "vm.max_map_count was met; memory was short" in refusal_notes(result)[-1]
