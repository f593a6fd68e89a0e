"""Caches are believed only when proved: by checksum, by owner, by mode."""

from __future__ import annotations

import ast
import marshal
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from remaptrace import kept as cache
from remaptrace.kept import keep, kept, make_folder, may_use, refused_folder
from remaptrace.trace.cache import cached, content_key
from remaptrace.trace.detect import Item, load

TRACE = "steps:\n- mmap: {addr: 0, length: 4096, prot: rw, flags: [private, anonymous]}\n"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMAPTRACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_said", set())


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "room" / "a"
    keep(path, b"data")
    assert kept(path) == b"data"
    assert [_mode(p) for p in (tmp_path / "cache", path.parent, path)] == [0o700, 0o700, 0o600]


def test_one_flipped_bit_in_any_byte_is_noticed_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cache" / "a"
    for at in range(32 + 9):
        keep(path, b"some data")
        whole = bytearray(path.read_bytes())
        whole[at] ^= 1 << at % 8
        path.write_bytes(whole)
        assert kept(path) is None and not path.exists()
    assert "damaged, made again" in capsys.readouterr().err


def test_a_kept_file_under_another_name_is_not_believed(tmp_path: Path) -> None:
    keep(tmp_path / "cache" / "a", b"data")
    os.rename(tmp_path / "cache" / "a", tmp_path / "cache" / "b")
    assert kept(tmp_path / "cache" / "b") is None


@pytest.mark.parametrize("what", ["file", "folder", "root"])
@pytest.mark.parametrize("how", ["written by others", "of another user"])
def test_what_others_may_write_is_refused_with_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str, how: str
) -> None:
    path = tmp_path / "cache" / "room" / "a"
    keep(path, b"data")
    victim = {"file": path, "folder": path.parent, "root": tmp_path / "cache"}[what]
    if how == "of another user":
        if os.geteuid() != 0:
            pytest.skip("only root can give files away")
        os.chown(victim, 12345, 12345)
    else:
        victim.chmod(0o777)
    assert kept(path) is None
    said = capsys.readouterr().err
    assert str(victim) in said and ("can be written by others" in said or "belongs to user 12345" in said)
    if what != "file":
        with pytest.raises(PermissionError):
            make_folder(path.parent)


def test_a_sticky_folder_above_the_cache_is_fine_and_an_open_one_is_not(tmp_path: Path) -> None:
    keep(tmp_path / "cache" / "a", b"data")
    tmp_path.chmod(0o1777)
    assert refused_folder(tmp_path / "cache") == ""
    tmp_path.chmod(0o777)
    assert "can be written by others" in refused_folder(tmp_path / "cache")
    tmp_path.chmod(0o700)


def test_a_link_is_no_kept_file(tmp_path: Path) -> None:
    keep(tmp_path / "cache" / "a", b"data")
    (tmp_path / "cache" / "b").symlink_to("a")
    assert not may_use(tmp_path / "cache" / "b")


def test_two_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from remaptrace.kept import keep\n"
    code += "for n in range(200): keep(Path(sys.argv[1]), bytes([int(sys.argv[2])]) * 5000)"
    path = tmp_path / "cache" / "room" / "a"
    running = [subprocess.Popen([sys.executable, "-c", code, str(path), str(n)]) for n in (1, 2)]
    while any(p.poll() is None for p in running):
        if path.exists():
            assert kept(path) in (b"\x01" * 5000, b"\x02" * 5000)
    assert [p.returncode for p in running] == [0, 0] and os.listdir(path.parent) == ["a"]


def test_a_damaged_kept_trace_is_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "t.yaml"
    source.write_text(TRACE)
    item = Item("file", (str(source),))
    first = item.load(cache=True)
    path = tmp_path / "cache" / "traces" / f"{content_key(item)}.rtcols"
    data = bytearray(path.read_bytes())
    for at in (3, 20, 60, len(data) - 1):
        data[at] ^= 4
        path.write_bytes(data)
        again = item.load(cache=True)
        assert again.rows(0, len(again)).tolist() == first.rows(0, len(first)).tolist()
        data = bytearray(path.read_bytes())
    assert "damaged, made again" in capsys.readouterr().err


