"""Tables of a trace are proved before machine code sees them: files that name what does not exist are refused."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from remaptrace.abi import kinds as ev
from remaptrace.engine.run.driver import replay
from remaptrace.errors import InputError, RemapTraceError, TraceRefused
from remaptrace.machine.machine import Machine
from remaptrace.trace.detect import load
from remaptrace.trace.events import COLUMNS, RELOCATION_DTYPE
from remaptrace.trace.stored.columnfile import open_columns, read_columns, write_columns
from remaptrace.trace.stored.jsonlread import read_jsonl

DATA = Path(__file__).parents[1] / "data" / "hostile"
TRACES = Path(__file__).parents[2] / "traces"


@pytest.mark.parametrize("name", sorted(p.name for p in DATA.glob("*.jsonl")))
def test_json_lines_that_name_what_is_not_there_are_refused_with_their_line(name: str) -> None:
    with pytest.raises(InputError) as error:
        load([str(DATA / name)])
    assert error.value.code == "RT211" and error.value.line > 0 and error.value.path.endswith(name)


@pytest.mark.parametrize(
    "lines",
    [
        '{"kind": "brk", "addr": 0}\n{"kind": "fork", "child": 0, "flags": 0, "refs": [[0, 0, 99999999]]}',
        '{"kind": "brk", "addr": 0}\n{"kind": "open", "path": "x", "refs": [[0, 0, 99999999]]}',
        '{"kind": "brk", "addr": 0}\n{"kind": "sysctl", "rule": 1, "value": 5, "refs": [[0, 0, 99999999]]}',
        '{"kind": "brk", "addr": 0, "refs": [[0, 0, 0]]}',
        '{"kind": "brk", "addr": 0, "task": 1152921504606846976}',
        '{"kind": "brk", "addr": 0, "truth": {"map_count": 4294967296}}',
        '{"kind": "brk", "addr": 0, "marks": [18446744073709551616]}',
        '{"kind": "init_vma", "start": 4096, "end": 4096, "vm_perms": 3, "offset": 0, "file": "", "name": ""}',
        '{"kind": "init_vma", "start": 4096, "end": 8193, "vm_perms": 3, "offset": 0, "file": "", "name": ""}',
        '{"kind": "init_vma", "start": 4096, "end": 16384, "vm_perms": 3, "offset": 0, "file": "", "name": ""}\n'
        '{"kind": "init_vma", "start": 8192, "end": 20480, "vm_perms": 3, "offset": 0, "file": "", "name": ""}',
        '{"kind": "trace", "version": 1, "arch": 86}',
        '{"kind": "trace", "version": 1, "kernel": 5}',
        '{"kind": "trace", "version": 1, "maps": [{"path": 1, "tid": 1, "moment": "x", "rows": []}]}',
        '{"kind": "trace", "version": 1, "skipped": [{"source": "a", "line": 1, "column": 1, "code": "RT1",'
        ' "found": "", "expected": ""}]}',
        '{"kind": "brk", "addr": 0, "expect": {"vmas": [5]}}',
        '{"kind": "brk", "addr": 0, "expect": {"outcome": []}}',
    ],
)
def test_single_numbers_that_do_not_hold_are_refused(lines: str) -> None:
    with pytest.raises(InputError) as error:
        read_jsonl(lines.encode())
    assert error.value.code == "RT211" and error.value.line > 0


def test_a_task_named_without_a_header_makes_the_tasks_up_to_it() -> None:
    trace = read_jsonl(b'{"kind": "brk", "addr": 0, "task": 3}')
    assert trace.tasks["tid"].tolist() == [1, 2, 3, 4]


def test_the_engine_refuses_what_no_reader_looked_at() -> None:
    (trace,) = load([str(TRACES / "conformance/linux-6.18/rfp-01.yaml")])
    trace.relocations = np.array([(3, 9, 0, 1 << 62)], dtype=RELOCATION_DTYPE)
    with pytest.raises(TraceRefused) as error:
        replay(trace, Machine.load())
    assert error.value.code == "RT603" and error.value.exit_status == 3


def test_every_integer_of_every_table_may_be_anything(tmp_path: Path) -> None:
    """Both engines are given the same: refused, or replayed to the end. Nothing else can come out."""
    source = TRACES / "conformance/linux-6.18/rfp-01.yaml"
    machine = Machine.load()
    words = [-1, 6, 7, 1 << 15, (1 << 31) - 1, -(1 << 31), 1 << 40, -(1 << 63), (1 << 63) - 1]
    rng = random.Random(17)
    refused = 0
    for _ in range(150):
        (trace,) = load([str(source)])
        table = rng.choice([t for t in ("tasks", "relocations") if getattr(trace, t) is not None])
        rows = getattr(trace, table).copy()
        if not len(rows):
            continue
        field = rng.choice(rows.dtype.names)
        limits = np.iinfo(rows.dtype[field])
        rows[field][rng.randrange(len(rows))] = min(max(rng.choice(words), limits.min), limits.max)
        setattr(trace, table, rows)
        try:
            replay(trace, machine, engine="interpreted")
        except RemapTraceError as error:
            refused += 1
            assert error.code == "RT603"
    assert refused


def _stored(tmp_path: Path) -> bytearray:
    (trace,) = load([str(TRACES / "conformance/linux-6.18/rfp-01.yaml")])
    write_columns(trace, tmp_path / "t.rtcols")
    return bytearray((tmp_path / "t.rtcols").read_bytes())


def test_one_flipped_bit_in_any_byte_of_a_column_file_is_noticed(tmp_path: Path) -> None:
    data = _stored(tmp_path)
    for at in range(len(data)):
        data[at] ^= 1 << at % 8
        with pytest.raises(InputError) as error:
            read_columns(bytes(data))
        assert error.value.code == "RT210"
        data[at] ^= 1 << at % 8
    read_columns(bytes(data))


def _sealed_again(header: dict[str, object]) -> bytes:
    """A column file of one event without blocks, with `header` and a right checksum."""
    import hashlib
    import zlib

    head = zlib.compress(json.dumps(header).encode())
    size = len(head).to_bytes(8, "little")
    head = head.ljust(-(-(48 + len(head)) // 64) * 64 - 48)
    return b"RTCOLS2\n" + size + hashlib.blake2b(size + head, digest_size=32).digest() + head


def _header() -> dict[str, object]:
    names = (*COLUMNS, "line", "source")
    columns = {name: {"value": 0} for name in names} | {"kind": {"value": ev.K_BRK}}
    tasks = {
        "rows": 1,
        "fields": {"tid": {"value": 1}, "pid": {"value": 1}, "name": {"value": 0}, "parent": {"value": -1}},
    }
    trace = {"strings": [""], "sources": ["x"], "format": "x", "name": "x", "recorded": False, "arch": None}
    return {
        "version": 1, "events": 1, "columns": columns, "tables": {"tasks": tasks}, "trace": trace, "skipped": [],
        "maps": [], "initial": [], "expects": [], "bytes": 0, "extra": {},
    }  # fmt: skip


def test_a_sealed_header_of_one_event_is_read() -> None:
    assert len(read_columns(_sealed_again(_header()))) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"events": 1 << 60}, {"events": -1}, {"events": "1"}, {"columns": []}, {"columns": {}}, {"tables": {}},
        {"tables": {"tasks": 5}}, {"skipped": [5]}, {"maps": [5]}, {"initial": [5]}, {"initial": [[1, 2, 3]]},
        {"expects": [5]}, {"expects": [[0, 0, 0, 5, {}]]}, {"expects": [[9, 0, 0, {}, {}]]}, {"extra": 5},
        {"bytes": -64},
        {"trace": {"strings": 5}}, {"trace": {"strings": []}}, {"trace": {"sources": [5]}}, {"trace": {"machine": [1]}},
        {"trace": {"strings": ["", 5]}}, {"trace": {"arch": 86}}, {"trace": {"colour": 1}},
        {"version": 7}, {"more": 1},
    ],
)  # fmt: skip
def test_headers_of_the_wrong_shape_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError) as error:
        read_columns(_sealed_again(_header() | change))
    assert error.value.code == "RT210"


@pytest.mark.parametrize(
    "entry",
    [
        5,
        {},
        {"value": 1 << 64},
        {"value": "x"},
        {"codes": "u1", "offset": 0},
        {"type": "i8", "offset": -8},
        {"type": "O"},
    ],
)
def test_columns_of_the_wrong_shape_are_refused(entry: object) -> None:
    header = _header()
    header["columns"] |= {"a0": entry}  # type: ignore[operator]
    with pytest.raises(InputError) as error:
        read_columns(_sealed_again(header))
    assert error.value.code == "RT210"


def test_the_first_layout_without_a_checksum_is_still_read(tmp_path: Path) -> None:
    data = bytes(_stored(tmp_path))
    length = int.from_bytes(data[8:16], "little")
    head, blocks = data[48 : 48 + length], data[-(-(48 + length) // 64) * 64 :]
    old = b"RTCOLS1\n" + data[8:16] + head
    (tmp_path / "old.rtcols").write_bytes(old.ljust(-(-len(old) // 64) * 64) + blocks)
    assert len(open_columns(tmp_path / "old.rtcols")[0]) == len(read_columns(data))
