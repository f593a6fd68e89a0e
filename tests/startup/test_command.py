"""The command line begins sooner, and says the same; a process that imports the library has nothing of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .test_bundle import LIBRARIES, PACKAGES, PYTHON

_SCENARIO = "steps:\n- mmap: {length: 4096, prot: rw, flags: [private, anonymous], fd: -1, offset: 0}\n"
_WATCHED = """
import sys
from remaptrace import cli
cli._leave = lambda status: None
sys.path = [path for path in sys.path if path]
try:
    cli.main()
except SystemExit as end:
    kinds = [type(getattr(getattr(m, "__spec__", None), "loader", None)).__name__ for m in list(sys.modules.values())]
    print(end.code, kinds.count("Loader"), file=sys.stderr)
"""


def done(cwd: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    env |= {
        "PYTHONPATH": os.pathsep.join((PACKAGES, LIBRARIES)),
        "COLUMNS": "100",
        "REMAPTRACE_CACHE": str(cwd / "cache"),
        **more,
    }
    command = (*PYTHON, *command)
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "t.yaml").write_text(_SCENARIO, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("words", [["run", "t.yaml"], ["check", "t.yaml"], ["kernels"], ["explain", "RT102"]])
def test_a_later_command_says_what_the_first_said(home: Path, words: list[str]) -> None:
    first = done(home, "-m", "remaptrace", *words)
    for _ in range(3):
        again = done(home, "-m", "remaptrace", *words)
        assert (again.returncode, again.stderr) == (first.returncode, "")
        assert again.stdout.splitlines()[2:] == first.stdout.splitlines()[2:]
    seen = done(home, "-c", _WATCHED, *words)
    status, given = map(int, seen.stderr.split())
    assert status == first.returncode
    assert given > 20


def test_a_file_of_the_users_that_shadows_a_module_is_no_less_found(home: Path) -> None:
    for _ in range(3):
        assert done(home, "-m", "remaptrace", "run", "t.yaml").returncode == 0
    (home / "struct.py").write_text("print('mine')\nfrom nowhere import nothing\n", encoding="utf-8")
    plain = done(home, "-m", "remaptrace", "run", "t.yaml", REMAPTRACE_CACHE=str(home / "other"))
    bundled = done(home, "-m", "remaptrace", "run", "t.yaml")
    assert bundled.stdout.startswith("mine")
    assert bundled.stdout == plain.stdout


def test_help_leaves_nothing_behind(home: Path) -> None:
    for words in (["--help"], ["run", "--help"], ["--version"]):
        assert done(home, "-m", "remaptrace", *words).returncode == 0
    assert not (home / "cache").exists()


def test_a_cache_that_cannot_be_written_costs_only_time(home: Path) -> None:
    (home / "cache").write_text("no folder")
    plain = done(home, "-m", "remaptrace", "run", "t.yaml")
    assert plain.returncode == 0
    assert "Traceback" not in plain.stderr


def test_the_library_loads_modules_as_ever(home: Path) -> None:
    code = (
        "import sys\nfinders = list(sys.meta_path)\nimport remaptrace\n"
        "remaptrace.replay(remaptrace.load('t.yaml'))\n"
        "assert sys.meta_path == finders\n"
        "assert 'remaptrace.startup' not in sys.modules\nassert 'inspect' in sys.modules\n"
    )
    assert done(home, "-c", code).stderr == ""
    assert not (home / "cache" / "modules").exists()


@pytest.mark.parametrize("words", [["run", "t.yaml"], ["check", "t.yaml"]])
def test_a_numpy_that_cannot_be_loaded_is_no_finding(home: Path, words: list[str]) -> None:
    (home / "numpy.py").write_text("raise ImportError('no numpy')\n", encoding="utf-8")
    result = done(home, "-m", "remaptrace", *words)
    assert result.returncode == 70
    assert result.stderr.startswith("internal error: ImportError: no numpy")
    assert "Traceback" not in result.stderr


def test_numpy_is_whole_behind_its_import(home: Path) -> None:
    code = """
