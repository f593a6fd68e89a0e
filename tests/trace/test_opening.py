"""Opening inputs: compression by content; damage, emptiness and absence have codes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import mmap
import os
import sys
import threading
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from remaptrace.errors import InputError
from remaptrace.trace import opening
from remaptrace.trace.detect import load
from remaptrace.trace.incoming import unpacking
from remaptrace.trace.incoming.spool import Spool
from remaptrace.trace.opening import decompressed, read_input, text_of

TEXT = b"15328 brk(NULL) = 0x1000\n" * 500
ALL = (gzip.compress, zstandard.compress, lzma.compress, bz2.compress)


def refused(path: Path | str) -> InputError:
    with pytest.raises(InputError) as error:
        read_input(str(path))
    return error.value


def stored(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "x"
    path.write_bytes(data)
    return path


@given(st.binary(max_size=3000), st.integers(1, 4))
def test_compressed_data_comes_back_in_one_or_several_parts(data: bytes, parts: int) -> None:
    data = b"x" + data
    for compress in ALL:
        assert decompressed(b"".join(compress(data) for _ in range(parts)), "") == data * parts


def test_names_do_not_matter(tmp_path: Path) -> None:
    for compress in (*ALL, bytes):
        assert read_input(str(stored(tmp_path, compress(TEXT)))) == TEXT
        assert text_of(str(tmp_path / "x")) == TEXT


def test_standard_input_may_be_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(gzip.compress(TEXT))

    monkeypatch.setattr(sys, "stdin", Stdin())
    assert read_input("-") == TEXT
    assert refused("-").path == "<stdin>"


@pytest.mark.parametrize("compress", ALL)
def test_data_cut_anywhere_is_damaged(tmp_path: Path, compress: object) -> None:
    whole = compress(os.urandom(200) + TEXT)  # type: ignore[operator]
    for cut in (12, 20, len(whole) // 2, len(whole) - 4, len(whole) - 1):
        error = refused(stored(tmp_path, whole[:cut]))
        assert error.code == "RT203", cut


@pytest.mark.parametrize(
    "compress",
    [gzip.compress, zstandard.ZstdCompressor(write_checksum=True).compress, lzma.compress, bz2.compress],
)
def test_a_flipped_byte_is_damage(tmp_path: Path, compress: object) -> None:
    whole = bytearray(compress(TEXT))  # type: ignore[operator]
    whole[-3] ^= 0x55
    assert refused(stored(tmp_path, bytes(whole))).code == "RT203"


def test_something_else_behind_compressed_data_is_damage(tmp_path: Path) -> None:
    for compress in ALL:
        assert refused(stored(tmp_path, compress(TEXT) + b"more of it")).code == "RT203"
    assert read_input(str(stored(tmp_path, lzma.compress(TEXT) + bytes(8)))) == TEXT
    assert refused(stored(tmp_path, gzip.compress(TEXT) + b"more")).code == "RT203"
    assert read_input(str(stored(tmp_path, gzip.compress(TEXT) + bytes(512)))) == TEXT


@pytest.mark.parametrize("compress", ALL)
def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compress: object) -> None:
    monkeypatch.setattr(unpacking, "MAX_BYTES", 1 << 20)
    error = refused(stored(tmp_path, compress(bytes(4 << 20))))  # type: ignore[operator]
    assert error.code == "RT203"


def test_missing_empty_and_unreadable_inputs_have_codes(tmp_path: Path) -> None:
    assert refused(tmp_path / "absent").code == "RT200"
    assert refused(tmp_path).code == "RT200"
    assert refused(stored(tmp_path, b"")).code == "RT201"


@pytest.mark.parametrize("size", [300, 5_000, 300_000])
@pytest.mark.parametrize("packed", [False, True])
def test_a_pipe_is_read_once_and_nothing_of_it_is_lost(tmp_path: Path, size: int, packed: bool) -> None:
    line = "mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {:#x}\n"
    text = "".join(line.format(0x7F00_0000_0000 + 8192 * i) for i in range(size // 80)).encode()
    (tmp_path / "log").write_bytes(text)
    (whole,) = load([str(tmp_path / "log")])
    fifo = tmp_path / "fifo.1234"
    os.mkfifo(fifo)
    for options in ({}, {"cache": True}):
        writer = threading.Thread(target=fifo.write_bytes, args=(gzip.compress(text) if packed else text,))
        writer.start()
        (trace,) = load([str(fifo)], **options)
        writer.join()
        assert len(trace) == len(whole)
        assert not trace.skipped


def test_a_scenario_and_maps_come_through_pipes_too(tmp_path: Path) -> None:
    texts = {"a": b"name: x\nsteps: []\n", "b": b"00400000-00401000 r-xp 00000000 08:01 131 /bin/x\n"}
    writers = []
    for name, text in texts.items():
        os.mkfifo(tmp_path / name)
        writers.append(threading.Thread(target=(tmp_path / name).write_bytes, args=(text,)))
        writers[-1].start()
    (trace,) = load([str(tmp_path / "a")], maps=[str(tmp_path / "b")])
    for writer in writers:
        writer.join()
    assert len(trace) == 2


def test_a_device_without_end_is_no_input() -> None:
    with pytest.raises(InputError) as error:
        load(["/dev/zero"])
    assert error.value.code == "RT200"


def test_text_that_begins_as_bzip2_data_does_is_text(tmp_path: Path) -> None:
    assert read_input(str(stored(tmp_path, b"BZh9 is no call\n"))) == b"BZh9 is no call\n"


def test_large_text_is_mapped_however_it_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MAP_FROM", 5_000)
    monkeypatch.setattr(opening, "SPOOL_FROM", 5_000)
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    text = os.urandom(100_000) + TEXT * 100
    for compress in (bytes, *ALL):
        path = stored(tmp_path, compress(text))
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        writer = threading.Thread(target=fifo.write_bytes, args=(path.read_bytes(),))
        writer.start()
        piped, lying = text_of(str(fifo)), text_of(str(path))
        writer.join()
        fifo.unlink()
        with path.open("rb") as file:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
            given = text_of("-")
            file.seek(3)
            if compress is bytes:
                assert text_of("-")[:] == text[3:]
        for one in (piped, lying, given):
            assert isinstance(one, mmap.mmap) and one[:] == text
        assert not list(place.iterdir())


@pytest.mark.parametrize("room", [0, 1 << 20, 3 << 20])
def test_where_no_file_can_be_had_text_is_held(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    write, left = os.write, [room]

    def full(descriptor: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(28, "No space left on device")
        done = write(descriptor, data[: left[0]])
        left[0] -= done
        return done

    monkeypatch.setattr(os, "write", full)
    pieces = [os.urandom(300_000) for _ in range(20)]
    spool = Spool(500_000)
    for number, piece in enumerate(pieces):
        spool.add(piece)
        if number == 1:
            assert spool.whole(10)[:] == pieces[0][:10]
    assert len(spool) == 20 * 300_000
    assert spool.whole() == b"".join(pieces) and spool.file() is None


def test_the_log_of_a_set_is_read_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = Path(__file__).parents[2] / "traces/efence-500/strace.txt.gz"
    (tmp_path / "strace.txt").write_bytes(gzip.decompress(packed.read_bytes()))
    (held,) = load([str(tmp_path)])
    for name in ("MAP_FROM", "SPOOL_FROM"):
        monkeypatch.setattr(opening, name, 5_000)
    (mapped,) = load([str(tmp_path)])
    (tmp_path / "strace.txt").unlink()
    (tmp_path / "strace.txt.xz").write_bytes(lzma.compress(gzip.decompress(packed.read_bytes())))
    (spooled,) = load([str(tmp_path)])
    assert len(held) > 1_000
    for one in (mapped, spooled):
        for name, column in held.columns.items():
            assert (one.columns[name] == column).all(), name
        assert one.strings == held.strings
