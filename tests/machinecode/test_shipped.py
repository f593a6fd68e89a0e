"""Machine code that comes with the package: loaded without numba, used only for the sources it was made of."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from remaptrace import kept
from remaptrace.errors import ReplayError
from remaptrace.machinecode import build, load, ship, shipped
from remaptrace.machinecode.emit import portable_bitcode
from remaptrace.machinecode.image import placed
from remaptrace.machinecode.target import LEVELS, Level, own_level
from remaptrace.sources import PACKAGE

ONE = ("trace", "scan.add_name")
_PROGRAM = """
import sys
from pathlib import Path
import numpy as np
sys.modules["numba"] = sys.modules["llvmlite"] = None  # importing either fails
from remaptrace.machinecode import load, shipped
shipped.FOLDER = Path(sys.argv[1])
names = np.full((1, 4096, 4), -1, dtype=np.int64)
call = load.Function("trace", "scan.add_name", whole_arrays=True)
assert call(np.frombuffer(b"mmap", dtype=np.uint8), names, 0, 17) == 0
(slot,) = np.flatnonzero(names[0, :, 3] != -1)
print(slot, names[0, slot].tolist())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small function, shipped for every level."""
    made = tmp_path_factory.mktemp("shipped")
    ship.ship(made, [ONE], say=lambda *_args, **_more: None)
    return made


@pytest.fixture
def used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(shipped, "FOLDER", folder)
    monkeypatch.delenv("REMAPTRACE_SHIPPED", raising=False)
    shipped._fitting.cache_clear()
    yield folder
    shipped._fitting.cache_clear()


def test_shipped_code_runs_where_there_is_no_compiler(folder: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(folder)],
        env={
            **os.environ,
            "PYTHONPATH": str(PACKAGE.parent),
            "REMAPTRACE_CACHE": str(tmp_path),
            "REMAPTRACE_SHIPPED": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split(" ", 1)[1].strip() == str([int.from_bytes(b"mmap", "little"), 0, 0, 17])
    assert not list(tmp_path.iterdir())


def test_where_no_shipped_object_is_for_the_processor_llvm_alone_makes_one(
    used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "own_level", lambda: None)

    def numba(*_one: str) -> bytes:
        raise AssertionError("numba was asked")

    monkeypatch.setattr(build, "_made", numba)
    assert not shipped.is_shipped(*ONE)
    call = placed(build.make_object(*ONE))
    names = np.full((1, 4096, 4), -1, dtype=np.int64)
    words: list[int] = []
    load._described(np.frombuffer(b"mmap", dtype=np.uint8), words)
    load._described(names, words)
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * (len(words) + 2))
    assert kind(call)(*words, 0, 17) == 0
    (slot,) = np.flatnonzero(names[0, :, 3] != -1)
    assert names[0, slot].tolist() == [int.from_bytes(b"mmap", "little"), 0, 0, 17]


def test_damaged_bitcode_is_not_taken(used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shipped.shipped_bitcode(*ONE) is not None
    name = Path(shipped.bitcode_file(*ONE)).relative_to(used)
    (tmp_path / name).parent.mkdir()
    data = bytearray((used / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    (tmp_path / shipped.STAMP).write_bytes((used / shipped.STAMP).read_bytes())
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    assert shipped.shipped_bitcode(*ONE) is None


def test_code_is_made_again_byte_for_byte(folder: Path, tmp_path: Path) -> None:
    ship.ship(tmp_path / "again", [ONE], say=lambda *_args, **_more: None)
    for path in folder.rglob("*"):
        if path.is_file():
            assert (tmp_path / "again" / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_no_address_of_this_process_is_in_bitcode() -> None:
    """numba enters those of Python objects; where LLVM links modules it numbers their equal names."""
    llvm = pytest.importorskip("llvmlite.binding")

    def bitcode(address: int) -> bytes:
        names = (f"numba.dynamic.globals.{address:x}{more}" for more in ("", ".1", ".27"))
        lines = [f"@{name} = linkonce global ptr inttoptr (i64 {address} to ptr)" for name in names]
        return portable_bitcode(llvm.parse_assembly("\n".join(lines)))

    assert bitcode(0x7F5500001230) == bitcode(0x7F2200004560)
    assert "inttoptr" not in str(llvm.parse_bitcode(bitcode(0x7F5500001230)))


@pytest.mark.parametrize("name", ["writelines.write_lines"])
def test_bitcode_of_a_function_that_calls_others_is_made_again_byte_for_byte(name: str) -> None:
    pytest.importorskip("numba")
    assert build.make_bitcode("trace", name) == build.make_bitcode("trace", name)


def test_it_is_used_only_for_its_sources(used: Path) -> None:
    assert shipped.is_shipped(*ONE)
    stamp = json.loads((used / shipped.STAMP).read_text(encoding="utf-8"))
    files = stamp["rooms"]["trace"]["files"]
    assert shipped.digest_of(files) == stamp["rooms"]["trace"]["digest"]
    assert "trace/compiled/scan.py" in files
    assert "abi/kinds.py" in files


@pytest.mark.parametrize(
    "spoil",
    [
        lambda stamp: stamp["rooms"]["trace"].update(digest="0"),
        lambda stamp: stamp["rooms"]["trace"]["files"].append("nowhere.py"),
        lambda stamp: stamp["rooms"].pop("trace"),
        lambda stamp: stamp["rooms"]["trace"]["objects"].clear(),
    ],
)
def test_a_stamp_that_does_not_fit_means_no_shipped_code(
    used: Path, tmp_path: Path, spoil, monkeypatch
) -> None:
    stamp = json.loads((used / shipped.STAMP).read_text(encoding="utf-8"))
    spoil(stamp)
    (tmp_path / shipped.STAMP).write_text(json.dumps(stamp), encoding="utf-8")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    shipped._fitting.cache_clear()
    assert not shipped.is_shipped(*ONE)
    assert shipped.shipped_address(*ONE) == 0


def test_a_damaged_object_is_not_loaded(used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    level = own_level()
    assert level is not None
    (tmp_path / level.name).mkdir()
    (tmp_path / shipped.STAMP).write_bytes((used / shipped.STAMP).read_bytes())
    name = f"{level.name}/trace.scan.add_name.code"
    code = bytearray((used / name).read_bytes())
    code[len(code) // 2] ^= 1
    (tmp_path / name).write_bytes(code)
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    monkeypatch.setattr(shipped, "_loaded", {})
    assert shipped.shipped_address(*ONE) == 0


def test_code_of_sources_that_were_edited_meanwhile_is_not_shipped(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = iter([{"engine": {"digest": "1"}}, {"engine": {"digest": "2"}}])
    monkeypatch.setattr(ship, "_states", lambda: next(states))
    monkeypatch.setattr(ship, "make_bitcode", lambda *_one: b"")
    monkeypatch.setattr(ship, "retargeted", lambda *_all: None)
    monkeypatch.setattr(ship, "object_of", lambda *_all: b"")
    monkeypatch.setattr(ship, "image_of", lambda *_all: b"image")
    with pytest.raises(RuntimeError, match="edited"):
        ship.ship(tmp_path / "made", [ONE], say=lambda *_args, **_more: None)
    assert not (tmp_path / "made" / shipped.STAMP).exists()


def test_code_of_sources_that_were_edited_meanwhile_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMAPTRACE_SHIPPED", "0")
    shipped._fitting.cache_clear()
    path = tmp_path / "then" / "scan.add_name.code"
    monkeypatch.setattr(build, "object_file", lambda *_one: path)
    monkeypatch.setattr(build, "folder_now", lambda _room: tmp_path / "now")
    monkeypatch.setattr(build, "make_object", lambda *_one: b"code")
    with pytest.raises(ReplayError, match="edited") as error:
        build.keep_object(*ONE)
    assert error.value.code == "RT605" and not path.exists()
    shipped._fitting.cache_clear()


def test_levels_are_asked_of_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    best = own_level()
    assert best is None or isinstance(best, Level)
    assert LEVELS[0].flags > LEVELS[1].flags


def test_every_level_is_made_without_a_linker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["bitcode", shipped.STAMP, *(level.name for level in LEVELS)]
    )


def test_a_stamp_is_known_by_the_times_of_its_files(
    used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was compared once is not read again, until a file changes."""
    monkeypatch.setenv("REMAPTRACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(kept, "_SETTLED", 0)
    own = tmp_path / "own"
    shutil.copytree(used, own)
    monkeypatch.setattr(shipped, "FOLDER", own)
    asked: list[str] = []
    compare = shipped._compared
    monkeypatch.setattr(shipped, "_compared", lambda room: asked.append(room) or compare(room))
    for _ in range(3):
        shipped._fitting.cache_clear()
        assert shipped.is_shipped(*ONE)
    assert asked == ["trace"]
    time.sleep(0.02)
    stamp = own / shipped.STAMP
    was = stamp.stat()
    stamp.write_text(
        stamp.read_text().replace(json.loads(stamp.read_text())["rooms"]["trace"]["digest"], "0" * 32)
    )
    os.utime(stamp, ns=(was.st_atime_ns, was.st_mtime_ns))
    shipped._fitting.cache_clear()
    assert not shipped.is_shipped(*ONE)
    assert asked == ["trace", "trace"]
