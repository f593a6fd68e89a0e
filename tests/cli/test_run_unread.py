"""`run` over several inputs: one that cannot be read does not stop the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from remaptrace.cli.entry import run_command

GOOD = "name: {}\nsteps:\n- mmap: {{length: 4096, prot: rw, flags: [private, anonymous]}}\n"


def test_a_folder_is_read_on_behind_a_bad_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text(GOOD.format("first"))
    (tmp_path / "b.yaml").write_text("")
    (tmp_path / "c.yaml").write_text(GOOD.format("third"))
    status = run_command(["run", "--format", "plain", str(tmp_path)])
    shown = capsys.readouterr()
    assert status == 3
    assert "first" in shown.out
    assert "third" in shown.out
    assert "1 of 3 inputs could not be read" in shown.err
    assert "b.yaml" in shown.err
