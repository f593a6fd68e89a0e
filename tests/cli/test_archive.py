"""The package in a zip is refused in words: what it reads beside its sources has to be files."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import remaptrace

SOURCES = Path(remaptrace.__file__).parent


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zip") / "remaptrace.pyz"
    with zipfile.ZipFile(path, "w") as packed:
        for source in SOURCES.rglob("*.py"):
            packed.write(source, f"remaptrace/{source.relative_to(SOURCES)}")
        packed.writestr("__main__.py", "from remaptrace.cli import main\nmain()\n")
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "trace.yaml"],
        ["kernels"],
        ["check", "."],
        ["maps", "-"],
        ["--version"],
        ["--help"],
        ["verify", "--help"],
        [],
    ],
    ids=" ".join,
)
def test_a_zip_that_is_run_says_what_to_do_instead(
    archive: Path, arguments: list[str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, archive, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        input="",
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "RT607" in done.stderr and "cannot be run from inside an archive" in done.stderr
    assert "Traceback" not in done.stderr and "pip install" in done.stderr


def test_a_zip_that_is_imported_refuses_a_machine(archive: Path, tmp_path: Path) -> None:
    program = (
        "import remaptrace\n"
        "try:\n    remaptrace.Machine.load()\n"
        "except remaptrace.UsageError as error:\n    print(error.code)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(archive)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("RT607\n", "")
