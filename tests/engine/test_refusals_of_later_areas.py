"""A call on several areas that a later one refuses: what stands before it is changed, whatever the log proves else."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.api import replay
from remaptrace.trace.detect import load

HEAD = """\
10 mmap(0x100000000000, 8192, PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x100000000000
10 openat(AT_FDCWD, "/srv/data", O_RDONLY) = 3
10 mmap(0x100000002000, 4096, PROT_READ, MAP_SHARED|MAP_FIXED, 3, 0) = 0x100000002000
"""
CALLS = {
    "madvise(0x100000001000, 8192, MADV_WIPEONFORK) = -1 EINVAL (Invalid argument)": "wf",
    "madvise(0x100000001000, 8192, MADV_DODUMP) = 0": "",
    "mprotect(0x100000001000, 8192, PROT_READ|PROT_WRITE) = -1 EACCES (Permission denied)": "wr",
}


@pytest.mark.parametrize("call", CALLS)
def test_the_areas_before_the_one_that_refuses_are_changed(call: str, tmp_path: Path) -> None:
    log = tmp_path / "log.strace"
    log.write_text(f"{HEAD}10 {call}\n")
    result = replay(load([str(log)])[0])
    areas = next(s for s in result.snapshots if s.event < 0).vmas
    second = next(a for a in areas if a.start <= 0x100000001000 < a.end)
    word = CALLS[call]
    if word:
        assert second.start == 0x100000001000 and word in second.vmflags.split()
    else:
        assert second.start == 0x100000000000
