"""Lines written by the block are, byte for byte, those written one at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from remaptrace.engine.run.driver import replay
from remaptrace.machine.own import own_machine
from remaptrace.machinecode.folders import READERS
from remaptrace.machinecode.ready import WRITER, is_compiled
from remaptrace.report import jsonout
from remaptrace.trace.detect import discover
from remaptrace.trace.events import Trace
from remaptrace.trace.stored import jsonlwrite as jsonl
from remaptrace.trace.stored import shapes

ROOT = Path(__file__).resolve().parents[2]

ODD = """\
7 openat(AT_FDCWD, "/tmp/a \\"b\\" 100%d \\342\\200\\250 x", O_RDWR) = 3</tmp/a>
7 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_SHARED, 3</tmp/a>, 0) = 0x7f0000000000
7 mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = -1 ENOMEM (Cannot allocate memory)
7 mremap(0x7f0000000000, 8192, 16384, MREMAP_MAYMOVE) = 0x7f0000010000
7 madvise(0x7f0000010000, 4096, MADV_DONTNEED) = 0
7 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD) = 9
9 munmap(0x7f0000010000, 16384) = 0
9 munmap(0xfffffffffffff000, 4096) = -1 EINVAL (Invalid argument)
9 exit_group(0) = ?
9 +++ exited with 0 +++
"""


def traces(tmp_path: Path) -> list[Trace]:
    odd = tmp_path / "odd.strace"
    odd.write_text(ODD * 3)
    found = discover(
        [str(ROOT / "traces" / "conformance" / "linux-6.12"), str(ROOT / "traces" / "ls"), str(odd)]
    )
    return [item.load() for item in found[:6] + found[-2:]]


def both_ways(monkeypatch: pytest.MonkeyPatch, module: object, text: Callable[[], str]) -> tuple[str, str]:
    monkeypatch.setattr(module, "_FEW", 1 << 40)
    one_at_a_time = text()
    monkeypatch.setattr(module, "_FEW", 0)
    monkeypatch.setattr(module, "LINES_BLOCK", 50)
    return text(), one_at_a_time


def test_json_lines_of_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for trace in traces(tmp_path):
        many, single = both_ways(monkeypatch, jsonl, lambda t=trace: "".join(jsonl.write_jsonl(t)))  # type: ignore[misc]
        assert many == single
        assert many.count("\n") == len(trace) + 1


def test_json_lines_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for trace in traces(tmp_path):
        result = replay(trace, own_machine(trace))
        many, single = both_ways(
            monkeypatch,
            jsonout,
            lambda r=result: "".join(jsonout.to_json_lines({}, r)),  # type: ignore[misc]
        )
        assert many == single


def test_rows_of_a_shape_share_a_template_and_keep_their_places() -> None:
    kinds, values = np.array([2, 1, 2, 1]), np.array([10, -1, 30, -4])
    word = {1: "-one-", 2: "two%"}
    asked: list[int] = []

    def template(row: int) -> shapes.Template:
        asked.append(row)
        return f"{shapes.literal(word[int(kinds[row])])} %d %x", [
            shapes.numbers(values),
            shapes.numbers(values),
        ]

    assert shapes.shaped((kinds,), template).splitlines() == [
        "two% 10 a",
        "-one- -1 ffffffffffffffff",
        "two% 30 1e",
        "-one- -4 fffffffffffffffc",
    ]
    assert asked == [1, 0]
    assert shapes.shaped((kinds[:0],), template) == ""


def test_numbers_of_every_length_and_texts_of_every_length_are_written() -> None:
    if not is_compiled(READERS, WRITER):
        pytest.skip("no machine code is at hand")
    tens = [10**n + more for n in range(19) for more in (-1, 0, 1)]
    odd = [0, (1 << 63) - 1, -(1 << 63), 99_990_000, 9_999_999_900_000_000, *range(1234, 12_345_678, 98_765)]
    values = np.array([*tens, *(-one for one in tens), *odd], dtype=np.int64)
    texts = np.arange(len(values)) % 40
    groups, template = [np.arange(len(values))], "{%% %d, %s"
    columns = [shapes.numbers(values), shapes.worded(texts, lambda n: "\u00e9" * (n // 2) + "x" * (n % 2))]
    found = shapes.written(np.zeros(len(values), dtype=np.int64), groups, [(template, columns)])
    assert found.splitlines() == shapes._formatted((template, columns), groups[0])
