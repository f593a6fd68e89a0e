"""Modules from a bundle are those that the interpreter would load: whatever changed is left to it."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import remaptrace

PACKAGES = str(Path(remaptrace.__file__).parents[1])
PYTHON = (sys.executable, "-S")
"""An interpreter without the finder of an editable package, which forbids bundles."""
LIBRARIES = sysconfig.get_path("purelib")
_WORK = """
import sys
from remaptrace import kept
from remaptrace.startup import bundle, bundling
kept._SETTLED = 0  # the files of these tests are new
before = frozenset(sys.modules)
mine = bundle.installed()
import one, pkg, pkg.sub
print(one.WHO, pkg.WHO, pkg.sub.WHO, "".join("b" if n in (mine.given if mine else ()) else "-" for n in NAMES))
for name in NAMES:
    module = sys.modules[name]
    spec = module.__spec__
    print(name, module.__file__, spec.origin, spec.cached, module.__package__, spec.submodule_search_locations,
          spec.has_location, spec.loader.get_source(name).split()[0], spec.loader.path, file=sys.stderr)
bundling.keep_modules(mine, before)
""".replace("NAMES", "('one', 'pkg', 'pkg.sub')")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder of modules, one before it in the search, and a cache."""
    for name in ("before", "modules/pkg", "cache"):
        (tmp_path / name).mkdir(parents=True, mode=0o700)
    for name in ("one", "pkg/__init__", "pkg/sub"):
        (tmp_path / "modules" / f"{name}.py").write_text("WHO = 'a'\n", encoding="utf-8")
    return tmp_path


def worked(home: Path, *flags: str, code: str = _WORK, **more: str) -> subprocess.CompletedProcess[str]:
    """One process that imports the modules and keeps them."""
    time.sleep(0.02)  # a tick: what is written next has another time
    path = os.pathsep.join([str(home / "before"), str(home / "modules"), PACKAGES, LIBRARIES])
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    env |= {"PYTHONPATH": path, "REMAPTRACE_CACHE": str(home / "cache"), **more}
    (home / "work.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [*PYTHON, *flags, str(home / "work.py")], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def said(home: Path, *flags: str, **more: str) -> str:
    return worked(home, *flags, **more).stdout.strip()


def bundles(home: Path) -> list[Path]:
    return sorted((home / "cache").glob("modules/*"))


@pytest.fixture
def kept(home: Path) -> Path:
    """The same with a bundle. Compiled files change a folder, so that the second process keeps all."""
    said(home)
    said(home)
    assert said(home) == "a a a bbb"
    return home


def test_modules_are_what_the_interpreter_makes_of_them(home: Path) -> None:
    plain = worked(home)
    worked(home)
    bundled = worked(home)
    assert plain.stdout.strip() == "a a a ---"
    assert bundled.stdout.strip() == "a a a bbb"
    assert bundled.stderr == plain.stderr
    assert [oct(path.stat().st_mode & 0o777) for path in bundles(home)] == ["0o600"]


def test_nothing_is_written_again_where_everything_was_given(kept: Path) -> None:
    (path,) = bundles(kept)
    was = path.stat()
    said(kept)
    assert path.stat().st_mtime_ns == was.st_mtime_ns and path.stat().st_ino == was.st_ino


@pytest.mark.parametrize("name", ["one", "pkg/__init__", "pkg/sub"])
def test_an_edit_is_noticed_even_with_the_old_size_and_time(kept: Path, name: str) -> None:
    path = kept / "modules" / f"{name}.py"
    was = path.stat()
    time.sleep(1.1)  # .pyc files know seconds: they must notice it, too
    path.write_text("WHO = 'b'\n", encoding="utf-8")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns + 10**9))
    names = ["one", "pkg/__init__", "pkg/sub"]
    expected = " ".join("b" if one == name else "a" for one in names)
    assert said(kept).startswith(expected)
    assert said(kept) == f"{expected} bbb"


