"""The examples of docs/python.md run as they stand; examples/ uses nothing but what is public."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import remaptrace

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.M | re.S
)


@pytest.mark.parametrize("code", BLOCKS, ids=range(len(BLOCKS)))
def test_a_documented_example_runs(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_documents_have_examples() -> None:
    assert len(BLOCKS) >= 5


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.py")), ids=lambda p: p.name)
def test_examples_import_only_the_package(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] != "remaptrace"
        if isinstance(node, ast.Import):
            assert all("." not in alias.name for alias in node.names if alias.name.startswith("remaptrace"))


def test_every_public_name_is_there_and_shown_by_dir() -> None:
    assert set(dir(remaptrace)) == set(remaptrace.__all__)
    for name in remaptrace.__all__:
        assert getattr(remaptrace, name) is not None
    with pytest.raises(AttributeError):
        _ = remaptrace.nothing
