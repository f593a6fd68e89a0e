"""Errors that only an area gives prove one, though the log never maps it; methods of files refuse by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

import remaptrace
from remaptrace.advice.causes import refusal_of
from remaptrace.result.result import Result

_LATE = "0x7f5a0d000000"


def _replay(tmp_path: Path, text: str) -> Result:
    path = tmp_path / "log.strace"
    path.write_text(text)
    return remaptrace.replay(remaptrace.load(str(path)))


def _only(tmp_path: Path, text: str, event: int = 0) -> tuple[int, str]:
    result = _replay(tmp_path, text)
    told = refusal_of(result, event)
    return int(result.columns["ret"][event]), " | ".join((*told.causes, told.notice))


@pytest.mark.parametrize(
    ("call", "errno"),
    [
        (f"mremap({_LATE}, 4096, 8192, 0) = -1 ENOMEM (Cannot allocate memory)", 12),
        (f"mremap({_LATE}, 4096, 8192, MREMAP_MAYMOVE) = -1 EAGAIN (Resource temporarily unavailable)", 11),
        (f"mremap({_LATE}, 4096, 8192, MREMAP_MAYMOVE) = -1 EINVAL (Invalid argument)", 22),
        (f"madvise({_LATE}, 8192, MADV_DONTNEED) = -1 EINVAL (Invalid argument)", 22),
        (f"madvise({_LATE}, 8192, MADV_REMOVE) = -1 EOPNOTSUPP (Operation not supported)", 95),
        (f"mlock({_LATE}, 4096) = -1 EAGAIN (Resource temporarily unavailable)", 11),
    ],
)
def test_an_error_that_a_hole_does_not_give_proves_an_area(tmp_path: Path, call: str, errno: int) -> None:
    ret, text = _only(tmp_path, call + "\n")
    assert ret == -errno
    assert "an area that the log does not show was mapped there" in text


def test_what_a_late_mremap_met_is_left_open(tmp_path: Path) -> None:
    _, text = _only(tmp_path, f"mremap({_LATE}, 4096, 8192, 0) = -1 ENOMEM (Cannot allocate memory)\n")
    assert "an area right behind it" in text and "RLIMIT_AS" in text


def test_an_advice_that_the_kernel_may_not_know_proves_no_area(tmp_path: Path) -> None:
    ret, text = _only(tmp_path, f"madvise({_LATE}, 8192, MADV_HUGEPAGE) = -1 EINVAL (Invalid argument)\n")
    assert ret == -22
    assert "was mapped there" not in text and "a kernel of another version" in text


def test_where_every_area_is_known_a_hole_stays_a_hole(tmp_path: Path) -> None:
    scenario = tmp_path / "hole.yaml"
    scenario.write_text(
        "name: hole\nsteps:\n- mremap: {addr: 0x10000000, old_length: 4096, new_length: 8192, flags: [maymove]}\n"
    )
    result = remaptrace.replay(remaptrace.load(str(scenario)))
    assert int(result.columns["ret"][0]) == -14
    assert refusal_of(result, 0).causes == ("the old range is not mapped, or not one area",)


@pytest.mark.parametrize("opened", ['openat(AT_FDCWD, "/proc/meminfo", O_RDONLY) = 3\n', "close(4) = 0\n"])
def test_a_file_of_proc_without_the_method_answers_eio(tmp_path: Path, opened: str) -> None:
    text = opened + "mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0) = -1 EIO (Input/output error)\n"
    ret, told = _only(tmp_path, text, 1)
    assert ret == -5
    assert "the mmap method of the file" in told
