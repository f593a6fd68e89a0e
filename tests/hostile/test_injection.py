"""Names of files act nowhere: terminals, pictures, pages, Markdown, annotations, tables. Sets stay in their folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from remaptrace.errors import InputError
from remaptrace.trace.detect import discover, load

TRACES = Path(__file__).parents[2] / "traces"
TRACE = (
    "steps:\n- mmap: {addr: 0, length: 4096, prot: rw, flags: [private, anonymous]}\n  expect: {result: 5}\n"
)
NAMES = ["esc\x1b[2J.yaml", "bidi\u202egnp.yaml", "<script>alert(1)<.yaml", "=cmd()\r.yaml"]
ACTS = ("\x1b", "\u202e", "<script>alert")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "args",
    [
        ["run"],
        ["run", "-o", "out.svg"],
        ["run", "-o", "out.html"],
        ["check", "--format", "github"],
        ["check", "--format", "junit"],
        ["advise", "--format", "markdown"],
        ["diff", "--format", "markdown", "--kernel", "linux-6.18", "--kernel", "linux-6.1"],
        ["sweep"],
    ],
    ids=" ".join,
)
def test_no_name_of_a_file_acts(tmp_path: Path, name: str, args: list[str]) -> None:
    (tmp_path / name).write_text(TRACE)
    done = subprocess.run(
        [sys.executable, "-m", "remaptrace", args[0], name, *args[1:]],
        cwd=tmp_path,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUTF8": "1"},
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    text = done.stdout.decode() + done.stderr.decode()
    html = args[-1] == "out.html" or "markdown" in args
    for out in tmp_path.glob("out.*"):
        text += out.read_text()
        if out.suffix == ".svg":
            ElementTree.parse(out)
    for word in ACTS[: None if html else 2]:
        assert word not in text
    assert args != ["sweep"] or not any(line.startswith("=") for line in text.splitlines())


def test_a_set_reads_nothing_outside_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(TRACES / "ls", tmp_path / "set")
    (tmp_path / "secret").write_text("root:*:20228\n")
    maps = next((tmp_path / "set" / "maps").iterdir())
    maps.unlink()
    maps.symlink_to(tmp_path / "secret")
    with pytest.raises(InputError) as error:
        load([str(tmp_path / "set")])
    assert (
        error.value.code == "RT326" and "root:" not in str(error.value) + error.value.text + error.value.found
    )


def test_links_among_folders_lead_into_none_twice(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "t.yaml").write_text(TRACE)
    for name in ("one", "two"):
        (tmp_path / "a" / name).symlink_to("..")
    assert len(discover([str(tmp_path)])) == 1