def test_compiled_code_of_what_was_there_in_the_same_second_is_not_kept(home: Path) -> None:
    path = home / "modules" / "one.py"
    second = int(time.time()) - 10
    os.utime(path, ns=(0, second * 10**9 + 1))
    old = Path(py_compile.compile(str(path), doraise=True) or "")
    os.utime(old, ns=(0, second * 10**9 + 2))
    path.write_text("WHO = 'b'\n", encoding="utf-8")
    os.utime(path, ns=(0, second * 10**9 + 3))
    assert said(home).startswith("a ")  # as Python has it: size and second are the same
    old.unlink()
    assert said(home).startswith("b ")
    assert said(home) == "b a a bbb"


@pytest.mark.parametrize("name", ["one", "pkg/__init__", "pkg/sub"])
def test_what_lies_in_an_image_with_one_time_for_all_is_known_by_its_content(home: Path, name: str) -> None:
    """Two images at the same place: only what is in the files differs."""
    frozen = """
real = os.stat
def stat(path, **more):
    found = real(path, **more)
    if not str(path).startswith(FOLDER):
        return found
    return os.stat_result((*found[:7], 0, 0, 0), {"st_mtime_ns": 0, "st_ctime_ns": 0})
os.stat = stat
""".replace("FOLDER", repr(str(home / "modules")))
    code = _WORK.replace("kept._SETTLED = 0", f"import os{frozen}")
    for _ in range(2):
        said_ = worked(home, "-X", "pycache_prefix=/nowhere", code=code).stdout.strip()
    assert said_ == "a a a bbb"
    (home / "modules" / f"{name}.py").write_text("WHO = 'b'\n", encoding="utf-8")
    names = ["one", "pkg/__init__", "pkg/sub"]
    expected = " ".join("b" if one == name else "a" for one in names)
    assert worked(home, "-X", "pycache_prefix=/nowhere", code=code).stdout.startswith(expected)


def shadow(path: str) -> Callable[[Path], None]:
    def made(home: Path) -> None:
        (home / path).parent.mkdir(exist_ok=True)
        (home / path).write_text("WHO = 'b'\n", encoding="utf-8")

    return made


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (shadow("before/one.py"), "b a a"),
        (shadow("before/one/__init__.py"), "b a a"),
        (shadow("modules/one/__init__.py"), "b a a"),
        (shadow("modules/pkg/sub/__init__.py"), "a a b"),
        (shadow("before/other.py"), "a a a"),
    ],
)
def test_what_would_be_found_first_is_found(
    kept: Path, change: Callable[[Path], None], expected: str
) -> None:
    change(kept)
    assert said(kept)[: len(expected)] == expected
    assert said(kept)[: len(expected)] == expected


def test_another_place_in_the_search_is_another_bundle(kept: Path) -> None:
    (kept / "before" / "one.py").write_text("WHO = 'b'\n", encoding="utf-8")
    reverse = os.pathsep.join([str(kept / "modules"), str(kept / "before"), PACKAGES])
    assert said(kept).startswith("b a a")
    assert said(kept, PYTHONPATH=reverse).startswith("a a a")
    assert said(kept).startswith("b a a")


def test_another_way_of_compiling_is_another_bundle(kept: Path) -> None:
    (kept / "modules" / "one.py").write_text("WHO = 'debug' if __debug__ else 'not'\n", encoding="utf-8")
    for _ in range(3):
        assert said(kept).startswith("debug ")
        assert said(kept, "-O").startswith("not ")
    assert len(bundles(kept)) == 2


def test_a_module_that_is_gone_is_gone(kept: Path) -> None:
    (kept / "modules" / "pkg" / "sub.py").unlink()
    code = _WORK.replace("import one, pkg, pkg.sub", "import one, pkg\ntry:\n    import pkg.sub\nexcept ImportError:\n"
                         "    sys.exit()\n")  # fmt: skip
    assert worked(kept, code=code).stdout == ""