import sys
from remaptrace.cli import _prepare_numpy
from remaptrace.startup.numpylate import prepare_numpy
_prepare_numpy()
prepare_numpy()
late = {"ast", "inspect", "pickle", "platform", "textwrap", "tokenize", "datetime"}
late = (late | {"numpy._typing", "numpy.linalg", "numpy.lib", "numpy._utils._inspect"}) & set(sys.modules)
assert not late, late
import inspect, io, pickle
import numpy as np
assert "linalg" not in vars(np) and np.polyfit([0, 1, 2], [1, 3, 5], 1).round(6).tolist() == [2, 1]
assert type(np.linalg) is type(sys) and np.linalg.inv(np.eye(2)).shape == (2, 2)
import numpy.typing as npt
assert type(inspect) is type(sys) and inspect.signature(np.mean)
assert pickle.loads(pickle.dumps(np.arange(3))).tolist() == [0, 1, 2]
np.save(file := io.BytesIO(), np.array([{1: 2}], dtype=object), allow_pickle=True)
file.seek(0)
assert np.load(file, allow_pickle=True)[0] == {1: 2}
assert np.lib is sys.modules["numpy.lib"] and np.emath is np.lib.scimath
np.lib.introspect, np.show_config(mode="dicts"), np.info(np.mean, output=io.StringIO())
assert getattr(npt.NDArray, "__value__", npt.NDArray[np.int64]).__origin__ is np.ndarray
import numpy.ma, numpy.random, numpy.polynomial, numpy.testing
assert np.linalg.eigh(np.eye(2)).eigenvalues.tolist() == [1, 1]
assert np.polyfit([0, 1, 2], [1, 3, 5], 1).round(6).tolist() == [2, 1]
assert np.roots([1, -3, 2]).round(6).tolist() == [2, 1]
import datetime
assert np.datetime64("2026-01-02").astype(object) == datetime.date(2026, 1, 2)
assert np.array([datetime.datetime(2026, 1, 2, 3)], dtype="M8[s]")[0].item().hour == 3
"""
    result = done(home, "-c", code)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("2.0.0", "_Late"),
        ("2.5.5", "_Late"),
        ("1.26.4", "module"),
        ("2.6.0.dev0+git", "module"),
        ("3.0.0", "module"),
        ("2", "module"),
        ("", "module"),
    ],
)
def test_numpy_of_a_version_that_was_not_tried_is_imported_as_it_is(
    home: Path, version: str, kind: str
) -> None:
    folder = home / "numpy"
    folder.mkdir()
    (folder / "version.py").write_text(f'version = "{version}"\n', encoding="utf-8")
    (folder / "__init__.py").write_text("import textwrap\nprint(type(textwrap).__name__)\n", encoding="utf-8")
    code = "from remaptrace.startup.numpylate import prepare_numpy\nprepare_numpy()\nimport numpy"
    result = done(home, "-c", code, PYTHONPATH=os.pathsep.join((str(home), PACKAGES)))
    assert (result.stdout.strip(), result.stderr) == (kind, "")


def test_numpy_has_every_name_behind_its_import(home: Path) -> None:
    """Those of parts that are loaded later, too, however they are asked for."""
    listed = "import numpy as np\nwords = sorted(dir(np)), sorted(np.__all__)\n"
    late = (
        "from remaptrace.cli import _prepare_numpy\nfrom remaptrace.startup.numpylate import prepare_numpy\n"
        f"_prepare_numpy()\nprepare_numpy()\n{listed}assert all(hasattr(np, name) for name in words[0])\n"
    )
    plain = done(home, "-c", f"{listed}print(words)")
    found = done(home, "-c", f"{late}print(words)")
    assert found.stdout == plain.stdout.replace("'_typing', ", "")
    wild = f"{late.partition(listed)[0]}from numpy import *\nprint(poly1d.__module__, isin([1, 2], 2))"
    taken = done(home, "-c", wild)
    assert taken.stdout == "numpy [False  True]\n"
    same = "assert np.bincount is np.lib._function_base_impl.bincount"
    assert done(home, "-c", f"{late}{same}").stderr == ""
    missing = done(home, "-c", f"{late}np.nothing")
    assert missing.stderr.endswith("AttributeError: module 'numpy' has no attribute 'nothing'\n")


def test_a_short_run_loads_nothing_that_it_does_not_use(home: Path) -> None:
    """Each of these takes longer to load than ten steps to replay."""
    unused = (
        "typing",
        "re",
        "ctypes",
        "threading",
        "inspect",
        "ast",
        "pickle",
        "platform",
        "textwrap",
        "json",
        "pathlib",
        "click",
        "rich",
        "yaml",
    )
    unused = (
        *unused,
        "numpy._typing",
        "numpy.linalg",
        "numpy.lib",
        "numpy.ma",
        "numba",
        "llvmlite",
        "hashlib",
        "dataclasses",
    )
    code = _WATCHED + f"\nprint(sorted(set({unused!r}) & set(sys.modules)), file=sys.stderr)\n"
    whole = _SCENARIO.replace("{length", "{addr: 0x100000000000, length")  # in the form that is read at once
    (home / "t.yaml").write_text(f"name: t\n{whole}", encoding="utf-8")
    for _ in range(2):  # the first parses presets, compiles expressions, and writes what it loaded
        assert done(home, "-m", "remaptrace", "run", "t.yaml").returncode == 0
    seen = done(home, "-c", code, "run", "t.yaml")
    assert seen.stderr.splitlines()[-1] == "[]"
    for words in (["sweep", "t.yaml", "-j", "1"], ["check", "t.yaml"]):
        for _ in range(2):
            assert done(home, "-m", "remaptrace", *words).stderr == ""
        seen = done(home, "-c", code, *words)
        assert seen.stderr.splitlines()[-1] == "[]"
