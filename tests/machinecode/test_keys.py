"""Keys of what is kept cover every source that may be part of it."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from remaptrace import sources as package_sources
from remaptrace.machinecode import folders
from remaptrace.sources import PACKAGE, import_closure
from remaptrace.trace import cache


def _by_parsing(path: Path) -> Iterator[Path]:
    """What `path` imports of this package, from its syntax tree: the slow way round."""
    package = path.relative_to(PACKAGE.parent).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = PACKAGE.parent.joinpath(
            *package[: len(package) + 1 - node.level], *(node.module or "").split(".")
        )
        if base.is_dir():
            yield from (p for a in node.names if (p := (base / a.name).with_suffix(".py")).is_file())
            yield from (p for a in node.names if (p := base / a.name / "__init__.py").is_file())
            if (base / "__init__.py").is_file():
                yield base / "__init__.py"
        else:
            yield base.with_suffix(".py")


@pytest.mark.parametrize("room", folders.ROOMS)
def test_the_key_of_compiled_code_covers_what_its_modules_import(room: str) -> None:
    hashed = set(folders.sources(room))
    assert len(hashed) > 10
    for path in hashed:
        if path.parent.name != "machinecode":
            assert set(_by_parsing(path)) <= hashed, path


def test_the_key_of_kept_traces_covers_what_the_readers_import() -> None:
    hashed = set(import_closure(["trace.detect"]))
    for path in hashed:
        assert set(_by_parsing(path)) <= hashed, path


def test_every_compiled_entry_belongs_to_a_module_that_is_hashed() -> None:
    hashed = {path for room in folders.ROOMS for path in folders.sources(room)}
    entries = 0
    for folder in ("engine", "trace/compiled"):
        for path in (PACKAGE / folder).rglob("*.py"):
            if "\n@entry" in path.read_text(encoding="utf-8"):
                assert path in hashed
                entries += 1
    assert entries >= len(folders.ROOMS)


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package's sources, from which the keys are made."""
    copy = tmp_path / "remaptrace"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "presets"))
    monkeypatch.setattr(package_sources, "PACKAGE", copy)
    yield copy
    folders.cache_folder.cache_clear()
    cache.reader_version.cache_clear()


@pytest.mark.parametrize("room", folders.ROOMS)
def test_an_edit_to_any_source_of_a_room_names_another_folder(copied: Path, room: str) -> None:
    folders.cache_folder.cache_clear()
    seen = {folders.cache_folder(room)}
    for path in folders.sources(room):
        whole = path.read_text(encoding="utf-8")
        path.write_text(whole + "# edited\n", encoding="utf-8")
        folders.cache_folder.cache_clear()
        seen.add(folders.cache_folder(room))
        path.write_text(whole, encoding="utf-8")
    assert len(seen) == 1 + len(folders.sources(room))


def test_a_renumbered_kind_makes_the_engine_new(copied: Path) -> None:
    folders.cache_folder.cache_clear()
    before = folders.cache_folder(folders.ENGINE)
    renumbered = 0
    for path in folders.sources(folders.ENGINE):
        whole = path.read_text(encoding="utf-8")
        edited, times = re.subn(r"^(K_MSEAL = (?:_kind\()?)17", r"\g<1>99", whole, flags=re.M)
        path.write_text(edited, encoding="utf-8")
        renumbered += times
    assert renumbered == 1
    folders.cache_folder.cache_clear()
    assert folders.cache_folder(folders.ENGINE) != before


def test_imports_written_in_every_form_are_found(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d", "pkg/e", "pkg/f", "pkg/__init__", "start"):
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("", encoding="utf-8")
    (tmp_path / "start.py").write_text(
        "from .a import x, y  # from .nowhere import z\nfrom . import b as bee\n"
        "def f():\n    from .pkg import (\n        e,  # why\n        other,\n    )\n",
        encoding="utf-8",
    )
    (tmp_path / "pkg/e.py").write_text("from ..c import *\nfrom .f import g\n", encoding="utf-8")
    found = {str(p.relative_to(tmp_path)) for p in import_closure(["start"], tmp_path)}
    assert found == {"start.py", "a.py", "b.py", "c.py", "pkg/__init__.py", "pkg/e.py", "pkg/f.py"}
    (tmp_path / "d.py").write_text("from remaptrace.engine import pte\n", encoding="utf-8")
    with pytest.raises(ValueError, match="absolute import of remaptrace"):
        import_closure(["d"], tmp_path)