def test_a_kept_trace_without_a_checksum_is_not_believed(tmp_path: Path) -> None:
    source = tmp_path / "t.yaml"
    source.write_text(TRACE)
    item = Item("file", (str(source),))
    item.load(cache=True)
    path = tmp_path / "cache" / "traces" / f"{content_key(item)}.rtcols"
    data = path.read_bytes()
    path.write_bytes(b"RTCOLS1\n" + data[8:16] + data[48:])
    asked = []
    cached(item, lambda: asked.append(1) or load([str(source)])[0])  # type: ignore[func-returns-value]
    assert asked


@pytest.mark.parametrize("damage", ["max_map_count", "empty", "no rooms"])
def test_damaged_presets_are_parsed_again(tmp_path: Path, damage: str) -> None:
    source = tmp_path / "t.yaml"
    source.write_text(TRACE)
    run = [sys.executable, "-m", "remaptrace", "run", str(source), "--format", "json"]
    before = subprocess.run(run, capture_output=True, check=True).stdout
    (path,) = (tmp_path / "cache" / "remembered").glob("presets-*")
    sealed = path.read_bytes()
    files, presets = marshal.loads(sealed[32:])
    name = next(name for name, kernel in presets["kernels"].items() if "max_map_count" in repr(kernel))
    text = {
        "max_map_count": marshal.dumps((files, _with_less(presets, name))),
        "empty": marshal.dumps((files, {"kernels": {"linux-6.18": {}}, "arches": {"x86_64": {}}})),
        "no rooms": marshal.dumps(([], {"kernels": {}, "arches": {}})),
    }[damage]
    path.write_bytes(sealed[:32] + text)
    done = subprocess.run(run, capture_output=True, check=True)
    assert _without_times(done.stdout) == _without_times(before)
    assert b"made again" in done.stderr


def _with_less(presets: dict[str, Any], name: str) -> dict[str, Any]:
    text = repr(presets["kernels"][name])
    changed = re.sub(r"('max_map_count': )\d+", r"\g<1>3", text)
    assert changed != text
    return {**presets, "kernels": {**presets["kernels"], name: ast.literal_eval(changed)}}


def _without_times(text: bytes) -> list[bytes]:
    return [line for line in text.split(b"\n") if b"seconds" not in line]


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
@pytest.mark.parametrize("damage", ["emptied", "planted", "without x"])
def test_a_damaged_runner_is_made_again_and_never_run(tmp_path: Path, damage: str) -> None:
    from remaptrace.native.launch import runner
    from remaptrace.native.transport import Started

    path = runner()
    good = path.read_bytes()
    if damage == "without x":
        path.chmod(0o600)
    else:
        path.write_bytes(b"" if damage == "emptied" else b"#!/bin/sh\necho planted\n")
        path.chmod(0o700)
    assert Started().ask(["!smaps\n"]).answers[0].ended == "ok"
    assert runner().read_bytes() == good


def test_a_full_cache_leaves_nothing_behind(tmp_path: Path) -> None:
    """A size limit stands in for a full disk: writing fails half-way."""
    code = "import resource, signal, sys; from pathlib import Path; from remaptrace.kept import keep\n"
    code += "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    code += "try: keep(Path(sys.argv[1]), b'x' * 5000)\nexcept OSError: print('refused')"
    path = tmp_path / "cache" / "room" / "a"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=True)
    assert done.stdout == b"refused\n" and os.listdir(path.parent) == []


def test_what_was_found_out_is_found_out_again_by_a_function_that_was_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, source = tmp_path / "read", tmp_path / "maker.py"
    read.write_text("words")

    def found(value: int) -> Any:
        names: dict[str, Any] = {}
        source.write_text(f"def make(): return {value}, [{str(read)!r}]\n")
        exec(compile(source.read_text(), source, "exec"), names)
        monkeypatch.setattr(cache, "_SETTLED", -(10**9))  # the files of this test are new
        return cache.remembered("subject", str(tmp_path), names["make"])

    assert found(10) == 10 and cache.recalled("subject", str(tmp_path)) == 10
    assert found(200) == 200 and cache.recalled("subject", str(tmp_path)) == 200
