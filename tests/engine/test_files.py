"""Descriptor tables against a slow twin, and the references that descriptors hold."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from remaptrace.engine.arena import new_arena
from remaptrace.engine.files.files import (
    fd_close,
    fd_close_range,
    fd_install,
    fd_lookup,
    fd_unused,
    file_get,
    file_new,
    file_put,
    files_copy,
    files_new,
    files_put,
)
from remaptrace.engine.files.inodes import inode_new, inode_put
from remaptrace.engine.state import G_INODE_LIST, I_REFS, O_ID, O_REFS, OPS_SHMEM
from remaptrace.machine.machine import Machine

MACHINE = Machine.load()
NUMBERS = st.integers(0, 130)


def arena() -> Any:
    return new_arena(MACHINE.rules, MACHINE.archwords, compiled=False, small=True)


def a_file(m: Any) -> int:
    """A description of a new inode; only the description keeps the inode."""
    inode = inode_new(m, OPS_SHMEM, 4096)
    o = file_new(m, inode, 3)
    inode_put(m, inode)
    return o


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), NUMBERS, st.booleans()),
        st.tuples(st.just("close"), NUMBERS, st.just(False)),
        st.tuples(st.just("dup"), NUMBERS, NUMBERS),
        st.tuples(st.just("lowest"), st.integers(0, 5), st.just(False)),
        st.tuples(st.just("exec"), st.just(0), st.just(False)),
        st.tuples(st.just("close_range"), NUMBERS, NUMBERS),
        st.tuples(st.just("fork"), st.just(0), st.just(False)),
    ),
    max_size=40,
)


@given(OPERATIONS)
def test_a_table_behaves_like_a_dict_of_numbers(operations: list[tuple[str, int, Any]]) -> None:
    m = arena()
    table = files_new(m)
    twin: dict[int, tuple[int, bool]] = {}
    for what, fd, more in operations:
        if what == "open":
            o = a_file(m)
            fd_install(m, table, fd, o, int(more))
            twin[fd] = m[o + O_ID], more
        elif what == "close":
            assert fd_close(m, table, fd) == (fd in twin)
            twin.pop(fd, None)
        elif what == "dup" and fd in twin and fd != more:
            fd_install(m, table, more, file_get(m, fd_lookup(m, table, fd)), 0)
            twin[more] = twin[fd][0], False
        elif what == "lowest":
            assert fd_unused(m, table, fd) == next(n for n in range(fd, 300) if n not in twin)
        elif what == "exec":
            fd_close_range(m, table, 0, -1, 1)
            twin = {n: f for n, f in twin.items() if not f[1]}
        elif what == "close_range":
            fd_close_range(m, table, fd, more, 0)
            twin = {n: f for n, f in twin.items() if not fd <= n <= more}
        elif what == "fork":
            copy = files_copy(m, table)
            files_put(m, table)
            table = copy
        seen = {n: m[o + O_ID] for n in range(140) if (o := fd_lookup(m, table, n))}
        assert seen == {n: f[0] for n, f in twin.items()}
    files_put(m, table)
    assert m[G_INODE_LIST] == 0


def test_two_opens_are_two_descriptions_of_one_inode() -> None:
    m = arena()
    inode = inode_new(m, OPS_SHMEM, 0)
    one, two = file_new(m, inode, 1), file_new(m, inode, 3)
    assert m[one + O_ID] != m[two + O_ID]
    assert m[inode + I_REFS] == 3


def test_the_last_user_of_a_description_frees_its_inode() -> None:
    m = arena()
    o = a_file(m)
    file_get(m, o)
    file_put(m, o)
    assert m[G_INODE_LIST] != 0
    file_put(m, o)
    assert m[G_INODE_LIST] == 0


def test_a_fork_shares_descriptions_not_the_table() -> None:
    m = arena()
    parent = files_new(m)
    o = a_file(m)
    fd_install(m, parent, 3, o, 0)
    child = files_copy(m, parent)
    assert fd_lookup(m, child, 3) == o
    assert m[o + O_REFS] == 2
    fd_close(m, child, 3)
    assert fd_lookup(m, parent, 3) == o


def test_a_number_beyond_every_limit_is_refused_and_its_file_dropped() -> None:
    m = arena()
    assert fd_install(m, files_new(m), 1 << 40, a_file(m), 0) == -1
    assert m[G_INODE_LIST] == 0
