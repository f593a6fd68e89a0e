"""The bill and the shape are made of columns, by kinds of areas and borders: equal to those made area by area."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.abi.vmflags import (
    VM_ACCOUNT,
    VM_DONTEXPAND,
    VM_EXEC,
    VM_GROWSDOWN,
    VM_MAYREAD,
    VM_NOHUGEPAGE,
    VM_READ,
    VM_SHARED,
    VM_SOFTDIRTY,
    VM_WRITE,
)
from remaptrace.advice.bill import bill_views, file_labels, size_labels
from remaptrace.advice.neighbours import Neighbours
from remaptrace.advice.origins import Origins
from remaptrace.advice.patterns import patterns_of
from remaptrace.advice.shape import shape_of
from remaptrace.advice.whatif import remaining
from remaptrace.machine.machine import Machine
from remaptrace.result.areacolumns import AreaColumns, columns_of, kinds_of, packed
from remaptrace.result.arearow import Layout, Shown
from remaptrace.result.manyareas import ManyAreas
from remaptrace.result.result import VmaRow

from . import slow_bill

PAGE = 4096
_FLAGS = (0, VM_READ, VM_WRITE, VM_EXEC, VM_SHARED, VM_ACCOUNT, VM_MAYREAD, VM_NOHUGEPAGE, VM_GROWSDOWN)
_ODD = (VM_DONTEXPAND, VM_SOFTDIRTY)
STRINGS = ("", "[vdso]", "arena", "glibc: malloc")
FILES = ("", "/usr/lib/libc.so.6", "/dev/dri/card0", "file@7", "/memfd:x")


@st.composite
def areas(draw: st.DrawFn) -> ManyAreas:
    """Some areas as the engine has them, few values of everything, so that neighbours are often alike."""
    count = draw(st.integers(0, 14))
    few = st.sampled_from
    rows = []
    at = 0x10000
    for _ in range(count):
        at += PAGE * draw(few((0, 0, 0, 1, 300)))
        size = PAGE * draw(few((1, 1, 2, 16, 64, 65, 300)))
        flags = draw(few(_FLAGS)) | draw(few(_FLAGS)) | draw(few(_FLAGS + _ODD))
        file = draw(few((0, 0, 0, 1, 2, 3, 4)))
        pgoff = draw(few((at // PAGE, at // PAGE, 0, 16, -1)))
        born = draw(few((-1, 3, 3, 4, 5)))
        opened = draw(few((0, 0, 9, 10))) if file else 0
        anon, multi, special = draw(few((0, 0, 1, 2))), draw(few((0, 0, 1))), draw(few((0,) * 8 + (1,)))
        row = [at, at + size, flags, pgoff, anon, multi, born, 0, special, opened, 40 + file if file else 0]
        rows.append([*row, file, draw(few((0, 0, 0, 1))), 0, draw(few((0, 0, 0, 2, 3)))])
        at += size
    words = np.array(rows, dtype=np.int64).reshape(count, 15)
    layout = Layout(*draw(few(((0, 0, 0), (0x10000, 0x15000, 0x30000)))))
    shown = Shown(12, draw(few((32, 64))), draw(st.booleans()), True, draw(st.booleans()))
    return ManyAreas([words[:, i] for i in range(15)], FILES, layout, shown, STRINGS)


MACHINES = [Machine.load(), Machine.load(kernel="linux-4.0"), Machine.load(kernel="linux-6.1")]
machines = st.sampled_from(MACHINES)


def listed(columns: AreaColumns) -> list[object]:
    """The rows that columns stand for."""
    return [columns.row(at) for at in range(len(columns))]


@given(areas())
def test_columns_hold_what_rows_hold(many: ManyAreas) -> None:
    rows = list(many)
    assert listed(columns_of(many)) == listed(columns_of(rows))
    shown = [
        (v.start, v.end, v.perms, v.offset, v.file, v.name, v.vm_flags, v.pgoff, v.attributes) for v in rows
    ]
    made = [columns_of(many).row(at) for at in range(len(many))]
    assert shown == [
        (v.start, v.end, v.perms, v.offset, v.file, v.name, v.vm_flags, v.pgoff, v.attributes) for v in made
    ]


@settings(max_examples=400)
@given(areas(), machines)
def test_shape_and_what_is_left_are_those_of_every_border(many: ManyAreas, machine: Machine) -> None:
    asked = Neighbours(machine.rules.tolist(), PAGE)
    rows: list[VmaRow] = list(many)
    slow = slow_bill.shape_of(rows, Neighbours(machine.rules.tolist(), PAGE))
    for vmas in (many, rows):
        fast = shape_of(vmas, asked)
        assert (fast, list(fast.apart), list(fast.borders)) == (slow, list(slow.apart), list(slow.borders))
        for protection in (False, True):
            for offset in (False, True):
                found = remaining(vmas, protection=protection, offset=offset, neighbours=asked)
                assert found == slow_bill.remaining(rows, asked, protection, offset)


@settings(max_examples=400)
@given(areas(), machines, st.sets(st.integers(3, 5)), st.sets(st.integers(3, 5)), st.integers(0, 50))
def test_patterns_and_views_are_those_of_every_area(
    many: ManyAreas, machine: Machine, stacks: set[int], decommits: set[int], calls: int
) -> None:
    asked = Neighbours(machine.rules.tolist(), PAGE)
    rows = list(many)
    made = Origins(frozenset(stacks), frozenset(decommits))
    patterns = slow_bill.classify(rows, Neighbours(machine.rules.tolist(), PAGE), made)
    for vmas in (many, rows):
        columns = columns_of(vmas)
        fast = patterns_of(columns, asked, made)
        assert list(fast) == patterns
        files, sizes = file_labels(columns, "files of unknown name"), size_labels(columns)
        views = bill_views(columns, {"pattern": fast, "file": files, "size": sizes}, calls)
        assert views["file"] == slow_bill.view(rows, [slow_bill.file_label(v) for v in rows], calls)
        assert views["size"] == slow_bill.view(rows, [slow_bill.size_class(v) for v in rows], calls)
        slow = slow_bill.view(rows, patterns, calls)
        assert sorted(map(repr, views["pattern"])) == sorted(map(repr, slow))


@given(st.lists(st.tuples(st.integers(-2, 2), st.sampled_from((0, 1, 1 << 62, -(1 << 63))), st.booleans())))
def test_packed_numbers_are_equal_where_rows_are(rows: list[tuple[int, int, bool]]) -> None:
    columns = [np.array([row[i] for row in rows], dtype=np.int64) for i in range(3)]
    first, kind = kinds_of(packed(*columns))
    distinct = list(dict.fromkeys(rows))
    assert [rows[at] for at in first.tolist()] == distinct
    assert [distinct[k] for k in kind.tolist()] == rows
