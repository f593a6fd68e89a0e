"""A process that a recording shows at its limit is not called far from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.cli.entry import run_command

LOG = """\
mmap(NULL, 69632, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f73baf9c000
mprotect(0x7f73baf9c000, 4096, PROT_NONE) = -1 ENOMEM (Cannot allocate memory)
"""


def test_the_verdict_does_not_say_how_far_a_met_limit_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "attached.strace"
    path.write_text(LOG)
    run_command(["advise", str(path)])
    text = " ".join(capsys.readouterr().out.split())
    assert "vm.max_map_count was met" in text
    assert "mappings away" not in text
    assert "vm.max_map_count (65,530) was met at line 2" in text
