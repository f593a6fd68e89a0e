"""Answers that rest on what a log without page faults does not show: sizes of maps and rings, pages, keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace import check, load, replay
from remaptrace.api import Machine

AT = 0x7F1234400000
ANON = f"mmap({AT:#x}, 4194304, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = {AT:#x}\n"
UFFD = (
    "userfaultfd(0) = 3\n"
    "ioctl(3, UFFDIO_API, {api=0xaa, features=UFFD_FEATURE_SIGBUS => features=UFFD_FEATURE_SIGBUS}) = 0\n"
    f"ioctl(3, UFFDIO_REGISTER, {{range={{start={AT:#x}, len=0x400000}}, mode=UFFDIO_REGISTER_MODE_MISSING}}) = 0\n"
)


@pytest.mark.parametrize(
    "log",
    [
        "bpf(BPF_MAP_CREATE, {map_type=BPF_MAP_TYPE_ARRAY, value_size=8, max_entries=8}, 72) = 3\n"
        "mmap(NULL, 4096, PROT_READ, MAP_SHARED, 3, 0) = -1 EINVAL (Invalid argument)\n",
        "io_uring_setup(8, {flags=0}) = 3\n"
        "mmap(NULL, 65536, PROT_READ|PROT_WRITE, MAP_SHARED, 3, 0) = -1 EINVAL (Invalid argument)\n",
        "socket(AF_UNIX, SOCK_STREAM, 0) = 3\n"
        "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3, 0) = -1 ENODEV (No such device)\n",
        ANON + f"madvise({AT:#x}, 2097152, 0x19 /* MADV_??? */) = 0\n",
        ANON + UFFD + f"--- SIGBUS {{si_signo=SIGBUS, si_code=BUS_ADRERR, si_addr={AT:#x}}} ---\n",
        ANON + UFFD + f"mlock({AT:#x}, 4096) = -1 ENOMEM (Cannot allocate memory)\n",
    ],
    ids=["map", "ring", "socket", "collapse", "missing-page", "lock-of-a-missing-page"],
)
def test_what_only_the_recording_knows_is_believed(tmp_path: Path, log: str) -> None:
    path = tmp_path / "log.strace"
    path.write_text(log)
    outcome = check(replay(load(str(path)), Machine.load(kernel="linux-6.18"), engine="interpreted"))
    assert outcome.agrees, outcome.disagreements[0]


def test_a_lock_of_a_missing_page_stays_on_its_area(tmp_path: Path) -> None:
    path = tmp_path / "log.strace"
    path.write_text(ANON + UFFD + f"mlock({AT:#x}, 4096) = -1 ENOMEM (Cannot allocate memory)\n")
    result = replay(load(str(path)), Machine.load(kernel="linux-6.18"), engine="interpreted")
    assert [row.end - row.start for row in result.vmas() if AT <= row.start < AT + 4194304] == [4096, 4190208]


def test_a_denied_key_is_a_signal_of_an_area_with_a_key(tmp_path: Path) -> None:
    path = tmp_path / "log.strace"
    signal = f"--- SIGSEGV {{si_signo=SIGSEGV, si_code=SEGV_PKUERR, si_addr={AT:#x}, si_pkey=1}} ---\n"
    key = (
        f"pkey_alloc(0, PKEY_DISABLE_ACCESS) = 1\npkey_mprotect({AT:#x}, 4096, PROT_READ|PROT_WRITE, 1) = 0\n"
    )
    path.write_text(ANON + key + signal)
    assert check(replay(load(str(path)), engine="interpreted")).agrees