@pytest.mark.parametrize(
    "damaged",
    [
        lambda data: b"",
        lambda data: data[:10],
        lambda data: data[: len(data) - 40],
        lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:],
        lambda data: b"another." + data[8:],
        *(
            lambda data, at=at: data[:-at] + bytes([data[-at] ^ 0x55]) + data[-at + 1 :]
            for at in (2, 60, 150)
        ),
    ],
)
def test_a_damaged_bundle_gives_nothing_that_is_wrong(kept: Path, damaged: Callable[[bytes], bytes]) -> None:
    (path,) = bundles(kept)
    path.write_bytes(damaged(path.read_bytes()))
    assert said(kept).startswith("a a a ")


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_a_bundle_that_others_may_write_is_refused(kept: Path, mode: int) -> None:
    (path,) = bundles(kept)
    path.chmod(mode)
    done = worked(kept)
    assert done.stdout.startswith("a a a ---")
    assert "can be written by others" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_bundle_of_somebody_else_is_refused(kept: Path) -> None:
    (path,) = bundles(kept)
    os.chown(path, 4242, 4242)
    done = worked(kept)
    assert done.stdout.startswith("a a a ---")
    assert "belongs to user 4242" in done.stderr


def test_nothing_is_written_where_no_code_shall_be(home: Path) -> None:
    said(home, "-B")
    said(home, PYTHONDONTWRITEBYTECODE="1")
    assert not bundles(home)


def test_what_changed_a_moment_ago_is_not_kept(home: Path) -> None:
    code = _WORK.replace("kept._SETTLED = 0", "kept._SETTLED = 3600 * 10**9")
    for _ in range(3):
        assert worked(home, code=code).stdout.startswith("a a a ---")


def test_several_processes_may_keep_at_once(home: Path) -> None:
    said(home)
    (home / "work.py").write_text(_WORK, encoding="utf-8")
    path = os.pathsep.join([str(home / "before"), str(home / "modules"), PACKAGES, LIBRARIES])
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    env |= {"PYTHONPATH": path, "REMAPTRACE_CACHE": str(home / "cache")}
    command: Sequence[str] = [*PYTHON, str(home / "work.py")]
    pipe = subprocess.PIPE
    all_ = [subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True) for _ in range(6)]
    for process in all_:
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert out.startswith("a a a ")
    assert said(home) == "a a a bbb"
    assert len(bundles(home)) == 1


def test_finders_of_others_come_first_and_hooks_of_others_forbid_it(kept: Path) -> None:
    code = _WORK.replace("mine = bundle", "sys.path_hooks.insert(0, lambda path: [][1])\nmine = bundle")
    assert worked(kept, code=code.replace("[][1]", "(_ for _ in ()).throw(ImportError)")).stdout.startswith(
        "a a a ---"
    )
    code = _WORK.replace("mine = bundle", "sys.path.append('relative')\nmine = bundle")
    assert worked(kept, code=code).stdout.startswith("a a a ---")


@pytest.mark.parametrize(
    ("shadow_path", "expected"), [("before/one.py", "b a a"), ("modules/pkg/sub/__init__.py", "a a b")]
)
def test_what_appears_while_a_process_runs_is_found_by_the_next(
    kept: Path, shadow_path: str, expected: str
) -> None:
    """The process had its modules from a bundle, and keeps them again with another one behind the change."""
    (kept / "modules" / "two.py").write_text("", encoding="utf-8")
    change = (
        "import os, time, two\n"
        f"os.makedirs(os.path.dirname({str(kept / shadow_path)!r}), exist_ok=True)\n"
        f"open({str(kept / shadow_path)!r}, 'w').write('WHO = \"b\"')\n"
        "time.sleep(0.05)\n"
    )
    for _ in range(2):
        code = _WORK.replace("bundling.keep_modules", f"{change}bundling.keep_modules")
        assert worked(kept, code=code).stdout.startswith(("a a a ", expected))
        assert said(kept).startswith(expected)
