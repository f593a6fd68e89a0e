"""Machine code on disk: kept whole, made again when damaged or when a source changed, called with the right words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from remaptrace.errors import ReplayError
from remaptrace.machinecode import build, folders, load, shipped
from remaptrace.machinecode.objectfile import read_object, write_object


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache folder for this test."""
    monkeypatch.setenv("REMAPTRACE_CACHE", str(tmp_path))
    monkeypatch.setenv("REMAPTRACE_SHIPPED", "0")
    shipped._fitting.cache_clear()
    folders.cache_folder.cache_clear()
    yield tmp_path
    folders.cache_folder.cache_clear()
    shipped._fitting.cache_clear()


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "room" / "code.obj"
    assert read_object(path) is None
    write_object(path, b"machine code")
    assert read_object(path) == b"machine code"
    assert [p.name for p in path.parent.iterdir()] == ["code.obj"]


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d[:40] + b"?" + d[41:], lambda d: b""])
def test_damaged_code_is_not_used(tmp_path: Path, damage) -> None:
    path = tmp_path / "code.obj"
    write_object(path, b"some machine code that is long enough")
    path.write_bytes(damage(path.read_bytes()))
    assert read_object(path) is None


def test_a_function_is_made_once_and_called_with_arrays(own_cache: Path) -> None:
    call = load.Function("trace", "scan.add_name", whole_arrays=True)
    names = np.full((1, 4096, 4), -1, dtype=np.int64)
    assert call(np.frombuffer(b"mmap", dtype=np.uint8), names, 0, 17) == 0
    (slot,) = np.flatnonzero(names[0, :, 3] != -1)
    assert names[0, slot].tolist() == [int.from_bytes(b"mmap", "little"), 0, 0, 17]
    path = folders.object_file("trace", "scan.add_name")
    made = path.stat().st_mtime_ns
    again = load.Function("trace", "scan.add_name", whole_arrays=True)
    assert again(np.frombuffer(b"brk", dtype=np.uint8), names, 0, 18) == 0
    assert path.stat().st_mtime_ns == made
    path.write_bytes(b"garbage")
    assert (
        load.Function("trace", "scan.add_name", whole_arrays=True)(np.frombuffer(b"x", np.uint8), names, 0, 1)
        == 0
    )
    assert read_object(path) is not None


def test_an_array_with_gaps_is_refused() -> None:
    call = load.Function("trace", "scan.add_name", whole_arrays=True)
    names = np.full((1, 4096, 8), -1, dtype=np.int64)[:, :, ::2]
    with pytest.raises(ValueError, match="contiguous"):
        call(np.frombuffer(b"mmap", dtype=np.uint8), names, 0, 17)


def test_a_compiler_that_fails_is_reported(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReplayError) as caught:
        build.make_object("trace", "scan.no_such_function")
    assert caught.value.code == "RT605"
    assert "no_such_function" in caught.value.found


def test_where_nothing_can_be_kept_the_function_works_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("REMAPTRACE_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setenv("REMAPTRACE_SHIPPED", "0")
    shipped._fitting.cache_clear()
    folders.cache_folder.cache_clear()
    names = np.full((1, 4096, 4), -1, dtype=np.int64)
    call = load.Function("trace", "scan.add_name", whole_arrays=True)
    assert call(np.frombuffer(b"mmap", dtype=np.uint8), names, 0, 17) == 0
    assert call.linked
    with pytest.raises(ReplayError) as caught:
        build.keep_object("trace", "scan.add_name")
    folders.cache_folder.cache_clear()
    assert caught.value.code == "RT605"
    assert caught.value.path.endswith("scan.add_name.code")
