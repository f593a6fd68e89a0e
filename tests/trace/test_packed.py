"""A set in one file is read as the set is; nothing gets out of its folder."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from remaptrace.errors import InputError
from remaptrace.record.pack import pack
from remaptrace.trace.detect import discover
from remaptrace.trace.recorded.read import read_set

LS = Path(__file__).resolve().parents[2] / "traces" / "ls"


def test_a_packed_set_is_the_set(tmp_path: Path) -> None:
    pack(LS, tmp_path / "ls.rtset.zst")
    (item,) = discover([str(tmp_path / "ls.rtset.zst")])
    packed, plain = item.load(), read_set(LS)
    assert item.name == packed.name == "ls"
    assert packed.truth is not None and plain.truth is not None
    assert packed.truth.tolist() == plain.truth.tolist()
    assert [c.tolist() for c in packed.columns.values()] == [c.tolist() for c in plain.columns.values()]


def test_a_packed_set_inside_a_folder_is_found_beside_others(tmp_path: Path) -> None:
    pack(LS, tmp_path / "ls.rtset.zst")
    (tmp_path / "a.yaml").write_text("name: a\nsteps: []\n")
    (tmp_path / "other.tar.gz").write_bytes(b"whatever")
    assert [(item.kind, item.name) for item in discover([str(tmp_path)])] == [
        ("file", "a.yaml"),
        ("packed", "ls"),
    ]


def test_a_folder_packed_by_tar_is_read_too(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        archive.add(LS, arcname="ls")
    (item,) = discover([str(tmp_path / "x.tar.gz")])
    assert len(item.load()) == len(read_set(LS))


def archive_with(path: Path, member: tarfile.TarInfo, content: bytes = b"") -> str:
    with tarfile.open(path, "w") as archive:
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return str(path)


def _link(kind: bytes, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo("strace.txt")
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    "member",
    [
        tarfile.TarInfo("/tmp/strace.txt"),
        tarfile.TarInfo("../strace.txt"),
        tarfile.TarInfo("a/../../strace.txt"),
        _link(tarfile.SYMTYPE, "/etc/passwd"),
        _link(tarfile.LNKTYPE, "/etc/passwd"),
        _link(tarfile.FIFOTYPE, ""),
        _link(tarfile.CHRTYPE, ""),
    ],
    ids=["absolute", "parent", "inner parent", "symbolic link", "hard link", "fifo", "device"],
)
def test_what_leads_out_or_is_no_file_is_refused(member: tarfile.TarInfo, tmp_path: Path) -> None:
    path = archive_with(tmp_path / "x.tar", member)
    with pytest.raises(InputError) as caught:
        discover([path])[0].load()
    assert caught.value.code == "RT326"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.tar"]


@pytest.mark.parametrize("data", [b"no archive", b"\0" * 1024, b"x" * 4096])
def test_what_is_no_archive_is_said_so(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.rtset").write_bytes(data)
    with pytest.raises(InputError):
        discover([str(tmp_path / "x.rtset")])[0].load()
