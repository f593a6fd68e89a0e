"""The cache of parsed presets: same content as the files, damage and read-only folders do no harm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from remaptrace.machine import presetcache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("REMAPTRACE_CACHE", str(tmp_path))
    presetcache.all_presets.cache_clear()
    yield tmp_path
    presetcache.all_presets.cache_clear()


def from_files() -> presetcache.Parsed:
    root = Path(presetcache.__file__).parent / "presets"
    return {
        room: {p.stem: yaml.safe_load(p.read_text(encoding="utf-8")) for p in (root / room).glob("*.yaml")}
        for room in presetcache.ROOMS
    }


def test_parsed_and_cached_are_what_the_files_say(folder: Path) -> None:
    assert presetcache.all_presets() == from_files()
    assert len(list(folder.glob("remembered/presets-*"))) == 1
    presetcache.all_presets.cache_clear()
    assert presetcache.all_presets() == from_files()


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'{"kernels": {}}', b"\xff\xfe"])
def test_a_damaged_cache_is_made_anew(folder: Path, damage: bytes) -> None:
    presetcache.all_presets()
    (kept,) = folder.glob("remembered/presets-*")
    kept.write_bytes(damage)
    presetcache.all_presets.cache_clear()
    assert presetcache.all_presets() == from_files()


def test_a_folder_that_cannot_be_written_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("REMAPTRACE_CACHE", str(tmp_path / "file"))
    presetcache.all_presets.cache_clear()
    assert presetcache.all_presets() == from_files()
