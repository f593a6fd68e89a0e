"""The page cache against a dictionary, and what truncation and the fill rule leave."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from remaptrace.engine.files import inodes
from remaptrace.engine.files import pagecache as pc
from remaptrace.engine.ranges.truncate import inode_punch, inode_truncate
from remaptrace.engine.state import G_INODE_LIST, G_RAM_USED, I_FILLED, I_FILLK, OPS_SHMEM

from .machines import small_arena

PAGE = 4096
PAGES = 12

_op = st.one_of(
    st.tuples(st.just("store"), st.integers(0, PAGES * PAGE - 1), st.integers(0, 255)),
    st.tuples(st.just("truncate"), st.integers(0, PAGES * PAGE), st.just(0)),
    st.tuples(st.just("punch"), st.integers(0, PAGES * PAGE), st.integers(1, 3 * PAGE)),
    st.tuples(st.just("touch"), st.integers(0, PAGES - 1), st.just(0)),
)


def filled_file(m, pages, k=0):
    inode = inodes.inode_new(m, OPS_SHMEM, pages * PAGE)
    m[inode + I_FILLED] = pages
    m[inode + I_FILLK] = 1 + 32 * k
    return inode


@settings(max_examples=80)
@given(st.lists(_op, max_size=25), st.lists(st.integers(0, PAGES * PAGE - 1), min_size=5, max_size=10))
def test_a_file_reads_like_a_bytearray(ops, probes):
    m = small_arena()
    inode = filled_file(m, 8, k=1)
    twin = bytearray()
    for page in range(8):
        twin += bytes([(page + 1 + 32) % 256]) * PAGE
    for op, a, b in ops:
        if op == "store":
            pc.file_store(m, inode, a, b)
            twin.extend(bytes(max(0, a + 1 - len(twin))))
            twin[a] = b
        elif op == "truncate":
            inode_truncate(m, inode, a)
            twin = twin[:a] + bytes(max(0, a - len(twin)))
        elif op == "punch":
            end = min(a + b, len(twin))
            inode_punch(m, inode, a, a + b)
            if a < end:
                twin[a:end] = bytes(end - a)
        else:
            pc.cache_find(m, inode, a)
    for at in probes:
        assert pc.file_load(m, inode, at) == (twin[at] if at < len(twin) else -1), at


def test_a_filled_file_costs_frames_only_where_it_is_touched():
    m = small_arena()
    inode = filled_file(m, 1_000_000)
    assert pc.cache_has(m, inode, 999_999) == 1
    assert m[G_RAM_USED] == 0
    assert pc.file_load(m, inode, 999_999 * PAGE) == 1_000_000 % 256
    assert m[G_RAM_USED] == 1


def test_pages_behind_a_truncation_are_holes_when_the_file_grows_again():
    m = small_arena()
    inode = filled_file(m, 8)
    inode_truncate(m, inode, 2 * PAGE)
    inode_truncate(m, inode, 8 * PAGE)
    assert [pc.cache_has(m, inode, i) for i in range(8)] == [1, 1, 0, 0, 0, 0, 0, 0]


def test_the_last_reference_frees_frames_and_inode():
    m = small_arena()
    inode = filled_file(m, 8)
    for i in range(0, 8, 2):
        pc.cache_find(m, inode, i)
    pc.cache_alloc(m, inode, 1 << 40)
    inodes.inode_put(m, inodes.inode_get(m, inode))
    inodes.inode_put(m, inode)
    assert m[G_RAM_USED] == 0
    assert m[G_INODE_LIST] == 0
